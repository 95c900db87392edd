"""A test on people is declared once, looked at as often as one likes, and ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from knowledge.errors import RatchetError
from loop.answer.variants import running_experiment
from loop.experiments.assign import assign
from loop.experiments.online import experiment_of, look, start, stop, tend
from loop.settings import ExperimentSettings, Settings
from loop.store.records import Experiment, Exposure, Rating
from loop.store.store import LocalStore
from tests.factories import START, make_adapter, make_exposure, make_interaction, make_rating

SETTINGS = Settings(experiment=ExperimentSettings(horizon=200, minimum_per_arm=20))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    with contextlib.closing(LocalStore(tmp_path / "store.duckdb")) as one:
        one.append([make_adapter(id="ad-new")])
        yield one


def begin(store: LocalStore, **fields) -> Experiment:
    given = {"share": 0.5, "actor": "ada", "at": START, "id": "exp", **fields}
    return start(store, SETTINGS, "ad-new", **given)


def visit(
    store: LocalStore, first: int, last: int, *, gain: float = 0.0, at=START, arm: str | None = None
) -> None:
    """People number first to last are shown their arm and thumb up or down."""
    experiment = experiment_of(store, "exp")
    rows: list = []
    for n in range(first, last):
        shown = arm or assign(experiment, f"u{n}")
        likes = (n * 37 % 100) / 100 < 0.4 + gain * (shown == "candidate")
        interaction = make_interaction(id=f"i{n}-{shown}", user=f"u{n}")
        exposure: Exposure = make_exposure(
            experiment="exp", user=f"u{n}", arm=shown, interaction=interaction.id, at=at
        )
        thumb: Rating = make_rating(
            interaction=interaction.id, kind="thumb", value=1.0 if likes else -1.0, at=at
        )
        rows += [interaction, exposure, thumb]
    store.append(rows)


def test_a_test_is_declared_with_the_champion_as_control_and_starts_at_once(store):
    made = begin(store, share=0.2, simulated=True)
    assert made.arms == [
        {"name": "champion", "adapter": "base", "share": 0.8},
        {"name": "candidate", "adapter": "ad-new", "share": 0.2},
    ]
    assert (made.metric, made.horizon, made.alpha, made.simulated) == ("thumb_up", 200, 0.05, True)
    assert running_experiment(store, "desk") == made
    assert begin(store, horizon=50).horizon == 200  # the same id again changes nothing


def test_what_cannot_be_started_is_refused(store):
    with pytest.raises(RatchetError, match="share is 1"):
        begin(store, share=1)
    with pytest.raises(RatchetError, match="champion"):
        start(store, SETTINGS, "base", share=0.5, actor="ada", at=START)
    with pytest.raises(RatchetError, match="ad-none"):
        start(store, SETTINGS, "ad-none", share=0.5, actor="ada", at=START)
    begin(store)
    with pytest.raises(RatchetError, match="still running"):
        begin(store, id="other")


def test_a_look_at_nobody_goes_on(store):
    begin(store)
    found = look(store, SETTINGS, "exp", at=START)
    assert (found.verdict, found.users) == ("CONTINUE", {"champion": 0, "candidate": 0})


def test_every_look_is_recorded_and_the_next_one_pays_for_it(store):
    begin(store)
    visit(store, 0, 100, gain=0.2)
    first = look(store, SETTINGS, "exp", at=START + timedelta(days=1), id="look-1")
    visit(store, 100, 150, gain=0.2)
    second = look(store, SETTINGS, "exp", at=START + timedelta(days=2))
    again = look(store, SETTINGS, "exp", at=START + timedelta(days=2, hours=1))
    assert (first.looks, second.looks, again.looks) == (1, 2, 2)
    assert (again.verdict, again.users) == (second.verdict, second.users)
    assert again.ci == pytest.approx(second.ci)  # people come in any order, and sums round
    events = store.query("experiment_events", experiment="exp")
    seen = [event for event in events if event["kind"] == "look"]
    assert seen[0]["id"] == "look-1"
    assert seen[0]["detail"]["verdict"] == first.verdict
    assert seen[0]["detail"]["users"] == first.users
    assert seen[1]["detail"]["ci"] == pytest.approx(second.ci)


def test_a_better_candidate_is_promoted_and_the_next_test_deals_people_anew(store):
    begin(store)
    visit(store, 0, 120, gain=0.5)
    found = look(store, SETTINGS, "exp", at=START + timedelta(days=1))
    assert (found.verdict, found.significant) == ("PROMOTE", True)
    assert found.arms["candidate"] > found.arms["champion"]
    stop(store, "exp", actor="ada", reason=found.verdict)
    begin_again = start(store, SETTINGS, "ad-new", share=0.5, actor="ada", at=START, id="second")
    assert begin_again.salt != experiment_of(store, "exp").salt


def test_a_worse_candidate_is_rolled_back(store):
    begin(store)
    visit(store, 0, 120, gain=-0.4)
    assert look(store, SETTINGS, "exp", at=START + timedelta(days=1)).verdict == "ROLLBACK"


def test_at_the_horizon_it_ends_and_what_comes_after_changes_nothing(store):
    begin(store)
    visit(store, 0, 200)
    last = look(store, SETTINGS, "exp", at=START + timedelta(days=1))
    assert last.verdict == "INCONCLUSIVE"
    visit(store, 200, 600, gain=0.6, at=START + timedelta(days=2))
    late = look(store, SETTINGS, "exp", at=START + timedelta(days=3))
    assert late == last


def test_people_who_get_both_arms_make_it_invalid(store):
    begin(store)
    visit(store, 0, 120, gain=0.5)
    visit(store, 0, 10, arm="candidate")
    visit(store, 0, 10, arm="champion")
    found = look(store, SETTINGS, "exp", at=START + timedelta(days=1))
    assert (found.verdict, found.significant) == ("INVALID", False)
    assert found.health["crossovers"] == 10


def test_a_changed_mind_counts_once(store):
    begin(store)
    visit(store, 0, 100)
    before = look(store, SETTINGS, "exp", at=START + timedelta(hours=1))
    ratings = store.query("ratings_of", assistant="desk")
    rater = ratings[0]
    later = START + timedelta(minutes=30)
    changed = make_rating(
        interaction=rater["interaction"], rater=rater["rater"], value=-rater["value"], at=later
    )
    store.append([changed])
    after = look(store, SETTINGS, "exp", at=START + timedelta(hours=2))
    assert after.health["ratings"] == before.health["ratings"]
    assert after.arms != before.arms


def test_a_stopped_test_reaches_nobody_and_cannot_be_stopped_again(store):
    begin(store)
    stop(store, "exp", actor="ada", reason="enough")
    assert running_experiment(store, "desk") is None
    assert look(store, SETTINGS, "exp", at=START).verdict == "CONTINUE"
    with pytest.raises(RatchetError, match="not running"):
        stop(store, "exp", actor="ada", reason="again")


def test_an_unknown_test_is_the_users_to_mend(store):
    with pytest.raises(RatchetError, match="No experiment 'none'"):
        look(store, SETTINGS, "none", at=START)
    with pytest.raises(RatchetError, match="none"):
        stop(store, "none", actor="ada", reason="x")


def flag(store: LocalStore, first: int, last: int, arm: str) -> None:
    """People number first to last flag the answer they got, where they were shown the arm."""
    shown = [n for n in range(first, last) if assign(experiment_of(store, "exp"), f"u{n}") == arm]
    store.append(
        [
            make_rating(interaction=f"i{n}-{arm}", kind="flag", text="safety", at=START)
            for n in shown
        ]
    )


def test_a_guardrail_that_breaks_stops_the_test_though_people_like_the_answers(store):
    begin(store)
    visit(store, 0, 120, gain=0.5)
    flag(store, 0, 120, "candidate")
    found = look(store, SETTINGS, "exp", at=START)
    assert found.verdict == "ROLLBACK"
    assert found.sentence.startswith("Harm is shown: unsafe is worse")
    assert [one.state for one in found.guardrails] == ["broken"]
    assert running_experiment(store, "desk") is None
    events = store.query("experiment_events", experiment="exp")
    assert "Harm is shown" in events[-1]["detail"]["reason"]


def test_flags_on_both_sides_alike_stop_nothing(store):
    begin(store)
    visit(store, 0, 120)
    for arm in ("champion", "candidate"):
        flag(store, 0, 120, arm)
    found = tend(store, SETTINGS, at=START)["exp"]
    assert [one.state for one in found.guardrails] == ["kept"]
    assert running_experiment(store, "desk") is not None


def test_while_a_guardrail_with_a_margin_is_open_nothing_is_promoted(store):
    strict = ExperimentSettings(horizon=200, minimum_per_arm=20, guardrails=("tokens by 0.001",))
    start(store, Settings(experiment=strict), "ad-new", share=0.5, actor="ada", at=START, id="exp")
    visit(store, 0, 150, gain=0.6)
    rows = [
        make_interaction(id=f"long-{n}", user=f"u{n}", prompt_tokens=n % 90) for n in range(150)
    ]
    again = [
        make_exposure(
            experiment="exp", user=row.user, arm=assign(experiment_of(store, "exp"), row.user),
            interaction=row.id, at=START,
        )
        for row in rows
    ]  # fmt: skip
    store.append([*rows, *again])
    found = look(store, Settings(experiment=strict), "exp", at=START)
    assert found.ci[0] > 0
    assert (found.verdict, found.guardrails[0].state) == ("CONTINUE", "open")


def test_a_guardrail_is_checked_when_a_test_is_started(store):
    wrong = Settings(experiment=ExperimentSettings(guardrails=("flaged",)))
    with pytest.raises(RatchetError, match="Did you mean 'flagged'"):
        start(store, wrong, "ad-new", share=0.5, actor="ada", at=START)
