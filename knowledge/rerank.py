"""A cross-encoder reads query and passage together: slower than vectors, and a better judge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from knowledge.errors import RatchetError

BATCH = 32


def load_reranker(name: str) -> Callable[[str, Sequence[str]], Sequence[float]]:
    """Scores of texts for a query by a cross-encoder with one output, higher is better.

    Args:
        name: A folder, or a name on the Hugging Face hub such as
            "cross-encoder/ms-marco-MiniLM-L6-v2".

    Raises:
        RatchetError: It cannot be had, or classifies instead of scoring.
    """
    from sentence_transformers import CrossEncoder

    folder = Path(name).expanduser()
    try:
        model = CrossEncoder(
            str(folder) if folder.is_dir() else name,
            local_files_only=folder.is_dir(),
            model_kwargs={"use_safetensors": True},
        )
    except Exception as problem:  # the hub's client raises a dozen kinds
        reason = str(problem).strip().split("\n")[0] or type(problem).__name__
        raise RatchetError(
            f"knowledge.reranker is {name!r}: it cannot be loaded ({reason}). Connect to the "
            "Hugging Face hub once, name a folder that holds a cross-encoder, or leave it empty."
        ) from problem
    if model.num_labels != 1:
        raise RatchetError(
            f"knowledge.reranker is {name!r}: it has {model.num_labels} outputs, expected 1. "
            "Name a cross-encoder that scores relevance."
        )
    one_at_a_time = threading.Lock()

    def rerank(query: str, texts: Sequence[str]) -> Sequence[float]:
        pairs = [(query, text) for text in texts]
        with one_at_a_time:
            scores = model.predict(pairs, batch_size=BATCH, show_progress_bar=False)
        found: list[float] = np.asarray(scores, dtype=np.float64).reshape(-1).tolist()
        return found

    return rerank
