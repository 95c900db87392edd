"""The time after a promotion: guardrails are watched, and what breaks one is rolled back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from loop.decide.promote import rollback
from loop.experiments.guardrails import Guarded, broken, guarded, guardrail_of
from loop.experiments.measure import Plan, measure
from loop.experiments.people import Arms, people_of_table
from loop.settings import Settings
from loop.store.named import WATCH

if TYPE_CHECKING:
    from loop.store.store import Store

SIDES = Arms("before", "since")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the watch over the newest promotion comes to."""

    verdict: Literal["nothing", "over", "sound", "rolled_back", "broken"]
    sentence: str
    adapter: str | None = None
    previous: str | None = None
    since: datetime | None = None
    until: datetime | None = None  # when the watch ends
    people: dict[str, int] | None = None  # side → people, before and since
    guardrails: tuple[Guarded, ...] = ()


def watch(
    store: Store,
    settings: Settings,
    *,
    at: datetime,
    actor: str = "watch",
    act: bool = True,
) -> Watch:
    """Hold the champion's answers since its promotion against those just before it.

    It may be run as often as one likes: the intervals are valid at any time, and guardrails share
    the level among them. Time is confounded with the change here, as it is not in an A/B test, so
    this is for harm only and says nothing of what got better.

    Args:
        store: Holds answers and ratings, and makes the rollback in one transaction.
        settings: Guardrails, length and level of the watch.
        at: Now, UTC.
        actor: Who rolls back.
        act: Roll back; without it only say so.

    Raises:
        RatchetError: A guardrail is not written as it should be, or what to roll back to is not
            sound.

    Source: Waudby-Smith et al. 2024 (asymptotic confidence sequence); jackknife over people.
    """
    rules = [guardrail_of(text) for text in settings.watch.guardrails]
    promotions = store.query("promotions", assistant=settings.assistant.name)
    if not promotions or promotions[0]["kind"] != "promote" or not rules:
        return Watch(verdict="nothing", sentence="There is no promotion to watch over.")
    newest = promotions[0]
    since, adapter, previous = newest["at"], str(newest["adapter"]), str(newest["previous"])
    length = timedelta(days=settings.watch.days)
    if at >= since + length:
        words = f"The watch over {adapter} ended on {since + length:%Y-%m-%d %H:%M}."
        return Watch(verdict="over", sentence=words, adapter=adapter, previous=previous)
    held, people = [], {}
    for rule in rules:
        given = {
            "assistant": settings.assistant.name,
            "adapter": adapter,
            "previous": previous,
            "since": since,
            "start": since - length,
        }
        table = pa.concat_tables(store.scan(WATCH + rule.metric, **given))
        theirs = people_of_table(table, SIDES)
        people = dict(theirs.shown)
        plan = Plan(None, settings.watch.alpha / len(rules), True, (theirs.total,), 0)
        enough = min(theirs.raters(side) for side in SIDES) >= settings.watch.minimum
        held.append(guarded(rule, measure(theirs, SIDES, plan), enough=enough))
    found = Watch(
        verdict="broken" if broken(held) else "sound",
        sentence=_sentence(adapter, held),
        adapter=adapter,
        previous=previous,
        since=since,
        until=since + length,
        people=people,
        guardrails=tuple(held),
    )
    return _back(store, found, settings, actor) if act and broken(held) else found


def _back(store: Store, found: Watch, settings: Settings, actor: str) -> Watch:
    evidence: dict[str, Any] = {
        "watch": [asdict(one) for one in found.guardrails],
        "people": found.people,
    }
    done = rollback(
        store,
        settings.assistant.name,
        actor=actor,
        reason=found.sentence,
        evidence=evidence,
        expected_champion=found.adapter,
    )
    words = f"{found.sentence} Rolled back to {done['adapter']}."
    return replace(found, verdict="rolled_back", sentence=words)


def _sentence(adapter: str, held: list[Guarded]) -> str:
    bad = broken(held)
    if bad:
        return f"Since {adapter} answers, {' '.join(one.says for one in bad)}"
    return f"No harm is shown since {adapter} answers: {' '.join(one.says for one in held)}"
