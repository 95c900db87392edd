"""An adapter's files, read and checked before a model is touched."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from knowledge.errors import RatchetError

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
HEAD = "reward.json"  # of a reward model: what its head reads
_PREFIX = "base_model.model."
_OWN = "modules_to_save"
_HEADS = {"score", "classifier"}  # of a reward model; peft names both

Kind = Literal["adapter", "reward", "model"]


class AdapterFiles(NamedTuple):
    """What a LoRA adapter's folder holds."""

    config: dict[str, Any]  # what of peft's LoraConfig decides how it answers
    tensors: dict[str, torch.Tensor]


def weights_sha256(folder: Path) -> str:
    """SHA-256 of a folder's weights, in hex: of an adapter's file, or over a whole model's.

    Raises:
        RatchetError: They are missing, or cannot be read.
    """
    path = folder / WEIGHTS
    whole = [] if path.exists() else sorted(folder.glob("*.safetensors"))
    try:
        if not whole:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        for path in whole:
            with path.open("rb") as file:
                digest.update(path.name.encode())
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()
    except FileNotFoundError as problem:
        raise RatchetError(f"{path}: no such file; {_AGAIN}") from problem
    except OSError as problem:
        raise RatchetError(f"{path}: cannot be read ({problem}); {_AGAIN}") from problem


def kind_of(folder: Path) -> Kind:
    """What a folder of weights is.

    Raises:
        RatchetError: Its configuration cannot be read.
    """
    if not (folder / CONFIG).exists() and (folder / "config.json").exists():
        return "model"
    return "reward" if _raw(folder / CONFIG).get("task_type") == "SEQ_CLS" else "adapter"


def pooling_of(folder: Path) -> str:
    """What a reward model's head reads: an answer's "last" token, or the "mean" of all.

    Raises:
        RatchetError: The file that says so cannot be read.
    """
    path = folder / HEAD
    return (
        str(_raw(path).get("pooling", "last")) if path.exists() else "last"
    )  # as in models of old


def config_sha256(folder: Path) -> str:
    """SHA-256 of what in a folder's configuration decides its answers, in hex; all is read.

    The order of layers and what else PEFT notes of the training make no difference.

    Raises:
        RatchetError: A file is missing or corrupt; see `read_adapter`.
    """
    if kind_of(folder) == "model":
        return hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    plain = {
        key: sorted(value) if isinstance(value, list) else value
        for key, value in read_adapter(folder).config.items()
        if value not in (None, False, [], {})
    }
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def read_adapter(folder: Path) -> AdapterFiles:
    """Read a LoRA adapter whole; of a reward model its head, too.

    Raises:
        RatchetError: A file is missing or corrupt, a number is not finite, or it is of a kind
            that cannot be served beside others.
    """
    config = _config(folder / CONFIG)
    path = folder / WEIGHTS
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except FileNotFoundError as problem:
        raise RatchetError(f"{path}: no such file; {_AGAIN}") from problem
    except (SafetensorError, OSError, ValueError) as problem:
        raise RatchetError(f"{path}: corrupt weights ({problem}); {_AGAIN}") from problem
    if not tensors:
        raise RatchetError(f"{path}: holds no weights; {_AGAIN}")
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise RatchetError(f"{path}: {name} has numbers that are not finite; {_AGAIN}")
    return AdapterFiles(config, tensors)


def check_fit(files: AdapterFiles, model: Any, folder: Path) -> None:
    """Does the adapter belong on this base?

    Raises:
        RatchetError: It names layers that the base has not, or of another size.
    """
    for name, tensor in files.tensors.items():
        layer, dot, part = name.removeprefix(_PREFIX).rpartition(".lora_")
        if not dot or part not in ("A.weight", "B.weight"):
            continue  # peft itself refuses what it does not know
        try:
            target = model.get_submodule(layer)
        except AttributeError as problem:
            raise RatchetError(f"{folder}: the base has no layer {layer}; {_OTHER}") from problem
        target = getattr(target, "base_layer", target)
        side = "in_features" if part[0] == "A" else "out_features"
        expected, found = getattr(target, side, None), tensor.shape[1 if part[0] == "A" else 0]
        if expected is not None and expected != found:
            raise RatchetError(f"{folder}: {name} has size {found}, the base {expected}; {_OTHER}")


def _raw(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {key: data[key] for key in data}
    except FileNotFoundError as problem:
        raise RatchetError(f"{path}: no such file; {_AGAIN}") from problem
    except (OSError, ValueError, TypeError) as problem:
        raise RatchetError(
            f"{path}: not an adapter's configuration ({problem}); {_AGAIN}"
        ) from problem


def _config(path: Path) -> dict[str, Any]:
    try:
        data = _raw(path)
        if data.get("peft_type") != "LORA":
            raise RatchetError(f"{path}: peft_type is {data.get('peft_type')!r}, expected 'LORA'.")
        head = data.get("task_type") == "SEQ_CLS" and set(data["modules_to_save"] or ()) <= _HEADS
        odd = [key for key in _REFUSED if data.get(key) and not (head and key == _OWN)] + (
            ["bias"] if data.get("bias", "none") != "none" else []
        )
        if odd:
            raise RatchetError(
                f"{path}: {', '.join(odd)} change the base itself, so the adapter cannot be served "
                "beside others. Train one without."
            )
        return {key: data[key] for key in _KEPT if key in data}
    except (ValueError, TypeError, AttributeError, KeyError) as problem:
        raise RatchetError(
            f"{path}: not an adapter's configuration ({problem}); {_AGAIN}"
        ) from problem


# What of a configuration decides how an adapter answers; the rest is about its training.
_KEPT = (
    "r",
    "lora_alpha",
    "target_modules",
    "exclude_modules",
    "use_rslora",
    "use_dora",
    "rank_pattern",
    "alpha_pattern",
    "layers_to_transform",
    "layers_pattern",
    "fan_in_fan_out",
)
_REFUSED = (
    "modules_to_save",
    "trainable_token_indices",
    "layer_replication",
    "target_parameters",
    "alora_invocation_tokens",
    "lora_bias",
)
_AGAIN = "restore the file, or train the adapter again."
_OTHER = "the adapter was trained on another base. Mend assistant.base, or train it again."
