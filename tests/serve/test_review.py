"""The review queue over HTTP: leased, blind, passed on, taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from loop.feedback.queue import next_review
from loop.settings import ReviewSettings, Settings
from loop.store.records import Gold
from loop.store.remote import RemoteStore
from tests.factories import START, make_interaction


def ask(http: Any, rater: str, **more: Any) -> Any:
    response = http.get("/v1/review/next", params={"rater": rater, **more})
    assert response.status_code == 200, response.text
    return response.json()["item"]


def thumb(http: Any, rater: str, item: str, value: int = 1) -> None:
    body = {"interaction": item, "rater": rater, "kind": "thumb", "value": value}
    assert http.post("/v1/feedback", json=body).status_code == 200


def test_a_rater_holds_one_answer_until_it_is_judged(server):
    server.store.append([make_interaction(id=f"turn-{n}") for n in range(3)])
    with server.http() as http:
        first = ask(http, "ann")
        assert ask(http, "ann")["item"] == first["item"]
        assert ask(http, "bob")["item"] != first["item"]
        thumb(http, "ann", first["item"])
        assert ask(http, "ann")["item"] != first["item"]
    assert first["kind"] == "rate"
    assert [one["name"] for one in first["guideline"]["criteria"]] == ["correct", "cited", "brief"]
    assert first["guideline"]["criteria"][0]["anchors"]["1"] == "a claim is wrong"


def test_an_item_does_not_say_whose_it_is(server):
    server.store.append(
        [make_interaction(user="ada", adapter="ad-secret", arm="treatment", experiment="t")]
    )
    with server.http() as http:
        told = http.get("/v1/review/next", params={"rater": "ann"}).text
    assert not any(word in told for word in ("ada", "ad-secret", "treatment"))


def test_twenty_raters_who_ask_at_once_get_twenty_answers(server):
    server.store.append([make_interaction(id=f"turn-{n}") for n in range(20)])
    with server.http() as http, ThreadPoolExecutor(20) as pool:
        given = list(pool.map(lambda n: ask(http, f"rater-{n}")["item"], range(20)))
        assert len(set(given)) == 20
        assert ask(http, "late") is None


def test_who_reaches_the_store_from_elsewhere_never_gets_what_another_holds(server):
    server.store.append([make_interaction(id=f"turn-{n}") for n in range(8)])
    use = Settings(review=ReviewSettings(overlap=0))
    with (
        closing(RemoteStore(server.url, None, key_name="KEY")) as remote,
        ThreadPoolExecutor(8) as pool,
    ):
        stores = (server.store, remote)
        given = list(pool.map(lambda n: next_review(stores[n % 2], use, f"rater-{n}"), range(8)))
        assert len({one.item for one in given}) == 8
        assert next_review(remote, use, "rater-0").item == given[0].item


def test_gold_is_unmarked_until_it_is_judged(server):
    server.store.append([make_interaction(id="turn-1")])
    gold = {"assistant": "desk", "item": "turn-1", "why": "It costs 45.", "by": "ann"}
    server.store.append([Gold(id="g", at=START, kind="thumb", value=-1.0, **gold)])
    with server.http() as http:
        given = ask(http, "ann")
        assert (given["item"], given["why"]) == ("turn-1", None)
        question = {"rater": "ann", "item": "turn-1"}
        assert http.get("/v1/review/why", params=question).json()["why"] is None
        thumb(http, "ann", "turn-1")
        assert http.get("/v1/review/why", params=question).json()["why"] == "gold"


def test_a_skip_needs_the_lease_and_a_known_reason(server):
    server.store.append([make_interaction(id="turn-1")])
    body = {"rater": "ann", "item": "turn-1", "reason": "unclear"}
    with server.http() as http:
        early = http.post("/v1/review/skip", json=body)
        assert early.status_code == 400
        assert "does not hold" in early.json()["error"]["message"]
        ask(http, "ann")
        odd = http.post("/v1/review/skip", json={**body, "reason": "tired"})
        assert odd.json()["error"]["param"] == "reason"
        assert http.post("/v1/review/skip", json=body).json()["item"] == "turn-1"
        assert ask(http, "ann") is None
        assert ask(http, "bob")["item"] == "turn-1"


def test_undo_takes_back_what_was_said_through_the_api(server):
    server.store.append([make_interaction(id="turn-1")])
    with server.http() as http:
        ask(http, "ann")
        thumb(http, "ann", "turn-1")
        http.post(
            "/v1/feedback",
            json={"interaction": "turn-1", "rater": "ann", "kind": "comment", "text": "No."},
        )
        undone = http.post("/v1/review/undo", json={"rater": "ann"}).json()
        assert undone["undone"] == "turn-1"
        assert len(undone["judgements"]) == 2
        assert undone["item"]["item"] == "turn-1"
        assert server.store.query("ratings_of", assistant="desk") == []
        again = http.post("/v1/review/undo", json={"rater": "ann"})
    assert again.status_code == 400
    assert "nothing to take back" in again.json()["error"]["message"]


def test_a_pair_is_given_from_left_to_right(server):
    asked = {"question": "What is the fee?"}
    server.store.append([make_interaction(id=id, answer=f"{id}.", **asked) for id in "ab"])
    with server.http() as http:
        given = ask(http, "ann", compare=True)
        assert (given["kind"], given["item"]) == ("compare", "a b")
        shown = [one["interaction"] for one in given["answers"]]
        body = {"interactions": shown, "ranks": [1, 2], "shown": shown, "rater": "ann"}
        assert http.post("/v1/feedback", json=body).status_code == 200
        assert ask(http, "ann", compare=True) is None


@pytest.mark.parametrize("path", ["next?rater=ann", "why?rater=ann&item=a"])
def test_the_queue_is_closed_without_the_key(keyed, path):
    import httpx

    assert httpx.get(f"{keyed.url}/v1/review/{path}").status_code == 401
    with keyed.http() as http:
        assert http.get(f"/v1/review/{path}").status_code == 200


def test_the_calls_are_documented(server):
    with server.http() as http:
        told = http.get("/openapi.json").json()
    assert {"/v1/review/next", "/v1/review/skip", "/v1/review/undo", "/v1/review/why"} <= set(
        told["paths"]
    )
    assert "reason" in told["components"]["schemas"]["SkipIn"]["properties"]
