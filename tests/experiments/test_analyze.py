"""A look counts people, distrusts broken tests, and says no more than the looks allow."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from eval_suites.stats.ratio import PerUser, effect, fixed_look
from eval_suites.stats.sequential import obf_look
from knowledge.errors import RatchetError
from loop.experiments.analysis import analyze_rows as analyze
from loop.experiments.csv_file import analyze_csv
from loop.experiments.people import Observation


def make_rows(old: float, new: float, people: int = 200, ratings: int = 1) -> list[Observation]:
    """Two arms of `people` each; exactly these shares of each arm thumb up, always."""
    return [
        Observation(f"{arm}-{n}", arm, float(n < round(rate * people)))
        for arm, rate in (("old", old), ("new", new))
        for n in range(people)
        for _ in range(ratings)
    ]


def write(path, rows, header="unit,variant,value"):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_a_clear_gain_is_promoted_and_a_clear_loss_rolled_back():
    won = analyze(make_rows(0.4, 0.7), control="old", horizon=400)
    lost = analyze(make_rows(0.7, 0.4), control="old", horizon=400)
    assert (won.verdict, lost.verdict) == ("PROMOTE", "ROLLBACK")
    assert won.significant
    assert won.estimate == pytest.approx(0.3) == pytest.approx(-lost.estimate)
    assert won.arms == pytest.approx({"old": 0.4, "new": 0.7})
    assert won.users == {"old": 200, "new": 200}
    assert won.ci[0] > 0
    assert "new is better than old" in won.sentence


def test_before_the_horizon_it_goes_on_and_at_the_horizon_it_ends_undecided():
    rows = make_rows(0.5, 0.52)
    assert analyze(rows, control="old", horizon=800).verdict == "CONTINUE"
    assert analyze(rows, control="old", horizon=400).verdict == "INCONCLUSIVE"
    assert analyze(rows, control="old").verdict == "INCONCLUSIVE"
    assert analyze(rows, control="old", sequential=True).verdict == "CONTINUE"


def test_the_only_look_at_the_horizon_is_the_plain_t_test():
    rows = make_rows(0.5, 0.6)
    fixed, last = analyze(rows, control="old"), analyze(rows, control="old", horizon=400)
    assert last.p_value == pytest.approx(fixed.p_value)
    assert last.ci == pytest.approx(fixed.ci)


def test_what_would_be_significant_once_is_not_on_the_way():
    rows = make_rows(0.5, 0.61)
    assert analyze(rows, control="old").verdict == "PROMOTE"
    early = analyze(rows, control="old", horizon=1600)
    assert (early.verdict, early.significant) == ("CONTINUE", False)
    assert early.p_value > 0.05
    assert early.ci[0] < 0


def test_looks_that_were_made_cost_and_one_at_as_many_people_costs_nothing_more():
    rows = make_rows(0.5, 0.6)
    first = analyze(rows, control="old", horizon=400)
    third = analyze(rows, control="old", horizon=400, looks=[250, 330])
    again = analyze(rows, control="old", horizon=400, looks=[250, 330, 400, 400])
    assert third.p_value > first.p_value
    assert (first.looks, third.looks) == (1, 3)
    assert again == third
    arm = {a: PerUser(np.repeat([1.0, 0.0], [k, 200 - k]), np.ones(200)) for a, k in
           (("old", 100), ("new", 120))}  # fmt: skip
    by_hand = obf_look(effect(arm["new"], arm["old"]), [250 / 400, 330 / 400, 1.0])
    assert third.p_value == pytest.approx(by_hand.p_value)


def test_people_who_rate_ten_times_are_not_ten_people():
    once = analyze(make_rows(0.5, 0.6), control="old")
    ten = analyze(make_rows(0.5, 0.6, ratings=10), control="old")
    assert ten.p_value == pytest.approx(once.p_value)
    assert ten.users == once.users


def test_too_few_people_decide_nothing_however_large_the_difference():
    found = analyze(make_rows(0.1, 0.9, people=49), control="old", horizon=400)
    assert (found.verdict, found.significant) == ("CONTINUE", False)
    assert "49 people" in found.sentence
    assert analyze(make_rows(0.1, 0.9, people=50), control="old", horizon=400).significant


def test_people_who_only_saw_an_arm_count_for_the_split_and_the_response_rate():
    shown = [Observation(f"{arm}-x{n}", arm, None) for arm in ("old", "new") for n in range(100)]
    found = analyze(make_rows(0.5, 0.6, people=100) + shown, control="old", horizon=1000)
    assert found.users == {"old": 200, "new": 200}
    assert found.health["response_rates"] == {"old": 0.5, "new": 0.5}
    assert found.health["response_pvalue"] == 1.0
    assert found.arms == pytest.approx({"old": 0.5, "new": 0.6})


def test_an_arm_that_rates_more_readily_is_warned_of():
    shown = [Observation(f"old-x{n}", "old", None) for n in range(100)]
    quieter = [
        row for row in make_rows(0.5, 0.9) if row.user not in {f"old-{n}" for n in range(100)}
    ]
    found = analyze(quieter + shown, control="old", horizon=400)
    assert found.health["response_rates"] == {"old": 0.5, "new": 1.0}
    assert "Careful" in found.sentence


def test_a_broken_split_is_invalid_and_never_significant():
    rows = [row for row in make_rows(0.1, 0.9) if row.arm == "new" or int(row.user[4:]) % 2]
    found = analyze(rows, control="old", horizon=300)
    assert found.health["srm_pvalue"] < 0.001
    assert (found.verdict, found.significant) == ("INVALID", False)
    assert "Do not believe" in found.sentence
    planned = analyze(rows, control="old", horizon=300, shares={"old": 1, "new": 2})
    assert planned.verdict == "PROMOTE"


def test_people_seen_in_both_arms_are_left_out_counted_and_soon_too_many():
    rows = make_rows(0.4, 0.7)
    two = [Observation(f"old-{n}", "new", 1.0) for n in range(2)]
    found = analyze(rows + two, control="old", horizon=400)
    assert found.health["crossovers"] == 2
    assert found.users == {"old": 198, "new": 200}
    assert found.verdict == "PROMOTE"
    ten = [Observation(f"old-{n}", "new", 1.0) for n in range(10)]
    broken = analyze(rows + ten, control="old", horizon=400)
    assert (broken.verdict, broken.significant) == ("INVALID", False)
    assert "both arms" in broken.sentence


def test_nobody_yet_is_no_result_rather_than_a_number():
    found = analyze([], control="old", horizon=400, shares={"old": 1, "new": 1})
    assert (found.verdict, found.estimate, found.ci, found.p_value) == (
        "CONTINUE",
        None,
        None,
        None,
    )
    assert found.health["srm_pvalue"] is None


def test_every_analysis_can_be_written_as_json():
    for rows in ([], make_rows(0.4, 0.7), make_rows(0.0, 1.0)):
        for plan in ({"horizon": 300}, {"sequential": True}, {}):
            found = analyze(rows, control="old", shares={"old": 1, "new": 1}, **plan)
            assert (
                json.loads(json.dumps(asdict(found), allow_nan=False))["verdict"] == found.verdict
            )


def test_peeking_every_night_keeps_the_level_and_rows_of_sticky_people_do_not_break_it():
    random = np.random.default_rng(5)
    alarms = 0
    for _ in range(60):
        rows, seen = [], []
        for n in range(240):
            likes = random.beta(1, 1)
            arm = ("old", "new")[n % 2]
            rows += [Observation(f"u{n}", arm, float(random.random() < likes)) for _ in range(5)]
            if n % 40 == 39:
                found = analyze(rows, control="old", horizon=240, looks=seen, minimum_per_arm=10)
                seen.append(n + 1)
                if found.significant:
                    alarms += 1
                    break
    assert alarms / 60 < 0.14  # .05 and its sampling error; by rows it would be over .4


@pytest.mark.parametrize(
    ("rows", "given", "says"),
    [
        (make_rows(0, 1), {"control": "none"}, "control is 'none'"),
        ([Observation("a", "old", 1.0)], {"control": "old"}, "one other"),
        (
            [*make_rows(0, 1), Observation("x", "third", 1.0)],
            {"control": "old"},
            "old, new, third",
        ),
        (make_rows(0, 1), {"control": "old", "alpha": 5}, "alpha is 5"),
        (make_rows(0, 1), {"control": "old", "horizon": 0}, "horizon is 0"),
    ],
)
def test_a_test_that_cannot_be_looked_at_is_refused(rows, given, says):
    with pytest.raises(RatchetError, match=says):
        analyze(rows, **given)


def test_a_file_of_ratings_is_analysed_by_person(tmp_path):
    rows = [(r.user, r.arm, r.value) for r in make_rows(0.5, 0.65, ratings=3)]
    found = analyze_csv(write(tmp_path / "test.csv", rows), fixed=True)
    old, new = (PerUser(np.repeat([3.0, 0.0], [k, 200 - k]), np.full(200, 3.0)) for k in (100, 130))
    assert found.p_value == pytest.approx(fixed_look(effect(new, old)).p_value)
    assert (found.estimate, found.verdict) == (pytest.approx(0.15), "PROMOTE")


def test_the_control_of_a_file_is_the_first_seen_or_the_one_named(tmp_path):
    path = write(tmp_path / "test.csv", [(r.user, r.arm, r.value) for r in make_rows(0.4, 0.7)])
    assert analyze_csv(path, fixed=True).estimate == pytest.approx(0.3)
    assert analyze_csv(path, control="new").estimate == pytest.approx(-0.3)


def test_what_was_known_of_people_before_narrows_the_interval(tmp_path):
    random = np.random.default_rng(1)
    before = random.normal(3, 1, 200)
    during = before + random.normal(0, 0.4, 200) + 0.15 * (np.arange(200) % 2)
    arms = [("old", "new")[n % 2] for n in range(200)]
    plain = [(f"u{n}", arms[n], during[n]) for n in range(200)]
    informed = [(*row, "2026-11-24T08:00:00", before[n]) for n, row in enumerate(plain)]
    without = analyze_csv(write(tmp_path / "plain.csv", plain))
    header = "unit,variant,value,timestamp,pre"
    adjusted = analyze_csv(write(tmp_path / "informed.csv", informed, header))
    assert adjusted.ci[1] - adjusted.ci[0] < 0.6 * (without.ci[1] - without.ci[0])
    assert adjusted.health["variance_reduction"] > 0.6
    assert without.health["variance_reduction"] is None
    patchy = [row if n % 10 else (*row[:4], "") for n, row in enumerate(informed)]
    assert analyze_csv(write(tmp_path / "patchy.csv", patchy, header)).ci[0] < adjusted.estimate


def test_a_file_may_be_looked_at_any_time_but_decides_from_fifty_people_a_variant(tmp_path):
    rows = [(r.user, r.arm, r.value) for r in make_rows(0.1, 0.9, people=40)]
    path = write(tmp_path / "test.csv", rows)
    few = analyze_csv(path)
    assert (few.verdict, few.significant, few.method) == ("CONTINUE", False, "any time")
    assert analyze_csv(path, fixed=True).significant
    many = [(r.user, r.arm, r.value) for r in make_rows(0.1, 0.9, people=80)]
    assert analyze_csv(write(path, many)).verdict == "PROMOTE"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"test\.csv:1: no column unit, variant, value"),
        ("unit,variant\n", "no column value"),
        ("unit,variant,value\n", "no row"),
        ("unit,variant,value\na,old,1\nb,new,good\n", r"test\.csv:3: value is 'good'"),
        ("unit,variant,value\na,old,inf\n", r"test\.csv:2: value is 'inf'"),
        ("unit,variant,value\n,old,1\n", r"test\.csv:2: unit is empty"),
        ("unit,variant,value\na,,1\n", r"test\.csv:2: variant is empty"),
        ("unit,variant,value\na,old\n", r"test\.csv:2: 2 fields, expected 3"),
        ("unit,variant,value,pre\na,old,1,x\n", r"test\.csv:2: pre is 'x'"),
        ("unit,variant,value,timestamp\na,old,1,soon\n", r"test\.csv:2: timestamp is 'soon'"),
        ("unit,variant,value\na,old,1\nb,old,0\n", r"test\.csv: the arms are old"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path, text, says):
    path = tmp_path / "test.csv"
    path.write_text(text)
    with pytest.raises(RatchetError, match=says):
        analyze_csv(path)


def test_a_missing_or_binary_file_is_the_users_to_mend(tmp_path):
    with pytest.raises(RatchetError, match="No such file"):
        analyze_csv(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_bytes(b"unit,variant,value\n\xff\xfe,old,1\n")
    with pytest.raises(RatchetError, match="UTF-8"):
        analyze_csv(tmp_path / "bad.csv")


def test_an_empty_value_and_a_byte_order_mark_are_understood(tmp_path):
    rows = [(r.user, r.arm, r.value) for r in make_rows(0.5, 0.5, people=20)]
    path = write(tmp_path / "test.csv", [*rows, ("seen", "old", "")], "\ufeffUnit,Variant,Value")
    assert analyze_csv(path).users == {"old": 21, "new": 20}
