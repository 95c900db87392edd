"""Home: the loop with its live figures, what needs doing next, and what happened last."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, picture, queries, widgets
from dashboards.agenda import count, todos
from dashboards.records import Home
from dashboards.words import short, when

REFRESH = 10  # seconds

st.title("The loop")


def handed_over(home: Home) -> None:
    """Conversations that the assistant gave up."""
    says = f"{count(home.tickets, 'conversation waits', 'conversations wait')} for a person"
    with st.expander(says, icon=":material/support_agent:"):
        st.dataframe(
            [
                {"since": when(one.at), "asked": one.question, "why": one.reason}
                for one in queries.waiting()
            ],
            hide_index=True,
        )


@st.fragment(run_every=REFRESH)
@widgets.told()
def live() -> None:
    """The picture and what waits, kept fresh."""
    home = queries.home()
    dark = st.context.theme.type == "dark"
    st.image(picture.draw(home, dark=dark), width="stretch", alt=picture.tell(home))
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Next")
        waiting = todos(home)
        if home.tickets:
            handed_over(home)
        elif not waiting:
            st.success("Nothing waits for you.", icon=":material/check:")
        for todo in waiting:
            with st.container(border=True, horizontal=True, vertical_alignment="center"):
                st.markdown(todo.says)
                widgets.go(todo.page, todo.label)
    with right:
        st.subheader("Ratings per day")
        days = queries.daily()
        if days:
            st.altair_chart(charts.daily(days))
            if home.simulated_ratings:
                st.caption(f"{home.simulated_ratings:,} of {home.ratings:,} by simulated people")
        else:
            st.caption("No ratings yet.")


live()

st.subheader("Recent activity")
events = queries.activity()
if events:
    st.dataframe(
        [
            {
                "when": when(event.at),
                "who": event.actor,
                "did": event.action.replace("_", " "),
                "to": event.subject,
                "why": short(
                    str(event.detail.get("reason") or event.detail.get("problem") or ""), 160
                ),
            }
            for event in events
        ],
        hide_index=True,
    )
else:
    st.caption("Promotions, rollbacks and tests are listed here once there are any.")
