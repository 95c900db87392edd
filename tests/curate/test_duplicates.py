from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.text import ngrams, words
from loop.curate import sketch
from loop.curate.balance import capped
from loop.curate.choose import Chosen, choose
from loop.curate.duplicates import near_copies
from loop.curate.funnel import Funnel
from loop.curate.rows import Row, to_table
from loop.curate.spool import Spool
from loop.curate.steps import add_keys
from loop.curate.tokens import numbered
from loop.curate.work import GRAMS, KEYS
from loop.settings import CurateSettings

LONG = (
    "a transfer to another bank inside the country arrives on the next working day when it was "
    "ordered before four in the afternoon and a day later when it was ordered after that hour"
)


def row(question: str = "What?", answer: str = "That.", **fields: Any) -> Row:
    known: dict[str, Any] = {
        "kind": "sft", "messages": [{"role": "user", "content": question}], "answer": answer,
        "interactions": ("i",), "ratings": ("r",), "guideline": "g@1", "consent": "consent",
        "licence": "cc0", "users": ("ada",), "simulated": False,
    }  # fmt: skip
    return Row(**known | fields)


def held_against_each_other(rows: list[Row], **rules: Any) -> Chosen:
    """What becomes of rows that stand in one bucket, nobody held out."""
    table = add_keys(to_table(rows))
    with TemporaryDirectory() as folder, closing(Spool(Path(folder), 1)) as spool:
        spool.put(KEYS, 0, table)
        spool.put(GRAMS, 0, table)
        spool.close()
        settings = CurateSettings(**{"held_out": 0.0} | rules)
        return choose(spool, settings, seed=7, funnel=Funnel(progress=False))


def kept(rows: list[Row], **rules: Any) -> list[Row]:
    sides = held_against_each_other(rows, **rules).sides
    return [row for row, side in zip(rows, sides, strict=True) if side]


def reasons(rows: list[Row], threshold: float = 0.85) -> list[str]:
    drops = held_against_each_other(rows, near_duplicate=threshold).drops
    return sorted(drop.reason for drop in drops)


def test_the_same_words_are_one_whatever_case_and_stops():
    rows = [row("What?"), row("WHAT", users=("bo",)), row("what...", users=("cy",))]
    done = held_against_each_other(rows)
    assert [drop.reason for drop in done.drops] == ["duplicate", "duplicate"]
    [stays] = [n for n, side in enumerate(done.sides) if side]
    assert done.weights[stays] == 3
    assert {drop.instead for drop in done.drops} == {add_keys(to_table(rows))["row"][stays].as_py()}


def test_other_answers_to_the_same_prompt_are_no_duplicates():
    assert reasons([row(answer="Yes."), row(answer="No, never.")]) == []


def test_rows_of_other_kinds_are_no_duplicates():
    assert reasons([row(), row(kind="kto", label=True)]) == []
    assert reasons([row(LONG), row(f"Hello, {LONG}", kind="kto", label=True)]) == []


def test_near_copies_are_one():
    rows = [
        row(LONG, "yes"),
        row(f"Hello, {LONG}", "yes"),
        row(f"quite another: {LONG[60:]}", "no"),
    ]
    assert reasons(rows) == ["near_duplicate"]
    assert reasons(rows, threshold=1.0) == []
    assert sorted(held_against_each_other(rows).weights) == [0, 1, 2]


def test_the_passages_shown_do_not_make_questions_alike():
    shown = f"[1] Fees: {LONG}.\n\nQuestion: "
    rows = [row(f"{shown}What is the fee?", "35"), row(f"{shown}When does it arrive?", "Tomorrow")]
    assert reasons(rows) == []


def pair(chosen: str, rejected: str, **fields: Any) -> Row:
    return row(kind="pair", answer=chosen, rejected=rejected, **fields)


def test_of_contradicting_rows_the_majority_stays():
    rows = [pair("a", "b", votes=2.0), pair("b", "a", users=("bo",))]
    assert ([one.answer for one in kept(rows)], reasons(rows)) == (["a"], ["contradicted"])
    rows = [row(kind="kto", label=label, votes=n) for label, n in ((True, 1.0), (False, 3.0))]
    assert [one.label for one in kept(rows)] == [False]


