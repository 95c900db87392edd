"""How well the search finds what people confirmed: the loop's own ratings as its test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from eval_suites.stats.intervals import clustered_mean, wilson
from eval_suites.stats.paired import clustered_difference
from knowledge.pii import mask
from loop.evaluate.judged import JudgedAnswer
from loop.evaluate.wanted import Wanted, look_up, same, still_there, wanted

if TYPE_CHECKING:
    from eval_suites.stats.intervals import Difference
    from knowledge.collection import Collection
    from knowledge.records import Passage
    from loop.settings import Settings

FEW = 20  # people below whom a figure is told with a warning
NAMED = 20  # questions named whose passage is not found
LONGEST = 200  # characters of a question in a report


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over questions. Its 95 % interval takes people for independent; one gives none."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One question as today's collection answers it."""

    wanted: Wanted
    rank: int | None  # of the first of its passages, from 1; None where none is found


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the ratings of one kind of people say of the search."""

    questions: int  # that have a confirmed or corrected passage which is still there
    corrected: int  # of them, known from a correction
    people: int  # who asked them
    gone: int  # questions besides, whose passages no longer stand in a document that holds today
    found: Estimate | None  # share whose passage is among the first k; None without a question
    mrr: Estimate | None  # 1 / rank of that passage, 0 where it is not found
    denied: int  # questions whose answer cited what people deny, and it is still there
    still_first: Estimate | None  # share of them for which it is found first today
    says: str  # how far the figures can be trusted; "" where nothing need be said


@dataclass(frozen=True, slots=True, kw_only=True)
class OfDocument:
    """The questions that are about one document."""

    document: str
    wanted: int
    found: int  # of them, among the first k
    denied: int
    still_first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A question whose passage is not among the first k."""

    question: str  # personal data masked
    document: str
    start: int
    end: int
    rank: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRetrieval:
    """The search as people's ratings judge it. Simulated people are apart."""

    k: int  # passages shown to the model
    answers: int  # that somebody judged
    people: Figures
    simulated: Figures
    documents: list[OfDocument]  # those missed most first
    missed: list[Missed]
    looked: tuple[Looked, ...]  # every question, for a comparison


def evaluate_live(
    collection: Collection, answers: Sequence[JudgedAnswer], settings: Settings, *, on: date
) -> LiveRetrieval:
    """Ask today's collection again what people asked, and hold what it finds against their word.

    What is confirmed was found once, so this tells what a change of documents or settings loses,
    not what was never found; of that only corrections tell, and `ratchet knowledge report`.

    An interaction does not record the labels of who asked: it is asked with as few labels as the
    passages in question need, so a real reader with more may see others before them. A follow-up
    is asked without the turn before it.

    Args:
        collection: As it is today.
        answers: What people judged.
        settings: How is searched, and how many passages the model is shown.
        on: The day on which documents must hold.
    """
    [found] = evaluate_live_settings(collection, answers, [settings], on=on)
    return found


def evaluate_live_settings(
    collection: Collection,
    answers: Sequence[JudgedAnswer],
    settings: Sequence[Settings],
    *,
    on: date,
) -> list[LiveRetrieval]:
    """The same questions with each of several settings; what is wanted is found with the first."""
    asked = wanted(answers, collection, settings[0].knowledge, on=on)
    return [_evaluate(collection, asked, len(answers), one, on) for one in settings]


def compare_live(new: LiveRetrieval, old: LiveRetrieval) -> dict[str, Difference | None]:
    """New minus old of `found` and `mrr` on the questions of real people, who are independent.

    None where fewer than two people asked.

    Raises:
        ValueError: They were not asked the same.
    """
    pairs = [
        (a, b)
        for a, b in zip(new.looked, old.looked, strict=True)
        if not a.wanted.simulated and a.wanted.why != "denied"
    ]
    if any(a.wanted != b.wanted for a, b in pairs):
        raise ValueError("the two were not asked the same questions")
    people = [a.wanted.user for a, _ in pairs]
    if len(set(people)) < 2:
        return {"found": None, "mrr": None}
    within = [[_within(one.rank, new.k) for one in side] for side in zip(*pairs, strict=True)]
    inverse = [[_inverse(one.rank) for one in side] for side in zip(*pairs, strict=True)]
    return {
        "found": clustered_difference(within[0], within[1], people),
        "mrr": clustered_difference(inverse[0], inverse[1], people),
    }


