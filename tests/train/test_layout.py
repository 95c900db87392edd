"""Answers laid behind one prompt score the same as each in a plain row of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from loop.models.load import Base, load_base
from loop.train.layout import can_share, lay, rewards, scores
from loop.train.measure import Scored, Scorer, Stance, figures
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


def test_packed_rows_score_like_rows_of_their_own(base: Base, rows: list[Row]):
    alone, packed = (lay(rows[:6], 0, share=True, most=most) for most in (0, 200))
    assert packed.input_ids.shape[0] < 6
    with torch.no_grad():
        one, other = (scores(base.model, laid, more=True) for laid in (alone, packed))
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("share", [True, False])
def test_a_reward_reads_the_tokens_of_its_own_row_alone(
    base_folder: Path, rows: list[Row], pooling: str, share: bool
):
    model = load_base(str(base_folder), device="cpu", reward=True).model
    batch = [rows[0], rows[-1], rows[7]]
    with torch.no_grad():
        found = rewards(model, lay(batch, 0, share=share), pooling)
        texts = [(row.prompt, answer) for row in batch for answer in row.answers]
        for n, (prompt, answer) in enumerate(texts):
            ids = torch.tensor([prompt + answer])
            hidden = model(input_ids=ids, output_hidden_states=True).hidden_states[-1][0]
            read = hidden.mean(0) if pooling == "mean" else hidden[-1]
            torch.testing.assert_close(found[n], model.score(read)[0], rtol=1e-4, atol=1e-4)


def test_scoring_many_rows_keeps_their_order(base: Base, rows: list[Row]):
    scorer = Scorer(pad=base.tokenizer.pad_token_id, share=True, device="cpu", tokens=400)
    found = scorer(base.model, rows)
    assert found.value.shape == found.tokens.shape == (len(rows), 2)
    for n in (0, 5, len(rows) - 1):
        expected = torch.tensor(plainly(base, rows[n]))
        torch.testing.assert_close(found.value[n], expected, rtol=1e-5, atol=1e-3)


def test_scoring_goes_on_with_smaller_batches_when_memory_runs_out(base: Base, rows: list[Row]):
    class Short:
        """A model that cannot hold more than three rows at once."""

        def __getattr__(self, name: str) -> Any:
            return getattr(base.model, name)

        def __call__(self, **inputs: Any) -> Any:
            if len(inputs["input_ids"]) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return base.model(**inputs)

    scorer = Scorer(pad=base.tokenizer.pad_token_id, share=True, device="cpu")
    found = scorer(Short(), rows)
    expected = scorer(base.model, rows)
    torch.testing.assert_close(found.value, expected.value, rtol=1e-5, atol=1e-3)


def pairs_scored(values: list[list[float]], tokens: float = 1.0) -> Scored:
    value = torch.tensor(values)
    return Scored(value, torch.full_like(value, tokens))


def test_preferences_compare_with_the_model_before():
    before = pairs_scored([[-3.0, -2.0], [-1.0, -4.0]])
    after = pairs_scored([[-2.0, -2.5], [-2.0, -4.5]])
    rows = [Row([1], [[2], [3]])] * 2
    start, end = (figures(Stance("dpo"), rows, before, now) for now in (before, after))
    assert (start["accuracy"], end["accuracy"]) == (0.5, 1.0)
    assert (start["reward_accuracy"], end["reward_accuracy"]) == (0.5, 0.5)  # ties are half won
    assert end["margin"] == 0.5
    assert end["gain"] == 0.0


def test_held_out_loss_takes_the_noise_that_training_takes():
    before, after = pairs_scored([[-9.0, -9.0]]), pairs_scored([[-1.0, -21.0]])
    rows = [Row([1], [[2], [3]], noise=0.3)]
    own, told = (Stance("dpo", "robust", noise=noise) for noise in (-1.0, 0.05))
    assert figures(own, rows, before, after)["loss"] < -0.5
    assert figures(told, rows, before, after)["loss"] == pytest.approx(0.0158, abs=1e-3)


def test_losses_are_means_over_tokens():
    before = Scored(torch.tensor([[-6.0], [-2.0]]), torch.tensor([[3.0], [1.0]]))
    rows = [Row([1], [[2]])] * 2
    assert figures(Stance("sft"), rows, before, before) == {"loss": 2.0}


def test_judged_answers_are_told_apart_by_what_they_gained():
    before = pairs_scored([[-1.0, -1.0]] * 3)
    after = pairs_scored([[-0.5, -1.0], [-2.0, -1.0], [-0.2, -1.0]])
    rows = [Row([1], [[2], [3]], label) for label in (True, False, True)]
    found = figures(Stance("kto"), rows, before, after)
    assert found["auc"] == 1.0
    assert found["loss"] < 0.5
