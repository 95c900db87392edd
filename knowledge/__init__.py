"""Ground floor: what the assistant can look up. Usable alone.

>>> from knowledge import Collection, ingest
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knowledge.collection import Collection
    from knowledge.ingest import ingest

__all__ = ["Collection", "ingest"]

_PLACES = {"Collection": "knowledge.collection", "ingest": "knowledge.ingest"}


def __getattr__(name: str) -> Any:
    """The public names, imported when they are asked for: a room costs nothing to enter."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
