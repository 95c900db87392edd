"""Answers drawn to held-out prompts, and what they are worth: what GRPO is measured by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from loop.models.chat import encode_prompts
from loop.models.load import Base
from loop.train.grpo import score
from loop.train.guard import General
from loop.train.job import Job
from loop.train.judge import Judge
from loop.train.rows import Asked

_HELD = 32  # held-out prompts that are answered at each checkpoint
_TOGETHER = 16  # of them at once


@torch.no_grad()
def draw(model: Any, base: Base, asked: Sequence[Asked], most: int) -> list[list[int]]:
    """The likeliest answer to each prompt, as token ids without what follows its end."""
    was = model.training
    model.eval()
    answers: list[list[int]] = []
    prompts = encode_prompts(base.tokenizer, [one.messages for one in asked])
    pad = base.tokenizer.pad_token_id
    for start in range(0, len(prompts), _TOGETHER):
        some = prompts[start : start + _TOGETHER]
        longest = max(map(len, some))
        ids = torch.tensor([[pad] * (longest - len(p)) + p for p in some])
        seen = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in some])
        made = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=seen.to(model.device),
            max_new_tokens=most,
            do_sample=False,
            pad_token_id=pad,
            eos_token_id=sorted(base.ends),
        )
        for line in made[:, longest:].tolist():
            end = next((n for n, token in enumerate(line) if token in base.ends), len(line))
            answers.append(line[:end])
    model.train(was)
    return answers


class Exam:
    """Reward and length of the likeliest answers to held-out prompts."""

    def __init__(
        self,
        job: Job,
        base: Base,
        model: Any,
        held: Sequence[Asked],
        general: General | None,
        judges: Mapping[str, Judge],
    ) -> None:
        """
        Args:
            job: Says which rewards.
            base: With its tokenizer.
            model: As it is before the first step.
            held: Prompts that are not trained on; may be none.
            general: Text that must not be lost.
            judges: The reward models among the rewards.
        """
        self._known = job.settings
        self._base = base
        self._model = model
        self._held = held
        self._general = general
        self._judges = judges
        self._before = self._figures(held)

    def part(self, step: int) -> dict[str, float]:
        """Figures of some held-out prompts, and the divergence on general text."""
        found = self._figures(self._held[:: max(1, math.ceil(len(self._held) / _HELD))])
        if self._general is not None:
            found["divergence"] = self._general.divergence(self._model)
        return found

    def whole(self) -> dict[str, float]:
        """Figures of every held-out prompt: before training, and now."""
        now = self._figures(self._held)
        told = {f"held_out_{name}_after": value for name, value in now.items()}
        return told | {f"held_out_{name}_before": value for name, value in self._before.items()}

    def by_row(self) -> dict[str, float]:
        """Row → reward now, of those that a scorer applies to."""
        if not self._held:
            return {}
        _, scores = self._answers(self._held)
        named = zip(self._held, scores, strict=True)
        return {one.name: value for one, value in named if value is not None}

    def _answers(self, asked: Sequence[Asked]) -> tuple[list[list[int]], list[float | None]]:
        drawn = draw(self._model, self._base, asked, self._known.answer_tokens)
        texts = self._base.tokenizer.batch_decode(drawn, skip_special_tokens=True)
        answers = [text.strip() for text in texts]
        return drawn, score(self._known.rewards, self._judges, asked, answers)

    def _figures(self, asked: Sequence[Asked]) -> dict[str, float]:
        if not asked:
            return {}
        drawn, scores = self._answers(asked)
        found = {"length": sum(map(len, drawn)) / len(drawn)}
        applied = [value for value in scores if value is not None]
        return found | ({"reward": sum(applied) / len(applied)} if applied else {})
