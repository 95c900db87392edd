"""Review: judge answers one by one, or two to one prompt side by side, without knowing whose."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from dashboards import queries, reviewing, source, widgets
from dashboards.agenda import count
from dashboards.words import lasted, plain
from loop.feedback.judge import Given, judge, judge_pair
from loop.feedback.queue import Review
from loop.feedback.rubric import Criterion, criteria_of, examples_of
from loop.feedback.workload import Day
from loop.store.records import Guideline, Interaction
from loop.store.review_commands import SKIPS

REFRESH = 5  # seconds
PASSAGES = 640  # pixels in which they scroll
BETTER = {  # label → ranks of left and right, key
    "The left one": ((1, 2), "Left"),
    "Both alike": ((1, 1), "Down"),
    "The right one": ((2, 1), "Right"),
}
RATE, COMPARE = "Rate answers", "Compare two answers"
state = st.session_state


def held(rater: str, kind: str) -> Review | None:
    """The item under way; a new one when there is none or its lease has ended."""
    if state.get("held_for") != (rater, kind):
        if state.get("sitting_of") != rater:
            state["sitting_of"], state["judged"], state["last"] = rater, 0, None
        state["held_for"] = (rater, kind)
        fetch(rater, kind)
    review: Review | None = state["held"]
    if review is not None and not reviewing.still_held(review):
        review = fetch(rater, kind)
    return review


def fetch(rater: str, kind: str) -> Review | None:
    """Ask the queue for what comes next, and how the day goes."""
    state["held"] = reviewing.next_item(rater, pairs=kind == COMPARE)
    state["day"] = reviewing.day(rater)
    state["since"] = time.monotonic()
    found: Review | None = state["held"]
    return found


def move_on(judged: Review | None = None) -> None:
    """To the next item; what was judged can be looked back at."""
    rater, kind = state["held_for"]
    if judged is not None:
        state["judged"] += 1
    state["last"] = judged
    fetch(rater, kind)
    st.rerun()


def progress(noun: str, waiting: int) -> None:
    """How far the sitting and the day are, and how long the rest takes."""
    day: Day = state["day"]
    says = [f"{state['judged']} in this sitting", f"{day.judged} today"]
    if waiting:
        says.append(f"{count(waiting, noun)} left, about {lasted(waiting * day.seconds)}")
    st.progress(day.judged / max(day.judged + waiting, 1), text=" · ".join(says))


def nothing(noun: str) -> None:
    """What a rater sees when the queue has nothing for them."""
    if not state["judged"]:
        widgets.empty(f"No {noun}s wait for you. They come with the next questions people ask.")
        return
    st.success(f"Done: {count(state['judged'], noun)} in this sitting.", icon=":material/check:")
    if st.button("Look for more", type="primary"):
        del state["held_for"]
        st.rerun()


def question(turn: Interaction, why: str | None) -> None:
    """What was asked, and why it is here as far as that sways nobody."""
    st.caption(
        f"Why this one: {plain(why)}" if why else "Why it is here is told once you have judged it."
    )
    with st.chat_message("user"):
        st.text(turn.question)


def rate_one(review: Review) -> None:
    """One answer and what can be said of it, beside what it stands on."""
    [turn] = review.interactions
    question(turn, review.why)
    left, right = st.columns([3, 2])
    with right, st.container(height=PASSAGES, border=False):  # long ones push nothing away
        widgets.sources(turn)
    with left:
        with st.chat_message("assistant"):
            widgets.said_by_assistant(turn, blind=True)
        form(review, turn)


def form(review: Review, turn: Interaction) -> None:
    """What can be said of an answer; each thing said is recorded by itself."""
    with st.form(f"rate-{turn.id}", border=True):
        with st.container(horizontal=True):
            with st.container():
                st.caption("Good or bad?")
                thumb = st.feedback("thumbs", key=f"review-thumb-{turn.id}")
            with st.container():
                st.caption("How good?")
                stars = st.feedback("stars", key=f"review-stars-{turn.id}")
        scores = {one.name: score(one, turn.id) for one in criteria_of(review.guideline)}
        with st.expander("Flag, correct or comment"):
            flags = st.multiselect("Flags", widgets.FLAGS, key=f"review-flags-{turn.id}")
            better = st.text_area("A better answer", turn.answer, key=f"review-better-{turn.id}")
            comment = st.text_input("Comment", key=f"review-comment-{turn.id}")
            case = st.checkbox(
                "Make it an eval case",
                key=f"review-case-{turn.id}",
                help="Every candidate is asked it from now on, and it is never trained on. A "
                "better answer, or a flag for safety or privacy, says what a good reply is.",
            )
        # Radio buttons keep Enter to themselves; in a text box Ctrl+Enter sends the form anyway.
        saved = st.form_submit_button("Save and next", type="primary", shortcut="Ctrl+S")
    if saved:
        given = list(said(turn, thumb, stars, scores, flags, better, comment))
        if not given:
            st.warning("Say something of it, or skip it.")
        else:
            with widgets.told():
                judge(source.here().store, review, given, seconds=seconds())
                st.toast("Recorded. Thank you.", icon=":material/check:")
                if case:
                    st.toast(plain(reviewing.make_case(turn.id)), icon=":material/rule:")
                move_on(review)


def score(criterion: Criterion, of: str) -> int | None:
    """One criterion with the anchors of its scale; arrow keys move between them."""
    return st.radio(
        f"{plain(criterion.name)}: {plain(criterion.asks)}".removesuffix(": "),
        list(criterion.anchors),
        index=None,
        horizontal=True,
        format_func=lambda given: f"{given} · {plain(criterion.anchors[given])}",
        key=f"review-{criterion.name}-{of}",
    )


def said(
    turn: Interaction,
    thumb: int | None,
    stars: int | None,
    scores: Mapping[str, int | None],
    flags: Sequence[str],
    better: str | None,
    comment: str | None,
) -> Iterator[Given]:
    """What was filled in; each is a rating of its own."""
    if thumb is not None:
        yield Given(kind="thumb", value=1.0 if thumb else -1.0)
    if stars is not None:
        yield Given(kind="stars", value=stars + 1.0)
    if rubric := {name: float(given) for name, given in scores.items() if given is not None}:
        yield Given(kind="rubric", rubric=rubric)
    for flag in flags:
        yield Given(kind="flag", text=flag)
    if _new(better, turn.answer):
        yield Given(kind="correction", text=better)
    if _new(comment, ""):
        yield Given(kind="comment", text=comment)


def compare_two(review: Review) -> None:
    """Two answers to one prompt; who wrote them is not shown."""
    question(review.interactions[0], review.why)
    names = ("Left", "Right")
    for column, turn, name in zip(st.columns(2), review.interactions, names, strict=True):
        with column, st.container(border=True, height="stretch"):
            st.caption(name)
            st.text(turn.answer)
            widgets.citations(turn)
    st.caption("Which is better? The arrow keys answer too: left, right, down for both alike.")
    with st.container(horizontal=True):
        for label, (ranks, key) in BETTER.items():
            if st.button(label, key=f"{label}-{review.item}", shortcut=key):
                with widgets.told():
                    judge_pair(source.here().store, review, ranks, seconds=seconds())
                    move_on(review)


def pass_on(review: Review) -> None:
    """Skip with a reason."""
    with st.popover("Skip", icon=":material/skip_next:"):
        reason = st.radio(
            "Why?", list(SKIPS), format_func=SKIPS.__getitem__, key=f"skip-why-{review.item}"
        )
        text = st.text_input("In your words", key=f"skip-text-{review.item}")
        if st.button("Skip it", key=f"skip-{review.item}"):
            with widgets.told():
                reviewing.skip(review, reason or "other", text)
                move_on()


def take_back(rater: str) -> None:
    """Undo the last judgement; the item comes back unless others have judged it."""
    if st.button("Undo", icon=":material/undo:", shortcut="Ctrl+Shift+U"):
        with widgets.told():
            undone = reviewing.undo(rater)
            state["judged"] = max(0, state["judged"] - bool(undone.judgements))
            note = "Taken back." if undone.review else "Taken back; it goes to somebody else now."
            st.toast(note, icon=":material/undo:")
            move_on()


def look_back(rater: str) -> None:
    """Why the last one was there and what others said of it: only now, so that nobody is swayed."""
    last: Review | None = state.get("last")
    if last is None:
        return
    told = reviewing.told(rater, last.item)
    with st.expander(f"The answer you just judged: {plain(told.why or 'why it was there')}"):
        for one in told.known:
            st.text(f"Known to be {one.value:g} ({one.kind}): {one.why}")
        for turn in last.interactions:
            st.text(turn.answer)
            widgets.ratings_table(queries.ratings(turn.id, rater))


@st.fragment(run_every=REFRESH)
@widgets.told()
def recent(rater: str | None) -> None:
    """Ratings of everyone as they come in, whatever way."""
    st.subheader("Recent ratings")
    found = queries.recent_ratings(rater)
    if found:
        widgets.recent_table(found)
    else:
        st.caption("None yet. Ratings given here, on the Ask page or through the API appear here.")


def guide(guideline: Guideline) -> None:
    """What to judge by, with worked examples."""
    st.subheader("Guideline")
    st.caption(plain(guideline.id))
    st.text(guideline.text)
    for criterion in guideline.criteria:
        st.text(f"• {criterion}")
    for example in examples_of(guideline):
        with st.expander(f"Example: {plain(example.question)}"):
            st.text(example.answer)
            given = ", ".join(f"{name} {score}" for name, score in example.scores.items())
            st.caption(plain(given))
            st.text(example.why)


def seconds() -> float:
    """How long the item has been looked at."""
    since: float = state["since"]
    return round(time.monotonic() - since, 1)


def _new(text: str | None, before: str) -> bool:
    return (text or "").strip() not in ("", before.strip())


st.title("Review")
rater = widgets.person()
main, side = st.columns([3, 1], gap="large")
with side:
    guide(queries.guideline())
with main:
    if rater is None:
        widgets.empty("Give your name on the left to begin. It stands beside what you rate.")
    else:
        kind = (
            st.segmented_control(
                "What to do", [RATE, COMPARE], default=RATE, required=True,
                label_visibility="collapsed",
            )
            or RATE
        )  # fmt: skip
        review = held(rater, kind)
        noun = "pair" if kind == COMPARE else "answer"
        if review is None:
            nothing(noun)
        else:
            progress(noun, review.waiting)
            (compare_two if kind == COMPARE else rate_one)(review)
        with st.container(horizontal=True):
            if review is not None:
                pass_on(review)
            take_back(rater)
        look_back(rater)
recent(rater)
