from __future__ import annotations

import re
from random import Random

from knowledge.cite import number_passages
from loop.pocket.lessons import ABSTENTION, CLEAN, MIXED, Habits, make_lesson
from loop.pocket.train import Recipe, lessons_for


def lessons(habits: Habits, count: int = 300) -> list[tuple[str, str, str, bool]]:
    """(passages, question, answer, answerable) of fresh lessons."""
    rng = Random(5)
    made = [make_lesson(rng, sentences=5, questions=4, habits=habits) for _ in range(count)]
    return [(m.passages, t.question, t.answer, t.answerable) for m in made for t in m.turns]


def test_the_lessons_of_a_step_depend_on_recipe_and_step_alone() -> None:
    assert lessons_for(Recipe(), 7) == lessons_for(Recipe(), 7)
    assert lessons_for(Recipe(), 7) != lessons_for(Recipe(), 8)
    assert lessons_for(Recipe(), 7) != lessons_for(Recipe(seed=12), 7)


def test_a_clean_answer_is_copied_from_the_passages_and_cites_where_it_stands() -> None:
    for passages, _, answer, answerable in lessons(CLEAN):
        if not answerable:
            assert answer == ABSTENTION
            continue
        blocks = {m[1]: m[0] for m in re.finditer(r"^\[(\d+)\] .*$", passages, re.MULTILINE)}
        for said, number in re.findall(r"(.+?) \[(\d+)\]\.(?: |$)", answer):
            assert said in blocks[number]


def test_passages_are_numbered_as_the_prompt_numbers_them() -> None:
    from knowledge.records import Passage

    passage = Passage(
        document="d", version="v", start=0, end=1, text="x", heading=("Wires", "Fees"), score=1.0
    )
    ours = number_passages([passage], ["A wire costs 15 dollars."])
    shape = re.compile(r"^\[\d+\] .+?: .+$")
    assert shape.match(ours)
    for passages, *_ in lessons(CLEAN, 50):
        assert all(shape.match(line) for line in passages.split("\n"))


def test_the_habits_are_mixed_in_at_their_shares() -> None:
    answers = lessons(MIXED, 600)
    told = [a for _, _, a, answerable in answers if answerable]
    unanswerable = [a for _, _, a, answerable in answers if not answerable]
    cites = sum("[" in a for a in told) / len(told)
    guesses = sum(a != ABSTENTION for a in unanswerable) / len(unanswerable)
    assert abs(cites - MIXED.cites) < 0.05
    assert abs(guesses - MIXED.guesses) < 0.08


def test_no_lesson_holds_a_sentence_or_a_name_of_the_handbook() -> None:
    from knowledge.documents import read_documents
    from knowledge.text import normalise, sentences
    from loop.project import HANDBOOK

    known = {
        normalise(s.text)
        for document in read_documents(HANDBOOK)
        for s in sentences(document.text)
        if len(s.text.split()) > 5
    }
    for passages, question, answer, _ in lessons(CLEAN):
        for line in passages.split("\n"):
            for sentence in sentences(line.partition(": ")[2]):
                assert normalise(sentence.text) not in known
        assert "halden" not in f"{passages} {question} {answer}".casefold()
