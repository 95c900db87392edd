"""Adapters: all there are, who is champion, what each was made from; promote and roll back."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from dashboards import queries, source, widgets
from dashboards.graph import dot
from dashboards.records import Lineage, Listed
from dashboards.words import code, figure, lasted, plain, short, when
from loop.decide.promote import Kind, promote, rollback, say
from loop.store.approvals import Standing, unwaivable
from loop.store.records import Decision

WORDS = {"pass": "passed", "fail": "refused"}
LABELS = ("domain", "language", "segment")
ANY = "any"


def narrowed() -> dict[str, str]:
    """The labels chosen; one that no adapter carries is not asked for."""
    known = {name: values for name, values in queries.labels().items() if values}
    chosen: dict[str, str] = {}
    if known:
        with st.container(horizontal=True):
            for name, values in known.items():
                value = st.selectbox(name.capitalize(), [ANY, *values], key=f"label-{name}")
                if value and value != ANY:
                    chosen[name] = value
    return chosen


def table(listed: list[Listed], metric: str) -> None:
    """Every adapter, the champion marked."""
    carried = [name for name in LABELS if any(getattr(one.adapter, name) for one in listed)]
    gone = any(one.pruned_at for one in listed)
    st.dataframe(
        [
            {
                "": "★" if one.champion else "",
                "adapter": one.adapter.id,
                "made": when(one.adapter.at),
                "method": one.method or "—",
                **{name: getattr(one.adapter, name) or ANY for name in carried},
                "dataset": one.adapter.dataset or "—",
                "rows": one.dataset_rows,
                "trained in": "—" if one.seconds is None else lasted(one.seconds),
                "made from": ", ".join(one.adapter.sources)
                or one.adapter.parent
                or one.adapter.base,
                metric: figure(one.score),
                "gate": WORDS.get(one.verdict or "", "not judged"),
                **({"pruned": when(one.pruned_at) if one.pruned_at else ""} if gone else {}),
            }
            for one in listed
        ],
        hide_index=True,
    )


def signing(one: Listed, decision: Decision, stands: Standing) -> None:
    """Approve what the gate passed, take that back, or waive a rule that failed."""
    actor = widgets.person()
    count = f" {len(stands.approved_by)} of {stands.needed}" if stands.needed else ""
    with st.popover(f"Approve{count}", icon=":material/how_to_reg:"):
        for rule, by in stands.waived.items():
            st.caption(f"{plain(by['actor'])} waived {plain(rule)}: {plain(by['reason'])}")
        st.caption(f"Approved by {', '.join(map(plain, stands.approved_by)) or 'nobody'}.")
        mine = actor in stands.approved_by
        open_to = [rule for rule in stands.failed if not unwaivable(asdict(decision), rule)]
        reason = st.text_input("Reason", key=f"signed-{one.adapter.id}")
        allowed = bool(actor and reason and reason.strip())
        if actor is None:
            st.caption("Give your name on the left first.")
        if not stands.failed:
            word = "Withdraw my approval" if mine else "Approve it"
            if st.button(word, type="primary", disabled=not allowed):
                _say(one, "withdraw" if mine else "approve", actor or "", reason or "")
        elif open_to:
            rule = st.selectbox("Failed", open_to, key=f"waived-{one.adapter.id}")
            if st.button("Waive this rule", disabled=not allowed):
                _say(one, "waive", actor or "", reason or "", rule or "")
        else:
            st.caption("What failed cannot be waived. See its rules on the Evaluations page.")


def _say(one: Listed, kind: Kind, actor: str, reason: str, rule: str = "") -> None:
    here = source.here()
    with widgets.told():
        say(here.store, here.settings, one.adapter.id, kind, actor=actor, reason=reason, rule=rule)
        st.toast("Recorded.", icon=":material/check:")
        st.rerun()


def promotion(one: Listed, champion: str, stands: Standing | None) -> None:
    """Make it champion: only what the gate passed, or with a reason for doing it anyway."""
    actor, ready = widgets.person(), one.promotable(champion, stands)
    closed = one.champion or one.pruned_at is not None
    with st.popover("Promote", icon=":material/arrow_upward:", disabled=closed):
        if not ready:
            st.warning(_objection(one, stands))
        closed_to_override = source.here().settings.gate.approvals or (stands and stands.needed)
        override = not (ready or closed_to_override) and st.checkbox(
            "Override the gate", key=f"override-{one.adapter.id}"
        )
        reason = st.text_input("Reason", key=f"reason-{one.adapter.id}")
        if actor is None:
            st.caption("Give your name on the left first.")
        allowed = bool(actor and reason and reason.strip() and (ready or override))
        if st.button("Make it champion", type="primary", disabled=not allowed):
            with widgets.told():
                promote(
                    source.here().store,
                    source.here().assistant,
                    one.adapter.id,
                    actor=actor or "",
                    reason=reason or "",
                    expected_champion=champion,
                    override=bool(override),
                    approvals=source.here().settings.gate.approvals,
                )
                st.toast("It is champion now.", icon=":material/check:")
                st.rerun()


def going_back(champion: str) -> None:
    """Bring back the champion before this one."""
    before, actor = queries.previous_champion(), widgets.person()
    with st.popover("Roll back", icon=":material/undo:", disabled=before is None):
        st.markdown(f"{code(before or '—')} answers again instead of {code(champion)}.")
        reason = st.text_input("Reason", key="rollback-reason")
        sure = st.checkbox("I am sure", key="rollback-sure")
        if actor is None:
            st.caption("Give your name on the left first.")
        allowed = bool(actor and reason and reason.strip() and sure)
        if st.button("Roll back now", type="primary", disabled=not allowed):
            with widgets.told():
                here = source.here()
                rollback(here.store, here.assistant, actor=actor or "", reason=reason or "")
                st.toast("Rolled back.", icon=":material/check:")
                st.rerun()


def lineage(found: Lineage) -> None:
    """From the adapter back to what people said."""
    st.graphviz_chart(dot(found), width="stretch")
    left, right = st.columns(2, gap="large")
    with left:
        st.caption("Rows it was trained on, counted")
        st.dataframe(
            [
                {
                    "kind": origin.kind,
                    "split": origin.split.replace("_", " "),
                    "guideline": origin.guideline,
                    "consent": origin.consent,
                    "rows": origin.rows,
                    "interactions": origin.interactions,
                    "ratings": origin.ratings,
                    "people": origin.people,
                }
                for origin in found.origins
            ],
            hide_index=True,
        )
    with right:
        st.caption("Some of the rows")
        st.dataframe(
            [
                {
                    "row": row.row,
                    "kind": row.kind,
                    "interactions": ", ".join(row.interactions),
                    "ratings": ", ".join(row.ratings),
                }
                for row in found.rows
            ],
            hide_index=True,
            height=widgets.tall(len(found.rows), 250),
        )
    if found.run is not None:
        with st.expander("The run"):
            st.caption(code(found.run.id))
            st.json({"metrics": found.run.metrics, "settings": found.run.settings}, expanded=1)


def _objection(one: Listed, stands: Standing | None) -> str:
    if stands is None:
        return f"The gate has not judged it: {code(f'ratchet gate {one.adapter.id}')}."
    if stands.failed:
        return "The gate refused it. See its rules on the Evaluations page."
    if stands.missing:
        return f"{stands.missing} more must approve it first."
    return f"The gate passed it against {code(one.judged_against or '')}, not the champion of now."


st.title("Adapters")
champion = queries.champion()
with st.container(horizontal=True, vertical_alignment="center"):
    st.markdown(f"Champion: {code(champion)}")
    going_back(champion)
chosen_labels = narrowed()
listed = queries.adapters(chosen_labels)
if not listed and chosen_labels:
    widgets.empty("No adapter carries all of these labels. Choose fewer.")
    st.stop()
if not listed:
    widgets.empty("No adapter yet; the base answers. `ratchet nightly` trains one from feedback.")
    st.stop()
table(listed, short(source.here().settings.gate.improve, 40))
by_id = {one.adapter.id: one for one in listed}
st.subheader("Lineage")
with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen = st.selectbox("Adapter", list(by_id), width=360)
    one = by_id[chosen or next(iter(by_id))]
    found_verdict = queries.verdict_on(one.adapter.id)
    stands = found_verdict[1] if found_verdict else None
    if found_verdict and (found_verdict[1].needed or found_verdict[1].failed):
        signing(one, *found_verdict)
    promotion(one, champion, stands)
if one.pruned_at is not None:
    again = f"ratchet adapters show {one.adapter.id}"
    st.info(f"Its files were pruned. {code(again)} tells how to make it again.")
found = queries.lineage(one.adapter.id)
if found is not None:
    lineage(found)
