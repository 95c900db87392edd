"""GRPO: learn from answers the model draws itself, scored by eval suites or by reward models."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from trl import GRPOConfig, GRPOTrainer  # type: ignore[attr-defined]

from eval_suites.records import Case, Gold, Reply
from eval_suites.scorers import METRICS
from eval_suites.scorers.match import tokens
from knowledge.cite import check_citations, numbered_passages
from knowledge.errors import RatchetError
from loop.answer.handover import is_abstention
from loop.models.chat import encode_prompts
from loop.models.load import Base
from loop.train.choose import Chosen, Facts
from loop.train.guard import General
from loop.train.job import Job
from loop.train.judge import Judge
from loop.train.reporters import Reports
from loop.train.rows import Asked
from loop.train.watch import Watch, check_finite

_HELD = 32  # held-out prompts that are answered at each checkpoint
_TOGETHER = 16  # of them at once


class DrawTrainer(GRPOTrainer):
    """TRL's GRPO on prompts as they are served, with a check of every step."""

    watch: Watch
    reports: Reports
    base: Base

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return encode_prompts(self.base.tokenizer, prompts), None, {}

    def create_model_card(self, *more: Any, **options: Any) -> None:
        """None: a card with a checkpoint only costs time."""

    def training_step(self, model: Any, inputs: Any, *more: Any, **options: Any) -> Any:
        """One step; numbers that are not finite end the run before they do harm."""
        step: Any = super().training_step
        loss = step(model, inputs, *more, **options)
        policy: Any = self.model
        grads = [p.grad for p in policy.parameters() if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(grads))
        check_finite(float(loss), norm, self.state.global_step + 1)
        self.watch.tokens = int(self.state.num_input_tokens_seen)
        return loss


def rewards_of(names: Sequence[str], judges: Mapping[str, Judge]) -> list[Any]:
    """TRL reward functions that score drawn answers: the eval suites' scorers, reward models.

    Raises:
        RatchetError: There is no such scorer.
    """
    unknown = [name for name in names if name not in METRICS and name not in judges]
    if unknown or not names:
        raise RatchetError(
            f"train.rewards: {', '.join(unknown) or 'none named'}; known are {', '.join(METRICS)}, "
            "and registered reward models (ad-…). Mend that line of ratchet.toml."
        )
    return [_reward(name, judges) for name in names]


def score(
    names: Sequence[str],
    judges: Mapping[str, Judge],
    asked: Sequence[Asked],
    answers: Sequence[str],
) -> list[float | None]:
    """Sum of the scores of each answer, each in [0, 1]; None where none applies."""
    found = [_scored(name, judges, asked, answers) for name in names]
    sums: list[float | None] = []
    for column in zip(*found, strict=True):
        applied = [value for value in column if value is not None]
        sums.append(sum(applied) if applied else None)
    return sums


def _scored(
    name: str, judges: Mapping[str, Judge], asked: Sequence[Asked], answers: Sequence[str]
) -> list[float | None]:
    if name in judges:
        return list(judges[name]([one.messages for one in asked], answers))
    return [
        METRICS[name](case_of(one), reply_to(one, answer))
        for one, answer in zip(asked, answers, strict=True)
    ]


def case_of(asked: Asked) -> Case:
    """What a good reply to a prompt holds, told by the answer that people found good.

    Its numbers are the facts, the passages it cites are the gold; where it holds back, holding
    back is right.
    """
    passages = numbered_passages(asked.messages[-1]["content"])
    case = Case(id="asked", suite="grpo", prompt=asked.messages[-1]["content"])
    if is_abstention(asked.answer):
        return replace(case, expect="abstain")
    cited = check_citations(asked.answer, passages)
    gold = tuple(Gold(document=c.document, quote=c.text) for c in cited)
    numbers = [word for word in dict.fromkeys(tokens(asked.answer)) if word[0].isdigit()]
    return replace(case, facts=tuple((number,) for number in numbers), gold=gold)


def reply_to(asked: Asked, answer: str) -> Reply:
    """A drawn answer as the scorers see one."""
    passages = tuple(numbered_passages(asked.messages[-1]["content"]))
    return Reply(
        text=answer,
        citations=tuple(check_citations(answer, passages)),
        passages=passages,
        abstained=is_abstention(answer),
    )


def _reward(name: str, judges: Mapping[str, Judge]) -> Callable[..., list[float | None]]:
    def reward(
        prompts: Sequence[list[dict[str, str]]],
        completions: Sequence[list[dict[str, str]]],
        answer: Sequence[str],
        **more: Any,
    ) -> list[float | None]:
        asked = [Asked(prompt, good) for prompt, good in zip(prompts, answer, strict=True)]
        return _scored(name, judges, asked, [drawn[0]["content"].strip() for drawn in completions])

    reward.__name__ = name
    return reward


def trainer(
    job: Job,
    chosen: Chosen,
    base: Base,
    asked: Sequence[Asked],
    common: dict[str, Any],
    peft: Any,
    judges: Mapping[str, Judge],
) -> DrawTrainer:
    """A trainer that draws `train.generations` answers to each prompt."""
    from datasets import Dataset

    known = job.settings
    drawn = known.generations
    if drawn < 2:
        raise RatchetError(
            f"train.generations is {drawn}, expected at least 2: GRPO compares answers to one "
            "prompt. Mend that line of ratchet.toml."
        )
    prompts = max(1, chosen.batch_size // drawn)
    while prompts * drawn % job.processes:
        prompts += 1
    each = prompts * drawn // job.processes  # answers of a step that one process learns from
    micro = max(1, min(chosen.micro_batch, each))
    while each % micro:
        micro -= 1
    parts = each // micro
    config = GRPOConfig(
        **common
        | {
            "per_device_train_batch_size": micro,
            "gradient_accumulation_steps": parts,
            "steps_per_generation": parts,
            "num_generations": drawn,
            "max_completion_length": known.answer_tokens,
            "beta": known.beta,
            "temperature": 1.0,
        }
    )
    table = Dataset.from_dict(
        {"prompt": [one.messages for one in asked], "answer": [one.answer for one in asked]}
    )
    made = DrawTrainer(
        model=base.model,
        reward_funcs=rewards_of(known.rewards, judges),
        args=config,
        train_dataset=table,
        processing_class=base.tokenizer,
        peft_config=peft,
    )
    made.base = base
    return made


def facts(asked: Sequence[Asked], base: Base, answer_tokens: int, rest: Facts) -> Facts:
    """What settings are chosen from: prompts with the longest answer that may be drawn."""
    prompts = encode_prompts(base.tokenizer, [one.messages for one in asked])
    lengths = [len(ids) + answer_tokens for ids in prompts]
    return rest._replace(lengths=lengths, longest=lengths, answers=[answer_tokens] * len(lengths))


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
