"""Signs that training does harm, one by one; and what a model forgets of general text."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from knowledge.errors import RatchetError
from loop.models.load import Base, load_base
from loop.settings import GuardSettings
from loop.train.guard import General, alarm, general_texts

START = {"loss": 0.69, "entropy": 1.0, "end": -0.1, "divergence": 0.0, "reward_margin": 0.0}
FINE = START | {"loss": 0.5, "entropy": 0.8, "end": -0.3, "divergence": 0.4, "reward_margin": 2.0}


def sign(now: dict[str, float], **limits: float) -> str | None:
    raised = alarm(START, now, GuardSettings(**limits))  # type: ignore[arg-type]
    return raised.sign if raised else None


@pytest.mark.parametrize(("change", "expected"), [
    ({}, None),
    ({"divergence": 3.5}, "forgetting"),
    ({"reward_margin": 11.0}, "margin"),
    ({"entropy": 0.05}, "entropy"),
    ({"end": -4.0}, "length"),
    ({"loss": float("nan")}, "divergence"),
])  # fmt: skip
def test_each_sign_of_harm_is_seen(change: dict[str, float], expected: str | None):
    assert sign(FINE | change) == expected


def test_a_sign_can_be_switched_off():
    assert sign(FINE | {"divergence": 9.0}, divergence=0.0) is None


def test_drawn_answers_may_not_grow_without_end():
    start, now = {"length": 20.0}, {"length": 70.0}
    raised = alarm(start, now, GuardSettings())
    assert raised is not None
    assert raised.sign == "length"
    assert "3.5 times as long" in raised.words


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Base:
    return load_base(str(base_folder), device="cpu")


def test_a_model_that_did_not_change_has_forgotten_nothing(base: Base):
    general = General(general_texts("", Path(".")), base.tokenizer, "cpu")
    general.remember(base.model)
    assert general.divergence(base.model) == pytest.approx(0.0, abs=1e-6)


def test_the_more_a_model_changes_the_more_it_has_moved(base_folder: Path):
    fresh = load_base(str(base_folder), device="cpu")
    general = General(general_texts("", Path("."))[:8], fresh.tokenizer, "cpu")
    general.remember(fresh.model)
    moved = []
    for _ in range(2):
        for parameter in fresh.model.parameters():
            parameter.data += 0.02 * torch.randn(
                parameter.shape, generator=torch.Generator().manual_seed(1)
            )
        moved.append(general.divergence(fresh.model))
    assert 0 < moved[0] < moved[1]


def test_general_text_of_ones_own_says_where_it_is_wrong(tmp_path: Path):
    (tmp_path / "general.jsonl").write_text('{"text": "Fine."}\n{"texts": "no"}\n')
    with pytest.raises(RatchetError, match=r"general.jsonl:2: expected an object"):
        general_texts("general.jsonl", tmp_path)
    with pytest.raises(RatchetError, match=r"missing.jsonl: cannot be read.*guard.general"):
        general_texts("missing.jsonl", tmp_path)
