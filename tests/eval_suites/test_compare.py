from __future__ import annotations

from dataclasses import replace

import pytest

from eval_suites.compare import compare
from eval_suites.records import Summary
from knowledge.errors import RatchetError
from tests.eval_suites.builders import make_report

OLD = [0.0] * 10 + [1.0] * 10
NEW = [1.0] * 6 + [0.0] * 4 + [1.0] * 9 + [0.0]


def test_wins_losses_ties_and_flips_are_those_of_the_new_one() -> None:
    found = compare(make_report("new", {"m": NEW}), make_report("old", {"m": OLD}), "m")
    assert (found.new, found.old) == ("new", "old")
    assert (found.wins, found.losses, found.ties, found.n) == (6, 1, 13, 20)
    assert found.difference == pytest.approx(0.25)
    assert (found.new_mean, found.old_mean) == pytest.approx((0.75, 0.5))
    assert found.low < 0.25 < found.high
    assert [flip.case for flip in found.flips] == ["c19", "c0", "c1", "c2", "c3", "c4", "c5"]


def test_yes_or_no_on_cases_of_their_own_is_mcnemars_test() -> None:
    found = compare(make_report("new", {"m": NEW}), make_report("old", {"m": OLD}), "m")
    assert found.p_value == pytest.approx(0.0703125)  # mid-p of 1 among 7


def test_pairing_sees_what_two_averages_hide() -> None:
    hard = [n / 100 for n in range(40)]
    easier = [value + 0.02 + 0.001 * (n % 3) for n, value in enumerate(hard)]
    found = compare(make_report("new", {"m": easier}), make_report("old", {"m": hard}), "m")
    assert found.low > 0.02
    assert found.p_value < 1e-6


def test_cases_that_share_a_cluster_are_not_counted_twice() -> None:
    clusters = [f"k{n // 5}" for n in range(20)]
    alone = compare(make_report("new", {"m": NEW}), make_report("old", {"m": OLD}), "m")
    grouped = compare(
        make_report("new", {"m": NEW}, clusters=clusters),
        make_report("old", {"m": OLD}, clusters=clusters),
        "m",
    )
    assert grouped.difference == pytest.approx(alone.difference)
    assert grouped.high - grouped.low > alone.high - alone.low


def test_equal_assistants_do_not_differ() -> None:
    found = compare(make_report("new", {"m": OLD}), make_report("old", {"m": OLD}), "m")
    assert (found.difference, found.p_value, found.flips) == (0.0, 1.0, ())


def test_regressions_are_named_by_kind_worst_first() -> None:
    kinds = ["table"] * 10 + ["single_fact"] * 5 + ["superseded"] * 5
    found = compare(
        make_report("new", {"m": NEW}, kinds=kinds),
        make_report("old", {"m": OLD}, kinds=kinds),
        "m",
    )
    assert [group.name for group in found.by_kind] == ["superseded", "single_fact", "table"]
    [worse] = found.regressions
    assert (worse.name, worse.n, worse.losses) == ("superseded", 5, 1)
    assert worse.difference == pytest.approx(-0.2)
    assert found.by_cluster[0].name == "cluster19"


def test_other_versions_of_a_suite_do_not_compare() -> None:
    old = make_report("old", {"m": OLD}, version="v2")
    with pytest.raises(RatchetError, match="not the same suite version"):
        compare(make_report("new", {"m": NEW}), old, "m")


def test_a_case_that_one_side_lacks_is_an_error_unless_asked_for() -> None:
    new, old = make_report("new", {"m": NEW[:19]}), make_report("old", {"m": OLD})
    with pytest.raises(RatchetError, match="1 cases are scored on one side only"):
        compare(new, old, "m")
    found = compare(new, old, "m", partial=True)
    assert (found.n, found.missing) == (19, ("c19",))


def test_a_metric_nobody_scored_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(RatchetError, match="no score on 'terse'. Scored: m"):
        compare(make_report("new", {"m": NEW}), make_report("old", {"m": OLD}), "terse")


def test_one_cluster_makes_no_comparison() -> None:
    new = make_report("new", {"m": [1.0, 1.0]}, clusters=["k", "k"])
    old = make_report("old", {"m": [0.0, 0.0]}, clusters=["k", "k"])
    with pytest.raises(RatchetError, match="two clusters at least"):
        compare(new, old, "m")


def test_where_lower_is_better_a_fall_is_a_gain() -> None:
    new, old = make_report("new", {"m": OLD}), make_report("old", {"m": NEW})
    lower = Summary(mean=0.0, low=0.0, high=0.0, n=1, better="lower")
    found = compare(replace(new, summary={"m": lower}), replace(old, summary={"m": lower}), "m")
    plain = compare(new, old, "m")
    assert (found.wins, found.losses) == (plain.losses, plain.wins)
    assert found.difference == plain.difference < 0
    assert found.gain == (-found.difference, -found.high, -found.low)
    assert not found.regressions
