"""Evaluations: a candidate against a reference, metric by metric and case by case; the gate."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, pairing, queries, source, widgets
from dashboards.records import Change, MetricPair
from dashboards.words import code, difference, figure, plain, short, when
from loop.models.records import BASE
from loop.store.records import Decision


def choose(names: list[str]) -> tuple[str, str]:
    """Which two to compare: at first the newest against the champion, or against the base."""
    now = queries.champion()
    reference = now if now in names else BASE if BASE in names else names[-1]
    candidate = next((name for name in names if name != reference), names[0])
    left, right = st.columns(2)
    chosen = left.selectbox("Candidate", names, index=names.index(candidate))
    against = right.selectbox("Reference", names, index=names.index(reference))
    return chosen or candidate, against or reference


def table(pairs: list[MetricPair]) -> None:
    """Every metric with both means and the paired difference."""
    noted = any(pair.problem for pair in pairs)
    st.dataframe(
        [
            {
                "suite": pair.suite,
                "metric": f"{pair.metric} ({pair.unit})" if pair.unit else pair.metric,
                "reference": figure(pair.reference),
                "candidate": figure(pair.candidate),
                "difference (95 %)": difference(pair.difference, pair.low, pair.high),
                "better on": pair.wins,
                "worse on": pair.losses,
                "cases": pair.candidate.n,
                **({"note": pair.problem or ""} if noted else {}),
            }
            for pair in pairs
        ],
        hide_index=True,
    )


def flips(pairs: list[MetricPair]) -> None:
    """Case by case: what changed, with both answers."""
    st.subheader("What changed")
    by_name = {pair.name: pair for pair in pairs}
    names, gate = list(by_name), source.here().settings.gate.improve
    name = st.selectbox("Metric", names, index=names.index(gate) if gate in names else 0)
    if name is None:
        return
    changes = pairing.changes(by_name[name])
    if not changes:
        st.caption("Both score the same on every case of this metric.")
        return
    worse = sum(change.worse for change in changes)
    st.caption(f"{worse} worse, {len(changes) - worse} better, what got worse first.")
    for change in changes:
        flip(change)


def flip(change: Change) -> None:
    """One case."""
    sign, word = ("▼", "worse") if change.worse else ("▲", "better")
    asked = short(change.prompt or change.case, 110)
    with st.expander(f"{sign} {plain(asked)}"):
        st.caption(f"{plain(change.case)}: {change.old:g} → {change.new:g}, {word}")
        for column, name, answer in zip(
            st.columns(2),
            ("Reference", "Candidate"),
            (change.old_answer, change.new_answer),
            strict=True,
        ):
            with column, st.container(border=True, height="stretch"):
                st.caption(name)
                st.text(answer or "(nothing)")


def verdict(decision: Decision) -> None:
    """One verdict with every rule's evidence."""
    icon = ":material/check_circle:" if decision.verdict == "pass" else ":material/block:"
    word = "passed" if decision.verdict == "pass" else "refused"
    title = f"{plain(decision.candidate)} {word} against {plain(decision.champion)}"
    with st.expander(f"{title} · {plain(when(decision.at))}", icon=icon):
        st.dataframe(
            [
                {
                    "": "✓" if rule.get("passed") else "✗",
                    "rule": str(rule.get("rule", "")),
                    "evidence": str((rule.get("evidence") or {}).get("says", "")),
                }
                for rule in decision.rules
            ],
            hide_index=True,
            column_config={"evidence": st.column_config.TextColumn(width="large")},
        )


st.title("Evaluations")
names = [one.adapter for one in queries.evaluated()]
if not names:
    widgets.empty("Nothing has been evaluated yet. Run `ratchet nightly`, or `ratchet eval`.")
elif len(names) == 1:
    widgets.empty(f"Only {code(names[0])} has scores. Evaluate another adapter to compare.")
else:
    candidate, reference = choose(names)
    pairs = pairing.compared(candidate, reference) if candidate != reference else []
    if candidate == reference:
        st.warning("Choose two different adapters.")
    elif not pairs:
        widgets.empty("The two were not put the same suite. Evaluate both with `ratchet eval`.")
    else:
        shares = [pair for pair in pairs if not pair.unit]  # the rest has no common scale
        if shares:
            levels, apart = st.tabs(["Scores", "Differences"])
            levels.altair_chart(charts.intervals(shares, candidate=candidate, reference=reference))
            apart.altair_chart(charts.differences(shares))
        table(pairs)
        flips(pairs)

st.subheader("Gate decisions")
decisions = queries.decisions()
for decision in decisions:
    verdict(decision)
if not decisions:
    st.caption("The gate has judged no candidate yet. `ratchet gate` asks it.")
