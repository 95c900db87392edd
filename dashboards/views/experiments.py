"""Experiments: A/B tests on people, their estimate look by look, their health, and the stop."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, queries, source, widgets
from dashboards.records import Look, Trial
from dashboards.words import code, difference, plain, when
from loop.store.records import Experiment

VERDICTS = {
    "PROMOTE": ("success", "The treatment is better."),
    "ROLLBACK": ("error", "The treatment is worse."),
    "CONTINUE": ("info", "Too early to tell: go on."),
    "INCONCLUSIVE": ("warning", "The planned people are in, and no difference was shown."),
    "INVALID": ("error", "The test is not sound. Mend it before reading its figures."),
}
ICONS = {"running": ":material/play_circle:", "stopped": ":material/stop_circle:"}


def title(trial: Trial) -> str:
    """A test in the list."""
    arms = " vs ".join(str(arm["adapter"]) for arm in trial.experiment.arms)
    return f"{when(trial.experiment.at)} · {trial.status} · {arms}"


def verdict(look: Look) -> None:
    """What the newest look says, in words."""
    kind, words = VERDICTS.get(look.verdict, ("info", ""))
    said = f"**{plain(look.verdict)}** {words} {plain(look.sentence)}"
    {"success": st.success, "error": st.error, "warning": st.warning}.get(kind, st.info)(said)


def figures(trial: Trial, look: Look | None) -> None:
    """People, estimate, p-value, horizon."""
    test = trial.experiment
    one, two, three, four = st.columns(4)
    one.metric("People", f"{trial.users:,} of {test.horizon:,}", border=True)
    two.metric("Metric", test.metric.replace("_", " "), border=True)
    shown = None if look is None or look.estimate is None else f"{look.estimate:+.3f}"
    three.metric("Estimate", shown or "—", border=True)
    p_value = None if look is None or look.p_value is None else f"{look.p_value:.4f}"
    four.metric(f"p-value (α {test.alpha:g})", p_value or "—", border=True)
    if look is not None:
        interval = difference(look.estimate, look.low, look.high)
        st.caption(f"Difference {interval} · {plain(look.method or 'as looked at')}")


def arms(test: Experiment) -> None:
    """Who was seen where."""
    st.subheader("Arms")
    seen = queries.arms(test)
    st.dataframe(
        [
            {
                "arm": arm.name,
                "adapter": arm.adapter,
                "planned": f"{arm.share:.0%}",
                "people": arm.users,
                "answers": arm.answers,
            }
            for arm in seen
        ],
        hide_index=True,
    )


def health(look: Look) -> None:
    """Whether the figures can be believed."""
    st.subheader("Health")
    if look.srm is None:
        st.caption("The split of people has not been tested yet.")
    elif look.srm < queries.SRM_ALARM:
        st.error("The traffic split is off. Mend the assignment before reading on.")
    else:
        st.success("The split of people shows no fault.", icon=":material/balance:")
    st.dataframe(
        [{"check": name.replace("_", " "), "found": found} for name, found in look.checks],
        hide_index=True,
    )


def guardrails(look: Look) -> None:
    """What must not get worse, and whether it did."""
    st.subheader("Guardrails")
    states = {"kept": "✓ holds", "broken": "✗ worse", "open": "… not settled"}
    st.dataframe(
        [
            {
                "": states.get(str(one["state"]), ""),
                "metric": str(one["metric"]).replace("_", " "),
                "worse by": difference(one["worse_by"], one["low"], one["high"]),
                "allowed": one["margin"],
            }
            for one in look.guardrails
        ],
        hide_index=True,
    )


def stop(test: Experiment) -> None:
    """End a running test; everyone gets the champion from then on."""
    with st.popover("Stop the test", icon=":material/stop:"):
        reason = st.text_input("Reason", key=f"stop-reason-{test.id}")
        actor = widgets.person()
        if actor is None:
            st.caption("Give your name on the left first.")
        if st.button("Stop it for good", disabled=not (actor and reason), key=f"stop-{test.id}"):
            from loop.experiments.online import stop as stop_test

            with widgets.told():
                stop_test(source.here().store, test.id, actor=actor or "", reason=reason or "")
                st.rerun()


st.title("Experiments")
trials = {trial.experiment.id: trial for trial in queries.trials()}
if not trials:
    widgets.empty(
        "No test yet. Start one with `ratchet experiment start ADAPTER` once the gate passed it."
    )
    st.stop()
chosen = st.selectbox("Test", list(trials), format_func=lambda id: title(trials[id]))
trial = trials[chosen or next(iter(trials))]
looks = queries.looks(trial.experiment.id)
with st.container(horizontal=True, vertical_alignment="center"):
    st.badge(
        trial.status,
        icon=ICONS.get(trial.status),
        color="green" if trial.status == "running" else "gray",
    )
    if trial.experiment.simulated:
        st.badge("simulated people", color="orange")
    st.markdown(code(trial.experiment.id))
    if trial.status == "running":
        stop(trial.experiment)
if looks:
    verdict(looks[-1])
else:
    widgets.empty("Nobody has looked at it yet. `ratchet nightly` does, or `experiment analyze`.")
figures(trial, looks[-1] if looks else None)
if any(look.estimate is not None for look in looks):
    st.altair_chart(charts.looks(looks))
left, right = st.columns(2, gap="large")
with left:
    arms(trial.experiment)
    if looks and looks[-1].guardrails:
        guardrails(looks[-1])
with right:
    if looks:
        health(looks[-1])
