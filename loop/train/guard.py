"""When a run is stopped for the model's own good: it forgets, or it games what it is trained on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import torch

from knowledge.errors import RatchetError
from loop.settings import GuardSettings

_TOP = 64  # likeliest tokens that are compared one by one; the rest count as one
_TEXTS = 64  # general texts used, at most
_TOKENS = 128  # of each


class General:
    """How far a model has moved from its base on text that has nothing to do with its training.

    KL divergence of the base's next-token distribution from the model's, over the base's likeliest
    tokens and the rest as one: never above the whole divergence.
    """

    def __init__(self, texts: Sequence[str], tokenizer: Any, device: str) -> None:
        """
        Args:
            texts: What the base must not forget.
            tokenizer: The base's.
            device: Where the model is.
        """
        coded = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        self._coded = [
            torch.tensor([ids[:_TOKENS]], device=device) for ids in coded if len(ids) > 1
        ]
        self._base: list[tuple[torch.Tensor, torch.Tensor]] = []

    @torch.no_grad()
    def remember(self, model: Any) -> None:
        """Take this model as the base."""
        self._base = []
        for ids in self._coded:
            top = self._logprobs(model, ids).topk(
                min(_TOP, model.config.get_text_config().vocab_size - 1), dim=-1
            )
            self._base.append((top.values, top.indices))

    @torch.no_grad()
    def divergence(self, model: Any) -> float:
        """Nats a token by which the model has moved from what it remembers."""
        was = model.training
        model.eval()
        total, count = 0.0, 0
        for ids, (base_tk, index_tk) in zip(self._coded, self._base, strict=True):
            now_tk = self._logprobs(model, ids).gather(-1, index_tk)
            kl_t = (base_tk.exp() * (base_tk - now_tk)).sum(-1)
            rest_base_t, rest_now_t = _rest(base_tk), _rest(now_tk)
            kl_t = kl_t + rest_base_t * (rest_base_t.log() - rest_now_t.log())
            total += float(kl_t.sum())
            count += len(kl_t)
        model.train(was)
        return max(0.0, total / count) if count else 0.0

    def _logprobs(self, model: Any, ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0, :-1]
        return logits.float().log_softmax(-1)


def _rest(logprobs_tk: torch.Tensor) -> torch.Tensor:
    return (1 - logprobs_tk.exp().sum(-1)).clamp(min=1e-9)


def general_texts(name: str, root: Path) -> list[str]:
    """The general set: a project's own JSON lines of `text`, or ours.

    Raises:
        RatchetError: The file is missing, or a line is not as expected.
    """
    if not name:
        whole = files("loop.train").joinpath("general.jsonl").read_text(encoding="utf-8")
        return [json.loads(line)["text"] for line in whole.splitlines()][:_TEXTS]
    path = root / name
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        raise RatchetError(f"{path}: cannot be read ({problem}). Mend guard.general.") from problem
    texts = []
    for number, line in enumerate(lines, 1):
        try:
            texts.append(str(json.loads(line)["text"]))
        except (ValueError, KeyError, TypeError) as problem:
            raise RatchetError(
                f'{path}:{number}: expected an object like {{"text": "…"}}. Mend that line.'
            ) from problem
    step = max(1, math.ceil(len(texts) / _TEXTS))
    return texts[::step]


class Alarm(NamedTuple):
    """Why a run should stop."""

    sign: str  # divergence, forgetting, margin, entropy, length
    words: str


def alarm(
    start: Mapping[str, float], now: Mapping[str, float], limits: GuardSettings
) -> Alarm | None:
    """The first sign that training does harm; None if there is none.

    Args:
        start: An evaluation before the first step.
        now: One of now; figures that a method has not are not looked at.
        limits: Of the project; 0 switches a sign off.
    """
    broken = sorted(name for name, value in now.items() if not math.isfinite(value))
    if broken:
        return Alarm("divergence", f"{', '.join(broken)} of held-out rows is no number any more")
    moved = now.get("divergence")
    if limits.divergence and moved is not None and moved > limits.divergence:
        return Alarm(
            "forgetting",
            f"on general text it has moved {moved:.2f} nats a token from its base, more than "
            f"guard.divergence = {limits.divergence:g}",
        )
    margin = now.get("reward_margin")
    if limits.margin and margin is not None and margin > limits.margin:
        return Alarm(
            "margin",
            f"held-out preferred answers lead by a reward of {margin:.1f}, more than "
            f"guard.margin = {limits.margin:g}: it only learns to be surer of itself",
        )
    if limits.entropy and {"entropy"} <= now.keys() & start.keys():
        share = now["entropy"] / max(start["entropy"], 1e-9)
        if start["entropy"] > 0.05 and share < limits.entropy:
            return Alarm(
                "entropy",
                f"the entropy of its answers fell to {share:.0%} of what it was, below "
                f"guard.entropy = {limits.entropy:g}: it says one thing whatever is asked",
            )
    return _longer(start, now, limits.length)


def _longer(start: Mapping[str, float], now: Mapping[str, float], limit: float) -> Alarm | None:
    if not limit:
        return None
    if {"end"} <= now.keys() & start.keys() and start["end"] - now["end"] > limit:
        return Alarm(
            "length",
            f"the end of a good answer got {start['end'] - now['end']:.1f} nats less likely, more "
            f"than guard.length = {limit:g}: its answers grow longer",
        )
    if {"length"} <= now.keys() & start.keys() and now["length"] > limit * start["length"]:
        return Alarm(
            "length",
            f"its answers are {now['length'] / start['length']:.1f} times as long as at the start, "
            f"more than guard.length = {limit:g}",
        )
    return None
