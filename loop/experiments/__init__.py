"""A/B tests on people: who sees which arm, what it shows so far, when to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loop.experiments.analysis import analyze

__all__ = ["analyze"]


def __getattr__(name: str) -> Any:
    """`analyze` when it is asked for: nothing is imported by importing the room."""
    if name == "analyze":
        from loop.experiments.analysis import analyze

        return analyze
    raise AttributeError(name)
