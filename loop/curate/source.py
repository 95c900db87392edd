"""From the store to the spool: turns that may be learnt from, and what was said of them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loop.curate.consent import basis_reasons, licence_reasons, simulated_reasons
from loop.curate.feedback import key_of
from loop.curate.funnel import Drop, Funnel, drops_table
from loop.curate.spool import Spool, bucket_of, buckets_for
from loop.feedback.judgements import judgements_of
from loop.feedback.standing import Standing, weigh
from loop.settings import CurateSettings, RatersSettings
from loop.store.records import Comparison, Rating

if TYPE_CHECKING:
    from loop.store.store import Store

TURNS, RATINGS, COMPARISONS, DROPS = "turns", "ratings", "comparisons", "drops"
PART = 20_000  # judgements that are read as records at a time
R = TypeVar("R", Rating, Comparison)
EVERYTHING = 2**62  # a query's limit when all is wanted
_LEARNT = [  # columns of interactions that rows are made of
    "id", "at", "assistant", "user", "conversation", "question", "answer", "messages", "adapter",
    "base", "consent", "licence", "simulated", "prompt",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgements:
    """All that was said of an assistant's answers, oldest first."""

    ratings: pa.Table
    comparisons: pa.Table

    def judged(self) -> pa.Array:
        """Every interaction that something was said of, once."""
        compared = [id for ids in _lists(self.comparisons["interactions"]) for id in ids]
        both = pa.chunked_array(
            [*self.ratings["interaction"].chunks, pa.array(compared, pa.string())], pa.string()
        )
        return pc.unique(both)


def read_judgements(store: Store, assistant: str) -> Judgements:
    """Ratings and comparisons from the store."""
    return Judgements(
        ratings=pa.concat_tables(store.scan("ratings_of", assistant=assistant)),
        comparisons=pa.concat_tables(store.scan("comparisons", assistant=assistant)),
    )


def standings(
    said: Judgements, settings: RatersSettings, gold: Mapping[str, int]
) -> dict[str, Standing]:
    """How far each rater can be relied on, from all that was said and what is known."""
    from loop.store.tables import from_row, rows_of

    def records(record: type[R], table: pa.Table) -> Iterator[R]:
        for start in range(0, table.num_rows, PART):  # never all of them as records
            for row in rows_of(table.slice(start, PART)):
                yield from_row(record, row)

    judged = judgements_of(records(Rating, said.ratings), records(Comparison, said.comparisons))
    return weigh(judged, gold=gold, settings=settings)


def without(
    said: Judgements, reasons: Mapping[str, str], gold: Container[str], *, simulated: bool
) -> tuple[Judgements, list[Drop]]:
    """The judgements but for those of some raters, and those that measure raters.

    Args:
        said: All of them.
        reasons: Rater → why what they say is held back.
        gold: Items whose right judgement is known: what is said of them is no opinion.
        simulated: May simulated raters be heard?
    """
    drops: list[Drop] = []
    kept = {}
    for name, table in (("ratings", said.ratings), ("comparisons", said.comparisons)):
        items = (
            table["interaction"].to_pylist()
            if name == "ratings"
            else [" ".join(sorted(ids)) for ids in _lists(table["interactions"])]
        )
        why = [
            reasons.get(rater)
            or ("simulated_rater" if made_up and not simulated else None)
            or ("gold" if item in gold else None)
            for rater, made_up, item in zip(
                table["rater"].to_pylist(), table["simulated"].to_pylist(), items, strict=True
            )
        ]
        stays = [reason is None for reason in why]
        if not all(stays):
            ids = table["id"].to_pylist()
            drops += [
                Drop(id, "judgement", "feedback", reason)
                for id, reason in zip(ids, why, strict=True)
                if reason is not None
            ]
            table = table.filter(pa.array(stays))
        kept[name] = table
    return Judgements(**kept), drops


def spool_turns(
    store: Store,
    assistant: str,
    said: Judgements,
    rules: CurateSettings,
    folder: Path,
    funnel: Funnel,
    *,
    withdrawn: Mapping[str, datetime],
    cases: Container[str] = (),
) -> tuple[Spool, int]:
    """Everything that rows can be made of, in buckets by what the model was asked.

    Args:
        store: Interactions are read from it part by part.
        assistant: Whose.
        said: What was said of them; the rest is left out.
        rules: What may enter.
        folder: For the files.
        funnel: Counts what does not.
        withdrawn: When people withdrew.
        cases: Interactions that eval cases were made from.

    Returns:
        The spool with turns, ratings, comparisons and drops, and how many interactions there are.
    """
    judged = said.judged()
    spool = Spool(folder, buckets_for(len(judged)))
    kept: list[pa.Table] = []
    count = 0
    for part in store.scan("interactions", assistant=assistant, limit=EVERYTHING):
        count += part.num_rows
        admitted, drops = admit(part, rules, withdrawn, funnel)
        if measured := [id for id in admitted["id"].to_pylist() if id in cases]:
            funnel.note("contamination", 0, ["eval_case"] * len(measured))
            drops += [Drop(id, "interaction", "contamination", "eval_case") for id in measured]
            gone = pc.is_in(admitted["id"], value_set=pa.array(measured, pa.string()))
            admitted = admitted.filter(pc.invert(gone))
        heard = pc.is_in(admitted["id"], value_set=judged)
        silent = admitted.filter(pc.invert(heard))["id"].to_pylist()
        funnel.note("feedback", 0, ["nothing_said"] * len(silent))
        drops += [Drop(id, "interaction", "feedback", "nothing_said") for id in silent]
        spool.put(DROPS, 0, drops_table(drops))
        turns = admitted.filter(heard)
        hashes = prompt_hashes(turns)
        turns = turns.append_column("prompt", pa.array(hashes))
        spool.write(TURNS, turns.select(_LEARNT), bucket_of(hashes, spool.count))
        kept.append(turns.select(["id", "prompt"]))
        funnel.advance()
    index = pa.concat_tables(kept).combine_chunks()
    _spool_ratings(spool, said.ratings, index, funnel)
    _spool_comparisons(spool, said.comparisons, index, funnel)
    spool.close()
    return spool, count


