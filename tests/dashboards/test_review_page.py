"""The Review page: items by lease, judged blind, passed on with a reason, taken back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from eval_suites.suites import load_suite
from loop.feedback.guidelines import publish_draft
from loop.feedback.rubric import Criterion, Draft, Example
from loop.store.records import Gold
from loop.store.store import LocalStore
from tests.dashboards import filled
from tests.dashboards.test_pages import button, open_page, shown


def page(rater: str = "mia", kind: str = "Rate answers") -> AppTest:
    at = open_page("review", rater=rater)
    if kind != "Rate answers":
        at.segmented_control[0].set_value(kind).run()
    return at


def item(at: AppTest) -> str:
    held: Any = at.session_state["held"]
    return str(held.item)


def press(at: AppTest, label: str) -> AppTest:
    button(at, label).click().run()
    assert not at.exception, at.exception
    return at


def labels(at: AppTest) -> str:
    return "\n".join(one.label for one in at.expander)


def test_a_review_is_kept_with_everything_said_and_moves_on(full: LocalStore):
    at = page()
    assert "Prefer the answer that is right." in shown(at)
    first = item(at)
    at.feedback(key=f"review-thumb-{first}").set_value(0)
    at.feedback(key=f"review-stars-{first}").set_value(1)
    at.radio(key=f"review-cited-{first}").set_value(3)
    at.multiselect(key=f"review-flags-{first}").set_value(["safety"])
    at.text_area(key=f"review-better-{first}").set_value("It costs 40 dollars.")
    at.text_input(key=f"review-comment-{first}").set_value("Too short")
    press(at, "Save and next")
    kept = [row for row in full.query("ratings", interaction=first) if row["rater"] == "mia"]
    assert sorted((row["kind"], row["value"], row["text"]) for row in kept) == [
        ("comment", None, "Too short"),
        ("correction", None, "It costs 40 dollars."),
        ("flag", None, "safety"),
        ("rubric", None, None),
        ("stars", 2.0, None),
        ("thumb", -1.0, None),
    ]
    assert [row["rubric"] for row in kept if row["kind"] == "rubric"] == [{"cited": 3}]
    assert {row["guideline"] for row in kept} == {"helpful@1"}
    assert item(at) != first
    assert "1 in this sitting · 1 today" in at.get("progress")[0].proto.text
    assert "The answer you just judged" in labels(at)


def test_an_answer_becomes_an_eval_case_with_one_click(full: LocalStore, tmp_path: Path):
    at = page()
    first = item(at)
    at.text_area(key=f"review-better-{first}").set_value("It costs 40 dollars.")
    at.checkbox(key=f"review-case-{first}").check()
    press(at, "Save and next")
    [case] = load_suite(tmp_path / "suites" / "live").cases
    assert (case.interaction, case.facts) == (first, (("40",),))
    assert any("Case 1 of live" in toast.value for toast in at.toast)


def test_a_review_without_a_word_is_not_kept(full: LocalStore):
    at = page()
    first = item(at)
    press(at, "Save and next")
    assert "Say something of it" in shown(at)
    assert item(at) == first


@pytest.mark.parametrize(("label", "ranks"), [("The left one", [1, 2]), ("Both alike", [1, 1])])
def test_a_comparison_is_kept_with_what_was_shown_where(
    store: LocalStore, label: str, ranks: list[int]
):
    store.append([row for row in filled.people() if getattr(row, "question", "") == filled.FREE])
    at = page(kind="Compare two answers")
    pair = [turn.id for turn in at.session_state["held"].interactions]
    press(at, label)
    [kept] = store.query("comparisons", assistant="desk")
    assert (kept["shown"], kept["ranks"], kept["rater"]) == (pair, ranks, "mia")
    assert "Done: 1 pair in this sitting" in shown(at)


def test_two_people_at_the_page_get_different_answers_and_one_who_reloads_the_same(
    full: LocalStore,
):
    mia, bob = page("mia"), page("bob")
    assert item(mia) != item(bob)
    assert item(page("mia")) == item(mia)


def test_each_criterion_has_a_control_with_its_anchors_and_examples_are_at_hand(store: LocalStore):
    store.append([filled.interaction(1)])
    draft = Draft(
        name="helpful",
        text="Prefer what helps.",
        criteria=[Criterion(name="safe", asks="Is it harmless?", anchors={1: "no", 5: "yes"})],
        examples=[Example(question="Why?", answer="So.", scores={"safe": 5}, why="It is calm.")],
    )
    publish_draft(store, draft)
    at = page()
    control = at.radio(key=f"review-safe-{item(at)}")
    assert control.label == "safe: Is it harmless?"
    assert control.options == ["1 · no", "5 · yes"]
    assert "Example: Why?" in labels(at)
    assert "It is calm." in shown(at)


def test_a_reason_that_would_sway_is_told_only_after_judging(store: LocalStore):
    store.append([filled.interaction(1)])
    gold = Gold(
        id="gold-1", at=filled.NOW, assistant="desk", item="turn-0001", kind="thumb", value=-1.0,
        why="It costs 45.", by="ann",
    )  # fmt: skip
    store.append([gold])
    at = page()
    assert "told once you have judged it" in shown(at)
    assert "gold" not in shown(at) + labels(at)
    assert "It costs 45." not in shown(at)
    at.feedback(key="review-thumb-turn-0001").set_value(0)
    press(at, "Save and next")
    assert "gold" in labels(at)
    assert "Known to be -1 (thumb): It costs 45." in shown(at)


def test_what_others_said_shows_only_once_one_has_judged_too(store: LocalStore):
    store.append(
        [filled.interaction(1), filled.rating(1, 1, "comment", text="SECRET", rater="bob")]
    )
    store.append([filled.rating(2, 1, rater="bob"), filled.rating(3, 1, rater="eve")])
    at = page()
    assert item(at) == "turn-0001"
    assert "hidden until you have judged it" in list(at.dataframe[0].value["said"])
    assert "SECRET" not in shown(at) + str([one.value for one in at.dataframe])
    at.feedback(key="review-thumb-turn-0001").set_value(0)
    press(at, "Save and next")
    assert "SECRET" in str([one.value for one in at.dataframe])


def test_what_is_skipped_with_a_reason_goes_to_others(store: LocalStore):
    store.append([filled.interaction(1)])
    at = page()
    at.radio(key="skip-why-turn-0001").set_value("broken")
    at.button(key="skip-turn-0001").click().run()
    assert not at.exception
    assert "No answers wait for you" in shown(at)
    assert item(page("bob")) == "turn-0001"
    [event] = [one for one in full_events(store) if one["kind"] == "skip"]
    assert (event["rater"], event["reason"]) == ("mia", "broken")


def test_a_skip_for_something_else_must_say_for_what(store: LocalStore):
    store.append([filled.interaction(1)])
    at = page()
    at.radio(key="skip-why-turn-0001").set_value("other")
    at.button(key="skip-turn-0001").click().run()
    assert "needs a text" in shown(at)
    assert item(at) == "turn-0001"


def test_undo_takes_the_judgement_back_and_brings_the_answer_again(store: LocalStore):
    store.append([filled.interaction(1)])
    at = page()
    at.feedback(key="review-thumb-turn-0001").set_value(0)
    press(at, "Save and next")
    assert len(store.query("ratings", interaction="turn-0001")) == 1
    press(at, "Undo")
    assert store.query("ratings", interaction="turn-0001") == []
    assert item(at) == "turn-0001"
    assert "0 in this sitting · 0 today" in at.get("progress")[0].proto.text
    press(at, "Undo")
    assert "nothing to take back" in shown(at)


def test_a_queue_of_hundreds_says_what_is_left_and_how_long_it_takes(store: LocalStore):
    store.append([filled.interaction(n) for n in range(300)])
    text = page().get("progress")[0].proto.text
    assert "300 answers left, about 2 h 30 min" in text


def test_a_rating_given_elsewhere_appears_among_the_recent_ones(full: LocalStore):
    at = page("ann")
    assert "frank" not in list(at.dataframe[0].value["who"])
    full.append([filled.rating(999, 2, rater="frank", at=filled.NOW + timedelta(days=30))])
    at.run()
    assert at.dataframe[0].value["who"][0] == "frank"


def full_events(store: LocalStore) -> list[dict[str, Any]]:
    return store.query("review_events", assistant="desk", rater="")
