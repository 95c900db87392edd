"""Charts of the Training page: loss, cost against improvement, spend by week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from dashboards.charts import NEW, OLD, WORSE, Layers
from dashboards.spending import Bought, Sum
from loop.train.live import Point


def losses(points: Sequence[Point]) -> alt.Chart:
    """The training loss, step by step."""
    rows = [{"step": point.step, "loss": point.loss} for point in points]
    chart: alt.Chart = (
        _over(rows)
        .mark_line(color=NEW, strokeWidth=2, point=alt.OverlayMarkDef(size=16, color=NEW))
        .encode(
            x=alt.X("step:Q", title="step", axis=alt.Axis(format=",d", tickMinStep=1)),
            y=alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=False)),
            tooltip=[alt.Tooltip("step:Q"), alt.Tooltip("loss:Q", format=".4f")],
        )
        .properties(height=220)
    )
    return chart


def improvements(some: Sequence[Bought], *, unit: str, metric: str) -> Layers:
    """What each run cost against what it brought, with the improvement's interval."""
    rows = [
        {
            "run": one.run,
            "method": one.method,
            "cost": one.cost,
            "points": one.points,
            "low": one.low,
            "high": one.high,
            "reading": one.reading,
            "per point": one.per_point,
        }
        for one in some
    ]
    title = f"points of {metric}"
    base = _over(rows).encode(
        x=alt.X("cost:Q", title=f"cost, {unit}", scale=_scale([one.cost for one in some])),
        color=alt.Color(
            "reading:N",
            title=None,
            scale=alt.Scale(domain=["better", "not clear", "worse"], range=[NEW, OLD, WORSE]),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=[
            alt.Tooltip("run:N"),
            alt.Tooltip("method:N"),
            alt.Tooltip("cost:Q", title=unit, format=".3~g"),
            alt.Tooltip("points:Q", format="+.2f"),
            alt.Tooltip("low:Q", format="+.2f"),
            alt.Tooltip("high:Q", format="+.2f"),
            alt.Tooltip("per point:N", title="cost per point"),
        ],
    )
    zero = _over([{"zero": 0}]).mark_rule(opacity=0.4).encode(y="zero:Q")
    lines = base.mark_rule(strokeWidth=2, opacity=0.7).encode(
        y=alt.Y("low:Q", title=title), y2="high:Q"
    )
    dots = base.mark_point(size=80, filled=True, opacity=1).encode(y=alt.Y("points:Q", title=title))
    return alt.layer(zero, lines, dots).properties(height=320)


def spend(weeks: Sequence[Sum], *, unit: str) -> Layers:
    """Spend since the first run, week by week."""
    rows = [
        {"week": w.week.isoformat(), "spent": w.spent, "total": w.total, "runs": w.runs}
        for w in weeks
    ]
    base = _over(rows).encode(
        x=alt.X("yearmonthdate(week):T", title="week", axis=alt.Axis(format="%d %b %Y")),
        y=alt.Y("total:Q", title=f"spent, {unit}"),
        tooltip=[
            alt.Tooltip("week:N", title="week of"),
            alt.Tooltip("runs:Q"),
            alt.Tooltip("spent:Q", title=f"that week, {unit}", format=",.3~g"),
            alt.Tooltip("total:Q", title=f"so far, {unit}", format=",.3~g"),
        ],
    )
    area = base.mark_area(color=NEW, opacity=0.12, interpolate="step-after")
    line = base.mark_line(color=NEW, strokeWidth=2, interpolate="step-after")
    dots = base.mark_point(color=NEW, size=50, filled=True, opacity=1)
    return alt.layer(area, line, dots).properties(height=260)


def _scale(costs: Sequence[float]) -> alt.Scale:
    """From zero; by powers of ten where costs lie too far apart to be told from one another."""
    low, high = min(costs), max(costs)
    if 0 < low < high / 30:
        return alt.Scale(type="log", nice=False, padding=24)
    return alt.Scale(domainMin=0)


def _over(rows: Sequence[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]
