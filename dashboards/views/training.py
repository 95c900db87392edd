"""Training: runs in progress, what each run cost, and what a point of improvement cost."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards import source, spending, spending_charts, widgets
from dashboards.spending import Unit
from dashboards.words import amount, code, lasted, plain, short, size, when
from loop.train.ledger import Spent
from loop.train.live import Live

REFRESH = 5  # seconds, the pace at which a run writes its reading down
WORDS = {"pass": "passed", "fail": "refused"}


@st.fragment(run_every=REFRESH)
def progress() -> None:
    """The runs that have not finished."""
    found = spending.in_progress()
    if not found:
        st.caption("No run is in progress in this project's folder.")
    for one in found:
        with st.container(border=True):
            live(one)


def live(one: Live) -> None:
    """A run in progress, or one that was stopped."""
    if one.problem:
        st.warning(plain(short(one.problem, 400)), icon=":material/error:")
    elif not one.running:
        st.warning("Stopped before its end. The same command goes on with it.")
    about = f"{code(one.folder)} · {plain(one.method)} on {code(one.dataset)}"
    st.markdown(f"{about} · {plain(_phase(one))}")
    paid = spending.so_far(one)
    figures = {
        "step": "—" if one.step is None else f"{one.step} of {one.of or '—'}",
        "loss": f"{one.losses[-1].loss:.3f}" if one.losses else "—",
        "tokens/s": "—" if one.tokens_per_second is None else f"{one.tokens_per_second:,.0f}",
        "time": "—" if one.seconds is None else lasted(one.seconds),
        "memory": "—" if one.reading is None else size(one.reading.peak_bytes),
        "energy": "—" if one.reading is None else amount(one.reading.kwh, "kWh"),
        "cost": "—" if paid is None else amount(paid.amount, paid.currency),
        "last heard of": "—" if one.heard is None else f"{lasted(one.heard)} ago",
    }
    for column, (name, says) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.caption(name)
        column.text(says)
    if one.losses:
        st.altair_chart(spending_charts.losses(one.losses))


def costs(some: Sequence[Spent], unit: Unit) -> None:
    """Cost against improvement, and what was spent since the first run."""
    metric, sign = source.here().settings.gate.improve, spending.symbol(unit)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Cost and improvement")
        dots = spending.bought(some, unit)
        if dots:
            st.altair_chart(spending_charts.improvements(dots, unit=sign, metric=metric))
        else:
            widgets.empty("No run yet of which both the cost and the gate's figures are known.")
        st.caption(
            f"A point is 0\\.01 of {plain(metric)}, candidate minus the champion it was measured "
            "against, on the same cases, with the gate's interval. Where the interval holds zero "
            "there is nothing to divide by."
        )
    with right:
        st.subheader("Spent since the first run")
        sums = spending.sums(unit)
        if sums.weeks:
            st.altair_chart(spending_charts.spend(sums.weeks, unit=sign))
            last = sums.weeks[-1]
            st.caption(
                f"{plain(amount(last.total, sign))} in all; {plain(amount(last.spent, sign))} in "
                f"the week of {last.week:%d %B %Y}."
            )
        else:
            widgets.empty(f"Nothing is known in {plain(sign)}.")
        if sums.left_out:
            st.caption(f"Runs left out: {sums.left_out}.")


def table(some: Sequence[Spent], unit: Unit) -> None:
    """Every run, newest first."""
    rows = [
        {
            "run": one.run.id,
            "ended": when(one.run.at),
            "method": one.run.method,
            f"a point, in {spending.symbol(unit)}": spending.point_says(one, unit),
            "gate": WORDS.get(one.verdict or "", "not judged"),
            "money": amount(one.cost.amount, one.cost.currency) if one.cost else "—",
            "took": lasted(one.run.seconds),
            "tokens/s": round(one.run.tokens_per_second),
            "device": one.cost.device if one.cost else "—",
            "peak memory": size(one.cost.peak_bytes) if one.cost else "—",
            "energy": _energy(one),
            "dataset": one.run.dataset,
        }
        for one in some
    ]
    st.dataframe(rows, hide_index=True, height=widgets.tall(len(rows), 600))


def _phase(one: Live) -> str:
    doing = {"load": "loading", "score": "scoring", "train": "training"}
    return doing.get(one.phase, "starting") if one.running else "stopped"


def _energy(one: Spent) -> str:
    if one.cost is None or one.cost.kwh is None:
        return "—"
    return f"{amount(one.cost.kwh, 'kWh')}, {one.cost.energy_source}"


st.title("Training")
st.subheader("In progress")
progress()
found = spending.runs()
if not found:
    widgets.empty("No run has finished yet. `ratchet train` or `ratchet nightly` makes one.")
    st.stop()
usual = spending.usual_unit(found)
chosen = st.segmented_control("Cost in", spending.UNITS, default=usual)
unit: Unit = chosen or usual
costs(found, unit)
st.subheader("Runs")
table(found, unit)
if not source.here().settings.cost.rates:
    st.caption("Money takes a rate: write one below `[cost.rates]` in ratchet.toml.")