def test_contradicting_rows_with_as_many_votes_all_go():
    assert reasons([pair("a", "b"), pair("b", "a")]) == ["contradicted", "contradicted"]


def test_what_stays_does_not_depend_on_the_order():
    rows = [row(f"{LONG} {n % 3}", users=(f"user-{n}",)) for n in range(9)]
    first = kept(rows, near_duplicate=0.8)
    assert len(first) == 1
    for seed in range(5):
        assert kept(random.Random(seed).sample(rows, 9), near_duplicate=0.8) == first


def test_one_person_adds_at_most_so_many_rows_and_pairs_go_first():
    rows = [row(f"Question {n}") for n in range(5)] + [pair("a", "b"), row("Other", users=("bo",))]
    stay = kept(rows, most_per_user=3)
    assert sorted(one.kind for one in stay) == ["pair", "sft", "sft", "sft"]
    assert capped([["ada"], ["ada", "bo"], ["bo"]], None, None, 1, 0.0) == [
        None,
        "most_per_user",
        None,
    ]


def grams_of(texts: list[str]) -> list[sketch.Grams]:
    found = sketch.Texts(texts).grams(5, np.arange(len(texts)))
    return [found[n].values.to_numpy() for n in range(len(texts))]


def test_grams_of_hashes_are_as_alike_as_grams_of_words():
    world = random.Random(3)
    for _ in range(200):
        one = [world.choice("abcdefgh") for _ in range(world.randint(0, 30))]
        other = [w for w in one if world.random() < 0.9]
        a, b = " ".join(one), " ".join(other)
        union = len(ngrams(a, 5) | ngrams(b, 5))
        alike = len(ngrams(a, 5) & ngrams(b, 5)) / union if union else 0.0
        assert sketch.jaccard(*grams_of([a, b])) == pytest.approx(alike)


def test_parts_and_salts_of_many_texts_at_once_are_those_of_one(monkeypatch):
    """Sets of two parts each, some empty, sorted in several goes."""
    world = random.Random(5)
    written = [" ".join(world.choices("ab cd ef gh".split(), k=world.choice([0, 1, 2, 9])))
               for _ in range(200)]  # fmt: skip
    texts, places = sketch.Texts(written), np.arange(200)
    whole = texts.grams(3, places, places // 2, parts=places % 2, salts=places // 2 % 3)
    monkeypatch.setattr(sketch, "AT_ONCE", 40)
    parted = texts.grams(3, places, places // 2, parts=places % 2, salts=places // 2 % 3)
    assert parted == whole
    for n in range(0, 100):
        alone = sketch.Texts(written[2 * n : 2 * n + 2]).grams(
            3, np.arange(2), np.zeros(2, dtype=int), parts=np.arange(2), salts=n % 3
        )
        assert (alone[0] if len(alone) else None) == whole[n]


@given(st.lists(st.text(alphabet="aB'’é ﬁ½\u00b4\u0301\n.\x00_1,", max_size=12), max_size=8))
def test_texts_read_token_by_token_have_the_words_of_the_whole(texts: list[str]):
    known = sketch.Words()
    found = numbered(texts, lambda token: [known[w] for w in words(token)], np.uint64)
    for n, text in enumerate(texts):
        own = found.numbers[found.bounds[n] : found.bounds[n + 1]].tolist()
        assert own == [known[word] for word in words(text)]


def test_planted_near_copies_are_found_and_hardly_anything_else():
    """1,000 texts of 80 words; a tenth has a copy with a word or two changed."""
    world = random.Random(11)
    words = [f"word{n}" for n in range(3000)]
    base = [[world.choice(words) for _ in range(80)] for _ in range(1000)]
    copies = {}
    for source in range(100):
        text = list(base[source])
        text[world.randrange(80)] = world.choice(words)
        copies[len(base)] = source
        base.append(text)
    grams = sketch.Texts([" ".join(text) for text in base]).grams(5, np.arange(len(base)))
    found = near_copies(sketch.bands(grams), range(len(base)), lambda numbers: {
        int(n): grams[int(n)].values.to_numpy() for n in numbers}, 0.85)  # fmt: skip
    assert found == copies
