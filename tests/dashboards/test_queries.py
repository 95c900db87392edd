"""What pages read: typed records, masked where people wrote them, from an empty store too."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

import pytest

from dashboards import graph, pairing, queries, source
from dashboards.agenda import todos
from knowledge.errors import RatchetError
from loop.serve import state
from loop.store.store import LocalStore
from tests.dashboards import filled
from tests.factories import make_decision

READS = {
    "home": queries.home,
    "daily": queries.daily,
    "activity": queries.activity,
    "guideline": queries.guideline,
    "interaction": lambda: queries.interaction("turn-0001"),
    "ratings": lambda: queries.ratings("turn-0001", "ann"),
    "recent ratings": lambda: queries.recent_ratings("ann"),
    "waiting": queries.waiting,
    "evaluated": queries.evaluated,
    "decisions": queries.decisions,
    "trials": queries.trials,
    "arms": lambda: [arm for one in queries.trials() for arm in queries.arms(one.experiment)],
    "looks": lambda: queries.looks("test-1"),
    "adapters": queries.adapters,
    "lineage": lambda: queries.lineage(filled.CANDIDATE),
    "compared": lambda: pairing.compared(filled.CANDIDATE, "base"),
}
ALWAYS = {"home", "guideline"}  # there even when nothing else is


@pytest.mark.parametrize("name", READS)
def test_a_read_gives_frozen_records(full: LocalStore, name: str):
    found = READS[name]()
    rows = found if isinstance(found, list) else [found]
    assert rows
    for row in rows:
        assert is_dataclass(row)
        assert type(row).__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert all(hasattr(row, one.name) for one in fields(row))


@pytest.mark.parametrize("name", READS)
def test_a_read_of_an_empty_store_gives_nothing(store: LocalStore, name: str):
    assert bool(READS[name]()) == (name in ALWAYS)


def test_an_empty_loop_has_figures_of_zero_and_the_base_as_champion(store: LocalStore):
    home = queries.home()
    assert (home.interactions, home.ratings, home.unrated, home.tickets) == (0, 0, 0, 0)
    assert (home.dataset, home.score, home.verdict, home.champion) == (None, None, None, "base")
    assert [todo.page for todo in todos(home)] == ["ask"]


def test_a_full_loop_counts_what_it_holds(full: LocalStore):
    home = queries.home()
    assert (home.interactions, home.ratings, home.comparisons) == (13, 8, 1)
    assert home.unrated == 13 - 6 - 2  # six were rated, two compared
    assert home.score is not None
    assert (home.evaluated, home.score.mean) == (filled.CANDIDATE, 0.75)
    assert [todo.page for todo in todos(home)][:2] == ["review", "adapters"]


def test_other_assistants_are_left_out(full: LocalStore):
    before = queries.home()
    other = filled.interaction(500, assistant="other")
    full.append([other, filled.rating(500, 500)])
    assert queries.home() == before
    assert all(one.rating.interaction != other.id for one in queries.recent_ratings("ann"))


def test_what_others_said_is_hidden_until_one_has_judged_the_answer(full: LocalStore):
    assert queries.ratings("turn-0001", "mia") == []
    seen = {one.rating.id: one for one in queries.recent_ratings("mia")}
    assert all(one.hidden and one.rating.value is None for one in seen.values())
    assert not any(one.rating.text or one.rating.rubric for one in seen.values())
    full.append([filled.rating(700, 1, rater="mia")])
    assert {one.rater for one in queries.ratings("turn-0001", "mia")} == {
        "ann",
        "<b>eve</b>",
        "mia",
    }
    shown = {one.rating.interaction for one in queries.recent_ratings("mia") if not one.hidden}
    assert shown == {"turn-0001"}
    assert all(one.hidden for one in queries.recent_ratings(None))


def test_days_without_a_rating_are_counted_as_none(full: LocalStore):
    full.append([filled.rating(600, 1, at=filled.NOW + timedelta(days=12))])
    days = queries.daily()
    assert [one.ratings for one in days] == [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1]
    assert len(queries.daily(days=3)) == 3


def test_personal_data_is_masked_unless_a_passage_holds_it(store: LocalStore):
    passages: list[dict[str, Any]] = [{"text": "Write to help@bank.example."}]
    said = "I am jo@home.example; you are help@bank.example"
    store.append(
        [
            filled.interaction(1, question=said, answer=said, passages=passages),
            filled.rating(1, 1, "comment", text="ask jo@home.example"),
        ]
    )
    turn = queries.interaction("turn-0001")
    assert turn is not None
    for text in (turn.question, turn.answer):
        assert "jo@home.example" not in text
        assert "help@bank.example" in text
    [rating] = queries.ratings("turn-0001", "ann")
    [recent] = queries.recent_ratings("ann")
    assert "jo@" not in f"{rating.text} {recent.rating.text} {recent.question}"


def test_the_difference_of_two_adapters_is_paired_by_case(full: LocalStore):
    [pair] = pairing.compared(filled.CANDIDATE, "base")
    assert pair.name == "accuracy:grounded_accuracy"
    assert pair.difference == pytest.approx(0.375)
    assert (pair.wins, pair.losses) == (4, 1)
    changes = pairing.changes(pair)
    assert [change.new - change.old for change in changes] == [-1, 1, 1, 1, 1]
    assert changes[0].old_answer.startswith("base says 1")


def test_scores_on_other_suite_versions_are_not_paired(full: LocalStore):
    assert pairing.compared(filled.OLDER, "base") == []


def test_a_look_is_read_with_its_health(full: LocalStore):
    last = queries.looks("test-1")[-1]
    assert (last.number, last.users, last.srm) == (2, 16, 0.6)
    assert ("users", "control: 8, treatment: 8") in last.checks


def test_a_look_without_an_estimate_is_read_too(full: LocalStore):
    early = {"verdict": "CONTINUE", "estimate": None, "ci": None, "p_value": None}
    full.append([filled.look("look-9", "test-1", {**early, "health": {"srm_pvalue": None}})])
    last = queries.looks("test-1")[-1]
    assert (last.estimate, last.low, last.users, last.srm) == (None, None, None, None)


def test_what_the_gate_passed_against_another_champion_is_not_promotable(full: LocalStore):
    newest = queries.adapters()[0]
    _, stands = queries.verdict_on(filled.CANDIDATE) or (None, None)
    assert newest.promotable("base", stands)
    assert not newest.promotable(filled.OLDER, stands)
    assert not newest.promotable(filled.CANDIDATE, stands)
    assert not newest.promotable("base", None)


def test_lineage_walks_to_the_parents_and_counts_the_rows(full: LocalStore):
    found = queries.lineage(filled.CANDIDATE)
    assert found is not None
    assert list(found.parents) == [filled.OLDER]
    [origin] = found.origins
    assert (origin.rows, origin.interactions, origin.ratings, origin.people) == (3, 2, 1, 3)


def test_lineage_of_a_merge_counts_the_rows_of_all_its_sources(full: LocalStore, tmp_path):
    merged = filled.made(tmp_path, "ad-0000000000c3", dataset="", sources=[filled.OLDER])
    full.append([merged])
    found = queries.lineage(merged.id)
    assert found is not None
    assert [origin.rows for origin in found.origins] == [3]
    assert len(found.rows) == 3
    assert "Merged from" in graph.dot(found)


def test_a_pruned_adapter_cannot_be_promoted(full: LocalStore):
    full.command("stop_experiment", experiment="test-1", actor="test", reason="enough")
    refused = make_decision(id="decision-9", candidate=filled.CANDIDATE, verdict="fail")
    full.append([refused])
    full.command("prune_adapter", adapter=filled.CANDIDATE, actor="test", reason="old", detail={})
    newest = queries.adapters()[0]
    assert newest.pruned_at is not None
    assert not newest.promotable("base", None)


def test_without_a_server_pages_read_the_projects_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state.use(None)
    source._opened.clear()
    here = source.here()
    try:
        assert here.desk is None
        assert queries.home().interactions == 0
        assert (tmp_path / ".ratchet" / "store.duckdb").exists()
    finally:
        here.store.close()
        source._opened.clear()


def test_a_store_that_cannot_be_opened_is_the_users_to_mend(tmp_path, monkeypatch):
    (tmp_path / "ratchet.toml").write_text("nonsense = 1\n")
    monkeypatch.chdir(tmp_path)
    source._opened.clear()
    with pytest.raises(RatchetError, match="nonsense"):
        source.here()
