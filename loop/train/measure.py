"""How well a model does on rows, without learning from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from loop.models.sight import Sight
from loop.train import ranks
from loop.train.layout import Laid, lay, rewards, scores
from loop.train.losses import PairLoss, auc, bradley_terry, kto_loss, pair_loss
from loop.train.rows import Row
from loop.train.trainer import out_of_memory

_TOKENS = 16_384  # of a batch that is only scored, padding included

# Method → the held-out figure that says which weights are best, and whether more of it is better.
DECIDES = {
    "sft": ("loss", False),
    "dpo": ("loss", False),
    "kto": ("loss", False),
    "reward": ("loss", False),
    "grpo": ("reward", True),
}


class Scored(NamedTuple):
    """Of r rows with k answers each, (r, k), on the CPU."""

    value: torch.Tensor  # log probability of the answer; of a reward model, its reward
    tokens: torch.Tensor
    entropy: torch.Tensor | None = None  # mean over the answer's tokens, in nats
    end: torch.Tensor | None = None  # log probability of the answer's end

    def at(self, rows: list[int]) -> Scored:
        """Of these rows only."""
        return Scored(*(None if part is None else part[rows] for part in self))  # type: ignore[arg-type]


@dataclass(slots=True, kw_only=True)
class Scorer:
    """Scores rows with a model as training computes it, in batches that fit in memory."""

    pad: int  # a token id to fill with
    share: bool  # may answers share their prompt
    device: str
    rewards: str | None = None  # the model is a reward model, whose head reads that
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext
    tokens: int = _TOKENS  # of a batch; halved when memory runs out
    split: bool = False  # each of the run's processes scores its share of the rows
    sight: Sight | None = None  # of a vision-language base

    def lay(self, rows: Sequence[Row], most: int = 0) -> Laid:
        """Rows side by side on the device; `most` is as `layout.lay` has it."""
        return lay(rows, self.pad, share=self.share, most=most, sight=self.sight).to(self.device)

    @torch.no_grad()
    def __call__(self, model: Any, rows: Sequence[Row], *, more: bool = False) -> Scored:
        """Score every answer.

        Args:
            model: A causal LM or a reward model, with or without an adapter.
            rows: At least one, all with equally many answers, best in order of length.
            more: Entropy and the end's log probability, too.
        """
        if not self.split or not 1 < ranks.world() <= len(rows):
            return self._here(model, rows, more)
        return woven(ranks.gathered(self._here(model, rows[ranks.rank() :: ranks.world()], more)))

    def _here(self, model: Any, rows: Sequence[Row], more: bool) -> Scored:
        was = model.training
        model.eval()
        try:
            parts: list[Scored] = []
            done = 0
            while done < len(rows):
                batch = next(_batches(rows[done:], self.tokens))
                try:
                    parts.append(self._score(model, batch, more))
                except RuntimeError as problem:
                    if not out_of_memory(problem) or len(batch) == 1:
                        raise
                    self.tokens //= 2
                    continue
                done += len(batch)
        finally:
            model.train(was)
        columns = [
            None if any(part is None for part in column) else torch.cat(column)
            for column in zip(*parts, strict=True)
        ]
        return Scored(*columns)  # type: ignore[arg-type]

    def _score(self, model: Any, batch: Sequence[Row], more: bool) -> Scored:
        laid = self.lay(batch)

        def shaped(part: torch.Tensor | None) -> torch.Tensor | None:
            return None if part is None else part.float().cpu().view(len(batch), -1)

        with self.autocast():
            if self.rewards:
                value = shaped(rewards(model, laid, self.rewards))
                assert value is not None
                return Scored(value, torch.ones_like(value))
            return Scored(*map(shaped, scores(model, laid, more=more)))  # type: ignore[arg-type]


def woven(parts: Sequence[Scored]) -> Scored:
    """Scores of rows that were dealt out in turn, in the rows' order again."""
    total = sum(len(part.value) for part in parts)
    columns: list[torch.Tensor | None] = []
    for column in zip(*parts, strict=True):
        if column[0] is None:
            columns.append(None)
            continue
        whole = torch.empty(total, *column[0].shape[1:])
        for n, part in enumerate(column):
            whole[n :: len(parts)] = part
        columns.append(whole)
    return Scored(*columns)  # type: ignore[arg-type]


class Stance(NamedTuple):
    """What of a method's settings its held-out figures depend on."""

    method: str
    loss: str = "sigmoid"
    beta: float = 0.1
    weights: tuple[float, float] = (1.0, 1.0)
    noise: float = -1.0  # chance of a wrong judgement; below 0 takes each pair's own


