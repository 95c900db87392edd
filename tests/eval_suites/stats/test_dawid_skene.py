"""Raters' errors are found without the truth, with intervals that hold what was planted."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from eval_suites.stats.dawid_skene import Labels, dawid_skene, labels_of
from eval_suites.stats.rater_rates import balanced_accuracy, confusion_intervals, error_rates


class World(NamedTuple):
    said: Labels
    truth_i: NDArray[np.intp]
    right_rk: NDArray[np.float64]  # planted P(right | truth)


def world(
    seed: int, *, raters: int = 12, items: int = 200, votes: int = 5, labels: int = 2
) -> World:
    """Raters who are right on 60 to 97 % of each truth, and wrong at random."""
    random = np.random.default_rng(seed)
    truth_i = random.choice(labels, items, p=random.dirichlet([8] * labels))
    right_rk = random.uniform(0.6, 0.97, (raters, labels))
    rater_n = np.argsort(random.random((items, raters)), axis=1)[:, :votes].ravel()
    item_n = np.repeat(np.arange(items), votes)
    right_n = random.random(len(item_n)) < right_rk[rater_n, truth_i[item_n]]
    wrong_n = (truth_i[item_n] + random.integers(1, labels, len(item_n))) % labels
    label_n = np.where(right_n, truth_i[item_n], wrong_n)
    said = labels_of(rater_n, item_n, label_n, raters=raters, items=items, labels=labels)
    return World(said, truth_i, right_rk)


@pytest.mark.parametrize(
    "shape", [{"raters": 12}, {"raters": 20, "items": 300, "votes": 3}, {"items": 300, "labels": 3}]
)
def test_planted_error_rates_of_all_raters_lie_in_their_intervals_in_95_of_100_worlds(shape):
    held, points = 0, []
    for seed in range(100):
        made = world(seed, **shape)
        found = dawid_skene(made.said)
        planted_r = 1 - made.right_rk @ found.prior_k
        at_once = error_rates(made.said, found, alpha=0.05 / made.said.raters)
        held += bool(np.all((at_once.low_r <= planted_r) & (planted_r <= at_once.high_r)))
        each = error_rates(made.said, found)
        points.append(np.mean((each.low_r <= planted_r) & (planted_r <= each.high_r)))
    assert held >= 95
    assert 0.95 <= np.mean(points) <= 0.99  # intervals that hold, and are not merely wide


def test_cells_of_the_confusion_matrices_lie_in_their_intervals():
    inside = []
    for seed in range(30):
        made = world(seed, labels=3, items=300)
        cells = confusion_intervals(made.said, dawid_skene(made.said))
        right_rk = made.right_rk
        low_rk, high_rk = (ends[:, range(3), range(3)] for ends in cells)
        inside.append(np.mean((low_rk <= right_rk) & (right_rk <= high_rk)))
    assert np.mean(inside) >= 0.93


def test_what_is_made_of_uneven_raters_is_truer_than_the_majority():
    better = 0.0
    for seed in range(10):
        made = world(seed, raters=12, items=400)
        votes_i = np.bincount(made.said.item_n, made.said.label_n * 2 - 1.0, made.said.items)
        found = dawid_skene(made.said)
        assert found.converged
        better += np.mean(found.posterior_ik.argmax(axis=1) == made.truth_i)
        better -= np.mean((votes_i > 0) == made.truth_i)
    assert better > 0


def test_many_raters_are_taken_one_by_one_with_much_the_same_intervals(monkeypatch):
    made = world(1, raters=40, items=800, votes=4)
    found = dawid_skene(made.said)
    joint = balanced_accuracy(made.said, found)
    monkeypatch.setattr("eval_suites.stats.rater_rates.DENSE", 0)
    alone = balanced_accuracy(made.said, found)
    width_r, alone_r = joint.high_r - joint.low_r, alone.high_r - alone.low_r
    assert np.allclose(width_r, alone_r, rtol=0.35)
    assert (alone_r <= width_r + 1e-9).all()


def test_known_truths_turn_a_majority_that_is_wrong():
    items, wrong = 60, 4
    rater_n = np.tile(np.arange(7), items)
    item_n = np.repeat(np.arange(items), 7)
    truth_i = np.arange(items) % 2
    label_n = np.where(rater_n < wrong, 1 - truth_i[item_n], truth_i[item_n])
    said = labels_of(rater_n, item_n, label_n)
    known_i = np.where(np.arange(items) < 10, truth_i, -1)
    assert (dawid_skene(said).posterior_ik.argmax(axis=1) != truth_i).all()
    for learn in (True, False):
        found = dawid_skene(said, known=known_i, learn_from_known=learn)
        assert (found.posterior_ik.argmax(axis=1) == truth_i).all()


def test_who_is_not_trusted_changes_nothing_but_is_measured():
    made = world(3)
    more = made.said._replace(
        rater_n=np.append(made.said.rater_n, np.full(200, 12)),
        item_n=np.append(made.said.item_n, np.arange(200)),
        label_n=np.append(made.said.label_n, 1 - made.truth_i),
        raters=13,
    )
    alone, found = dawid_skene(made.said), dawid_skene(more, trusted=np.arange(13) < 12)
    assert np.allclose(alone.posterior_ik, found.posterior_ik)
    assert balanced_accuracy(more, found).high_r[12] < 0.5


def test_a_rater_alone_with_each_item_stays_as_usual():
    said = labels_of([0] * 40, range(40), [0, 1] * 20)
    assert dawid_skene(said).confusion_rkl[0, 0, 0] == pytest.approx(0.75, abs=0.02)


def test_a_quarter_of_a_million_judgements_take_seconds():
    random = np.random.default_rng(0)
    truth_i = random.integers(0, 2, 80_000)
    item_n = np.repeat(np.arange(80_000), 3)
    rater_n = random.integers(0, 3000, len(item_n))
    right_r = random.uniform(0.7, 0.95, 3000)
    right_n = random.random(len(item_n)) < right_r[rater_n]
    said = labels_of(rater_n, item_n, np.where(right_n, truth_i[item_n], 1 - truth_i[item_n]))
    started = time.process_time()
    found = dawid_skene(said)
    rates = balanced_accuracy(said, found)
    assert time.process_time() - started < 20
    assert np.mean((rates.low_r <= right_r) & (right_r <= rates.high_r)) > 0.93


def test_codes_that_fit_nothing_are_refused():
    with pytest.raises(ValueError, match="out of range"):
        labels_of([0, 3], [0, 0], [0, 1], raters=2)
    with pytest.raises(ValueError, match="at least one"):
        labels_of([], [], [])
    with pytest.raises(ValueError, match="per item"):
        dawid_skene(labels_of([0], [0], [1]), known=[0, 0])
