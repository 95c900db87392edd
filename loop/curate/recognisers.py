"""Recognisers of personal data beside the rules, by the names that settings give them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from knowledge.errors import RatchetError
from knowledge.pii import Recogniser, Span

KNOWN = "presidio, spacy:MODEL or transformers:MODEL"


@cache
def recogniser(name: str) -> Recogniser:
    """The recogniser by this name, loaded once in a process.

    Args:
        name: "presidio", or a model that finds names: "spacy:en_core_web_sm",
            "transformers:dslim/bert-base-NER".

    Raises:
        RatchetError: There is no such recogniser, or it is not installed.
    """
    kind, _, model = name.partition(":")
    if kind == "presidio" and not model:
        from knowledge.pii_presidio import presidio_recogniser

        return presidio_recogniser()
    if kind in ("spacy", "transformers") and model:
        from loop.models import names

        return names.spacy_names(model) if kind == "spacy" else names.transformers_names(model)
    raise RatchetError(f"curate.recognisers holds {name!r}, expected {KNOWN}. Mend it.")


def found_beside(names: Sequence[str], texts: Sequence[str]) -> list[list[Span]]:
    """What all these recognisers find in each text, in no order; they may overlap."""
    found: list[list[Span]] = [[] for _ in texts]
    for name in names:
        for spans, more in zip(found, recogniser(name)(texts), strict=True):
            spans += more
    return found
