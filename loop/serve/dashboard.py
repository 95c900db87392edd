"""Streamlit mounted in the same process. The pages themselves are the floor above."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.starlette import App


def find_script() -> Path | None:
    """The dashboard's script, wherever the package is installed; None when it is not."""
    try:
        spec = importlib.util.find_spec("dashboards.app")
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


def mount(script: Path) -> App:
    """The dashboard as an ASGI app. One per process: Streamlit allows no more.

    Its options stand in .streamlit/config.toml beside the script.
    """
    import streamlit as st

    return st.App(script)
