"""Rows of reviewing: what to judge by, what happens in the queue, what is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Guideline:
    """What raters are asked to judge by. id is "name@version"."""

    id: str
    at: datetime
    name: str
    version: str
    text: str
    criteria: list[str] = field(default_factory=list)
    rubric: list[dict[str, Any]] = field(default_factory=list)  # see loop.feedback.rubric
    examples: list[dict[str, Any]] = field(default_factory=list)
    rerate: list[str] = field(default_factory=list)  # interactions to be judged again under it


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewEvent:
    """Something a rater did in the review queue; the newest on an item says how they stand."""

    id: str
    at: datetime
    assistant: str
    rater: str
    item: str  # an interaction, or two, sorted, with a space between: a pair to compare
    kind: Literal["lease", "release", "skip", "undo", "done"]
    reason: str = ""  # lease: why it was given; skip: why it was passed on
    text: str | None = None  # lease: which experiment or guideline; skip: in the rater's words
    until: datetime | None = None  # lease: when it ends
    about: str | None = None  # the event it ends or takes back
    judgements: list[str] = field(default_factory=list)  # done: given; undo: taken back


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """An item whose right judgement is known. A later row on the same item and kind replaces it."""

    id: str
    at: datetime
    assistant: str
    item: str  # as in ReviewEvent
    kind: Literal["thumb", "stars", "comparison"]
    value: float  # thumb −1/+1, stars 1–5; comparison −1 the first of the item is better, 0 tie, 1
    why: str
    by: str  # who says so
