"""The way back: does a question find its passage, and does what is found give its answer?"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from eval_suites.scorers.match import states
from knowledge.content import stems
from knowledge.records import Passage
from knowledge.support import support
from loop.curate.rows import QUESTION
from loop.synthesize.drafts import Draft, bare

if TYPE_CHECKING:
    from loop.answer.records import Answer

SHOWN = 0.8  # share of an answer's words that must stand in the prompt
ALIKE = 0.5  # share of the shorter answer's words that two answers have in common


class Source(NamedTuple):
    """Where a part of an answer stands."""

    document: str
    version: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the round trip found; `reason` is empty when nothing speaks against the question."""

    reason: str = ""
    numbers: tuple[int, ...] = ()  # of the passages that the answer rests on, as they are shown
    figures: dict[str, Any] = field(default_factory=dict)


def round_trip(
    draft: Draft,
    sources: Sequence[Source],
    parent: Passage,
    answer: Answer,
    *,
    agree: bool,
) -> Checked:
    """Hold what the assistant found and said against what the passage alone says.

    Args:
        draft: The question and its answer from the passage alone.
        sources: Where each part of that answer stands, the parent first.
        parent: The passage as a whole.
        answer: What the assistant found and said, asked the question like any other.
        agree: Refuse where the assistant says something else; else that is only noted. Variants
            made by rule ask the same as the question they vary, which had to agree itself: that
            the assistant fails them is what they are for.
    """
    if not answer.interaction.messages:
        return Checked(reason="guard")
    ranks = [rank_of(source, answer.passages) for source in sources]
    told = " ".join(draft.answer)
    prompt = shown(answer.interaction.messages)
    said = bare(answer.text)
    alike = overlap(said, told)
    stated = all(states(said, fact) for fact in draft.facts)
    borne = support(said, answer.passages)
    grounded = sum(one.passage_number is not None for one in borne) / len(borne) if borne else 0.0
    figures: dict[str, Any] = {
        "rank": ranks[0],
        "said": answer.text,
        "abstained": answer.abstained,
        "stated": stated,
        "alike": round(alike, 4),
        "grounded": round(grounded, 4),
        "agrees": not answer.abstained
        and stated
        and grounded == 1.0
        and (bool(draft.facts) or alike >= ALIKE),
    }
    if not all(ranks):
        return Checked(reason="not_found", figures=figures)
    numbers = tuple(rank or 0 for rank in ranks)
    if not all(states(prompt, fact) for fact in draft.facts) or not _stands(told, prompt):
        return Checked(reason="not_shown", numbers=numbers, figures=figures)
    if draft.kind == "question" and not borne_out(draft.answer[0], parent):
        return Checked(reason="not_in_passage", numbers=numbers, figures=figures)
    reason = "" if figures["agrees"] or not agree else _disagreement(figures, bool(draft.facts))
    return Checked(reason=reason, numbers=numbers, figures=figures)


def rank_of(source: Source, passages: Sequence[Passage]) -> int | None:
    """The number, from 1, of the first passage shown that overlaps the source; None if none."""
    for number, passage in enumerate(passages, start=1):
        same = (passage.document, passage.version) == (source.document, source.version)
        if same and passage.start < source.end and source.start < passage.end:
            return number
    return None


def borne_out(answer: str, passage: Passage) -> bool:
    """Whether the passage bears out every sentence of an answer."""
    found = support(answer, [passage])
    return bool(found) and all(one.passage_number is not None for one in found)


def overlap(one: str, other: str) -> float:
    """Share of the shorter text's words that the other has too, in [0, 1].

    >>> overlap("The fee is 30 dollars.", "30 dollars")
    1.0
    """
    left, right = stems(one), stems(other)
    fewer = min(len(left), len(right))
    return len(left & right) / fewer if fewer else 0.0


def shown(messages: Sequence[dict[str, str]]) -> str:
    """The passages as the prompt shows them."""
    before, _, _ = messages[-1]["content"].rpartition(QUESTION)
    return html.unescape(before)


def _stands(answer: str, prompt: str) -> bool:
    own = stems(answer)
    return bool(own) and len(own & stems(prompt)) / len(own) >= SHOWN


def _disagreement(figures: dict[str, Any], has_facts: bool) -> str:
    if figures["abstained"]:
        return "abstained"
    if not figures["stated"]:
        return "other_figures"
    if not has_facts and figures["alike"] < ALIKE:
        return "other_answer"
    return "not_grounded"
