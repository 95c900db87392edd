"""The dashboard's script: `ratchet up` mounts it; `python -m streamlit run` runs it alone."""

from __future__ import annotations

import streamlit as st

from dashboards import source, widgets
from dashboards.words import plain
from knowledge.errors import RatchetError

PAGES = (  # file in views, title, icon
    ("home", "Home", "cycle"),
    ("ask", "Ask", "chat"),
    ("review", "Review", "rate_review"),
    ("evaluations", "Evaluations", "monitoring"),
    ("training", "Training", "model_training"),
    ("knowledge", "Knowledge", "menu_book"),
    ("experiments", "Experiments", "science"),
    ("adapters", "Adapters", "hub"),
)


def main() -> None:
    """One page, with the menu and who is here beside it."""
    st.set_page_config(page_title="Ratchet", page_icon=":material/cycle:", layout="wide")
    page = st.navigation(
        [
            st.Page(f"views/{name}.py", title=title, icon=f":material/{icon}:", default=at == 0)
            for at, (name, title, icon) in enumerate(PAGES)
        ]
    )
    with st.sidebar:
        widgets.sign_in()
    try:
        source.here()
    except RatchetError as problem:
        st.error(plain(problem), icon=":material/error:")
        st.stop()
    with widgets.told():
        page.run()


main()
