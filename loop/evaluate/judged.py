"""What people say now of the passages behind an answer: borne out, wrong, or neither."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from knowledge.text import normalise
from loop.curate.feedback import BAD_STARS, GOOD_STARS, verdict
from loop.store.records import Rating

if TYPE_CHECKING:
    from loop.store.store import Store

WRONG = frozenset({"wrong", "wrong citation", "out of date"})  # flags that deny what is cited


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A passage as an answer had it: a span of one version of a document, and its text."""

    document: str
    version: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What raters think of one answer now."""

    good: int = 0  # raters whose newest thumb, stars or rubric says so
    bad: int = 0
    wrong: int = 0  # raters whose flag that it is wrong still stands
    corrections: tuple[str, ...] = ()  # the newest of each rater
    simulated: bool = False  # nobody real said anything

    @property
    def confirmed(self) -> bool:
        """More say good than bad, and no flag stands against it."""
        return self.good > self.bad and not self.wrong

    @property
    def denied(self) -> bool:
        """A flag stands against it, or more say bad than good."""
        return bool(self.wrong) or self.bad > self.good


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAnswer:
    """An answer that somebody rated, with the passages behind it."""

    id: str
    at: datetime
    user: str
    question: str
    cited: tuple[Cited, ...]
    shown: tuple[Cited, ...]
    judgement: Judgement
    simulated: bool  # whoever asked or all who judged


def read_judged(store: Store, assistant: str, last: int) -> list[JudgedAnswer]:
    """The newest answers that somebody rated, newest first; at most `last`."""
    from loop.store.tables import from_row

    rows = store.query("knowledge_judged", assistant=assistant, last=last)
    ratings = store.query("ratings_of_ids", ids=[row["id"] for row in rows])
    judged = judgements(from_row(Rating, row) for row in ratings)
    return [_judged(row, judged.get(row["id"], Judgement())) for row in rows]


def judgements(ratings: Iterable[Rating]) -> dict[str, Judgement]:
    """Per interaction what raters think now. Ratings come oldest first; the later word counts.

    A flag stands until the same rater says that the answer is good.
    """
    by_answer: defaultdict[str, list[Rating]] = defaultdict(list)
    for one in ratings:
        by_answer[one.interaction].append(one)
    return {id: _judge(said) for id, said in by_answer.items()}


def says(rating: Rating) -> bool | None:
    """Does a thumb, stars or a rubric say good or bad? None if neither.

    A rubric's mean is read as stars; where no score is above 1 its scale cannot be told.
    """
    if rating.kind != "rubric":
        return verdict(rating)
    scores = list(rating.rubric.values())
    if not scores or max(scores) <= 1:
        return None
    mean = sum(scores) / len(scores)
    return True if mean >= GOOD_STARS else False if mean <= BAD_STARS else None


def _judge(said: Sequence[Rating]) -> Judgement:
    values: dict[str, bool | None] = {}
    flags: set[str] = set()
    corrections: dict[str, str] = {}
    for one in said:
        if one.kind in ("thumb", "stars", "rubric"):
            values[one.rater] = says(one)
            if values[one.rater]:
                flags.discard(one.rater)
        elif one.kind == "flag" and normalise(one.text or "") in WRONG:
            flags.add(one.rater)
        elif one.kind == "correction" and one.text:
            corrections[one.rater] = one.text
    return Judgement(
        good=sum(value is True for value in values.values()),
        bad=sum(value is False for value in values.values()),
        wrong=len(flags),
        corrections=tuple(corrections[rater] for rater in sorted(corrections)),
        simulated=all(one.simulated for one in said),
    )


def _judged(row: Mapping[str, Any], judgement: Judgement) -> JudgedAnswer:
    return JudgedAnswer(
        id=row["id"],
        at=row["at"],
        user=row["user"],
        question=row["question"],
        cited=_passages(row["citations"]),
        shown=_passages(row["passages"]),
        judgement=judgement,
        simulated=row["simulated"] or judgement.simulated,
    )


def _passages(rows: Any) -> tuple[Cited, ...]:
    """Those that name a document; imported answers may hold anything else."""
    found = []
    for row in rows or []:
        if isinstance(row, Mapping) and isinstance(row.get("document"), str):
            start, end = row.get("start"), row.get("end")
            found.append(
                Cited(
                    document=row["document"],
                    version=str(row.get("version") or ""),
                    start=start if isinstance(start, int) else 0,
                    end=end if isinstance(end, int) else 0,
                    text=str(row.get("text") or ""),
                )
            )
    return tuple(found)
