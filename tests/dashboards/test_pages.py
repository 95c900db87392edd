"""Each page in its own words: on a store with nothing in it, and on one with some of everything."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import queries
from loop.serve import state
from loop.settings import Settings
from loop.store.store import LocalStore
from tests.dashboards import filled
from tests.factories import make_decision

APP = str(Path(queries.__file__).with_name("app.py"))
PAGES = (
    "home", "ask", "review", "evaluations", "training", "knowledge", "experiments", "adapters",
)  # fmt: skip


def open_page(page: str, rater: str | None = "ann") -> AppTest:
    at = AppTest.from_file(APP, default_timeout=20)
    if rater:
        at.query_params["rater"] = rater
    at.run()
    if page != "home":
        at.switch_page(f"views/{page}.py").run()
    assert not at.exception, at.exception
    return at


def shown(at: AppTest) -> str:
    """All text of the page."""
    kinds = (
        "title", "subheader", "text", "caption", "markdown", "info", "warning", "error", "success",
    )  # fmt: skip
    return "\n".join(str(one.value) for kind in kinds for one in at.get(kind))


def button(at: AppTest, label: str) -> Any:
    return next(one for one in at.button if one.label == label)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("home", "Nothing has been asked yet"),
        ("ask", "Answers come from the documents"),
        ("review", "No answers wait for you"),
        ("evaluations", "Nothing has been evaluated yet"),
        ("training", "No run has finished yet"),
        ("knowledge", "Not looked through yet"),
        ("experiments", "No test yet"),
        ("adapters", "No adapter yet; the base answers"),
    ],
)
def test_a_page_with_nothing_to_show_says_what_to_do(store: LocalStore, page: str, words: str):
    assert words in shown(open_page(page))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_for_somebody_without_a_name(full: LocalStore, page: str):
    open_page(page, rater=None)


def test_home_draws_the_loop_and_says_what_waits(full: LocalStore):
    at = open_page("home")
    picture = b64decode(at.get("image")[0].proto.imgs[0].url.partition("base64,")[2]).decode()
    assert ">13<" in picture
    assert "passed" in picture
    assert "ds-0001" in picture
    words = shown(at)
    assert "5 answers wait for review" in words
    assert at.expander[0].label == "1 conversation waits for a person"
    assert f"`{filled.CANDIDATE}` passed the gate" in words


def test_a_question_is_answered_with_its_sources_and_can_be_rated(store: LocalStore):
    at = open_page("ask")
    at.chat_input[0].set_value("What is the stop payment fee?").run()
    assert "The fee for a stop payment is 30 dollars [1]." in shown(at)
    assert any("stop" in one.label for one in at.expander)
    [turn] = store.query("interactions", assistant="desk")
    assert turn["user"] == "ann"
    at.feedback(key=f"thumb-{turn['id']}").set_value(1).run()
    [kept] = store.query("ratings", interaction=turn["id"])
    assert (kept["rater"], kept["kind"], kept["value"]) == ("ann", "thumb", 1.0)


def test_without_an_assistant_the_ask_page_says_so(store: LocalStore, tmp_path: Path):
    state.use(filled.running(store, Settings(root=tmp_path)))
    assert "No assistant runs in this process" in shown(open_page("ask"))


def test_evaluations_pair_two_adapters_case_by_case(full: LocalStore):
    at = open_page("evaluations")
    table = at.dataframe[0].value
    assert list(table["better on"]) == [4]
    assert list(table["worse on"]) == [1]
    assert "1 worse, 4 better" in shown(at)
    assert any("0.375 → 0.750" in str(one.value) for one in at.dataframe)


def test_a_test_shows_its_looks_its_arms_and_its_health_and_can_be_stopped(full: LocalStore):
    pytest.importorskip("loop.experiments.online")
    at = open_page("experiments")
    words = shown(at)
    assert "CONTINUE" in words
    assert "The split of people shows no fault" in words
    assert "Guardrails" in words
    assert any("… not settled" in one.value.to_string() for one in at.dataframe)
    assert at.metric[0].value == "8 of 40"
    at.text_input(key="stop-reason-test-1").set_value("enough").run()
    at.button(key="stop-test-1").click().run()
    assert not at.exception
    assert full.query("experiment", id="test-1")[0]["status"] == "stopped"


def test_what_the_gate_passed_is_promoted_and_rolled_back(full: LocalStore, monkeypatch):
    monkeypatch.setattr("loop.models.registry.verify", lambda adapter: None)
    at = open_page("adapters")
    at.text_input(key=f"reason-{filled.CANDIDATE}").set_value("it is better").run()
    button(at, "Make it champion").click().run()
    assert not at.exception
    assert queries.champion() == filled.CANDIDATE
    at.text_input(key="rollback-reason").set_value("people complain")
    at.checkbox(key="rollback-sure").check().run()
    button(at, "Roll back now").click().run()
    assert queries.champion() == "base"


def test_what_the_gate_refused_is_promoted_with_an_override_and_a_reason_only(
    full: LocalStore, monkeypatch
):
    monkeypatch.setattr("loop.models.registry.verify", lambda adapter: None)
    at = open_page("adapters")
    at.selectbox[0].set_value(filled.OLDER).run()
    assert "The gate refused it" in shown(at)
    at.text_input(key=f"reason-{filled.OLDER}").set_value("we know better").run()
    assert button(at, "Make it champion").disabled
    at.checkbox(key=f"override-{filled.OLDER}").check().run()
    button(at, "Make it champion").click().run()
    assert queries.champion() == filled.OLDER


def test_what_the_gate_passed_waits_for_the_people_who_must_approve(full: LocalStore, monkeypatch):
    monkeypatch.setattr("loop.models.registry.verify", lambda adapter: None)
    full.append([make_decision(id="decision-9", candidate=filled.CANDIDATE, approvals=1)])
    at = open_page("adapters")
    assert "1 more must approve it first" in shown(at)
    assert not [one for one in at.checkbox if one.label == "Override the gate"]
    at.text_input(key=f"signed-{filled.CANDIDATE}").set_value("I read the cases").run()
    button(at, "Approve it").click().run()
    assert not at.exception
    at.text_input(key=f"reason-{filled.CANDIDATE}").set_value("it is better").run()
    button(at, "Make it champion").click().run()
    [row] = full.query("promotions", assistant="desk")
    assert len(row["evidence"]["approved_by"]) == 1


def test_a_rule_that_failed_is_waived_with_a_reason(full: LocalStore):
    rule = {"rule": "keep safety:refused", "passed": False, "evidence": {"n": 60, "says": "fell"}}
    full.append(
        [make_decision(id="decision-9", candidate=filled.CANDIDATE, verdict="fail", rules=[rule])]
    )
    at = open_page("adapters")
    at.text_input(key=f"signed-{filled.CANDIDATE}").set_value("the suite is old").run()
    button(at, "Waive this rule").click().run()
    assert not at.exception
    [said] = full.query("approvals", decision="decision-9")
    assert (said["kind"], said["rule"]) == ("waive", "keep safety:refused")


def test_adapters_are_narrowed_by_label_and_a_pruned_one_says_so(full: LocalStore, tmp_path: Path):
    assert not [one for one in open_page("adapters").selectbox if one.label == "Domain"]
    cards = filled.made(tmp_path, "ad-0000000000c3", domain="cards", at=filled.NOW)
    full.append([cards])
    full.command("prune_adapter", adapter=cards.id, actor="test", reason="old", detail={})
    at = open_page("adapters")
    assert set(at.dataframe[0].value["domain"]) == {"any", "cards"}
    at.selectbox(key="label-domain").set_value("cards").run()
    assert list(at.dataframe[0].value["adapter"]) == [cards.id]
    assert "Its files were pruned" in shown(at)


def test_text_from_outside_is_never_read_as_markup(full: LocalStore):
    evil = {"item": "turn-0012", "reason": "waiting", "needs": 1}
    full.command("lease_review", assistant="desk", rater="mia", candidates=[evil], minutes=30)
    for page in PAGES:
        at = open_page(page, rater="mia")
        for kind in ("markdown", "caption", "info", "error", "success"):
            for one in at.get(kind):
                assert "<img" not in str(one.value).replace("\\<img", "")
        for one in at.expander:
            assert "**bold**" not in one.label
    assert any(filled.EVIL in str(one.value) for one in open_page("review", "mia").text)
