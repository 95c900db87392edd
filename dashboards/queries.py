"""Every read of every page, typed. Personal data that no passage holds is masked on the way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dashboards import source
from dashboards.records import (
    Arm,
    Day,
    Evaluated,
    Figure,
    Home,
    Lineage,
    Listed,
    Look,
    Origin,
    Recent,
    Trial,
    Waiting,
)
from loop.answer.outflow import mask_new
from loop.decide.promote import last_decision, standing_of
from loop.models import registry
from loop.store.approvals import Standing
from loop.store.champion import history
from loop.store.records import (
    Adapter,
    AuditEvent,
    Dataset,
    DatasetRow,
    Decision,
    Experiment,
    Guideline,
    Interaction,
    Rating,
    Run,
)
from loop.store.tables import from_row

SRM_ALARM = 0.001  # a split less likely than this is a fault, not chance
PARENTS = 20  # generations of an adapter that are shown, at most


def home() -> Home:
    """Where the loop stands."""
    here = source.here()
    suite, _, metric = here.settings.gate.improve.partition(":")
    [row] = here.store.query("dash_home", assistant=here.assistant, suite=suite, metric=metric)
    figure = ("mean", "low", "high", "n")
    kept = {name: value for name, value in row.items() if name not in figure}
    return Home(**kept, gate_metric=here.settings.gate.improve, score=_figure(row))


def daily(days: int = 30) -> list[Day]:
    """Ratings per day up to the newest, oldest first."""
    here = source.here()
    return [Day(**r) for r in here.store.query("dash_daily", assistant=here.assistant, days=days)]


def activity(limit: int = 10) -> list[AuditEvent]:
    """The newest acts on record, newest first."""
    return [from_row(AuditEvent, r) for r in source.here().store.query("audit_events", limit=limit)]


def waiting(limit: int = 20) -> list[Waiting]:
    """Conversations handed over to a person, oldest first."""
    here = source.here()
    rows = here.store.query("dash_tickets", assistant=here.assistant, limit=limit)
    return [Waiting(**{**row, "question": mask_new(row["question"], ())}) for row in rows]


def champion() -> str:
    """The adapter that answers now, or "base"."""
    here = source.here()
    return registry.champion(here.store, here.assistant)


def guideline() -> Guideline:
    """What raters are asked to judge by now."""
    from loop.feedback.guidelines import current

    return current(source.here().store)


def interaction(id: str) -> Interaction | None:
    """One answer as a rater may see it; None when there is none."""
    rows = source.here().store.query("interaction", id=id)
    return masked(from_row(Interaction, rows[0])) if rows else None


def ratings(interaction: str, rater: str) -> list[Rating]:
    """What was said of one answer, oldest first, as far as this rater may see it."""
    from loop.feedback.judge import said_of

    found = said_of(source.here().store, interaction, rater)
    return [_masked_rating(one) for one in found]


def recent_ratings(rater: str | None, limit: int = 20) -> list[Recent]:
    """The newest ratings of all raters, newest first; what this one may not see yet is hidden."""
    here = source.here()
    rows = here.store.query(
        "dash_recent_ratings", assistant=here.assistant, rater=rater or "", limit=limit
    )
    return [
        Recent(
            rating=_masked_rating(from_row(Rating, row)),
            question=mask_new(row["question"], ()),
            hidden=row["hidden"],
        )
        for row in rows
    ]


def evaluated() -> list[Evaluated]:
    """Adapters that have scores, newest first."""
    here = source.here()
    return [Evaluated(**r) for r in here.store.query("dash_evaluated", assistant=here.assistant)]


def decisions(limit: int = 20) -> list[Decision]:
    """The gate's newest verdicts, newest first."""
    here = source.here()
    rows = here.store.query("dash_decisions", assistant=here.assistant, limit=limit)
    return [from_row(Decision, row) for row in rows]


def trials() -> list[Trial]:
    """A/B tests, newest first."""
    here = source.here()
    rows = here.store.query("dash_experiments", assistant=here.assistant)
    return [
        Trial(experiment=from_row(Experiment, row), status=row["status"], users=row["users"])
        for row in rows
    ]


def arms(experiment: Experiment) -> list[Arm]:
    """The arms of a test as planned, with who was seen in each."""
    seen = {r["arm"]: r for r in source.here().store.query("dash_arms", experiment=experiment.id)}
    total = sum(float(arm["share"]) for arm in experiment.arms) or 1.0
    return [
        Arm(
            name=str(arm["name"]),
            adapter=str(arm["adapter"]),
            share=float(arm["share"]) / total,
            users=int(seen.get(arm["name"], {}).get("users", 0)),
            answers=int(seen.get(arm["name"], {}).get("answers", 0)),
        )
        for arm in experiment.arms
    ]


