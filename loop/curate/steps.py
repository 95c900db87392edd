"""What happens to rows before they are held against each other: each step a table in, a table out.

A row that falls stays in the table with the step and the reason, and later steps pass it over. A
step knows only the rows before it, so that tables can be worked on anywhere and in any number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from knowledge.text import has_words
from loop.curate import sketch
from loop.curate.contamination import EvalCases
from loop.curate.feedback import opinions
from loop.curate.funnel import Drop
from loop.curate.pairs import make_pairs
from loop.curate.redact import Redactor
from loop.curate.rows import KINDS, canonical, row_id, said, to_table
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

    def problem(answer: str, rejected: str | None) -> str | None:
        if not has_words(answer):
            return "empty_answer"
        same = rejected is not None and rejected.strip() == answer.strip()
        return "same_answer" if same else None

    answers, rejected = table["answer"].to_pylist(), table["rejected"].to_pylist()
    return fall(table, step, map(problem, answers, rejected))


def redact(table: pa.Table, redactor: Redactor) -> pa.Table:
    """Personal data goes, or the row with it; what then has no answer left falls."""
    written, answers = table["messages"].to_pylist(), table["answer"].to_pylist()
    rejected = table["rejected"].to_pylist()
    talks = [(of or [""])[0] for of in table["conversations"].to_pylist()]
    prompts = _read(written)
    texts: list[str] = []
    owners: list[int] = []
    for number, prompt in enumerate(written):
        own = [*(one["content"] for one in prompts[prompt]), answers[number]]
        own += [] if rejected[number] is None else [rejected[number]]
        texts += own
        owners += [number] * len(own)
    if redactor.drops:
        personal = {o for o, found in zip(owners, redactor.found(texts), strict=True) if found}
        reasons = ["personal_data" if n in personal else None for n in range(len(written))]
        return fall(table, "personal_data", reasons)
    clean = iter(redactor.texts(texts, [talks[owner] for owner in owners]))
    for number, old in enumerate(written):
        prompt = prompts[old]
        contents = [next(clean) for _ in prompt]
        if any(new is not one["content"] for new, one in zip(contents, prompt, strict=True)):
            written[number] = canonical(
                [one | {"content": new} for one, new in zip(prompt, contents, strict=True)]
            )
        answers[number] = next(clean)
        rejected[number] = None if rejected[number] is None else next(clean)
    for name, values in (("messages", written), ("answer", answers), ("rejected", rejected)):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(values, pa.string()))
    return no_answer(table, "personal_data")


def leave_out_cases(table: pa.Table, cases: EvalCases) -> pa.Table:
    """Rows fall that ask what a suite asks, or answer with it."""
    columns = (table[name].to_pylist() for name in ("messages", "answer", "rejected"))
    rows = list(zip(*columns, strict=True))
    different = dict.fromkeys(rows)  # an answer that was liked is there for SFT and for KTO
    prompts = _read(prompt for prompt, _, _ in different)
    asked = [said(prompts[prompt], "user") for prompt, _, _ in different]
    answers = [
        [*said(prompts[prompt], "assistant"), *([a] if r is None else [a, r])]
        for prompt, a, r in different
    ]
    problem = dict(zip(different, cases.problems(asked, answers), strict=True))
    return fall(table, "contamination", [problem[row] for row in rows])


def add_keys(table: pa.Table) -> pa.Table:
    """Rows with what they are compared and ordered by: hashes of texts, no text.

    Adds `row` (content hash, 32 hex digits), `exact` and `direction` (see `duplicates.Keys`),
    `origin`, `asked` (hash of the question), and of row and question `grams` and `bands`.
    """
    place = _Places()
    columns = [table[name].to_pylist() for name in _KEYED]
    prompts = {
        written: _Prompt(
            [place[part] for one in messages for part in (one["role"], one["content"])],
            [place[one] for one in said(messages)],
            place["\n".join(said(messages))],
        )
        for written, messages in _read(columns[1]).items()
    }
    for answers in columns[2:4]:
        for one in answers:
            if one is not None:
                place[one]
    texts = sketch.Texts(list(place))
    keys = texts.keys()
    prompt_keys = {w: b"".join(keys[n] for n in one.parts) for w, one in prompts.items()}
    added: dict[str, list[Any]] = {name: [] for name in _KEYS}
    entries: list[tuple[int, int, int, int]] = []  # text, set, part, salt
    questions: list[int] = []
    for number, (kind, written, answer, rejected, label, interactions, ratings, users) in enumerate(
        zip(*columns, strict=True)
    ):
        prompt = prompts[written]
        answers = [place[one] for one in (answer, rejected) if one is not None]
        added["row"].append(row_id(kind, written, answer, rejected, label))
        of_answers = b"".join(sorted(keys[n] for n in answers))
        exact = hashlib.blake2b(kind.encode() + b"\n", digest_size=16)
        exact.update(prompt_keys[written] + of_answers)
        added["exact"].append(exact.digest())
        added["direction"].append(
            int(label) if kind == "kto" else int.from_bytes(keys[answers[0]][:8])
        )
        added["origin"].append("\n".join([*interactions, *ratings, *users]))
        added["asked"].append(b"".join(keys[n] for n in prompt.asked))
        salt = 3 * KINDS.index(kind) + (1 + label if label is not None else 0)
        own = [prompt.question, *answers]  # rows of other kinds or labels are no copies
        entries += [(text, number, part, salt) for part, text in enumerate(own)]
        questions.append(prompt.question)
    added["asked"] = [hashlib.blake2b(one, digest_size=16).digest() for one in added["asked"]]
    of_text, sets, parts, salts = np.array(entries, dtype=np.int64).reshape(-1, 4).T
    grams = {
        "grams": texts.grams(GRAM, of_text, sets, parts=parts, salts=salts),
        "asked_grams": texts.grams(GRAM, np.array(questions, dtype=np.int64)),
    }
    for name, found in grams.items():
        flat = pa.array(sketch.bands(found).reshape(-1), pa.uint32())
        added[name] = found
        added[name.replace("grams", "bands")] = pa.FixedSizeListArray.from_arrays(
            flat, sketch.BANDS
        )
    for name, kind in _KEYS.items():
        column = added[name]
        made = column if isinstance(column, pa.Array) else pa.array(column, kind)
        table = table.append_column(name, made)
    return table


class _Prompt(NamedTuple):
    """A prompt, and the places of its texts."""

    parts: list[int]  # roles and contents
    asked: list[int]  # what was said, without instructions and passages
    question: int  # all of that as one text


class _Places(dict[str, int]):
    """The place of each different text, in the order in which they are first asked for."""

    def __missing__(self, text: str) -> int:
        self[text] = place = len(self)
        return place


def _read(written: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Every different prompt, read once."""
    return {one: orjson.loads(one) for one in dict.fromkeys(written)}


_KEYED = (
    "kind", "messages", "answer", "rejected", "label", "interactions", "ratings", "users",
)  # fmt: skip
_KEYS: dict[str, pa.DataType] = {
    "row": _TEXT, "exact": pa.binary(16), "direction": pa.uint64(), "origin": _TEXT,
    "asked": pa.binary(16), "grams": pa.list_(pa.uint32()), "bands": _BANDS,
    "asked_grams": pa.list_(pa.uint32()), "asked_bands": _BANDS,
}  # fmt: skip
