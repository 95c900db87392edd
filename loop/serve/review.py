"""The API of the review queue: the same functions as the Review page, so the same blindness."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from loop.feedback import queue
from loop.feedback.judge import why_given
from loop.feedback.queue import Review
from loop.feedback.rubric import criteria_of
from loop.serve.api import in_thread, running_of
from loop.serve.schemas import (
    AnswerOut,
    CriterionOut,
    GuidelineOut,
    ReviewItemOut,
    ReviewOut,
    SkipIn,
    SkippedOut,
    UndoIn,
    UndoneOut,
    WhyOut,
)
from loop.store.records import Guideline, Interaction

router = APIRouter(prefix="/v1/review", tags=["review"])
Rater = Annotated[str, Query(min_length=1, max_length=200, description="Key of the person.")]


@router.get("/next")
async def next_item(request: Request, rater: Rater, compare: bool = False) -> ReviewOut:
    """The next answer for this rater, or with `compare` the next two to one prompt.

    It is held for them until `until`, and asked for again it is the same one. Judge it with
    POST /v1/feedback; that ends the lease.
    """
    running = running_of(request)
    found = await in_thread(
        running,
        lambda: queue.next_review(running.store, running.settings, rater, pairs=compare),
    )
    return ReviewOut(item=_item(found))


@router.get("/why")
async def why(
    request: Request, rater: Rater, item: Annotated[str, Query(min_length=1, max_length=401)]
) -> WhyOut:
    """Why an item was in this rater's queue, once they have judged it."""
    running = running_of(request)
    name = running.settings.assistant.name
    told = await in_thread(running, lambda: why_given(running.store, name, rater, item))
    return WhyOut(item=item, why=told)


@router.post("/skip")
async def skip(body: SkipIn, request: Request) -> SkippedOut:
    """Pass an item on to others; it does not come back to this rater."""
    running = running_of(request)
    await in_thread(
        running,
        lambda: queue.skip(
            running.store, running.settings, body.rater, body.item, body.reason, body.text
        ),
    )
    return SkippedOut(item=body.item)


@router.post("/undo")
async def undo(body: UndoIn, request: Request) -> UndoneOut:
    """Take back the rater's last judgement or skip; the rows stay, and no reader counts them."""
    running = running_of(request)
    done = await in_thread(running, lambda: queue.undo(running.store, running.settings, body.rater))
    return UndoneOut(item=_item(done.review), undone=done.item, judgements=list(done.judgements))


def _item(review: Review | None) -> ReviewItemOut | None:
    if review is None:
        return None
    return ReviewItemOut(
        item=review.item,
        kind="rate" if len(review.interactions) == 1 else "compare",
        until=review.until,
        why=review.why,
        answers=[_answer(turn) for turn in review.interactions],
        guideline=_guideline(review.guideline),
    )


def _answer(turn: Interaction) -> AnswerOut:
    """What a reviewer sees, personal data masked that is not in the passages."""
    from loop.answer.outflow import mask_new

    shown = [str(passage.get("text", "")) for passage in turn.passages]
    return AnswerOut(
        interaction=turn.id,
        question=mask_new(turn.question, shown),
        answer=mask_new(turn.answer, shown),
        passages=turn.passages,
        citations=turn.citations,
        abstained=turn.abstained,
    )


def _guideline(guideline: Guideline) -> GuidelineOut:
    return GuidelineOut(
        id=guideline.id,
        text=guideline.text,
        criteria=[
            CriterionOut(name=one.name, asks=one.asks, anchors=dict(one.anchors))
            for one in criteria_of(guideline)
        ],
        examples=guideline.examples,
    )
