"""Answers laid behind one prompt score the same as each in a plain row of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from loop.models.load import Base, load_base
from loop.train.layout import can_share, lay, scores
from loop.train.measure import losses, preferences, score
from loop.train.rows import Row, read_rows


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Base:
    return load_base(str(base_folder), device="cpu")


@pytest.fixture(scope="module")
def rows(base: Base, dataset_folder: Path) -> list[Row]:
    return read_rows(dataset_folder, "dpo", "train", base.tokenizer, most=256).rows


def plainly(base: Base, row: Row) -> list[float]:
    """Log probability of each answer by one unpadded pass a text."""
    found = []
    for answer in row.answers:
        ids = torch.tensor([row.prompt + answer])
        with torch.no_grad():
            logprobs = base.model(input_ids=ids).logits[0, :-1].log_softmax(-1)
        chosen = logprobs.gather(-1, ids[0, 1:, None])[len(row.prompt) - 1 :, 0]
        found.append(float(chosen.sum()))
    return found


@pytest.mark.parametrize("share", [True, False])
def test_a_batch_scores_like_its_texts_one_by_one(base: Base, rows: list[Row], share: bool):
    assert can_share(base.model)
    batch = [rows[0], rows[-1], rows[7]]
    with torch.no_grad():
        found = scores(base.model, lay(batch, base.tokenizer.pad_token_id, share=share))
    expected = [value for row in batch for value in plainly(base, row)]
    torch.testing.assert_close(found.logprob, torch.tensor(expected), rtol=1e-5, atol=1e-3)
    assert found.tokens.tolist() == [len(answer) for row in batch for answer in row.answers]


def test_both_layouts_give_the_same_gradient(base_folder: Path, rows: list[Row]):
    fresh = load_base(str(base_folder), device="cpu")
    weight = fresh.model.model.layers[0].self_attn.q_proj.weight.requires_grad_()
    grads = []
    for share in (True, False):
        done = scores(fresh.model, lay(rows[:4], fresh.tokenizer.pad_token_id, share=share))
        (done.logprob[::2] - done.logprob[1::2]).sum().backward()
        grads.append(weight.grad.clone())
        weight.grad = None
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-3, atol=1e-3)


def test_a_shared_prompt_is_laid_once(rows: list[Row]):
    row = rows[0]
    together, apart = (lay([row], 0, share=share) for share in (True, False))
    assert together.tokens == len(row.prompt) + sum(map(len, row.answers))
    assert apart.tokens == together.tokens + len(row.prompt)


def test_scoring_many_rows_keeps_their_order(base: Base, rows: list[Row]):
    logprobs, tokens = score(base.model, rows, base.tokenizer.pad_token_id)
    assert logprobs.shape == tokens.shape == (len(rows), 2)
    for n in (0, 5, len(rows) - 1):
        expected = torch.tensor(plainly(base, rows[n]))
        torch.testing.assert_close(logprobs[n], expected, rtol=1e-5, atol=1e-3)


def test_preferences_compare_with_the_model_before():
    before = torch.tensor([[-3.0, -2.0], [-1.0, -4.0]])
    after = torch.tensor([[-2.0, -2.5], [-2.0, -4.5]])
    assert preferences(before, after) == {
        "held_out_accuracy_before": 0.5,
        "held_out_accuracy_after": 1.0,
        "held_out_reward_accuracy": 0.5,
        "held_out_margin": 0.5,
    }


def test_losses_are_means_over_tokens():
    before, after = torch.tensor([[-6.0], [-2.0]]), torch.tensor([[-3.0], [-1.0]])
    tokens = torch.tensor([[3.0], [1.0]])
    assert losses(before, after, tokens) == {
        "held_out_loss_before": 2.0,
        "held_out_loss_after": 1.0,
    }
