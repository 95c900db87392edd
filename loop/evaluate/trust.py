"""Do people agree with the judge, and what do its grades add to theirs?"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from eval_suites.agreement import Agreement, agreement
from eval_suites.judge import LEAST, MOST, Judge
from eval_suites.records import Case, Message, Reply, Report
from eval_suites.stats.intervals import Mean, clustered_mean
from eval_suites.stats.ppi import ppi_mean
from knowledge.errors import RatchetError
from knowledge.records import passage_of
from loop.settings import Settings

if TYPE_CHECKING:
    from loop.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How good people would find an adapter's answers, three ways; grades from 1 to 5."""

    adapter: str
    judge: str
    rated: int  # answers that people rated, and the judge too
    judged: int  # further answers that the judge alone rated
    people: tuple[float, float, float]  # mean and 95 % interval
    judge_alone: tuple[float, float, float]  # as if it were people
    together: tuple[float, float, float]  # people, helped by the judge


def measure_agreement(
    store: Store, settings: Settings, judge: Judge, *, limit: int, at: datetime
) -> Agreement:
    """Hold the judge against the stars and thumbs people gave, and keep the result.

    An answer's people say the mean of their newest stars, rounded; where nobody gave stars, a thumb
    up is a 5 and a thumb down a 1. Simulated raters count only where curation lets them.

    Args:
        store: Ratings and answers.
        settings: Of which assistant, and where to keep it.
        judge: Who is measured.
        limit: Answers, the newest rated.
        at: Now, UTC.

    Raises:
        RatchetError: Nobody has rated anything.
    """
    rated = people_say(store, settings)
    newest = list(rated)[-limit:]
    rows = store.query("interactions_by_id", ids=newest)
    cases, replies = _as_cases(rows)
    graded = judge.grade(cases, replies)
    found = agreement(
        judge.id,
        [float(round(rated[str(row["id"])])) for row in rows],
        [None if grade.score is None else float(grade.score) for grade in graded],
    )
    file = _trust_file(settings, judge.id)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"at": at.isoformat(), **asdict(found)}), encoding="utf-8")
    os.replace(new, file)
    return found


def known_agreement(settings: Settings, judge: str) -> Agreement | None:
    """What was last measured of a judge; None if nothing was."""
    try:
        told = json.loads(_trust_file(settings, judge).read_text(encoding="utf-8"))
        told.pop("at", None)
        return Agreement(**told)
    except (OSError, ValueError, TypeError):
        return None


def judges_of(settings: Settings, reports: Iterable[Report]) -> dict[str, str | None]:
    """Those who graded these reports, and why each may not decide; None if it may."""
    return {one.judge: distrust(settings, one.judge) for one in reports if one.judge}


def distrust(settings: Settings, judge: str) -> str | None:
    """Why a judge may not decide; None if it may."""
    found = known_agreement(settings, judge)
    if found is None:
        return f"{judge} was never held against people. Run `ratchet judge agree`"
    return found.problem(settings.judge.least_kappa, settings.judge.least_labels)


def estimate(
    store: Store, settings: Settings, judge: Judge, adapter: str, *, limit: int
) -> Estimate:
    """How good people would find an adapter's answers, from few ratings and many grades.

    Those who asked are the units: each counts with the mean of the answers they got.

    Args:
        store: Ratings and answers.
        settings: Of which assistant.
        judge: Who grades.
        adapter: Whose answers.
        limit: Answers, the newest.

    Raises:
        RatchetError: There are fewer than two answers with and two without a rating.

    Source: Angelopoulos et al. 2023, prediction-powered inference.
    """
    rated = people_say(store, settings)
    rows = [
        row
        for row in store.query("interactions", assistant=settings.assistant.name, limit=limit)
        if row["adapter"] == adapter and (settings.curate.simulated or not row["simulated"])
    ]
    cases, replies = _as_cases(rows)
    grades = [grade.score for grade in judge.grade(cases, replies)]
    both: dict[str, list[tuple[float, float]]] = defaultdict(list)  # by who asked
    alone: dict[str, list[float]] = defaultdict(list)
    for row, grade in zip(rows, grades, strict=True):
        if grade is not None and str(row["id"]) in rated:
            both[str(row["user"])].append((rated[str(row["id"])], float(grade)))
        elif grade is not None:
            alone[str(row["user"])].append(float(grade))
    if min(len(both), len(alone)) < 2:
        raise RatchetError(
            f"{adapter}: answers to {len(both)} people have a rating and answers to {len(alone)} "
            "have none; it takes two people of each."
        )
    human = [fmean(given for given, _ in some) for some in both.values()]
    same = [fmean(grade for _, grade in some) for some in both.values()]
    others = [fmean(some) for some in alone.values()]
    return Estimate(
        adapter=adapter,
        judge=judge.id,
        rated=sum(map(len, both.values())),
        judged=sum(map(len, alone.values())),
        people=_bounded(clustered_mean(human, range(len(human)))),
        judge_alone=_bounded(clustered_mean([*same, *others], range(len(same) + len(others)))),
        together=_bounded(ppi_mean(human, same, others)),
    )


def people_say(store: Store, settings: Settings) -> dict[str, float]:
    """Interaction → what people say of its answer now, 1 to 5, oldest rated first."""
    newest: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for row in store.query("ratings_of", assistant=settings.assistant.name):
        if row["kind"] in ("stars", "thumb") and row["value"] is not None:
            if row["simulated"] and not settings.curate.simulated:
                continue
            value = float(row["value"])
            if row["kind"] == "thumb":
                value = float(MOST if value > 0 else LEAST)
            newest[str(row["interaction"])][str(row["kind"]), str(row["rater"])] = value
    found = {}
    for interaction, said in newest.items():
        stars = [value for (kind, _), value in said.items() if kind == "stars"]
        found[interaction] = fmean(stars or said.values())
    return found


def _as_cases(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Case], list[Reply]]:
    """Answers in production as a judge is shown them."""
    cases, replies = [], []
    for row in rows:
        earlier = [
            Message(role=turn["role"], content=turn["content"])
            for turn in list(row["messages"])[:-1]
            if turn["role"] in ("user", "assistant")
        ]
        cases.append(
            Case(id=str(row["id"]), suite="", prompt=row["question"], history=tuple(earlier))
        )
        shown = tuple(passage_of(passage) for passage in row["passages"])
        replies.append(Reply(text=row["answer"], passages=shown, abstained=bool(row["abstained"])))
    return cases, replies


def _bounded(found: Mean) -> tuple[float, float, float]:
    return found.mean, max(float(LEAST), found.low), min(float(MOST), found.high)


def _trust_file(settings: Settings, judge: str) -> Path:
    name = hashlib.sha256(judge.encode()).hexdigest()[:16]
    return settings.home / "judge" / f"{name}.json"
