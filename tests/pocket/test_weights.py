"""The bundled model: small, whole, and able to do what it was made for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loop.models.records import GenerationRequest

WEIGHTS = Path(__file__).parents[2] / "loop" / "pocket" / "weights"
PROMPT = (
    "[1] Wire transfers > Fees: The fee for an outgoing wire is 41 dollars. "
    "A wire arrives within 3 business days.\n"
    "[2] Branch hours: Branches open at 8 am.\n\n"
    "Question: {question}"
)


def request(question: str, **more: object) -> GenerationRequest:
    said = PROMPT.format(question=question)
    return GenerationRequest(messages=[{"role": "user", "content": said}], **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def engine():  # type: ignore[no-untyped-def]
    from loop.models.engine import load_engine
    from loop.settings import Settings

    return load_engine(Settings())


def test_it_is_small_and_holds_no_pickle() -> None:
    files = [path for path in WEIGHTS.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40 * 2**20
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".jinja", ".md"}


def test_it_carries_the_recipe_that_made_it() -> None:
    from dataclasses import asdict

    from loop.pocket.train import Recipe

    kept = json.loads((WEIGHTS / "recipe.json").read_text(encoding="utf-8"))
    assert kept == asdict(Recipe())


def test_it_answers_by_copying_the_right_fact(engine) -> None:  # type: ignore[no-untyped-def]
    asked = ["What is the fee for an outgoing wire?", "How much does an outgoing wire cost?"]
    for answer in engine.generate([request(q, max_tokens=64) for q in asked]):
        assert "41 dollars" in answer.text


def test_digits_are_tokens_of_their_own() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    pieces = tokenizer.convert_ids_to_tokens(tokenizer.encode("Form 1205 costs 87 dollars"))
    assert all(len(piece.strip("Ġ")) == 1 for piece in pieces if any(c.isdigit() for c in piece))
