"""A base model by name: the bundled one, a folder, or a hub name. Safetensors, no remote code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForSequenceClassification,
    AutoProcessor,
    AutoTokenizer,
)
from transformers.utils import logging as hub_logging

from knowledge.errors import RatchetError
from loop.models.bases import base_folder, best_device, fingerprint
from loop.models.chat import with_images
from loop.models.sight import Sight

__all__ = ["Base", "base_folder", "best_device", "fingerprint", "load_base", "quiet"]


class Base(NamedTuple):
    """A loaded base model with its tokenizer."""

    name: str
    model: Any
    tokenizer: Any
    context: int  # the most tokens it can hold, prompt and answer together
    ends: frozenset[int]  # tokens that end its turn
    sight: Sight | None = None  # of a vision-language base


def load_base(
    name: str,
    *,
    root: Path = Path("."),
    device: str | None = None,
    as_stored: bool = False,
    reward: bool = False,
    attention: str | None = None,
    four_bit: bool = False,
) -> Base:
    """Load a base model and its tokenizer, ready to generate.

    float32 on a CPU, bfloat16 on a GPU. Weights must be safetensors; code that comes with a
    model is never run.

    Args:
        name: "pocket", a folder, or a hub name.
        root: The project's folder; a relative base lies below it.
        device: "cpu" or "cuda"; None takes the GPU where one answers.
        as_stored: Keep the weights in the type they are stored in.
        reward: With a fresh head that gives one number, instead of the language model's.
        attention: Another implementation than the model's own choice.
        four_bit: Quantised to 4 bits by bitsandbytes, on an NVIDIA GPU (Dettmers et al., 2023).

    Raises:
        RatchetError: It is not to be had, cannot be read, or is no chat model.
    """
    device = device or best_device()
    folder = base_folder(name, root)
    source = str(folder or name)
    local = {"local_files_only": folder is not None, "trust_remote_code": False}
    options: dict[str, Any] = {"attn_implementation": attention} if attention else {}
    if four_bit:
        options["quantization_config"] = _four_bit(device)
    if reward:
        options["num_labels"] = 1
    processor: Any = None
    kind: Any = AutoModelForSequenceClassification if reward else AutoModelForCausalLM
    with _mended(name, folder):
        tokenizer: Any = AutoTokenizer.from_pretrained(source, **local)
        if getattr(AutoConfig.from_pretrained(source, **local), "vision_config", None) is not None:
            processor = AutoProcessor.from_pretrained(source, **local)  # type: ignore[no-untyped-call]
            kind = AutoModelForImageTextToText
    if reward and processor is not None:
        raise RatchetError(
            f"Base model {name!r} sees images, and there are no reward models of such a base. "
            'Train it by "sft", "dpo" or "kto", or a reward model on a base for text.'
        )
    with _mended(name, folder):
        model: Any = kind.from_pretrained(
            source,
            dtype="auto" if as_stored else _dtype(device),
            use_safetensors=True,
            **options,
            **local,
        )
    if not tokenizer.chat_template:
        raise RatchetError(
            f"Base model {name!r} has no chat template, so it cannot be asked questions. "
            "Choose its instruction-tuned variant."
        )
    if processor is not None:
        tokenizer = with_images(tokenizer, processor)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not four_bit:
        model.to(device)
    model.eval().requires_grad_(False)
    text = model.config.get_text_config()
    context = getattr(text, "max_position_embeddings", None) or 1 << 20
    generation = getattr(model, "generation_config", None)
    ends = None if generation is None else generation.eos_token_id
    ends = ends if isinstance(ends, list) else [ends, tokenizer.eos_token_id]
    stops = frozenset(e for e in ends if e is not None)
    sight = None if processor is None else Sight(processor)
    return Base(name, model, tokenizer, context, stops, sight)


@contextmanager
def _mended(name: str, folder: Path | None) -> Iterator[None]:
    try:
        with quiet():
            yield
    except Exception as problem:  # the hub's client raises dozens of kinds
        raise RatchetError(_mend(name, folder, problem)) from problem


def _four_bit(device: str) -> Any:
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if device == "cpu":
        raise RatchetError(
            'train.tuning = "qlora" needs an NVIDIA GPU, and none answers here. '
            'Use "lora": on a CPU nothing is gained by 4 bits.'
        )
    if find_spec("bitsandbytes") is None:
        raise RatchetError(
            'train.tuning = "qlora" needs bitsandbytes: pip install "ratchet-loop[qlora]".'
        )
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _dtype(device: str) -> torch.dtype:
    return torch.float32 if device == "cpu" else torch.bfloat16


def _mend(name: str, folder: Path | None, problem: Exception) -> str:
    """What went wrong, and the next move."""
    why = str(problem).strip().split("\n")[0][:200] or type(problem).__name__
    if isinstance(problem, ImportError) and "torchvision" in str(problem).lower():
        return (
            f"Base model {name!r} sees images with torchvision, which is not here. Install the "
            "build that goes with this torch (CPU or CUDA): https://pytorch.org/get-started."
        )
    if folder is not None:
        return f"Base model {name!r}: {folder} cannot be read: {why}. Copy or train it again."
    if "trust_remote_code" in str(problem):
        return (
            f"Base model {name!r} wants to run code of its own, which Ratchet never does. "
            "Choose another."
        )
    return (
        f"Base model {name!r} is not to be had: {why}. Check the spelling and the connection, "
        'log in with `hf auth login` if it is gated, or set assistant.base = "pocket".'
    )


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars while weights load; our own commands show theirs."""
    was = hub_logging.is_progress_bar_enabled()
    hub_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if was:
            hub_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
