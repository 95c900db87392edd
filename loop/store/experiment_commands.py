"""Commands that start and stop an A/B test."""

from __future__ import annotations

import math
from typing import Any

from knowledge.errors import RatchetError
from loop.store.act import Act, Result
from loop.store.adapter_commands import refuse_unfit
from loop.store.champion import BASE
from loop.store.ids import id_of, new_id
from loop.store.named import metrics
from loop.store.records import Experiment, ExperimentEvent


def start_experiment(
    act: Act,
    *,
    assistant: str,
    metric: str,
    arms: list[dict[str, Any]],
    horizon: int,
    actor: str,
    salt: str = "",
    alpha: float = 0.05,
    simulated: bool = False,
    guardrails: list[str] | None = None,
    reason: str = "",
    id: str = "",
) -> Result:
    """Declare an A/B test and start it; an assistant runs one at a time."""
    id = id or new_id()
    if act.query("experiment", id=id):
        return {"experiment": id, "event": id_of(id, "start")}
    known = {BASE, *(row["id"] for row in act.query("adapters", assistant=assistant))}
    if problem := _problem(metric, arms, horizon, alpha, known):
        raise RatchetError(f"{problem} Nothing was started.")
    for arm in arms:
        refuse_unfit(act, str(arm["adapter"]))
    for row in act.query("experiments", assistant=assistant):
        if row["status"] == "running":
            raise RatchetError(
                f"{assistant}: experiment {row['id']} is still running. "
                f"Stop it first with `ratchet experiment stop {row['id']}`."
            )
    declared = Experiment(
        id=id,
        at=act.at,
        assistant=assistant,
        metric=metric,
        arms=arms,
        salt=salt or id,
        horizon=horizon,
        alpha=alpha,
        simulated=simulated,
        guardrails=guardrails or [],
    )
    event = ExperimentEvent(
        id=id_of(id, "start"),
        at=act.at,
        experiment=id,
        kind="start",
        actor=actor,
        detail={"reason": reason},
    )
    act.record(
        declared,
        event,
        id=id_of(event.id, "audit"),
        actor=actor,
        action="start_experiment",
        subject=id,
        detail={
            "reason": reason,
            "assistant": assistant,
            "metric": metric,
            "arms": arms,
            "guardrails": guardrails or [],
        },
    )
    return {"experiment": id, "event": event.id}


def stop_experiment(act: Act, *, experiment: str, actor: str, reason: str, id: str = "") -> Result:
    """End a running A/B test."""
    rows = act.query("experiment", id=experiment)
    if not rows:
        raise RatchetError(f"No experiment {experiment!r}. See `ratchet experiment status`.")
    if id and any(e["id"] == id for e in act.query("experiment_events", experiment=experiment)):
        return {"experiment": experiment, "event": id}
    if rows[0]["status"] != "running":
        raise RatchetError(f"Experiment {experiment} is not running. Nothing was changed.")
    event = ExperimentEvent(
        id=id or new_id(),
        at=act.at,
        experiment=experiment,
        kind="stop",
        actor=actor,
        detail={"reason": reason},
    )
    act.record(
        event,
        id=id_of(event.id, "audit"),
        actor=actor,
        action="stop_experiment",
        subject=experiment,
        detail={"reason": reason},
    )
    return {"experiment": experiment, "event": event.id}


def _problem(
    metric: str, arms: list[dict[str, Any]], horizon: int, alpha: float, adapters: set[str]
) -> str | None:
    """Why a test cannot be run as declared; None if it can."""
    known = metrics()
    if metric not in known:
        return f"There is no metric {metric!r}; known: {', '.join(known)}."
    if len(arms) < 2:
        return f"A test needs at least two arms, this one has {len(arms)}."
    if horizon < len(arms):
        return f"horizon is {horizon}, expected people over all arms, at least {len(arms)}."
    if not 0 < alpha < 1:
        return f"alpha is {alpha}, expected a number between 0 and 1."
    names = [str(arm.get("name", "")) for arm in arms]
    if "" in names or len(set(names)) < len(names):
        return f"The arms are named {names}, expected a different name each."
    for name, arm in zip(names, arms, strict=True):
        share = arm.get("share")
        if not isinstance(share, int | float) or not math.isfinite(share) or share <= 0:
            return f"Arm {name!r} has share {share!r}, expected a number above 0."
        if arm.get("adapter") not in adapters:
            return (
                f"Arm {name!r} names adapter {arm.get('adapter')!r}, which is not registered for "
                "this assistant; see `ratchet adapters list`."
            )
    return None
