"""What a guideline asks: criteria with the anchors of their scales, and worked examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loop.store.records import Guideline

SCALE: Mapping[int, str] = {1: "no", 2: "partly", 3: "yes"}  # of a criterion that names no anchors
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing to judge an answer by."""

    name: str
    asks: str = ""  # the question to ask oneself
    anchors: Mapping[int, str] = field(default_factory=lambda: dict(SCALE))  # score → what it means


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An answer with the scores it should get, and why."""

    question: str
    answer: str
    scores: Mapping[str, int]  # criterion → score
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A guideline that is not published yet."""

    name: str
    text: str
    criteria: Sequence[Criterion] = ()
    examples: Sequence[Example] = ()


def criteria_of(guideline: Guideline) -> list[Criterion]:
    """The criteria, in order; those of a guideline without a rubric get the usual scale."""
    told = {str(row["name"]): row for row in guideline.rubric}
    return [
        Criterion(
            name=name,
            asks=str(told.get(name, {}).get("asks", "")),
            anchors={
                int(score): str(meaning)
                for score, meaning in sorted(
                    told.get(name, {}).get("anchors", SCALE).items(), key=lambda item: int(item[0])
                )
            },
        )
        for name in guideline.criteria
    ]


def examples_of(guideline: Guideline) -> list[Example]:
    """The worked examples, in order."""
    return [
        Example(
            question=str(row["question"]),
            answer=str(row["answer"]),
            scores={str(name): int(score) for name, score in row["scores"].items()},
            why=str(row["why"]),
        )
        for row in guideline.examples
    ]


def criteria_rows(criteria: Iterable[Criterion]) -> list[dict[str, Any]]:
    """Criteria as a guideline's row keeps them."""
    return [
        {
            "name": one.name,
            "asks": one.asks,
            "anchors": {str(score): one.anchors[score] for score in sorted(one.anchors)},
        }
        for one in criteria
    ]


def example_rows(examples: Iterable[Example]) -> list[dict[str, Any]]:
    """Worked examples as a guideline's row keeps them."""
    return [
        {
            "question": one.question,
            "answer": one.answer,
            "scores": dict(one.scores),
            "why": one.why,
        }
        for one in examples
    ]


def problem_of(draft: Draft) -> str | None:
    """Why a draft cannot be a guideline; None if it can.

    >>> problem_of(Draft(name="helpful", text="Prefer what helps.")) is None
    True
    >>> problem_of(Draft(name="a@b", text="Prefer what helps."))
    'a name is 1 to 100 characters without @ and without spaces around it'
    """
    name = draft.name
    if not name.strip() or "@" in name or name != name.strip() or len(name) > LONGEST_NAME:
        return f"a name is 1 to {LONGEST_NAME} characters without @ and without spaces around it"
    if not draft.text.strip():
        return "the text is blank; say what to judge by"
    names = [one.name for one in draft.criteria]
    if any(not one.strip() for one in names) or len(set(names)) < len(names):
        return "criteria must be words, each once"
    known = {one.name: one for one in draft.criteria}
    found = [criterion_problem(one) for one in draft.criteria]
    found += [example_problem(one, known) for one in draft.examples]
    return next((one for one in found if one), None)


def criterion_problem(one: Criterion) -> str | None:
    """Why a criterion cannot be judged by; None if it can."""
    if len(one.anchors) < 2:
        return f"criterion {one.name!r} has {len(one.anchors)} anchors, expected at least two"
    if blank := next((score for score, said in one.anchors.items() if not said.strip()), None):
        return f"criterion {one.name!r}: anchor {blank} is blank; say what that score means"
    return None


def example_problem(one: Example, known: Mapping[str, Criterion]) -> str | None:
    """Why an example does not fit the criteria; None if it does."""
    shown = f"example {' '.join(one.question.split())[:40]!r}"
    if not one.question.strip() or not one.answer.strip() or not one.why.strip():
        return f"{shown} needs a question, an answer and why it is scored so"
    for name, score in one.scores.items():
        if name not in known:
            return f"{shown} scores {name!r}, which is no criterion; known: {', '.join(known)}"
        low, high = min(known[name].anchors), max(known[name].anchors)
        if not low <= score <= high:
            return f"{shown} scores {name!r} {score}, expected {low} to {high}"
    return None