def admit(
    turns: pa.Table, rules: CurateSettings, withdrawn: Mapping[str, datetime], funnel: Funnel
) -> tuple[pa.Table, list[Drop]]:
    """The turns that may be learnt from: by consent, by licence, by who was real."""
    problems: list[tuple[str, Callable[[pa.Table], pa.Array]]] = [
        (
            "consent",
            lambda turns: basis_reasons(turns, rules, withdrawn=withdrawn, now=datetime.now(UTC)),
        ),
        ("licence", lambda turns: licence_reasons(turns, rules)),
        ("simulated", lambda turns: simulated_reasons(turns, rules)),
    ]
    drops: list[Drop] = []
    for step, problem in problems:
        reasons = problem(turns)
        fell = turns["id"].filter(pc.is_valid(reasons)).to_pylist()
        why = reasons.drop_null().to_pylist()
        funnel.note(step, turns.num_rows - len(why), why)
        drops += [
            Drop(id, "interaction", step, reason) for id, reason in zip(fell, why, strict=True)
        ]
        turns = turns.filter(pc.is_null(reasons))
    return turns, drops


def prompt_hashes(turns: pa.Table) -> NDArray[np.uint64]:
    """A hash of what the model saw per turn, shape (turns,)."""
    columns = (turns[name].to_pylist() for name in ("messages", "question"))
    found = [prompt_hash(orjson.loads(text), asked) for text, asked in zip(*columns, strict=True)]
    return np.array(found, dtype=np.uint64)


def prompt_hash(messages: list[dict[str, str]], question: str) -> int:
    """64 bits that are equal for prompts in which the model saw the same."""
    key = key_of(messages, question).encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest())


def _spool_ratings(spool: Spool, ratings: pa.Table, index: pa.Table, funnel: Funnel) -> None:
    places = pc.index_in(ratings["interaction"], value_set=index["id"])
    lost = ratings.filter(pc.is_null(places))["id"].to_pylist()
    _left_out(spool, lost, "answer_left_out", funnel)
    there = ratings.filter(pc.is_valid(places))
    hashes = index["prompt"].take(places.drop_null()).to_numpy()
    spool.write(RATINGS, there, bucket_of(hashes, spool.count))


def _spool_comparisons(spool: Spool, said: pa.Table, index: pa.Table, funnel: Funnel) -> None:
    """Comparisons, each with only those answers that were given to one and the same prompt."""
    compared, ranks = _lists(said["interactions"]), _lists(said["ranks"])
    flat = pa.array([id for ids in compared for id in ids], pa.string())
    places = iter(pc.index_in(flat, value_set=index["id"]).to_pylist())
    prompts = index["prompt"].to_numpy()
    rows: list[int] = []
    parts: list[tuple[str, str]] = []  # interactions and ranks as JSON
    hashes: list[int] = []
    left_out, apart = [], []
    ids = said["id"].to_pylist()
    for number, (answers, of) in enumerate(zip(compared, ranks, strict=True)):
        by_prompt: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
        for answer, rank in zip(answers, of, strict=True):
            place = next(places)
            if place is not None:
                by_prompt[int(prompts[place])].append((answer, rank))
        if sum(map(len, by_prompt.values())) < 2:
            left_out.append(ids[number])
        elif len(by_prompt) > 1:
            apart.append(ids[number])
        for prompt, ranked in by_prompt.items():
            if len(ranked) > 1:
                rows.append(number)
                parts.append(
                    (json.dumps([a for a, _ in ranked]), json.dumps([r for _, r in ranked]))
                )
                hashes.append(prompt)
    _left_out(spool, left_out, "answer_left_out", funnel)
    _left_out(spool, apart, "different_prompts", funnel)
    table = said.take(pa.array(rows, pa.int64()))
    for place, name in enumerate(("interactions", "ranks")):
        column = pa.array([part[place] for part in parts], pa.string())
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(name), column)
    spool.write(COMPARISONS, table, bucket_of(np.array(hashes, dtype=np.uint64), spool.count))


def _left_out(spool: Spool, ids: Sequence[str], reason: str, funnel: Funnel) -> None:
    funnel.note("feedback", 0, [reason] * len(ids))
    spool.put(DROPS, 0, drops_table([Drop(id, "judgement", "feedback", reason) for id in ids]))


def _lists(column: pa.ChunkedArray) -> list[list]:  # type: ignore[type-arg]
    return [orjson.loads(text) for text in column.to_pylist()]
