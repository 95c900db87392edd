"""What happens to rows before they are held against each other: each step a table in, a table out.

A row that falls stays in the table with the step and the reason, and later steps pass it over. A
step knows only the rows before it, so that tables can be worked on anywhere and in any number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loop.curate import sketch
from loop.curate.contamination import EvalCases
from loop.curate.feedback import opinions
from loop.curate.funnel import Drop
from loop.curate.pairs import make_pairs
from loop.curate.redact import Redactor
from loop.curate.rows import KINDS, row_id, said, to_table
from loop.curate.singles import make_kto, make_sft
from loop.store.records import Comparison, Interaction, Rating

Step = Callable[[pa.Table], pa.Table]
GRAM = 3  # words, of what near copies share: a word changed costs three of them
FELL = {"step": pa.string(), "reason": pa.string()}  # null: still in
_TEXT, _BANDS = pa.string(), pa.list_(pa.uint32(), sketch.BANDS)


def make_rows(
    turns: Sequence[Interaction],
    ratings: Sequence[Rating],
    comparisons: Sequence[Comparison],
    *,
    weights: Mapping[str, float],
    least: float,
) -> tuple[pa.Table, list[Drop]]:
    """What can be learnt from these turns, and what was said that teaches nothing.

    Args:
        turns: All that answer the prompts they answer.
        ratings: Of these turns, oldest first.
        comparisons: Of these turns, oldest first.
        weights: How much each rater's word counts.
        least: Weight by which one side must lead to make a row.
    """
    by_id = {turn.id: turn for turn in turns}
    thought = opinions(ratings)
    built = [
        make_pairs(by_id, comparisons, thought, weights, least),
        make_sft(by_id, thought, weights),
        make_kto(by_id, thought, weights, least),
    ]
    drops = [
        Drop(item, "interaction" if item in by_id else "judgement", "feedback", reason)
        for one in built
        for item, reason in one.unused
    ]
    rows = [row for one in built for row in one.rows]
    table = to_table(rows)
    for name, kind in FELL.items():
        table = table.append_column(name, pa.nulls(len(rows), kind))
    return no_answer(table, "feedback"), drops


def fall(table: pa.Table, step: str, reasons: Iterable[str | None]) -> pa.Table:
    """The table with rows marked that fall at this step; who fell before keeps that reason."""
    found = pa.array(list(reasons), pa.string())
    new = pc.and_(pc.is_valid(found), pc.is_null(table["reason"]))
    for name, value in (("step", pa.scalar(step)), ("reason", found)):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pc.if_else(new, value, table[name]))
    return table


def no_answer(table: pa.Table, step: str) -> pa.Table:
    """Rows fall from whose answers nothing can be learnt."""
    from knowledge.text import words

    def problem(answer: str, rejected: str | None) -> str | None:
        if not words(answer):
            return "empty_answer"
        same = rejected is not None and rejected.strip() == answer.strip()
        return "same_answer" if same else None

    answers, rejected = table["answer"].to_pylist(), table["rejected"].to_pylist()
    return fall(table, step, map(problem, answers, rejected))


def redact(table: pa.Table, redactor: Redactor) -> pa.Table:
    """Personal data goes, or the row with it; what then has no answer left falls."""
    messages = [json.loads(text) for text in table["messages"].to_pylist()]
    answers, rejected = table["answer"].to_pylist(), table["rejected"].to_pylist()
    talks = [(of or [""])[0] for of in table["conversations"].to_pylist()]
    texts: list[str] = []
    owners: list[int] = []
    for number, prompt in enumerate(messages):
        own = [*(one["content"] for one in prompt), answers[number]]
        own += [] if rejected[number] is None else [rejected[number]]
        texts += own
        owners += [number] * len(own)
    if redactor.drops:
        personal = {o for o, found in zip(owners, redactor.found(texts), strict=True) if found}
        reasons = ["personal_data" if n in personal else None for n in range(len(messages))]
        return fall(table, "personal_data", reasons)
    clean = iter(redactor.texts(texts, [talks[owner] for owner in owners]))
    for number, prompt in enumerate(messages):
        messages[number] = [one | {"content": next(clean)} for one in prompt]
        answers[number] = next(clean)
        rejected[number] = None if rejected[number] is None else next(clean)
    written = [json.dumps(prompt, ensure_ascii=False) for prompt in messages]
    for name, values in (("messages", written), ("answer", answers), ("rejected", rejected)):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(values, pa.string()))
    return no_answer(table, "personal_data")


def leave_out_cases(table: pa.Table, cases: EvalCases) -> pa.Table:
    """Rows fall that ask what a suite asks, or answer with it."""
    prompts = [json.loads(text) for text in table["messages"].to_pylist()]
    asked = [said(prompt, "user") for prompt in prompts]
    answers = [
        [*said(prompt, "assistant"), *([a] if r is None else [a, r])]
        for prompt, (a, r) in zip(prompts, _answers(table), strict=True)
    ]
    return fall(table, "contamination", cases.problems(asked, answers))


def add_keys(table: pa.Table) -> pa.Table:
    """Rows with what they are compared and ordered by: hashes of texts, no text.

    Adds `row` (content hash, 32 hex digits), `exact` and `direction` (see `duplicates.Keys`),
    `origin`, `asked` (hash of the question), and of row and question `grams` and `bands`.
    """
    texts = sketch.Texts()
    added: dict[str, list[Any]] = {name: [] for name in _KEYS}
    columns = (table[name].to_pylist() for name in _KEYED)
    for kind, written, answer, rejected, label, interactions, ratings, users in zip(
        *columns, strict=True
    ):
        messages = json.loads(written)
        asked = said(messages)
        answers = [answer] if rejected is None else [answer, rejected]
        prompt = [part for one in messages for part in (one["role"], one["content"])]
        of_answers = sorted(texts.key([one]) for one in answers)
        added["row"].append(row_id(kind, messages, answer, rejected, label))
        added["exact"].append(
            hashlib.blake2b(texts.key(prompt, salt=kind) + b"".join(of_answers), digest_size=16)
            .digest()
        )  # fmt: skip
        direction = texts.key([answer if kind != "kto" else str(label)], size=8)
        added["direction"].append(int.from_bytes(direction))
        added["origin"].append("\n".join([*interactions, *ratings, *users]))
        added["asked"].append(texts.key(asked))
        question = "\n".join(asked)
        own = [question, *answers]
        salt = 3 * KINDS.index(kind) + (1 + label if label is not None else 0)
        grams = [
            texts.grams(text, GRAM, part=part, salt=salt) for part, text in enumerate(own)
        ]  # rows of other kinds or labels are no copies
        added["grams"].append(np.unique(np.concatenate(grams)))
        added["asked_grams"].append(texts.grams(question, GRAM))
    for name in ("", "asked_"):
        found_nb = sketch.bands(added[f"{name}grams"])
        flat = pa.array(found_nb.reshape(-1), pa.uint32())
        added[f"{name}bands"] = pa.FixedSizeListArray.from_arrays(flat, sketch.BANDS)
    for name, kind in _KEYS.items():
        column = added[name]
        made = column if isinstance(column, pa.Array) else pa.array(column, kind)
        table = table.append_column(name, made)
    return table


_KEYED = (
    "kind", "messages", "answer", "rejected", "label", "interactions", "ratings", "users",
)  # fmt: skip
_KEYS: dict[str, pa.DataType] = {
    "row": _TEXT, "exact": pa.binary(16), "direction": pa.uint64(), "origin": _TEXT,
    "asked": pa.binary(16), "grams": pa.list_(pa.uint32()), "bands": _BANDS,
    "asked_grams": pa.list_(pa.uint32()), "asked_bands": _BANDS,
}  # fmt: skip


def _answers(table: pa.Table) -> list[tuple[str, str | None]]:
    return list(zip(table["answer"].to_pylist(), table["rejected"].to_pylist(), strict=True))
