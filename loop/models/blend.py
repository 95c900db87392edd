"""The arithmetic of a merge: adapters' factors put together by PEFT, on a base without weights."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from transformers import AutoConfig, AutoModelForCausalLM

from knowledge.errors import RatchetError
from loop.models.bases import base_folder
from loop.models.weights import AdapterFiles, check_fit

if TYPE_CHECKING:
    from loop.models.merge import Recipe

_NAME = "merged"  # of the result, as PEFT knows it
_EXACT = ("svd", "cat")  # methods that aim at the weighted sum of what the adapters add


def blend(
    recipe: Recipe,
    folders: Sequence[Path],
    files: Sequence[AdapterFiles],
    *,
    base: str,
    root: Path,
    target: Path,
) -> dict[str, float]:
    """Write the merged adapter in PEFT's format.

    Args:
        recipe: How.
        folders: Where the sources lie.
        files: What they hold.
        base: Their base; only its shape is read, never its weights.
        root: The project's folder.
        target: Where the result goes, an empty folder.

    Returns:
        `rank`, and with svd and cat `relative_error`: how much of the weighted sum is lost, as a
        share of its Frobenius norm over all layers.

    Raises:
        RatchetError: The base cannot be had, or a source does not fit it or the others.
    """
    names = [f"source-{n}" for n in range(len(files))]  # ids may hold what module names must not
    model = _with_adapters(_skeleton(base, root), names, folders, files)
    options: dict[str, Any] = {} if recipe.density is None else {"density": recipe.density}
    # PEFT's svd builds every layer's full matrix; cat and a small decomposition give the same.
    way = "cat" if recipe.method == "svd" else recipe.method
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(recipe.seed or 0)
        try:
            model.base_model.add_weighted_adapter(
                names, list(recipe.weights), _NAME, combination_type=way, **options
            )
        except (ValueError, TypeError, RuntimeError) as problem:
            raise RatchetError(
                f"{', '.join(recipe.sources)} cannot be merged by {recipe.method}: {problem}"
            ) from problem
    config = model.peft_config[_NAME]
    config.use_rslora = False  # the sources' scaling is in the weights now
    config.base_model_name_or_path = base
    error = 0.0
    if recipe.method == "svd":
        rank = max(rank_of(one.config) for one in files)
        error = _truncate(model, rank)
        config.r = config.lora_alpha = rank
    model.save_pretrained(
        str(target),
        selected_adapters=[_NAME],
        safe_serialization=True,
        save_embedding_layers=False,  # else peft asks the hub about the base
    )
    _lift(target / _NAME, target)
    return {"rank": float(config.r)} | (
        {"relative_error": error} if recipe.method in _EXACT else {}
    )


def rank_of(config: dict[str, Any]) -> int:
    """The largest rank of any layer."""
    return max([int(config["r"]), *map(int, (config.get("rank_pattern") or {}).values())])


def _with_adapters(
    bare: Any, names: Sequence[str], folders: Sequence[Path], files: Sequence[AdapterFiles]
) -> Any:
    """The base with every source on it."""
    model: Any = None
    for name, folder, one in zip(names, folders, files, strict=True):
        check_fit(one, bare, folder)
        config = LoraConfig(**one.config, task_type="CAUSAL_LM", inference_mode=True)
        with warnings.catch_warnings():  # peft asks transformers by an older name
            warnings.simplefilter("ignore", FutureWarning)
            if model is None:
                model = get_peft_model(bare, config, adapter_name=name)
            else:
                model.add_adapter(name, config)
        result: Any = set_peft_model_state_dict(model, one.tensors, adapter_name=name)
        if result.unexpected_keys:
            raise RatchetError(
                f"{folder}: the adapter does not fit the base ({result.unexpected_keys[0]}). "
                "Train it again."
            )
    return model


def _skeleton(name: str, root: Path) -> Any:
    """The base's layers with memory for weights that nobody reads, so none is ever used."""
    folder = base_folder(name, root)
    try:
        config = AutoConfig.from_pretrained(
            str(folder or name), local_files_only=folder is not None, trust_remote_code=False
        )
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                config, dtype=torch.float32, trust_remote_code=False
            )
    except Exception as problem:  # the hub's client raises dozens of kinds
        raise RatchetError(
            f"Base model {name!r}: its config.json cannot be had ({str(problem).splitlines()[0]}). "
            "Check the spelling and the connection."
        ) from problem
    return model.to_empty(device="cpu").requires_grad_(False)


def _truncate(model: Any, rank: int) -> float:
    """Cut every layer of the merged adapter to the best of a rank.

    Returns:
        How much of the weighted sum is lost, as a share of its Frobenius norm, all layers together.

    Source: Eckart and Young, 1936; QR of both factors keeps the decomposition small.
    """
    lost = whole = 0.0
    for layer in model.modules():
        if _NAME not in getattr(layer, "lora_A", {}):
            continue
        a, b = layer.lora_A[_NAME].weight, layer.lora_B[_NAME].weight
        left, upper = torch.linalg.qr(b.data.double())  # (out, r), (r, r)
        right, lower = torch.linalg.qr(a.data.double().T)
        u, s, v = torch.linalg.svd(upper @ lower.T)
        a.data = (v[:rank] @ right.T).float().contiguous()
        b.data = (left @ u[:, :rank] * s[:rank]).float().contiguous()
        if a.shape[0] < rank:  # narrower than the rank
            fill = rank - a.shape[0]
            a.data = torch.nn.functional.pad(a.data, (0, 0, 0, fill))
            b.data = torch.nn.functional.pad(b.data, (0, fill))
        lost += float((s[rank:] ** 2).sum())
        whole += float((s**2).sum())
    return math.sqrt(lost / whole) if whole else 0.0


def _lift(folder: Path, target: Path) -> None:
    """PEFT writes an adapter into a folder of its name; its files belong one up."""
    for file in folder.iterdir():
        file.rename(target / file.name)
    (target / "README.md").unlink(missing_ok=True)  # peft's empty model card
