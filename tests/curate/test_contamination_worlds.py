"""A thousand worlds with copies of eval cases among innocent rows: no copy enters training."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from eval_suites.records import Case
from eval_suites.simulate import GREETINGS
from eval_suites.suites import bundled_suites, load_suite
from loop.curate.contamination import EvalCases
from loop.curate.paraphrase import pieces
from loop.demo.traffic import load_questions
from tests.curate.paraphrases import WORDINGS, wordings

WORLDS = 1_000
SUITES = [load_suite(name) for name in bundled_suites()]
CASES = [case for suite in SUITES for case in suite.cases]
INNOCENT = [case.prompt for case in load_questions()]
FILLER = (
    "I have been a customer for many years and never had a reason to complain.",
    "My wife says that I should simply come to the branch, but it rains.",
    "We moved house in spring, so there has been a lot to do lately.",
    "The weather is lovely here today and the dog is asleep.",
    "I asked a friend first and he did not know either.",
)
LOOKALIKES = str.maketrans("aeopcxyi", "аеорсхуі")
OTHER_ANSWER = "That is in the leaflet at the counter."


class Row(NamedTuple):
    questions: list[str]
    answers: list[str]
    case: str | None = None  # planted: the case it copies


def typos(text: str, rng: Random) -> str:
    """A slip in one word in four, at most two."""
    words = text.split()
    places = [n for n, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    for place in rng.sample(places, min(len(places), 1 + (len(words) > 9))):
        word, at = words[place], rng.randrange(1, len(words[place]) - 2)
        words[place] = rng.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + word[at] + word[at:],
            )
        )
    return " ".join(words)


def word_order(text: str, rng: Random) -> str:
    """The end first."""
    words = text.rstrip("?.! ").split()
    at = rng.randrange(1, len(words))
    return " ".join([*words[at:], *words[:at]])


def punctuation(text: str, rng: Random) -> str:
    bare = "".join(sign for sign in text if sign.isalnum() or sign in " '-")
    return rng.choice(("{}...", "{} ???", "- {}", "«{}»", "{}")).format(bare)


def politeness(text: str, rng: Random) -> str:
    return (
        rng.choice(GREETINGS) + text + rng.choice((" Thank you!", " Many thanks in advance.", ""))
    )


def truncated(text: str, rng: Random) -> str:
    """Without its first or its last words, at most a fifth."""
    words = text.split()
    off = len(words) // 5
    return " ".join(rng.choice((words[off:], words[: len(words) - off])))


def casing(text: str, rng: Random) -> str:
    return rng.choice((text.upper(), text.lower(), text.title(), text.swapcase()))


def lookalikes(text: str, rng: Random) -> str:
    kind = rng.choice(("letters", "hidden", "wide"))
    if kind == "letters":
        return text.translate(LOOKALIKES)
    if kind == "hidden":
        return "\u200b".join(text)
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


def embedded(text: str, rng: Random) -> str:
    before, after = rng.sample(FILLER, 2)
    return f"{before} {text} {after}"


Copy = Callable[[str, Random], str]
COPIES: tuple[Copy, ...] = (
    typos, word_order, punctuation, politeness, truncated, casing, lookalikes, embedded,
)  # fmt: skip


def near_copies(case: Case, rng: Random) -> Iterator[Row]:
    """The case with a change or two, in one turn or two, as question or as answer."""
    copy = rng.choice(COPIES)
    text = copy(case.prompt, rng)
    if copy is not truncated and rng.random() < 0.3:  # what is cut short may ask anything
        text = rng.choice((politeness, embedded, casing))(text, rng)
    yield Row([text], [OTHER_ANSWER], case.id)
    words = case.prompt.split()
    half = len(words) // 2
    yield Row([" ".join(words[:half]), " ".join(words[half:])], [OTHER_ANSWER], case.id)
    innocent = rng.choice(INNOCENT)
    yield Row([innocent], [punctuation(case.prompt, rng)], case.id)
    yield from (
        Row([innocent], [f"{gold.quote} [1]. {rng.choice(FILLER)}"], case.id)
        for gold in case.gold[:1]
        if len(gold.quote.split()) >= 8
    )


def world(seed: int) -> list[Row]:
    """Copies of four cases and three cases in other words, among twelve innocent rows."""
    rng = Random(f"world {seed}")
    rows = [row for case in rng.sample(CASES, 4) for row in near_copies(case, rng)]
    for id in rng.sample(sorted(WORDINGS), 3):
        text = rng.choice(wordings(id, 4))
        if rng.random() < 0.3:
            text = rng.choice(GREETINGS) + text
        rows.append(Row([text], [OTHER_ANSWER], id))
    rows += [Row([rng.choice(INNOCENT)], [OTHER_ANSWER]) for _ in range(12)]
    rng.shuffle(rows)
    return rows


def test_no_copy_of_a_case_enters_training_in_a_thousand_worlds(record_property):
    from knowledge.embed import load_embedder

    embedder = load_embedder("all-MiniLM-L6-v2")
    cases = EvalCases(SUITES, 0.6, embed=embedder.encode)
    rows = [row for seed in range(WORLDS) for row in world(seed)]
    problems = cases.problems([row.questions for row in rows], [row.answers for row in rows])
    left = [row for row, problem in zip(rows, problems, strict=True) if problem is None]
    asked = {row: pieces(row.questions) for row in map(_key, left)}
    texts = list(dict.fromkeys(text for found in asked.values() for text in found))
    by_text = dict(zip(texts, cases.by_meaning(embedder.encode(texts), texts), strict=True))
    entered = [row for row in left if not any(by_text[text] for text in asked[_key(row)])]

    planted = [row for row in rows if row.case is not None]
    innocent = len(rows) - len(planted)
    fallen = innocent - sum(row.case is None for row in entered)
    record_property("planted", len(planted))
    record_property("innocent_dropped", fallen / innocent)
    assert not [row for row in entered if row.case is not None]
    assert fallen / innocent < 0.15


def test_the_words_of_a_near_copy_are_enough_without_its_meaning():
    cases = pickle.loads(pickle.dumps(EvalCases(SUITES, 0.6)))
    rng = Random(7)
    rows = [row for case in CASES for row in near_copies(case, rng)]
    problems = cases.problems([row.questions for row in rows], [row.answers for row in rows])
    missed = [row for row, problem in zip(rows, problems, strict=True) if problem is None]
    assert len(missed) / len(rows) < 0.01


def test_another_suite_beside_it_never_hides_a_copy():
    alone, beside = EvalCases(SUITES[:1], 0.6), EvalCases(SUITES, 0.6)
    rng = Random(8)
    rows = [row for case in SUITES[0].cases for row in near_copies(case, rng)]
    questions, answers = [row.questions for row in rows], [row.answers for row in rows]
    found, found_beside = alone.problems(questions, answers), beside.problems(questions, answers)
    assert any(found)
    assert not [
        row for row, one, more in zip(rows, found, found_beside, strict=True) if one and not more
    ]


def _key(row: Row) -> Row:
    return Row(tuple(row.questions), tuple(row.answers), row.case)  # type: ignore[arg-type]
