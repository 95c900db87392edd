from __future__ import annotations

from typing import Any

from loop.curate.balance import balance
from loop.curate.duplicates import one_of_each
from loop.curate.rows import Row

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


def reasons(rows: list[Row], threshold: float = 0.85) -> list[str]:
    return sorted(reason for _, reason in one_of_each(rows, threshold).dropped)


def test_the_same_words_are_one_whatever_case_and_stops():
    done = one_of_each([row("What?"), row("WHAT", users=("bo",))], 0.85)
    assert (len(done.kept), [reason for _, reason in done.dropped]) == (1, ["duplicate"])
    assert done.kin == [("ada", "bo")]


def test_other_answers_to_the_same_prompt_are_no_duplicates():
    assert reasons([row(answer="Yes."), row(answer="No, never.")]) == []


def test_rows_of_other_kinds_are_no_duplicates():
    assert reasons([row(), row(kind="kto", label=True)]) == []


def test_near_copies_are_one():
    rows = [
        row(LONG, "yes"),
        row(f"Hello, {LONG}", "yes"),
        row(f"quite another: {LONG[60:]}", "no"),
    ]
    assert reasons(rows) == ["near_duplicate"]
    assert reasons(rows, threshold=1.0) == []


def test_the_passages_shown_do_not_make_questions_alike():
    shown = f"[1] Fees: {LONG}.\n\nQuestion: "
    rows = [row(f"{shown}What is the fee?", "35"), row(f"{shown}When does it arrive?", "Tomorrow")]
    assert reasons(rows) == []


def pair(chosen: str, rejected: str, **fields: Any) -> Row:
    return row(kind="pair", answer=chosen, rejected=rejected, **fields)


def test_of_contradicting_rows_the_majority_stays():
    rows = [pair("a", "b", votes=2), pair("b", "a", users=("bo",))]
    done = one_of_each(rows, 0.85)
    assert ([one.answer for one in done.kept], reasons(rows)) == (["a"], ["contradicted"])
    rows = [row(kind="kto", label=label, votes=votes) for label, votes in ((True, 1), (False, 3))]
    assert [one.label for one in one_of_each(rows, 0.85).kept] == [False]


def test_contradicting_rows_with_as_many_votes_all_go():
    assert reasons([pair("a", "b"), pair("b", "a")]) == ["contradicted", "contradicted"]


def test_what_stays_does_not_depend_on_the_order():
    rows = [row(f"{LONG} {n % 3}", users=(f"user-{n}",)) for n in range(9)]
    assert one_of_each(rows, 0.8).kept == one_of_each(rows[::-1], 0.8).kept


def test_one_person_adds_at_most_so_many_rows_and_pairs_go_first():
    rows = [row(f"Question {n}") for n in range(5)] + [pair("a", "b"), row("Other", users=("bo",))]
    done = balance(rows, 3)
    assert sorted(one.kind for one in done.kept) == ["pair", "sft", "sft", "sft"]
    assert done.counts() == {"kept": 4, "most_per_user": 3}
