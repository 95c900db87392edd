"""Charts: old against new with intervals, a test look by look, ratings per day, abstaining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from dashboards.records import Abstention, Day, Figure, Look, MetricPair

NEW, OLD, WORSE = "#0f766e", "#94a3b8", "#b45309"
ROW = 46  # pixels a metric takes
Layers = alt.LayerChart | alt.FacetChart


def intervals(pairs: Sequence[MetricPair], *, candidate: str, reference: str) -> Layers:
    """Each metric of both adapters as a dot on its 95 % interval, one row a metric.

    Args:
        pairs: At least one.
        candidate: Drawn strong.
        reference: Drawn pale.
    """
    rows = [
        _dot(pair.name, who, figure)
        for pair in pairs
        for who, figure in ((reference, pair.reference), (candidate, pair.candidate))
    ]
    base = _over(rows).encode(
        y=alt.Y("metric:N", title=None, sort=[p.name for p in pairs], axis=_plain_axis(260)),
        yOffset=alt.YOffset("who:N", sort=[reference, candidate]),
        color=alt.Color(
            "who:N",
            title=None,
            scale=alt.Scale(domain=[reference, candidate], range=[OLD, NEW]),
            legend=alt.Legend(orient="top", labelLimit=400),
        ),
        tooltip=[
            alt.Tooltip("metric:N"),
            alt.Tooltip("who:N", title="adapter"),
            alt.Tooltip("mean:Q", format=".3f"),
            alt.Tooltip("low:Q", format=".3f"),
            alt.Tooltip("high:Q", format=".3f"),
            alt.Tooltip("n:Q", title="cases"),
        ],
    )
    scale = alt.Scale(domain=_span([(row["low"], row["high"]) for row in rows]), nice=False)
    lines = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low:Q", title=None, scale=scale, axis=alt.Axis(tickCount=6)), x2="high:Q"
    )
    dots = base.mark_point(size=90, filled=True, opacity=1).encode(
        x=alt.X("mean:Q", title=None, scale=scale)
    )
    return alt.layer(lines, dots).properties(height=ROW * len(pairs))


def differences(pairs: Sequence[MetricPair]) -> Layers:
    """The paired difference of each metric with its interval; zero is no change."""
    known = [pair for pair in pairs if pair.difference is not None]
    rows = [
        {
            "metric": pair.name,
            "difference": pair.difference,
            "low": pair.low,
            "high": pair.high,
            "reading": _reading(pair),
        }
        for pair in known
    ]
    reach = max([abs(float(v)) for p in known for v in (p.low, p.high) if v is not None] + [0.05])
    scale = alt.Scale(domain=[-reach * 1.05, reach * 1.05], nice=False)
    names = ["better", "not clear", "worse"]
    base = _over(rows).encode(
        y=alt.Y("metric:N", title=None, sort=[p.name for p in known], axis=_plain_axis(260)),
        color=alt.Color(
            "reading:N",
            title=None,
            scale=alt.Scale(domain=names, range=[NEW, OLD, WORSE]),
            legend=alt.Legend(orient="top"),
        ),
        tooltip=[
            alt.Tooltip("metric:N"),
            alt.Tooltip("difference:Q", format="+.3f"),
            alt.Tooltip("low:Q", format="+.3f"),
            alt.Tooltip("high:Q", format="+.3f"),
        ],
    )
    zero = _over([{"zero": 0}]).mark_rule(opacity=0.4).encode(x="zero:Q")
    lines = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low:Q", title="candidate − reference", scale=scale), x2="high:Q"
    )
    dots = base.mark_point(size=90, filled=True, opacity=1).encode(
        x=alt.X("difference:Q", title="candidate − reference", scale=scale)
    )
    return alt.layer(zero, lines, dots).properties(height=34 * max(len(known), 1))


def looks(some: Sequence[Look]) -> Layers:
    """The estimate of an A/B test with its interval, look by look; zero is no difference."""
    rows: list[dict[str, Any]] = [
        {
            "people": look.users if look.users is not None else look.number,
            "estimate": look.estimate,
            "low": look.low,
            "high": look.high,
            "verdict": look.verdict,
        }
        for look in some
        if None not in (look.estimate, look.low, look.high)
    ]
    title = "people" if all(look.users is not None for look in some) else "look"
    base = _over(rows).encode(
        x=alt.X(
            "people:Q",
            title=title,
            scale=alt.Scale(zero=False, padding=20),
            axis=alt.Axis(format=",d", tickMinStep=1),
        ),
        tooltip=[
            alt.Tooltip("people:Q", title=title),
            alt.Tooltip("estimate:Q", format="+.3f"),
            alt.Tooltip("low:Q", format="+.3f"),
            alt.Tooltip("high:Q", format="+.3f"),
            alt.Tooltip("verdict:N"),
        ],
    )
    zero = _over([{"zero": 0}]).mark_rule(opacity=0.4).encode(y="zero:Q")
    band = base.mark_area(color=NEW, opacity=0.12).encode(
        y=alt.Y("low:Q", title="treatment − control"), y2="high:Q"
    )
    lines = base.mark_rule(color=NEW, strokeWidth=2).encode(y="low:Q", y2="high:Q")
    path = base.mark_line(color=NEW, opacity=0.5).encode(y="estimate:Q")
    dots = base.mark_point(color=NEW, size=80, filled=True, opacity=1).encode(y="estimate:Q")
    return alt.layer(zero, band, lines, path, dots).properties(height=280)


def daily(days: Sequence[Day]) -> alt.Chart:
    """Ratings per day, small."""
    rows = [{"day": day.day.isoformat(), "ratings": day.ratings} for day in days]
    chart: alt.Chart = (
        _over(rows)
        .mark_bar(color=NEW, opacity=0.75, cornerRadius=2)
        .encode(
            x=alt.X("day:O", title=None, axis=alt.Axis(labels=False, ticks=False, domain=False)),
            y=alt.Y("ratings:Q", title=None, axis=alt.Axis(tickCount=3, domain=False)),
            tooltip=[alt.Tooltip("day:O"), alt.Tooltip("ratings:Q")],
        )
        .properties(height=120)
    )
    return chart


def abstention(found: Abstention) -> Layers:
    """Both mistakes over the threshold below which no answer is given; the chosen one is marked."""
    names = ["answered wrongly", "abstained wrongly"]
    rows = [
        {"threshold": one.threshold, "mistake": name, "share": share}
        for one in found.curve
        for name, share in zip(names, (one.false_answer, one.false_abstain), strict=True)
    ]
    lines = (
        _over(rows)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=alt.X("threshold:Q", title="least cosine of the best passage for an answer"),
            y=alt.Y("share:Q", title="share of questions", axis=alt.Axis(format="%")),
            color=alt.Color(
                "mistake:N",
                title=None,
                scale=alt.Scale(domain=names, range=[WORSE, OLD]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("threshold:Q", format=".2f"),
                alt.Tooltip("mistake:N"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    chosen = _over([{"chosen": found.chosen, "says": f"chosen: {found.chosen:.2f}"}])
    rule = chosen.mark_rule(color=NEW, strokeWidth=2, strokeDash=[6, 4]).encode(x="chosen:Q")
    label = chosen.mark_text(align="left", dx=6, dy=8, color=NEW, baseline="top").encode(
        x="chosen:Q", y=alt.value(0), text="says:N"
    )
    return alt.layer(lines, rule, label).properties(height=320)


def _over(rows: Sequence[dict[str, Any]]) -> alt.Chart:
    """A chart of these rows."""
    return alt.Chart(alt.Data(values=rows))  # type: ignore[no-untyped-call]


def _dot(metric: str, who: str, figure: Figure) -> dict[str, Any]:
    return {
        "metric": metric,
        "who": who,
        "mean": figure.mean,
        "low": figure.low,
        "high": figure.high,
        "n": figure.n,
    }


def _span(ends: Sequence[tuple[float, float]]) -> list[float]:
    """0 to 1 for shares; wider where a metric is not one."""
    low, high = min(0.0, *(low for low, _ in ends)), max(1.0, *(high for _, high in ends))
    room = (high - low) / 50  # a dot at the end is seen whole
    return [low - room, high + room]


def _reading(pair: MetricPair) -> str:
    up, down = ("better", "worse") if pair.better == "higher" else ("worse", "better")
    if pair.low is not None and pair.low > 0:
        return up
    return down if pair.high is not None and pair.high < 0 else "not clear"


def _plain_axis(limit: int) -> alt.Axis:
    return alt.Axis(labelLimit=limit, ticks=False, domain=False, labelPadding=10)
