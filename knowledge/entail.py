"""Does one text follow from another? A cross-encoder for natural language inference, by name."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from knowledge.errors import RatchetError

BATCH = 16  # pairs


class Nli(Protocol):
    """Judges whether a hypothesis follows from a premise."""

    @property
    def name(self) -> str: ...

    def entailment(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The probability that the second text follows from the first, for each pair."""
        ...


def load_nli(name: str) -> Nli:
    """A sentence-transformers CrossEncoder trained on inference, from disk where it can be.

    Which of its outputs means entailment is read from the model's own config (`id2label`).

    Args:
        name: A folder that holds the model, or its name on the Hugging Face hub.

    Raises:
        RatchetError: The model cannot be had, or none of its labels is entailment.
    """
    folder = Path(name).expanduser()
    if name.startswith((".", "/", "~")) and not folder.is_dir():
        raise RatchetError(f"Entailment model {name!r}: no such folder. Mend the name.")
    try:
        model = _load(str(folder), local=True) if folder.is_dir() else _load_from_hub(name)
    except Exception as problem:  # the hub's client raises a dozen kinds
        reason = str(problem).strip().split("\n")[0] or type(problem).__name__
        raise RatchetError(
            f"Entailment model {name!r}: it cannot be loaded ({reason}). Connect to the Hugging "
            "Face hub once, or name a folder that holds a cross-encoder."
        ) from problem
    return CrossEncoderNli(name, model, _entailment_label(name, model.config.id2label))


def _load(place: str, *, local: bool) -> Any:
    from sentence_transformers import CrossEncoder

    return CrossEncoder(place, local_files_only=local, model_kwargs={"use_safetensors": True})


def _load_from_hub(name: str) -> Any:
    try:
        return _load(name, local=True)
    except Exception:
        return _load(name, local=False)


def _entailment_label(name: str, labels: Mapping[Any, str]) -> int:
    for index, label in labels.items():
        if label.casefold() in ("entailment", "entail", "entails", "entailed"):
            return int(index)
    raise RatchetError(
        f"Entailment model {name!r}: its labels are {', '.join(map(str, labels.values()))}; one "
        "must be entailment. Name a model for natural language inference."
    )


class CrossEncoderNli:
    """A CrossEncoder with a queue. An Nli.

    Args:
        name: What it is called in reports.
        model: A CrossEncoder.
        label: Which output means entailment.
    """

    def __init__(self, name: str, model: Any, label: int) -> None:
        self.name = name
        self._model = model
        self._label = label
        self._busy = threading.Lock()

    def entailment(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The probability that the second text follows from the first, for each pair."""
        if not pairs:
            return []
        with self._busy:
            chances = self._model.predict(
                list(pairs), batch_size=BATCH, apply_softmax=True, show_progress_bar=False
            )
        return [float(row[self._label]) for row in np.asarray(chances, dtype=float)]
