"""Review: judge answers one by one, or two to one prompt side by side, without knowing whose."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import streamlit as st

from dashboards import queries, source, widgets
from dashboards.agenda import count
from dashboards.records import Pair
from dashboards.words import plain
from loop.feedback.rate import compare
from loop.store.records import Guideline, Interaction, RatingKind

BATCH = 20  # answers, or pairs, of one sitting
REFRESH = 5  # seconds
BETTER = {"The left one": (1, 2), "Both alike": (1, 1), "The right one": (2, 1)}  # ranks
RATE, COMPARE = "Rate answers", "Compare two answers"


class Given(NamedTuple):
    """One thing said of an answer."""

    kind: RatingKind
    value: float | None = None
    text: str | None = None


def sitting(kind: str, rater: str) -> None:
    """Fetch this rater's batch unless one is under way."""
    if st.session_state.get("sitting") != (kind, rater):
        fetch = queries.review_queue if kind == RATE else queries.pairs
        st.session_state["sitting"] = (kind, rater)
        st.session_state["batch"] = fetch(rater, BATCH)
        st.session_state["at"] = 0
        st.session_state["last"] = ()


def move_on(*judged: str) -> None:
    """To the next one; what was judged can be looked back at."""
    st.session_state["at"] += 1
    st.session_state["last"] = judged
    st.rerun()


def progress(noun: str) -> bool:
    """How far the sitting is; True when nothing is left."""
    at, total = st.session_state["at"], len(st.session_state["batch"])
    if not total:
        widgets.empty(f"No {noun}s wait for you. They come with the next questions people ask.")
        return True
    st.progress(at / total, text=f"{at} of {total}")
    if at < total:
        return False
    st.success(f"Done: {count(total, noun)} in this sitting.", icon=":material/check:")
    if st.button("Look for more", type="primary"):
        del st.session_state["sitting"]
        st.rerun()
    return True


def started(key: str) -> float:
    """When the rater first saw it."""
    moment: float = st.session_state.setdefault(f"seen-{key}", time.monotonic())
    return moment


def question(turn: Interaction) -> None:
    """What was asked."""
    with st.chat_message("user"):
        st.text(turn.question)


def rate_one(rater: str, guideline: Guideline) -> None:
    """One answer and what can be said of it."""
    if progress("answer"):
        return
    turn = queries.interaction(st.session_state["batch"][st.session_state["at"]])
    if turn is None:
        move_on()
        return
    since = started(turn.id)
    question(turn)
    with st.chat_message("assistant"):
        widgets.answer(turn, blind=True)
    with st.form(f"rate-{turn.id}", border=True):
        left, right = st.columns(2)
        with left:
            st.caption("Good or bad?")
            thumb = st.feedback("thumbs", key=f"review-thumb-{turn.id}")
        with right:
            st.caption("How good?")
            stars = st.feedback("stars", key=f"review-stars-{turn.id}")
        flags = st.multiselect("Flags", widgets.FLAGS, key=f"review-flags-{turn.id}")
        better = st.text_area("A better answer", turn.answer, key=f"review-better-{turn.id}")
        comment = st.text_input("Comment", key=f"review-comment-{turn.id}")
        saved = st.form_submit_button("Save and next", type="primary", shortcut="Ctrl+Enter")
    skipped = st.button("Skip", icon=":material/skip_next:")
    if saved:
        given = list(said(turn, thumb, stars, flags, better, comment))
        if not given:
            st.warning("Say something of it, or skip it.")
        elif all(widgets.give(turn.id, rater, *one, guideline.id, since) for one in given):
            move_on(turn.id)
    if skipped:
        move_on()


def said(
    turn: Interaction,
    thumb: int | None,
    stars: int | None,
    flags: Sequence[str],
    better: str | None,
    comment: str | None,
) -> Iterator[Given]:
    """What was filled in; each is a rating of its own."""
    if thumb is not None:
        yield Given("thumb", value=1.0 if thumb else -1.0)
    if stars is not None:
        yield Given("stars", value=stars + 1.0)
    for flag in flags:
        yield Given("flag", text=flag)
    if _new(better, turn.answer):
        yield Given("correction", text=better)
    if _new(comment, ""):
        yield Given("comment", text=comment)


def compare_two(rater: str, guideline: Guideline) -> None:
    """Two answers to one prompt; who wrote them is not shown."""
    if progress("pair"):
        return
    pair: Pair = st.session_state["batch"][st.session_state["at"]]
    left, right = queries.interaction(pair.left), queries.interaction(pair.right)
    if left is None or right is None:
        move_on()
        return
    since = started(f"{pair.left}-{pair.right}")
    question(left)
    for column, turn, name in zip(st.columns(2), (left, right), ("Left", "Right"), strict=True):
        with column, st.container(border=True, height="stretch"):
            st.caption(name)
            st.text(turn.answer)
            widgets.citations(turn)
    st.caption("Which is better?")
    with st.container(horizontal=True):
        for label, ranks in BETTER.items():
            if st.button(label, key=f"{label}-{pair.left}-{pair.right}"):
                with widgets.told():
                    compare(
                        source.here().store,
                        interactions=[pair.left, pair.right],
                        ranks=ranks,
                        shown=[pair.left, pair.right],
                        rater=rater,
                        guideline=guideline.id,
                        seconds=round(time.monotonic() - since, 1),
                    )
                    move_on(pair.left, pair.right)
        if st.button("Skip", icon=":material/skip_next:"):
            move_on()


def look_back() -> None:
    """What all raters said of the one just judged: only now, so that nobody is swayed."""
    for id in st.session_state.get("last", ()):
        ratings, turn = queries.ratings(id), queries.interaction(id)
        if ratings and turn is not None:
            with st.expander(f"The answer you just judged: all {len(ratings)} ratings of it"):
                st.text(turn.answer)
                widgets.ratings_table(ratings)


@st.fragment(run_every=REFRESH)
@widgets.told()
def recent() -> None:
    """Ratings of everyone as they come in, whatever way."""
    st.subheader("Recent ratings")
    found = queries.recent_ratings()
    if found:
        widgets.recent_table(found)
    else:
        st.caption("None yet. Ratings given here, on the Ask page or through the API appear here.")


def _new(text: str | None, before: str) -> bool:
    return (text or "").strip() not in ("", before.strip())


st.title("Review")
rater = widgets.person()
main, side = st.columns([3, 1], gap="large")
guideline = queries.guideline()
with side:
    st.subheader("Guideline")
    st.caption(plain(guideline.id))
    st.text(guideline.text)
    for criterion in guideline.criteria:
        st.text(f"• {criterion}")
with main:
    if rater is None:
        widgets.empty("Give your name on the left to begin. It stands beside what you rate.")
    else:
        kind = st.segmented_control(
            "What to do", [RATE, COMPARE], default=RATE, required=True, label_visibility="collapsed"
        )
        sitting(kind or RATE, rater)
        if kind == COMPARE:
            compare_two(rater, guideline)
        else:
            rate_one(rater, guideline)
        look_back()
recent()
