"""Knowledge: the documents answers come from, what is found in them, and what they lack."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, holdings, source, widgets
from dashboards.agenda import count
from dashboards.words import code, plain, short, size, when
from knowledge.records import Passage

PASSAGES = 10  # found at most
LONGEST = 4000  # characters of a query


def figures() -> None:
    """The collection at a glance."""
    now = holdings.glance()
    documents, pieces, older, flagged, disk = st.columns(5)
    documents.metric("Documents", f"{now.documents:,}")
    pieces.metric("Passages", f"{now.chunks:,}", help="Pieces that a search finds.")
    older.metric("Older versions", f"{now.older_versions:,}", help="Kept: old answers cite them.")
    flagged.metric("Flagged", f"{now.flagged:,}", help="Passages whose text speaks to a model.")
    disk.metric("On disk", size(now.bytes))
    st.caption(
        f"{plain(now.index)} index ({plain(now.reason)}) · "
        f"{count(now.segments, 'segment')} · embedder {code(now.embedder)} · "
        f"generation {code(now.generation)}"
    )


def todo() -> None:
    """What somebody should write or mend."""
    if st.button("Look through the questions again", icon=":material/refresh:"):
        with st.status("Reading…", expanded=False) as status, widgets.told():
            holdings.look_through(lambda step: status.update(label=step))
            status.update(label="Done.", state="complete")
    found = holdings.to_write()
    if found is None:
        widgets.empty(
            "Not looked through yet. Press the button, or run `ratchet knowledge report`."
        )
        return
    asked = f"Of the newest {count(found.interactions, 'question')}"
    some = f" ({found.simulated:,} of them by simulated people)" if found.simulated else ""
    st.caption(
        plain(f"{when(found.at)} UTC. {asked}{some}, {found.unanswered:,} found no good passage.")
    )
    if not found.tasks:
        st.success("Nothing to write or mend.", icon=":material/check:")
        return
    simulated = any(task.simulated for task in found.tasks)
    st.dataframe(
        [
            {
                "do": task.do,
                "what": task.what,
                "weight": task.weight,
                **({"simulated": task.simulated} if simulated else {}),
                "why": task.why,
            }
            for task in found.tasks
        ],
        hide_index=True,
        height=widgets.tall(len(found.tasks), 620),
        column_config={
            "what": st.column_config.TextColumn(width="medium"),
            "why": st.column_config.TextColumn(width="large"),
            "weight": st.column_config.NumberColumn(
                help="People who asked in vain, ratings against it, or answers it stands behind."
            ),
            "simulated": st.column_config.CheckboxColumn(help="Only simulated people say so."),
        },
    )


def search() -> None:
    """What a reader would find, and why."""
    query = st.text_input(
        "Search for", max_chars=LONGEST, placeholder="as a person would ask", key="search"
    )
    left, right = st.columns([3, 1])
    labels = left.multiselect(
        "As a reader with the labels", holdings.labels(), placeholder="none: what everyone may see"
    )
    limit = right.number_input("Passages", 1, PASSAGES, 5)
    if not query.strip():
        st.caption("Nothing is recorded of what is searched here.")
        return
    found = holdings.find(query, labels, int(limit))
    if not found:
        st.caption("Nothing is found: neither words nor meaning match, or the labels do not reach.")
    for number, passage in enumerate(found, 1):
        hit(number, passage)


def hit(number: int, passage: Passage) -> None:
    """One passage with its scores."""
    with st.container(border=True):
        heading = " › ".join(passage.heading) or passage.document
        st.markdown(f"**{number}. {plain(heading)}**")
        st.caption(
            f"{plain(passage.document)} · characters {passage.start:,} to {passage.end:,} · "
            f"version {plain(passage.version[:8])}"
        )
        st.text(passage.text)
        cosine = "" if passage.similarity is None else f" · cosine {passage.similarity:.3f}"
        why = " · ".join(
            f"{plain(name.replace('_', ' '))} {value:.4g}" for name, value in passage.why.items()
        )
        st.caption(f"score {passage.score:.4f}{cosine}" + (f" · {why}" if why else ""))


def documents() -> None:
    """All documents, a page at a time."""
    containing = st.text_input("Only with the words", key="containing", max_chars=200)
    page = holdings.documents(containing, st.session_state.get("page", 1))
    if not page.total:
        st.caption("No document holds these words in its name, title, format, label or licence.")
        return
    st.dataframe(
        [
            {
                "document": row.id,
                "title": row.title,
                "format": row.format,
                "who may read": ", ".join(row.labels) or "everyone",
                "valid from": str(row.valid_from or ""),
                "valid until": str(row.valid_until or ""),
                "licence": row.licence,
                "flagged": row.flagged,
            }
            for row in page.rows
        ],
        hide_index=True,
        height=widgets.tall(len(page.rows), 560),
        column_config={
            "flagged": st.column_config.NumberColumn(
                help="Passages whose text speaks to a model instead of the reader."
            )
        },
    )
    if page.pages > 1:
        left, right = st.columns([1, 4], vertical_alignment="center")
        left.number_input("Page", 1, page.pages, page.number, key="page")
        right.caption(f"of {page.pages:,}, {count(page.total, 'document')}")


def instructions() -> None:
    """Text in documents that speaks to a model."""
    found = holdings.planted()
    if not found:
        st.success("No document speaks to a model.", icon=":material/check:")
        return
    st.caption(
        "These sentences address a model instead of the reader. They are left out of what the "
        "model is shown; look whether somebody planted them."
    )
    for one in found:
        with st.expander(f"{plain(one.document)}: {plain(short(one.text, 90))}"):
            st.caption(
                f"{plain(' › '.join(one.heading) or one.document)} · "
                f"characters {one.start:,} to {one.end:,}"
            )
            st.text(one.text)


def abstaining() -> None:
    """How sure a passage must be, and what either mistake costs."""
    found = holdings.abstention()
    if found is None or not found.curve:
        widgets.empty(
            "The threshold has not been calibrated yet. `ratchet knowledge calibrate` does it."
        )
        return
    st.altair_chart(charts.abstention(found))
    at = f"Chosen: {found.chosen:.2f}, of {count(found.n, 'question')}."
    if found.false_answer is not None and found.false_abstain is not None:
        at += (
            f" There {found.false_answer:.1%} are answered that the documents do not answer, and "
            f"{found.false_abstain:.1%} are not that they do."
        )
    used = source.here().settings.assistant.abstain_below
    if abs(used - found.chosen) >= 0.005:
        at += f" The assistant uses {used:.2f} (assistant.abstain_below in ratchet.toml)."
    st.caption(plain(at))


st.title("Knowledge")
if holdings.glance().documents:
    figures()
else:
    widgets.empty("No document yet. Add some with `ratchet knowledge add PATH`.")
    st.stop()
for tab, show in zip(
    st.tabs(["To write or mend", "Search", "Documents", "Planted text", "Abstaining"]),
    (todo, search, documents, instructions, abstaining),
    strict=True,
):
    with tab, widgets.told():
        show()
