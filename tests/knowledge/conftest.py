"""An embedder that needs no weights: words hashed into a unit vector."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import faiss  # noqa: F401  (its threads are to be limited too, so it must be there)
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from knowledge.text import words
from knowledge.tokens import word_starts

threadpool_limits(1)  # tests run side by side; several threads each would wait for one another


class WordEmbedder:
    """Texts are alike as far as they share words. Remembers what it was asked."""

    most_tokens = 254

    def __init__(self, name: str = "words", dimension: int = 64) -> None:
        self.name, self.dimension = name, dimension
        self.asked: list[str] = []

    def token_starts(self, text: str) -> np.ndarray:
        return word_starts(text)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words(text):
                row[hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(lengths == 0, 1, lengths)


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()
