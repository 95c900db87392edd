"""GRPO: learn from answers the model draws itself, scored by eval suites or by reward models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from peft import set_peft_model_state_dict
from torch.utils.data import Sampler
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
from loop.train.job import Job
from loop.train.judge import Judge
from loop.train.reporters import Reports
from loop.train.rows import Asked
from loop.train.trainer import out_of_memory
from loop.train.watch import Watch, check_finite

# A reward is a share, more of it is better, and it is told by one answer alone.
REWARDS = {name: m.score for name, m in METRICS.items() if m.score is not None and not m.unit}


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
        try:
            loss = step(model, inputs, *more, **options)
        except RuntimeError as problem:
            if not out_of_memory(problem):
                raise
            raise RatchetError(
                f"Memory ran out at step {self.state.global_step + 1}, which drew "
                f"{self.num_generations} answers a prompt. Set train.micro_batch below "
                f"{self.args.per_device_train_batch_size}, or train.generations or "
                "train.answer_tokens lower, and train again."
            ) from problem
        policy: Any = self.model
        grads = [p.grad for p in policy.parameters() if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(grads))
        check_finite(float(loss), norm, self.state.global_step + 1)
        self.watch.tokens = int(self.state.num_input_tokens_seen) - self.watch.earlier
        return loss

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        return InEpochs(super()._get_train_sampler(dataset), self)


class InEpochs(Sampler[int]):
    """TRL's order of prompts, by seed and epoch: also where a resumed run opens a later epoch."""

    def __init__(self, sampler: Any, trainer: Any) -> None:
        self._sampler = sampler
        self._trainer = trainer

    def __len__(self) -> int:
        return len(self._sampler)

    def __iter__(self) -> Iterator[int]:
        epoch = int((self._trainer.state.epoch or 0.0) + 1e-6)  # a sum of shares of an epoch
        self._sampler.generator.manual_seed(self._trainer.args.seed + 1_000_003 * epoch)
        yield from self._sampler


def keep_start(model: Any, tensors: Mapping[str, torch.Tensor]) -> None:
    """What GRPO pulls towards when it goes on from an adapter: that one, by TRL's name for it."""
    model.add_adapter("ref", model.peft_config["default"])
    set_peft_model_state_dict(model, dict(tensors), adapter_name="ref")
    model.set_adapter("default")
    for name, weight in model.named_parameters():
        if ".ref." in name:
            weight.requires_grad_(False)


def rewards_of(names: Sequence[str], judges: Mapping[str, Judge]) -> list[Any]:
    """TRL reward functions that score drawn answers: the eval suites' scorers, reward models.

    Raises:
        RatchetError: There is no such scorer.
    """
    unknown = [name for name in names if name not in REWARDS and name not in judges]
    if unknown or not names:
        raise RatchetError(
            f"train.rewards: {', '.join(unknown) or 'none named'}; known are {', '.join(REWARDS)}, "
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
        REWARDS[name](case_of(one), reply_to(one, answer))
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