def looks(experiment: str) -> list[Look]:
    """The analyses of a test on record, oldest first."""
    rows = source.here().store.query("experiment_events", experiment=experiment)
    found = [row for row in rows if row["kind"] == "look"]
    return [_look(number, row) for number, row in enumerate(found, 1)]


def adapters(labels: Mapping[str, str] | None = None) -> list[Listed]:
    """The newest adapters, newest first; with labels, only those that carry them."""
    here = source.here()
    suite, _, metric = here.settings.gate.improve.partition(":")
    rows = here.store.query(
        "dash_adapters", assistant=here.assistant, suite=suite, metric=metric, **(labels or {})
    )
    now = champion()
    return [
        Listed(
            adapter=from_row(Adapter, row),
            method=row["method"],
            seconds=row["seconds"],
            dataset_rows=row["dataset_rows"],
            score=_figure(row),
            verdict=row["verdict"],
            judged_against=row["judged_against"],
            champion=row["id"] == now,
            pruned_at=row["pruned_at"],
        )
        for row in rows
    ]


def verdict_on(candidate: str) -> tuple[Decision, Standing] | None:
    """The newest verdict on a candidate, and where it stands; None if it was never judged."""
    here = source.here()
    row, least = last_decision(here.store, here.assistant, candidate), here.settings.gate.approvals
    return (from_row(Decision, row), standing_of(here.store, row, least)) if row else None


def labels() -> dict[str, list[str]]:
    """Each label that adapters may carry, with the values that some do."""
    here = source.here()
    rows = here.store.query("adapter_labels", assistant=here.assistant)
    return {
        name: sorted({row[name] for row in rows if row[name]})
        for name in ("domain", "language", "segment")
    }


def previous_champion() -> str | None:
    """What a rollback would bring back; None when there is nothing to go back to."""
    here = source.here()
    champions = history(here.store.query("promotions", assistant=here.assistant))
    return champions[-2] if len(champions) > 1 else None


def lineage(adapter_id: str) -> Lineage | None:
    """What an adapter was made from; None when there is no such adapter."""
    store = source.here().store
    rows = store.query("adapter", id=adapter_id)
    if not rows:
        return None
    adapter = from_row(Adapter, rows[0])
    runs = store.query("run", id=adapter.run)
    datasets = store.query("dataset", id=adapter.dataset)
    origins = store.query("dash_lineage", adapter=adapter.id)
    some = store.query("dash_lineage_rows", adapter=adapter.id)
    return Lineage(
        adapter=adapter,
        parents=_parents(adapter),
        run=from_row(Run, runs[0]) if runs else None,
        dataset=from_row(Dataset, datasets[0]) if datasets else None,
        origins=[Origin(**row) for row in origins],
        rows=[from_row(DatasetRow, row) for row in some],
    )


def _parents(adapter: Adapter) -> list[str]:
    found: list[str] = []
    parent = adapter.parent
    while parent and parent not in found and len(found) < PARENTS:
        found.append(parent)
        rows = source.here().store.query("adapter", id=parent)
        parent = rows[0]["parent"] if rows else None
    return found


def _figure(row: Mapping[str, Any]) -> Figure | None:
    if row["mean"] is None:
        return None
    return Figure(mean=row["mean"], low=row["low"], high=row["high"], n=row.get("n"))


def _look(number: int, row: Mapping[str, Any]) -> Look:
    detail: Mapping[str, Any] = row["detail"]
    low, high = detail.get("ci") or (None, None)
    health = detail.get("health") or {}
    per_arm = health.get("users")
    return Look(
        at=row["at"],
        number=number,
        users=sum(per_arm.values()) if isinstance(per_arm, dict) else None,
        estimate=detail.get("estimate"),
        low=low,
        high=high,
        p_value=detail.get("p_value"),
        verdict=str(detail.get("verdict", "")),
        sentence=str(detail.get("sentence", "")),
        method=str(detail.get("method", "")),
        srm=_srm(health),
        checks=_checks(health),
        guardrails=detail.get("guardrails") or (),
    )


def _srm(health: Mapping[str, Any]) -> float | None:
    found = health.get("srm_pvalue")  # the one that the verdict goes by
    return float(found) if isinstance(found, int | float) else None


def _checks(health: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Figures of a look's health as text, per arm where they are."""
    found = []
    for name, value in health.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{arm}: {_short(one)}" for arm, one in value.items())
        found.append((name, _short(value)))
    return found


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def masked(turn: Interaction) -> Interaction:
    """With the personal data masked that is not in the passages, which are nobody's."""
    shown = [str(passage.get("text", "")) for passage in turn.passages]
    return replace(
        turn, question=mask_new(turn.question, shown), answer=mask_new(turn.answer, shown)
    )


def _masked_rating(rating: Rating) -> Rating:
    return rating if rating.text is None else replace(rating, text=mask_new(rating.text, ()))