def _evaluate(
    collection: Collection, asked: Sequence[Wanted], answers: int, settings: Settings, on: date
) -> LiveRetrieval:
    there = [one for one in asked if _is_there(one, collection, on)]
    gone = [one for one in asked if one.why != "denied" and not _is_there(one, collection, on)]
    k = settings.assistant.passages
    passages = look_up(
        collection,
        [(one.question, one.labels) for one in there],
        limit=max(k, settings.knowledge.candidates),  # ranks as they are when k are asked for
        settings=settings.knowledge,
        on=on,
    )
    looked = [
        Looked(wanted=one, rank=_rank(one, found))
        for one, found in zip(there, passages, strict=True)
    ]
    return LiveRetrieval(
        k=k,
        answers=answers,
        people=_figures([x for x in looked if not x.wanted.simulated], gone, k, simulated=False),
        simulated=_figures([x for x in looked if x.wanted.simulated], gone, k, simulated=True),
        documents=_documents(looked, k),
        missed=_missed(looked, k),
        looked=tuple(looked),
    )


def _is_there(one: Wanted, collection: Collection, on: date) -> bool:
    return any(
        still_there(passage, collection.document(passage.document), one.labels, on)
        for passage in one.passages
    )


def _rank(one: Wanted, found: Sequence[Passage]) -> int | None:
    ranks = enumerate(found, start=1)
    return next((rank for rank, p in ranks if any(same(p, right) for right in one.passages)), None)


def _figures(
    looked: Sequence[Looked], gone: Sequence[Wanted], k: int, *, simulated: bool
) -> Figures:
    right = [one for one in looked if one.wanted.why != "denied"]
    wrong = [one for one in looked if one.wanted.why == "denied"]
    people = len({one.wanted.user for one in right})
    return Figures(
        questions=len(right),
        corrected=sum(one.wanted.why == "corrected" for one in right),
        people=people,
        gone=sum(one.simulated == simulated for one in gone),
        found=_estimate(right, [_within(one.rank, k) for one in right]),
        mrr=_estimate(right, [_inverse(one.rank) for one in right]),
        denied=len(wrong),
        still_first=_estimate(wrong, [_within(one.rank, 1) for one in wrong]),
        says=_says(len(right), people, simulated),
    )


def _estimate(looked: Sequence[Looked], values: Sequence[float]) -> Estimate | None:
    """The mean with people as what is independent; None where there is nothing to take it of."""
    if not values:
        return None
    people = [one.wanted.user for one in looked]
    count, mean = len(set(people)), sum(values) / len(values)
    if count < 2:
        return Estimate(mean=mean, low=None, high=None)
    if min(values) == max(values):  # no spread to judge it by: as if each person were one trial
        low, high = wilson(mean * count, count)
    else:
        _, low, high = clustered_mean(values, people)
    return Estimate(mean=mean, low=max(0.0, low), high=min(1.0, high))


def _says(questions: int, people: int, simulated: bool) -> str:
    who = "simulated people" if simulated else "people"
    if not questions:
        return (
            f"No answer of {who} has been confirmed or corrected whose passage is still there, so "
            "there is nothing to measure by. Rate answers that cite something."
        )
    if people < 2:
        return "All questions are of one person, so there is no interval. Let others rate too."
    if people < FEW:
        return f"Only {people} {who} stand behind this; read the interval, not the figure."
    return ""


def _documents(looked: Sequence[Looked], k: int) -> list[OfDocument]:
    by_id: defaultdict[str, list[Looked]] = defaultdict(list)
    for one in looked:
        for document in {passage.document for passage in one.wanted.passages}:
            by_id[document].append(one)
    found = []
    for document, about in by_id.items():
        right = [one for one in about if one.wanted.why != "denied"]
        wrong = [one for one in about if one.wanted.why == "denied"]
        found.append(
            OfDocument(
                document=document,
                wanted=len(right),
                found=sum(_within(one.rank, k) > 0 for one in right),
                denied=len(wrong),
                still_first=sum(one.rank == 1 for one in wrong),
            )
        )
    return sorted(found, key=lambda d: (d.found - d.wanted, -d.still_first, -d.wanted, d.document))


def _missed(looked: Sequence[Looked], k: int) -> list[Missed]:
    lost = [one for one in looked if one.wanted.why != "denied" and not _within(one.rank, k)]
    return [
        Missed(
            question=" ".join(mask(one.wanted.question).split())[:LONGEST],
            document=one.wanted.passages[0].document,
            start=one.wanted.passages[0].start,
            end=one.wanted.passages[0].end,
            rank=one.rank,
        )
        for one in lost[:NAMED]
    ]


def _within(rank: int | None, k: int) -> float:
    return float(rank is not None and rank <= k)


def _inverse(rank: int | None) -> float:
    return 0.0 if rank is None else 1 / rank
