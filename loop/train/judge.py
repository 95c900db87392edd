"""Registered reward models as GRPO's rewards: what people preferred, where no scorer can tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from knowledge.errors import RatchetError
from loop.models.chat import encode_pair
from loop.models.files import changed_files, read_manifest, read_pruned
from loop.models.load import load_base
from loop.models.weights import (
    CONFIG,
    WEIGHTS,
    check_fit,
    kind_of,
    pooling_of,
    read_adapter,
    weights_sha256,
)
from loop.train.job import Job, judges_of, read_json
from loop.train.layout import can_share
from loop.train.measure import Scorer
from loop.train.rows import Row


def judge_folders(names: Sequence[str], adapters: Path, base: str) -> dict[str, str]:
    """Reward model → its folder, each held against its manifest and the hash it is named by.

    Args:
        names: Of `train.rewards`; those of scorers are left out.
        adapters: Where the registry keeps its files.
        base: That they must have been trained on.

    Raises:
        RatchetError: One was pruned, is missing, was changed, is no reward adapter, or belongs on
            another base.
    """
    found: dict[str, str] = {}
    for name in judges_of(names):
        folder = (adapters / name).resolve()
        if note := read_pruned(folder):
            raise RatchetError(
                f"train.rewards: {name} was pruned on {str(note.get('at', ''))[:10]}. To have it, "
                f"{note.get('again') or 'train another one'}."
            )
        if not folder.is_dir():
            raise RatchetError(
                f"train.rewards: no reward model {name}. `ratchet train --method reward` makes "
                "one, `ratchet adapters list` names those there are."
            )
        if kind_of(folder) != "reward":
            raise RatchetError(
                f"train.rewards: {name} is no adapter of a reward model, so it scores nothing. "
                "Make one with `ratchet train --method reward`, with an adapter."
            )
        expected = {n: s for n, s in read_manifest(folder).items() if n != WEIGHTS}
        if f"ad-{weights_sha256(folder)[:12]}" != name or changed_files(folder, expected):
            raise RatchetError(
                f"train.rewards: {folder} is not what was registered as {name}. Restore it from "
                "a backup, or train the reward model again."
            )
        told = (read_json(folder / CONFIG) or {}).get("base_model_name_or_path")
        if told != base:
            raise RatchetError(
                f"train.rewards: {name} was trained on the base {told!r}, and assistant.base is "
                f"{base!r}. Train a reward model on this one."
            )
        found[name] = str(folder)
    return found


class Judge:
    """A reward model, ready to score."""

    def __init__(self, job: Job, name: str) -> None:
        """
        Args:
            job: Says on what base, on which device, and where the reward model lies.
            name: The reward model's.

        Raises:
            RatchetError: It cannot be read, or was trained on another base.
        """
        from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

        folder = Path(job.judge_folders[name])
        base = load_base(job.base, root=Path(job.root), device=job.device, reward=True)
        files = read_adapter(folder)
        check_fit(files, base.model, folder)
        model = get_peft_model(base.model, LoraConfig(**files.config, task_type="SEQ_CLS"))
        set_peft_model_state_dict(model, files.tensors, adapter_name="default")
        self._model = model.eval().requires_grad_(False)
        self._tokenizer = base.tokenizer
        self._context = base.context
        self._ends = base.ends
        self._scorer = Scorer(
            pad=base.tokenizer.pad_token_id,
            share=can_share(base.model),
            device=job.device,
            rewards=pooling_of(folder),
        )

    def __call__(
        self, prompts: Sequence[list[dict[str, str]]], answers: Sequence[str]
    ) -> list[float]:
        """The chance that people would prefer each answer to an average one, in (0, 1).

        The reward through the logistic function: a reward model is trained to give pairs around 0.

        Source: Bradley and Terry, Biometrika 1952.
        """
        coded = [
            encode_pair(self._tokenizer, prompt, answer, self._ends)
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
        rows = [Row(one.prompt[-self._context + len(one.answer) :], [one.answer]) for one in coded]
        order = sorted(range(len(rows)), key=lambda n: rows[n].tokens)
        value_r = self._scorer(self._model, [rows[n] for n in order]).value[:, 0]
        chances = dict(zip(order, torch.sigmoid(value_r).tolist(), strict=True))
        return [chances[n] for n in range(len(rows))]
