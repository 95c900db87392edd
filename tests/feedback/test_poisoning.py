"""Simulated teams with 30 % adversaries: the labels that come out stay nearly as true."""

from __future__ import annotations

import pytest

from benchmarks.poisoning import ATTACKS, measure


@pytest.mark.parametrize("attack", ATTACKS)
def test_labels_stay_within_five_percent_of_a_clean_team(attack):
    for comparisons in (True, False):
        cells = measure(attack, range(2), comparisons=comparisons, votes=3.0)
        assert cells["both"].ratio >= 0.95
        assert cells["both"].wronged == 0
        assert cells["majority"].ratio < cells["both"].ratio


@pytest.mark.parametrize("attack", ["always left (or good)", "inverted", "colluding", "mixed"])
def test_so_they_do_where_most_answers_have_one_vote(attack):
    cells = measure(attack, range(3), comparisons=True, votes=1.5)
    assert cells["both"].ratio >= 0.95


def test_it_holds_without_any_gold_question():
    cells = measure("colluding", range(3), comparisons=True, votes=3.0, gold=False)
    assert cells["both"].ratio >= 0.95
    assert cells["both"].caught == 1
