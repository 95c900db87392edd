"""Pieces that several pages share: who is here, an answer with its sources, ratings, notes.

Text of users, raters, documents and models goes through st.text, or through `plain` where a
place reads Markdown.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import streamlit as st

from dashboards import source
from dashboards.records import Recent
from dashboards.words import plain, short, when
from knowledge.errors import RatchetError
from loop.answer.records import ANONYMOUS
from loop.feedback.rate import rate
from loop.store.records import Interaction, Rating, RatingKind

FLAGS = ("safety", "privacy", "wrong citation", "out of date", "other")
LONGEST_NAME = 100
HIDDEN = "hidden until you have judged it"
_THUMBS = (-1.0, 1.0)  # st.feedback's 0 and 1


def sign_in() -> None:
    """Find out who is here: whoever logged in, else a name that stays in the address."""
    if st.user.get("is_logged_in"):
        name = str(st.user.get("email") or st.user.get("name") or "")
        st.caption(f"Signed in as {plain(name)}")
    else:
        name = st.text_input(
            "Your name",
            value=st.query_params.get("rater", ""),
            max_chars=LONGEST_NAME,
            key="rater_name",
            help="Stands beside what you rate and decide.",
        )
        name = " ".join((name or "").split())
        if name and st.query_params.get("rater") != name:
            st.query_params["rater"] = name
    st.session_state["rater"] = name


def person() -> str | None:
    """Who is here; None when nobody gave a name."""
    return st.session_state.get("rater") or None


@contextmanager
def told() -> Iterator[None]:
    """What the user can mend is shown on the page, without a traceback."""
    try:
        yield
    except RatchetError as problem:
        st.error(plain(problem), icon=":material/error:")


def empty(says: str) -> None:
    """A note where there is nothing to show yet. `says` is ours, Markdown."""
    st.info(says, icon=":material/hourglass_empty:")


def go(page: str, label: str) -> None:
    """A link to another page."""
    st.page_link(f"views/{page}.py", label=label, icon=":material/arrow_forward:")


def answer(turn: Interaction) -> None:
    """An answer with its sources, which adapter gave it and how sure the assistant was."""
    said_by_assistant(turn)
    citations(turn)


def said_by_assistant(turn: Interaction, *, blind: bool = False) -> None:
    """An answer and how sure the assistant was; blind hides which adapter gave it."""
    st.text(turn.answer)
    about = [] if blind else [plain(turn.adapter), f"{turn.latency_ms / 1000:.1f} s"]
    if turn.confidence is not None:
        about.insert(0, f"confidence {turn.confidence:.2f}")
    if turn.abstained:
        about.append("did not answer")
    if turn.simulated:
        about.append("simulated person")
    st.caption(" · ".join(about))


def citations(turn: Interaction) -> None:
    """What the answer cites: document, span and text; what it was shown when it cites nothing."""
    for cited in turn.citations:
        _source(f"[{cited.get('number', '?')}]", cited)
    if not turn.citations and turn.passages:
        with st.popover("Passages it was shown", icon=":material/menu_book:"):
            for passage in turn.passages:
                st.caption(_place(passage))
                st.text(passage.get("text", ""))


def sources(turn: Interaction) -> None:
    """What the answer stands on, open to read: what it cites, or what it was shown."""
    for cited in turn.citations or turn.passages:
        with st.container(border=True):
            mark = f"[{cited['number']}] " if "number" in cited else ""
            st.caption(f"{plain(mark)} {_place(cited)}")
            st.text(cited.get("text", ""))
    if not turn.citations:
        st.caption(
            "It cites nothing; this is what it was shown." if turn.passages else "No sources."
        )


def _source(mark: str, cited: dict[str, Any]) -> None:
    with st.expander(f"{plain(mark)} {plain(cited.get('document', 'unknown'))}"):
        st.caption(_place(cited))
        st.text(cited.get("text", ""))


def _place(cited: dict[str, Any]) -> str:
    span = f"characters {cited.get('start', '?')} to {cited.get('end', '?')}"
    document, version = cited.get("document", "unknown"), str(cited.get("version", ""))[:8]
    return f"{plain(document)} · {plain(span)} · version {plain(version)}"


def rating_buttons(turn: Interaction, rater: str | None) -> None:
    """Thumb, flag and correction for one answer; each is kept as soon as it is given."""
    who = rater or ANONYMOUS
    started = st.session_state.setdefault(f"seen-{turn.id}", time.monotonic())
    with st.container(horizontal=True, vertical_alignment="center"):
        thumb = st.feedback("thumbs", key=f"thumb-{turn.id}")
        if thumb is not None and st.session_state.get(f"thumbed-{turn.id}") != thumb:
            give(turn.id, who, "thumb", value=_THUMBS[thumb], started=started)
            st.session_state[f"thumbed-{turn.id}"] = thumb
        with st.popover("Flag", icon=":material/flag:"):
            flag = st.selectbox("What is wrong?", FLAGS, key=f"flag-{turn.id}")
            if st.button("Send the flag", key=f"send-flag-{turn.id}"):
                give(turn.id, who, "flag", text=flag, started=started)
        with st.popover("Correct", icon=":material/edit:"):
            better = st.text_area("The better answer", turn.answer, key=f"better-{turn.id}")
            if st.button("Send the correction", key=f"send-better-{turn.id}"):
                if (better or "").strip() in ("", turn.answer.strip()):
                    st.warning("Change the answer first.")
                else:
                    give(turn.id, who, "correction", text=better, started=started)


def give(
    interaction: str,
    rater: str,
    kind: RatingKind,
    value: float | None = None,
    text: str | None = None,
    guideline: str | None = None,
    started: float | None = None,
) -> bool:
    """Record a rating, and say so. True once it is durable.

    Args:
        interaction: The answer it is about.
        rater: Who gives it.
        kind: What it is, with `value` or `text` as `loop.feedback.rate` takes them.
        guideline: The version it is given under; None is the current one.
        started: When the rater first saw the answer, on the monotonic clock.
    """
    with told():
        rate(
            source.here().store,
            interaction=interaction,
            rater=rater,
            kind=kind,
            value=value,
            text=text,
            guideline=guideline,
            seconds=None if started is None else round(time.monotonic() - started, 1),
        )
        st.toast("Recorded. Thank you.", icon=":material/check:")
        return True
    return False


def ratings_table(ratings: Sequence[Rating]) -> None:
    """Ratings of one answer."""
    st.dataframe([_row(one) for one in ratings], hide_index=True)


def recent_table(recent: Sequence[Recent]) -> None:
    """Ratings of many answers, with what was asked."""
    rows = [
        {
            **_row(one.rating),
            **({"said": HIDDEN} if one.hidden else {}),
            "question": short(one.question, 120),
        }
        for one in recent
    ]
    st.dataframe(
        rows,
        hide_index=True,
        height=tall(len(rows), 420),
        column_config={
            "said": st.column_config.TextColumn(width="medium"),
            "question": st.column_config.TextColumn(width="medium"),
        },
    )


def tall(rows: int, most: int) -> int:
    """Pixels that a table of so many rows takes, at most `most`: then it scrolls."""
    return min(36 * (rows + 1) + 2, most)


def said(rating: Rating) -> str:
    """A rating in a word or two."""
    if rating.kind == "thumb":
        return "good" if (rating.value or 0) > 0 else "bad"
    if rating.kind == "stars":
        return "★" * int(rating.value or 0)
    if rating.kind == "rubric":
        return ", ".join(f"{name} {score:g}" for name, score in rating.rubric.items())
    return short(rating.text or "", 160)


def _row(rating: Rating) -> dict[str, str]:
    rater = f"{rating.rater} (simulated)" if rating.simulated else rating.rater
    return {"when": when(rating.at), "who": rater, "kind": rating.kind, "said": said(rating)}
