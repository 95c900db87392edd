"""Ask: a question to the assistant, its answer as it is written, its sources, and ratings."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import streamlit as st

from dashboards import queries, source, widgets
from dashboards.words import code, plain
from loop.answer.records import ANONYMOUS, Ask
from loop.store.ids import new_id
from loop.store.records import Interaction

if TYPE_CHECKING:
    from loop.answer.assistant import Desk

SHOWN = 20  # exchanges of a conversation that stay on the page
LONGEST = 4000  # characters of a question
REMEMBERED = 3  # exchanges the model is reminded of

here = source.here()
rater = widgets.person()


def stream(desk: Desk, question: str) -> str | None:
    """Show the answer as it comes; the interaction it was logged as."""
    place, text = st.empty(), ""
    place.caption("Looking it up…")
    history = [
        {"role": role, "content": said}
        for turn in turns()[-REMEMBERED:]
        for role, said in (("user", turn.question), ("assistant", turn.answer))
    ]
    ask = Ask(
        question=question,
        user=rater or ANONYMOUS,
        conversation=st.session_state["conversation"],
        history=history,
        consent="consent" if st.session_state.get("consents") else None,
    )
    with closing(desk.stream(ask)) as pieces:
        for piece in pieces:
            text += piece
            place.text(text)
    return pieces.answer.interaction.id if pieces.answer else None


def turns() -> list[Interaction]:
    """The exchanges so far, oldest first."""
    found = [queries.interaction(id) for id in st.session_state["asked"][-SHOWN:]]
    return [turn for turn in found if turn is not None]


def show(turn: Interaction) -> None:
    """One exchange."""
    with st.chat_message("user"):
        st.text(turn.question)
    with st.chat_message("assistant"):
        widgets.answer(turn)
        widgets.rating_buttons(turn, rater)


st.title("Ask")
st.session_state.setdefault("asked", [])
st.session_state.setdefault("conversation", new_id())

if here.desk is None:
    widgets.empty(
        "No assistant runs in this process, so nothing can be asked here. "
        "Start it with `ratchet up`; the other pages work without."
    )
    st.stop()

with st.sidebar:
    st.checkbox(
        "My questions and ratings here may be used for training",
        key="consents",
        help="Recorded with each question as its consent basis.",
    )
    if st.button("New conversation", icon=":material/add_comment:"):
        st.session_state["asked"], st.session_state["conversation"] = [], new_id()

if here.desk.problem:
    st.warning(plain(here.desk.problem))
if not st.session_state["asked"]:
    st.caption(f"Answers come from the documents of {code(here.settings.knowledge.collection)}.")
for turn in turns():
    show(turn)

asked = st.chat_input("Ask about the documents", max_chars=LONGEST)
if question := (asked or "").strip():
    with st.chat_message("user"):
        st.text(question)
    with st.chat_message("assistant"), widgets.told():
        if logged := stream(here.desk, question):
            st.session_state["asked"].append(logged)
            st.rerun()
