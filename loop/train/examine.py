"""What is measured on held-out rows: some at each checkpoint, all at the end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from loop.train.guard import General
from loop.train.measure import Scorer, Stance, figures, row_losses, signs
from loop.train.rows import Row

_FROM_NOTHING = ("margin", "reward_margin", "gain", "reward_accuracy", "auc")


class Exam:
    """Held-out rows under the model that training starts from, and under the model as it is."""

    def __init__(
        self,
        *,
        stance: Stance,
        model: Any,
        scorer: Scorer,
        rows: Sequence[Row],
        some: int,
        general: General | None,
    ) -> None:
        """
        Args:
            stance: The method's.
            model: As it is before the first step.
            scorer: Scores it.
            rows: Held out; may be none.
            some: How many of them are looked at while training goes on.
            general: Text that must not be lost.
        """
        self._stance = stance
        self._model = model
        self._scorer = scorer
        self._rows = rows
        self._general = general
        self._before = scorer(model, rows, more=general is not None) if rows else None
        self._some = list(range(0, len(rows), max(1, math.ceil(len(rows) / max(1, some)))))

    def part(self, step: int) -> dict[str, float]:
        """Figures of some held-out rows, what guards look at, and what became of general text.

        Args:
            step: That the model is at; at 0 it is still what training starts from.
        """
        more = self._general is not None
        found: dict[str, float] = {}
        if self._before is not None:
            rows = [self._rows[n] for n in self._some]
            start = self._before.at(self._some)
            now = start if step == 0 else self._scorer(self._model, rows, more=more)
            found |= figures(self._stance, rows, start, now)
            if more:
                found |= signs(now)
        if self._general is not None:
            with self._scorer.autocast():
                found["divergence"] = self._general.divergence(self._model)
        return found

    def whole(self) -> dict[str, float]:
        """Figures of every held-out row: before training, and now."""
        if self._before is None:
            return {}
        now = self._scorer(self._model, self._rows)
        start = figures(self._stance, self._rows, self._before, self._before)
        told = {}
        for name, value in figures(self._stance, self._rows, self._before, now).items():
            if name in _FROM_NOTHING:  # 0, or even, at the start
                told[f"held_out_{name}"] = value
            else:
                told |= {f"held_out_{name}_before": start[name], f"held_out_{name}_after": value}
        return told

    def by_row(self) -> dict[str, float]:
        """Row → its loss now."""
        if self._before is None:
            return {}
        now = self._scorer(self._model, self._rows)
        loss_b = row_losses(self._stance, self._rows, self._before, now)
        return {row.name: loss for row, loss in zip(self._rows, loss_b.tolist(), strict=True)}
