"""A/B tests on the people who ask: declare one, look at it, end it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from knowledge.errors import RatchetError
from loop.experiments.analysis import Analysis, analyze_people
from loop.experiments.guardrails import broken, guardrail_of
from loop.experiments.people import Arms, People, people_of_table
from loop.settings import Settings
from loop.store.ids import new_id
from loop.store.named import METRIC
from loop.store.records import Experiment, ExperimentEvent
from loop.store.tables import from_row

if TYPE_CHECKING:
    from loop.store.store import Store

CONTROL, CANDIDATE = "champion", "candidate"


def start(
    store: Store,
    settings: Settings,
    candidate: str,
    *,
    share: float,
    actor: str,
    at: datetime,
    id: str | None = None,
    simulated: bool = False,
    horizon: int | None = None,
) -> Experiment:
    """Send a share of people to a candidate and the others to the champion.

    Args:
        store: Where it is declared and started, in one transaction.
        settings: Name the assistant, and horizon, level and metric where none is given.
        candidate: A registered adapter.
        share: Of people who get the candidate, above 0 and below 1.
        actor: Who starts it.
        at: Now, UTC; the store notes its own time.
        id: Its name; None makes one.
        simulated: It is for simulated people and no others.
        horizon: People planned over both arms.

    Raises:
        RatchetError: The candidate is not registered or is champion already, a number is out of
            range, or another test is still running.
    """
    from loop.models.registry import champion

    for written in settings.experiment.guardrails:
        guardrail_of(written)
    if not 0 < share < 1:
        raise RatchetError(f"share is {share}, expected above 0 and below 1, such as 0.5.")
    name, declared = settings.assistant.name, settings.experiment
    control = champion(store, name)
    if candidate == control:
        raise RatchetError(f"{candidate} is the champion of {name!r} already. Nothing was started.")
    made = store.command(
        "start_experiment",
        assistant=name,
        metric=declared.metric,
        arms=[
            {"name": CONTROL, "adapter": control, "share": 1 - share},
            {"name": CANDIDATE, "adapter": candidate, "share": share},
        ],
        horizon=horizon or declared.horizon,
        alpha=declared.alpha,
        guardrails=list(declared.guardrails),
        actor=actor,
        simulated=simulated,
        id=id or new_id(),
    )
    return experiment_of(store, str(made["experiment"]))


def look(
    store: Store, settings: Settings, experiment: str, *, at: datetime, id: str | None = None
) -> Analysis:
    """What a test shows by now; the look is recorded, because looks are what alpha is spent on.

    A guardrail that is broken stops the test at once. The first look at the horizon is the last
    that counts: what comes after it is left out of later ones, or the level would be spent again.

    Args:
        store: Holds exposures, ratings and earlier looks.
        settings: How many people an arm needs.
        experiment: Its id.
        at: Now, UTC.
        id: Of the recorded look; None makes one.

    Raises:
        RatchetError: There is no such test.
    """
    declared = experiment_of(store, experiment)
    events = store.query("experiment_events", experiment=experiment)
    earlier = [event for event in events if event["kind"] == "look"]
    people = [sum(event["detail"]["users"].values()) for event in earlier]
    ends = [e["at"] for e, n in zip(earlier, people, strict=True) if n >= declared.horizon]
    until = min(ends, default=None)
    control, other = (str(arm["name"]) for arm in declared.arms)
    arms = Arms(control, other)

    def people_by(metric: str) -> People:
        given = {"experiment": experiment, "other": other, "until": until}
        return people_of_table(pa.concat_tables(store.scan(METRIC + metric, **given)), arms)

    found = analyze_people(
        people_by(declared.metric),
        arms,
        horizon=declared.horizon,
        alpha=declared.alpha,
        shares=[float(arm["share"]) for arm in declared.arms],
        looks=people,
        minimum_per_arm=settings.experiment.minimum_per_arm,
        guardrails={
            rule: people_by(rule.metric) for rule in map(guardrail_of, declared.guardrails)
        },
    )
    event = ExperimentEvent(
        id=id or new_id(),
        at=at,
        experiment=experiment,
        kind="look",
        actor="look",
        detail=asdict(found),
    )
    store.append([event])
    if broken(found.guardrails) and found.verdict == "ROLLBACK" and is_running(store, experiment):
        stop(store, experiment, actor="look", reason=found.sentence)
    return found


def tend(store: Store, settings: Settings, *, at: datetime) -> dict[str, Analysis]:
    """Look at every test of the assistant that runs; what does harm is stopped.

    Args:
        store: Holds the tests.
        settings: Name the assistant.
        at: Now, UTC.

    Returns:
        Experiment → what it shows.
    """
    rows = store.query("experiments", assistant=settings.assistant.name)
    running = [str(row["id"]) for row in rows if row["status"] == "running"]
    return {id: look(store, settings, id, at=at) for id in running}


def is_running(store: Store, experiment: str) -> bool:
    """Whether people are sent to its arms."""
    return bool(store.query("experiment", id=experiment)[0]["status"] == "running")


def stop(store: Store, experiment: str, *, actor: str, reason: str) -> None:
    """End a test: nobody is sent to its arms any more.

    Raises:
        RatchetError: There is no such test, or it does not run.
    """
    store.command("stop_experiment", experiment=experiment, actor=actor, reason=reason)


def experiment_of(store: Store, id: str) -> Experiment:
    """A declared test.

    Raises:
        RatchetError: There is none of this id.
    """
    rows = store.query("experiment", id=id)
    if not rows:
        raise RatchetError(f"No experiment {id!r}. See `ratchet experiment status`.")
    return from_row(Experiment, rows[0])