def figures(stance: Stance, rows: Sequence[Row], before: Scored, now: Scored) -> dict[str, float]:
    """What a model makes of held-out rows.

    Args:
        stance: The method's.
        rows: Scored, in this order.
        before: Under the model that training started from.
        now: Under the model as it is.

    Returns:
        `loss`, the method's own (SFT: a token's). Pairs: `accuracy`, the share whose preferred
        answer is the likelier one or has the higher reward; `reward_margin`, the mean lead in
        reward. DPO: `accuracy_by_length`, the same with log probabilities a token;
        `reward_accuracy`, the share whose preferred answer gained more; `margin`, how much more
        on average in nats; `gain`, what preferred answers gained. KTO: `auc`, the chance that a
        good answer gained more than a bad one; `margin`; `gain`.
    """
    match stance.method:
        case "sft":  # by token, where row_losses is by row
            return {"loss": float(-now.value.sum() / now.tokens.sum())}
        case "dpo":
            return _pairs(stance, rows, before, now)
        case "kto":
            return _judged(stance, rows, before, now)
        case "reward":
            gap_b = now.value[:, 0] - now.value[:, 1]
            return {
                "loss": float(bradley_terry(now.value, 0.0).mean()),
                "accuracy": share_won(gap_b),
                "margin": float(gap_b.mean()),
                "reward_margin": float(gap_b.mean()),
            }
    raise ValueError(f"no method {stance.method!r}")


def row_losses(stance: Stance, rows: Sequence[Row], before: Scored, now: Scored) -> torch.Tensor:
    """The loss of each row, shape (r,); its mean is the method's, but for SFT.

    Of SFT it is the loss of an answer's token on average, so that every row counts the same.

    Args:
        stance: The method's.
        rows: Scored, in this order.
        before: Under the model that training started from.
        now: Under the model as it is.
    """
    match stance.method:
        case "sft":
            return -now.value[:, 0] / now.tokens[:, 0]
        case "dpo":
            return _pair_losses(stance, rows, before, now).loss
        case "kto":
            return _judged_losses(stance, rows, before, now)
        case "reward":
            return bradley_terry(now.value, 0.0)
    raise ValueError(f"no method {stance.method!r}")


def share_won(gap_b: torch.Tensor) -> float:
    """The share of gaps above 0; a tie is half won."""
    return float(((gap_b > 0).float() + 0.5 * (gap_b == 0).float()).mean())


def noise_of(rows: Sequence[Row], noise: float) -> torch.Tensor:
    """Chance that each pair was judged the wrong way round, (r,); below 0 takes each one's own."""
    return torch.tensor([row.noise if noise < 0 else noise for row in rows])


def _pair_losses(stance: Stance, rows: Sequence[Row], before: Scored, now: Scored) -> PairLoss:
    noise_b = noise_of(rows, stance.noise)
    return pair_loss(stance.loss, now.value - before.value, now.tokens, noise_b, stance.beta)


def _pairs(stance: Stance, rows: Sequence[Row], before: Scored, now: Scored) -> dict[str, float]:
    gain_b2 = now.value - before.value
    done = _pair_losses(stance, rows, before, now)
    per_token_b2 = now.value / now.tokens
    gap_b = gain_b2[:, 0] - gain_b2[:, 1]
    return {
        "loss": float(done.loss.mean()),
        "accuracy": share_won(now.value[:, 0] - now.value[:, 1]),
        "accuracy_by_length": share_won(per_token_b2[:, 0] - per_token_b2[:, 1]),
        "reward_accuracy": share_won(done.margin),
        "margin": float(gap_b.mean()),
        "reward_margin": float(done.margin.mean()),
        "gain": float(gain_b2[:, 0].mean()),
    }


def _judged_losses(
    stance: Stance, rows: Sequence[Row], before: Scored, now: Scored
) -> torch.Tensor:
    gain_b2 = now.value - before.value
    good_b = torch.tensor([row.label for row in rows])
    moved = gain_b2[:, 1].mean().clamp(min=0)
    good_weight, bad_weight = stance.weights
    return kto_loss(
        gain_b2[:, 0], good_b, moved, stance.beta, good_weight=good_weight, bad_weight=bad_weight
    )


def _judged(stance: Stance, rows: Sequence[Row], before: Scored, now: Scored) -> dict[str, float]:
    gain_b2 = now.value - before.value
    good_b = torch.tensor([row.label for row in rows])
    loss_b = _judged_losses(stance, rows, before, now)
    told = {"loss": float(loss_b.mean()), "gain": float(gain_b2[:, 0].mean())}
    if (area := auc(gain_b2[:, 0], good_b)) is not None:
        told["auc"] = area
        told["margin"] = float(gain_b2[good_b, 0].mean() - gain_b2[~good_b, 0].mean())
    return told


def signs(now: Scored) -> dict[str, float]:
    """What a guard looks at: mean entropy of good answers and log probability of their end."""
    assert now.entropy is not None
    assert now.end is not None
    return {"entropy": float(now.entropy[:, 0].mean()), "end": float(now.end[:, 0].mean())}


def _batches(rows: Sequence[Row], most: int) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        if batch and (len(batch) + 1) * max(row.tokens, *(r.tokens for r in batch)) > most:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
