"""Names of people by a model, where one is installed: spaCy's or a token classifier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from knowledge.errors import RatchetError
from knowledge.pii import Recogniser, Span

PEOPLE = frozenset({"PERSON", "PER", "B-PER", "I-PER", "PERSON_NAME"})
LEAST_SCORE = 0.5  # of a token classifier


def spacy_names(model: str) -> Recogniser:
    """People that a spaCy pipeline finds.

    Raises:
        RatchetError: spaCy or the model is not installed.
    """
    try:
        import spacy

        pipeline = spacy.load(model, disable=["parser", "lemmatizer", "attribute_ruler"])
    except (ImportError, OSError) as problem:
        raise _missing(
            "spacy", model, f"pip install spacy && python -m spacy download {model}"
        ) from (problem)

    def find(texts: Sequence[str]) -> list[list[Span]]:
        return [
            [
                Span("PERSON", entity.start_char, entity.end_char, entity.text)
                for entity in page.ents
                if entity.label_ in PEOPLE
            ]
            for page in pipeline.pipe(texts)
        ]

    return find


def transformers_names(model: str) -> Recogniser:
    """People that a Hugging Face token classifier finds.

    Raises:
        RatchetError: The model cannot be loaded.
    """
    from transformers import pipeline

    try:
        classify = pipeline("token-classification", model=model, aggregation_strategy="simple")
    except (OSError, ValueError) as problem:
        raise _missing("transformers", model, f"hf download {model}") from problem
    return people(lambda texts: classify(list(texts)))


def people(
    classify: Callable[[Sequence[str]], Sequence[Sequence[Mapping[str, Any]]]],
) -> Recogniser:
    """A recogniser of what a token classifier calls people.

    Args:
        classify: Texts → for each text its entities, with `entity_group`, `score`, `start`, `end`.
    """

    def find(texts: Sequence[str]) -> list[list[Span]]:
        return [
            [
                Span("PERSON", one["start"], one["end"], text[one["start"] : one["end"]])
                for one in entities
                if one["entity_group"] in PEOPLE and one["score"] >= LEAST_SCORE
            ]
            for text, entities in zip(texts, classify(texts), strict=True)
        ]

    return find


def _missing(kind: str, model: str, how: str) -> RatchetError:
    return RatchetError(
        f"curate.recognisers names {kind}:{model}, which cannot be loaded. "
        f"Install it with `{how}`, or take it out of the list."
    )
