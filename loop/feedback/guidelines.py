"""What raters are asked to judge by, in versions: a rating names the one it was given under."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from knowledge.errors import RatchetError
from loop.feedback.guideline_file import written
from loop.feedback.rerating import sample
from loop.feedback.rubric import (
    Criterion,
    Draft,
    Example,
    criteria_rows,
    example_rows,
    problem_of,
)
from loop.settings import ReviewSettings
from loop.store.records import Guideline

if TYPE_CHECKING:
    from loop.store.store import Store

DEFAULT = Draft(
    name="helpful",
    text=(
        "Prefer the answer that is right by the passages shown, says where it stands, and is "
        "brief. An answer that says it does not know is better than a wrong one, and worse than a "
        "right one."
    ),
    criteria=(
        Criterion(
            name="correct",
            asks="Do the passages bear out every claim?",
            anchors={1: "a claim is wrong", 2: "right, but something is missing", 3: "all right"},
        ),
        Criterion(
            name="cited",
            asks="Does each claim name the passage that says so?",
            anchors={1: "no citation, or a wrong one", 2: "some claims", 3: "every claim"},
        ),
        Criterion(
            name="brief",
            asks="Is there nothing in it that was not asked for?",
            anchors={1: "mostly beside the point", 2: "a sentence too many", 3: "to the point"},
        ),
    ),
    examples=(
        Example(
            question="What does an outgoing international wire cost?",
            answer="An outgoing international wire costs 35 dollars [1].",
            scores={"correct": 3, "cited": 3, "brief": 3},
            why="The passage says 35 dollars, the answer cites it and says nothing else.",
        ),
        Example(
            question="Can I cancel a wire?",
            answer="Yes, always, and the fee is refunded. Ask at any branch; we are happy to help.",
            scores={"correct": 1, "cited": 1, "brief": 2},
            why="The passage allows it only before the wire is sent, and nothing is cited.",
        ),
    ),
)


def current(store: Store) -> Guideline:
    """The newest guideline; the first one is made when there is none."""
    newest = every(store)
    return newest[0] if newest else publish_draft(store, DEFAULT)


def publish(store: Store, name: str, text: str, criteria: Sequence[str]) -> Guideline:
    """A new version whose criteria are names on the usual scale; see `publish_draft`."""
    return publish_draft(
        store, Draft(name=name, text=text, criteria=[Criterion(name=one) for one in criteria])
    )


def publish_draft(
    store: Store, draft: Draft, *, review: ReviewSettings | None = None, at: datetime | None = None
) -> Guideline:
    """A new version of a guideline, which raters see from now on.

    Part of what was judged under the version before is queued to be judged again under this one:
    the sample stands in its `rerate`. The same words as the newest version are no new one.

    Args:
        store: Where it is kept.
        draft: What it says.
        review: How much is judged again; None takes the defaults.
        at: When; None is now.

    Raises:
        RatchetError: The name, the text, a criterion or an example cannot be used.
    """
    if problem := problem_of(draft):
        raise RatchetError(f"Guideline {draft.name!r}: {problem}. Nothing was published; mend it.")
    known = every(store)
    versions = [one for one in known if one.name == draft.name]
    if known and versions and known[0] == versions[0] and _content(versions[0]) == _drafted(draft):
        return versions[0]
    number = 1 + max((int(one.version) for one in versions if one.version.isdigit()), default=0)
    at = datetime.now(UTC) if at is None else at.astimezone(UTC)
    if known:  # the newest is the one that raters see, whatever the clock says
        at = max(at, known[0].at + timedelta(microseconds=1))
    id = f"{draft.name}@{number}"
    text, criteria, rubric, examples = _drafted(draft)
    made = Guideline(
        id=id,
        at=at,
        name=draft.name,
        version=str(number),
        text=text,
        criteria=criteria,
        rubric=rubric,
        examples=examples,
        rerate=sample(store, versions[0].id, id, review or ReviewSettings()) if versions else [],
    )
    store.append([made])
    if _content(named(store, id)) != _content(made):
        raise RatchetError(
            f"Guideline {made.id}: someone published that version at the same time. "
            "Look at it, then publish again."
        )
    return made


def every(store: Store) -> list[Guideline]:
    """All guidelines, newest first."""
    from loop.store.tables import from_row

    return [from_row(Guideline, row) for row in store.query("guidelines")]


def named(store: Store, id: str) -> Guideline:
    """The guideline "name@version"; of a bare name the newest version.

    Raises:
        RatchetError: There is none.
    """
    known = every(store)
    found = next((one for one in known if id in (one.id, one.name)), None)
    if found is None:
        near = difflib.get_close_matches(id, [one.id for one in known], n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "See `ratchet guidelines list`."
        raise RatchetError(f"There is no guideline {id!r}. {hint}")
    return found


def before(store: Store, guideline: Guideline) -> Guideline | None:
    """The version that this one replaced; None if it is the first of its name."""
    older = [one for one in every(store) if one.name == guideline.name and one.at < guideline.at]
    return older[0] if older else None


def difference(old: Guideline, new: Guideline) -> str:
    """What changed between two guidelines, line by line; empty if they say the same."""
    lines = difflib.unified_diff(
        written(old).splitlines(), written(new).splitlines(), old.id, new.id, lineterm="", n=2
    )
    return "\n".join(lines)


Content = tuple[str, list[str], list[dict[str, object]], list[dict[str, object]]]


def _drafted(draft: Draft) -> Content:
    return (
        draft.text,
        [one.name for one in draft.criteria],
        criteria_rows(draft.criteria),
        example_rows(draft.examples),
    )


def _content(guideline: Guideline) -> Content:
    return guideline.text, guideline.criteria, guideline.rubric, guideline.examples
