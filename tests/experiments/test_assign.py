"""People stick to their arm, arms get their shares, and tests do not coincide."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from eval_suites.stats.srm import srm_pvalue
from loop.experiments.assign import BUCKETS, assign, bucket
from loop.store.records import Experiment

PEOPLE = [f"user-{n}" for n in range(5000)]


def make_experiment(*shares: float, salt: str = "salt") -> Experiment:
    arms = [
        {"name": f"arm{n}", "adapter": "base", "share": share} for n, share in enumerate(shares)
    ]
    return Experiment(
        id="exp",
        at=datetime(2026, 11, 24, tzinfo=UTC),
        assistant="desk",
        metric="thumb_up",
        arms=arms,
        salt=salt,
        horizon=400,
    )


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (1, 1, 2), (99.99, 0.01)])
def test_arms_get_their_shares_on_any_scale(shares):
    experiment = make_experiment(*shares)
    seen = Counter(assign(experiment, user) for user in PEOPLE)
    counts = [seen[f"arm{n}"] for n in range(len(shares))]
    assert srm_pvalue(counts, shares) > 0.001


def test_a_person_stays_whatever_becomes_of_the_others():
    experiment = make_experiment(0.5, 0.5)
    first = {user: assign(experiment, user) for user in PEOPLE}
    again = {user: assign(make_experiment(0.5, 0.5), user) for user in reversed(PEOPLE)}
    assert first == again


def test_growing_an_arms_share_moves_nobody_out_of_the_other_needlessly():
    before, after = make_experiment(0.5, 0.5), make_experiment(0.8, 0.2)
    stayed = [u for u in PEOPLE if assign(before, u) == "arm0"]
    assert {assign(after, user) for user in stayed} == {"arm0"}


def test_another_salt_deals_people_anew():
    one, two = make_experiment(0.5, 0.5), make_experiment(0.5, 0.5, salt="other")
    same = sum(assign(one, user) == assign(two, user) for user in PEOPLE)
    assert 0.46 < same / len(PEOPLE) < 0.54


def test_salt_and_name_do_not_run_together():
    assert bucket("ab", "c") != bucket("a", "bc")
    assert all(0 <= bucket("salt", user) < BUCKETS for user in PEOPLE[:100])


def test_this_persons_arm_never_changes_between_releases():
    assert bucket("salt", "ada") == 62
    assert assign(make_experiment(0.5, 0.5), "ada") == "arm0"


def test_a_test_without_arms_is_refused():
    with pytest.raises(ValueError, match="no arm"):
        assign(make_experiment(), "ada")
