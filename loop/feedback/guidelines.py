"""What raters are asked to judge by, in versions: a rating names the one it was given under."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from knowledge.errors import RatchetError
from loop.store.records import Guideline

if TYPE_CHECKING:
    from loop.store.store import Store

DEFAULT_NAME = "helpful"
DEFAULT_TEXT = (
    "Prefer the answer that is right by the passages shown, says where it stands, and is brief. "
    "An answer that says it does not know is better than a wrong one, and worse than a right one."
)
DEFAULT_CRITERIA = ("correct", "cited", "brief")


def current(store: Store) -> Guideline:
    """The newest guideline; the first one is made when there is none."""
    newest = _all(store)
    if newest:
        return newest[0]
    return publish(store, DEFAULT_NAME, DEFAULT_TEXT, DEFAULT_CRITERIA)


def publish(store: Store, name: str, text: str, criteria: Sequence[str]) -> Guideline:
    """A new version of a guideline, which raters see from now on.

    The same words as the newest version are no new one.

    Raises:
        RatchetError: The name, the text or a criterion cannot be used.
    """
    problem = _problem(name, text, criteria)
    if problem:
        raise RatchetError(f"Guideline {name!r}: {problem}. Nothing was published; mend it.")
    every = _all(store)
    versions = [one for one in every if one.name == name]
    if every and versions and every[0] == versions[0]:
        newest = versions[0]
        if (newest.text, newest.criteria) == (text, list(criteria)):
            return newest
    version = str(
        1 + max((int(one.version) for one in versions if one.version.isdigit()), default=0)
    )
    at = datetime.now(UTC)
    if every:  # the newest is the one that raters see, whatever the clock says
        at = max(at, every[0].at + timedelta(microseconds=1))
    made = Guideline(
        id=f"{name}@{version}",
        at=at,
        name=name,
        version=version,
        text=text,
        criteria=list(criteria),
    )
    store.append([made])
    [kept] = store.query("guideline", id=made.id)
    if (kept["text"], kept["criteria"]) != (made.text, made.criteria):
        raise RatchetError(
            f"Guideline {made.id}: someone published that version at the same time. "
            "Look at it, then publish again."
        )
    return made


def _all(store: Store) -> list[Guideline]:
    from loop.store.tables import from_row

    return [from_row(Guideline, row) for row in store.query("guidelines")]


def _problem(name: str, text: str, criteria: Sequence[str]) -> str | None:
    """Why this cannot be a guideline; None if it can."""
    if not name.strip() or "@" in name or name != name.strip() or len(name) > 100:
        return "a name is 1 to 100 characters without @ and without spaces around it"
    if not text.strip():
        return "the text is blank; say what to judge by"
    if any(not one.strip() for one in criteria) or len(set(criteria)) < len(criteria):
        return "criteria must be words, each once"
    return None
