"""Could somebody with the adapter tell who was trained on? Its training rows against held-out ones.

Rows the adapter learnt from are likelier to it, compared with the base, than rows of the same kind
that it never saw. How well that tells them apart is the attack's area under the curve: 0.5 is a
coin, 1 is certainty.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from eval_suites.records import Reply, Report, Score
from eval_suites.run import summarise
from knowledge.errors import RatchetError
from loop.models.records import BASE, LikelihoodRequest, Weigher
from loop.models.registry import adapter_of
from loop.project import MEMBERSHIP

if TYPE_CHECKING:
    from loop.models.engine import Engine
    from loop.store.store import Store

METRIC = "membership_auc"
MOST = 200  # rows of each side
FEWEST = 10
ANSWERS = {"sft": "answer", "grpo": "answer", "kto": "answer", "dpo": "chosen", "reward": "chosen"}


class Told(NamedTuple):
    """A dataset row with an answer, and whose it is."""

    row: str
    person: str
    messages: tuple[dict[str, str], ...]
    answer: str


def membership(store: Store, engine: Engine, adapter: str) -> Report:
    """Attack an adapter's training rows.

    Each training row scores the share of held-out rows that look less familiar than it does, so
    that the mean over them is the area under the curve; people are the clusters.

    Args:
        store: Knows which dataset it was trained on, and whose rows those are.
        engine: A model in this process, with the adapter loaded.
        adapter: Its id.

    Raises:
        RatchetError: The engine cannot weigh answers, the adapter learnt from no dataset of its
            own, its files are gone, or there are fewer than 10 rows of a side.

    Source: Yeom et al. 2018; Watson et al. 2022 (calibrated by a reference model).
    """
    if not isinstance(engine, Weigher):
        raise RatchetError(
            "Membership is told by how likely rows are, which a model server does not tell. "
            'Set assistant.endpoint = "" and evaluate on the model itself.'
        )
    if adapter == BASE:
        raise RatchetError("The base learnt from no dataset, so nobody can be a member of it.")
    found = adapter_of(store, adapter)
    datasets, runs = store.query("dataset", id=found.dataset), store.query("run", id=found.run)
    if not datasets or not runs:
        raise RatchetError(f"{adapter} learnt from no dataset of its own. Evaluate its sources.")
    method, folder = str(runs[0]["method"]), Path(str(datasets[0]["path"]))
    people = {
        str(row["row"]): str((row["users"] or [row["row"]])[0])
        for row in store.query("dataset_rows", dataset=found.dataset)
    }
    seen, unseen = (_rows(folder, method, split, people) for split in ("train", "held_out"))
    if min(len(seen), len(unseen)) < FEWEST:
        raise RatchetError(
            f"{found.dataset}: {len(seen)} rows were trained on and {len(unseen)} held out, but "
            f"membership takes {FEWEST} of each. Hold out more (curate.held_out)."
        )
    familiar = [familiarity(engine, adapter, side) for side in (seen, unseen)]
    scores = tuple(
        Score(case=told.row, metric=METRIC, value=value, cluster=told.person, kind=method)
        for told, value in zip(seen, placements(*familiar), strict=True)
    )
    content = json.dumps([found.dataset, sorted(told.row for told in (*seen, *unseen))])
    return Report(
        suite=MEMBERSHIP,
        version=hashlib.sha256(content.encode()).hexdigest()[:16],
        assistant=adapter,
        replies={told.row: Reply(text="") for told in seen},
        scores=scores,
        summary={METRIC: summarise(scores)},
    )


def placements(members: Sequence[float], others: Sequence[float]) -> list[float]:
    """Per member the share of the others below it, ties half.

    >>> placements([3.0, 1.0], [2.0, 1.0])
    [1.0, 0.25]
    """
    return [
        sum((member > other) + 0.5 * (member == other) for other in others) / len(others)
        for member in members
    ]


def familiarity(engine: Weigher, adapter: str, rows: Sequence[Told]) -> list[float]:
    """Per row how much likelier a token is to the adapter than to the base, nats."""
    weighed = [
        engine.likelihood(
            [
                LikelihoodRequest(messages=told.messages, completion=told.answer, adapter=who)
                for told in rows
            ]
        )
        for who in (adapter, BASE)
    ]
    return [
        (own.logprob - base.logprob) / max(own.tokens, 1)
        for own, base in zip(*weighed, strict=True)
    ]


def _rows(folder: Path, method: str, split: str, people: Mapping[str, str]) -> list[Told]:
    """At most MOST rows of a split, the same ones every time."""
    from loop.train.rows import read_split

    first: Any = method.partition("+")[0]
    column = ANSWERS[first]
    lines = read_split(folder, first, split, ["row", "split", "messages", column])
    drawn = sorted(lines, key=lambda line: hashlib.sha256(str(line["row"]).encode()).digest())
    return [
        Told(
            row=str(line["row"]),
            person=people.get(str(line["row"]), str(line["row"])),
            messages=tuple(json.loads(line["messages"])),
            answer=str(line[column]),
        )
        for line in drawn[:MOST]
    ]
