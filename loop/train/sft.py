"""Supervised fine-tuning: make good answers likelier. The loss is on the answer alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

from loop.settings import TrainSettings
from loop.train.layout import scores
from loop.train.measure import Scorer
from loop.train.rows import Row
from loop.train.trainer import Steady, Terms


class AnswerTrainer(Steady, SFTTrainer):
    """TRL's SFT with logits computed for the answers only, not for whole prompts."""


class Imitate:
    """Mean negative log probability of an answer token."""

    def __init__(self, rows: Sequence[Row], scorer: Scorer, *, most: int = 0) -> None:
        """
        Args:
            rows: To learn.
            scorer: Says how rows are laid.
            most: Tokens of a line that packed rows share; 0 packs none.
        """
        self.rows = rows
        self._scorer = scorer
        self._most = most

    def prepare(self, model: Any, numbers: Sequence[int]) -> None:
        """Nothing: rows stand for themselves."""

    def size(self, numbers: Sequence[int]) -> float:
        return float(sum(len(self.rows[n].answers[0]) for n in numbers))

    def terms(self, model: Any, numbers: Sequence[int]) -> Terms:
        rows = [self.rows[n] for n in numbers]
        laid = self._scorer.lay(rows, self._most)
        done = scores(model, laid)
        return Terms(-done.logprob.sum(), {}, laid.tokens)


def trainer(known: TrainSettings, common: dict[str, Any], **more: Any) -> AnswerTrainer:
    """A trainer without rows or objective yet."""
    return AnswerTrainer(args=SFTConfig(max_length=None, **common), **more)


def objective(known: TrainSettings, rows: Sequence[Row], scorer: Scorer, model: Any) -> Imitate:
    """The loss over these rows."""
    return Imitate(rows, scorer, most=max(row.tokens for row in rows) if known.packing else 0)
