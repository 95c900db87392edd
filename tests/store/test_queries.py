"""Every named query runs, takes what was agreed and keeps its promise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.store.named import queries
from loop.store.store import LocalStore
from tests.factories import (
    make_adapter,
    make_comparison,
    make_dataset,
    make_dataset_row,
    make_evaluation,
    make_experiment,
    make_exposure,
    make_guideline,
    make_interaction,
    make_rating,
    make_run,
    make_step,
    make_ticket,
)

AGREED = {
    "interaction": "id",
    "interactions": "assistant before limit",
    "interactions_by_id": "ids",
    "ratings": "interaction",
    "ratings_of": "assistant",
    "comparisons": "assistant",
    "guideline": "id",
    "guidelines": "",
    "dataset": "id",
    "datasets": "assistant",
    "dataset_rows": "dataset",
    "datasets_of_user": "user",
    "lineage_rows": "adapter",
    "run": "id",
    "runs": "dataset",
    "adapter": "id",
    "adapters": "assistant domain language segment",
    "adapters_of_user": "user",
    "evaluations": "adapter",
    "case_scores": "evaluation",
    "decisions": "candidate",
    "promotion": "id",
    "promotions": "assistant",
    "champion": "assistant",
    "experiment": "id",
    "experiments": "assistant",
    "experiment_events": "experiment",
    "exposures": "experiment",
    "metric_thumb_up": "experiment other until",
    "metric_stars": "experiment other until",
    "watch_flagged": "adapter assistant previous since start until",
    "tickets": "assistant status",
    "step": "inputs name",
    "steps": "night",
    "audit_last": "",
    "audit_event": "id",
    "audit_chain": "",
    "audit_events": "limit",
    "watermark": "assistant",
    "counts": "",
    "golds": "assistant",
    "ratings_seen_by": "interaction rater",
    "review_events": "assistant limit rater",
    "review_held": "assistant at rater",
    "guideline_usage": "",
}
ONE_ROW = {
    "watermark",
    "counts",
    "card_data",
    "dash_home",
    "review_day",
    "review_given",
    "spent_unmetered",
}  # promised, even of an empty store


@pytest.mark.parametrize("name", AGREED)
def test_a_query_takes_what_was_agreed(name: str):
    assert " ".join(sorted(queries()[name].parameters)) == AGREED[name]


@pytest.mark.parametrize("name", queries())
def test_a_query_runs_on_an_empty_store(store: LocalStore, name: str):
    query = queries()[name]
    given: dict[str, Any] = dict.fromkeys(query.parameters - query.defaults.keys(), "nothing")
    fitting = {"ids": [], "items": [], "rerate": [], "pairs": False, "overlap": 0.2}
    instant = datetime(2026, 11, 24, tzinfo=UTC)
    fitting |= dict.fromkeys(("at", "since", "start"), instant)
    given |= {name: value for name, value in fitting.items() if name in given}
    rows = store.query(name, **given)
    assert len(rows) == query.promise.startswith("Exactly one row")
    assert query.promise.startswith("Exactly one row") == (name in ONE_ROW)
    assert query.promise.endswith(".")


def test_a_name_that_does_not_exist_gets_the_nearest_one(store: LocalStore):
    with pytest.raises(RatchetError, match="Did you mean 'interactions'"):
        store.query("interacions", assistant="desk")


def test_a_missing_or_unknown_parameter_is_named(store: LocalStore):
    with pytest.raises(RatchetError, match="also needs id"):
        store.query("interaction")
    with pytest.raises(RatchetError, match=r"no 'asistant'; it takes assistant, before, limit"):
        store.query("interactions", asistant="desk")


def test_interactions_come_newest_first_and_page_by_time(store: LocalStore):
    rows = [make_interaction() for _ in range(5)]
    store.append([*rows, make_interaction(assistant="other")])
    newest = [row.id for row in reversed(rows)]
    assert ids(store.query("interactions", assistant="desk")) == newest
    assert ids(store.query("interactions", assistant="desk", limit=None)) == newest
    page = store.query("interactions", assistant="desk", limit=2)
    rest = store.query("interactions", assistant="desk", before=page[-1]["at"])
    assert ids(page) + ids(rest) == newest
    some = [rows[3].id, "unknown", rows[0].id]
    assert ids(store.query("interactions_by_id", ids=some)) == [rows[0].id, rows[3].id]


def test_ratings_and_comparisons_belong_to_the_assistant_that_answered(store: LocalStore):
    mine, other = make_interaction(), make_interaction(assistant="other")
    ratings = [make_rating(interaction=mine.id), make_rating(interaction=other.id)]
    compared = [make_comparison(interactions=[mine.id, "gone"]), make_comparison()]
    store.append([mine, other, *ratings, *compared])
    assert ids(store.query("ratings_of", assistant="desk")) == [ratings[0].id]
    assert ids(store.query("ratings", interaction=other.id)) == [ratings[1].id]
    assert ids(store.query("comparisons", assistant="desk")) == [compared[0].id]
    [mark] = store.query("watermark", assistant="desk")
    assert (mark["interactions"], mark["ratings"], mark["comparisons"]) == (1, 1, 1)
    assert mark["newest_comparison"] == compared[0].id


def test_the_watermark_moves_with_everything_said_of_the_assistant_only(store: LocalStore):
    turn = make_interaction()
    store.append([turn])
    marks = [store.query("watermark", assistant="desk")]
    store.append([make_rating(interaction=turn.id)])
    marks.append(store.query("watermark", assistant="desk"))
    store.append([make_comparison(interactions=[turn.id, "gone"])])
    marks.append(store.query("watermark", assistant="desk"))
    assert marks[0] != marks[1] != marks[2]
    store.append([make_interaction(assistant="other"), make_rating(), make_comparison()])
    assert store.query("watermark", assistant="desk") == marks[2]


def test_a_persons_data_is_found_in_datasets_and_in_adapters_built_on_them(store: LocalStore):
    touched, clean = make_dataset(), make_dataset()
    first = make_adapter(dataset=touched.id)
    heir = make_adapter(dataset=clean.id, parent=first.id)
    rows = [
        make_dataset_row(dataset=touched.id, users=["bob", "ada"]),
        make_dataset_row(dataset=clean.id, users=["ada-lina"]),
    ]
    run = make_run(dataset=touched.id)
    store.append([touched, clean, first, heir, make_adapter(dataset=clean.id), *rows, run])
    assert ids(store.query("datasets_of_user", user="ada")) == [touched.id]
    assert ids(store.query("adapters_of_user", user="ada")) == [first.id, heir.id]
    assert store.query("adapters_of_user", user="eve") == []
    assert [row["row"] for row in store.query("lineage_rows", adapter=heir.id)] == [rows[1].row]
    assert ids(store.query("runs", dataset=touched.id)) == [run.id]


def test_a_closed_ticket_replaces_the_open_one(store: LocalStore):
    turn = make_interaction()
    opened = make_ticket(interaction=turn.id)
    store.append([turn, opened])
    assert ids(store.query("tickets", assistant="desk")) == [opened.id]
    closed = make_ticket(interaction=turn.id, status="closed")
    store.append([closed])
    assert store.query("tickets", assistant="desk") == []
    assert ids(store.query("tickets", assistant="desk", status="closed")) == [closed.id]


def test_each_raters_last_thumb_on_an_exposed_answer_counts_once(store: LocalStore):
    test = make_experiment()
    turns = [make_interaction(), make_interaction(user="bob"), make_interaction(user="eve")]
    seen = [
        make_exposure(experiment=test.id, interaction=turns[0].id, user="ada", arm="control"),
        make_exposure(experiment=test.id, interaction=turns[1].id, user="bob", arm="candidate"),
        make_exposure(experiment="another", interaction=turns[2].id, user="eve"),
    ]
    thumbs = [
        make_rating(interaction=turns[0].id, rater="ada", value=1.0),
        make_rating(interaction=turns[1].id, rater="bob", value=1.0),
        make_rating(interaction=turns[0].id, rater="ada", value=-1.0),
        make_rating(interaction=turns[0].id, rater="kim", value=1.0),
        make_rating(interaction=turns[0].id, rater="kim", kind="stars", value=2.0),
        make_rating(interaction=turns[2].id, rater="eve", value=1.0),
    ]
    store.append([test, *turns, *seen, *seen, *thumbs])
    given = {"experiment": test.id, "other": "candidate"}
    people = sorted(store.query("metric_thumb_up", **given), key=lambda row: row["other"])
    assert [(row["other"], row["only"], row["total"], row["n"]) for row in people] == [
        (False, False, 1.0, 2.0),  # ada
        (True, True, 1.0, 1.0),  # bob
    ]
    stars = store.query("metric_stars", **given)
    assert sum(row["total"] for row in stars) == 2.0
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert store.query("metric_stars", **given, until=long_ago) == []


def test_a_guideline_that_was_never_published_shows_up_by_its_use(store: LocalStore):
    published = make_guideline(name="tone", version="1")
    rating = make_rating(guideline="lost@1", rater="kim")
    store.append([published, rating, make_comparison(guideline="lost@1", rater="kim")])
    lost, tone = store.query("guideline_usage")
    assert (lost["guideline"], lost["ratings"], lost["comparisons"]) == ("lost@1", 1, 1)
    assert (lost["raters"], lost["first_used"]) == (1, rating.at)
    assert (tone["guideline"], tone["ratings"], tone["last_used"]) == ("tone@1", 0, None)


def test_steps_are_found_by_their_inputs_newest_first(store: LocalStore):
    old, new = make_step(night="one"), make_step(night="two")
    store.append([old, new, make_step(name="train"), make_step(inputs="f" * 64)])
    assert ids(store.query("step", name="curate", inputs=old.inputs)) == [new.id, old.id]
    assert ids(store.query("steps", night="one")) == [old.id]


def test_rows_of_the_same_instant_keep_one_order(store: LocalStore):
    at = make_interaction().at + timedelta(days=1)
    store.append([make_interaction(id=id, at=at) for id in ("b", "a", "c")])
    assert ids(store.query("interactions", assistant="desk")) == ["c", "b", "a"]
    store.append([make_evaluation(id="ev", metric=m, at=at) for m in ("b", "a")])
    assert [row["metric"] for row in store.query("evaluations", adapter="base")] == ["a", "b"]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]
