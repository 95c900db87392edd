"""One champion per assistant; every change names its evidence and can be taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.store.audit import verify_chain
from loop.store.store import LocalStore
from tests.factories import make_adapter


@pytest.fixture
def registered(store: LocalStore) -> LocalStore:
    store.append([make_adapter(id=f"ad-{one}") for one in "abc"])
    store.append([make_adapter(id="ad-other", assistant="other")])
    return store


def promote(store: LocalStore, adapter: str, expected: str = "base", **more: Any) -> dict[str, Any]:
    arguments = {
        "assistant": "desk",
        "adapter": adapter,
        "actor": "ada",
        "reason": "better",
        "evidence": {"decision": "d1"},
        "expected_champion": expected,
    }
    return store.command("promote", **arguments | more)


def rollback(store: LocalStore, **more: Any) -> dict[str, Any]:
    return store.command("rollback", assistant="desk", actor="ada", reason="worse", **more)


def champion(store: LocalStore) -> str:
    rows = store.query("champion", assistant="desk")
    return str(rows[0]["adapter"]) if rows else "base"


def test_a_promotion_changes_the_champion_and_records_the_evidence(registered: LocalStore):
    done = promote(registered, "ad-a")
    assert (champion(registered), done["previous"]) == ("ad-a", "base")
    [row] = registered.query("promotions", assistant="desk")
    assert (row["id"], row["evidence"]) == (done["promotion"], {"decision": "d1"})
    [event] = registered.query("audit_chain")
    assert (event["action"], event["subject"], event["actor"]) == ("promote", "ad-a", "ada")
    assert event["detail"]["evidence"] == {"decision": "d1"}
    assert registered.query("champion", assistant="other") == []


def test_a_rollback_goes_back_one_champion_after_the_other(registered: LocalStore):
    promote(registered, "ad-a")
    promote(registered, "ad-b", "ad-a")
    promote(registered, "ad-c", "ad-b")
    assert rollback(registered)["adapter"] == "ad-b"
    promote(registered, "ad-c", "ad-b")
    assert [rollback(registered)["adapter"] for _ in range(3)] == ["ad-b", "ad-a", "base"]
    with pytest.raises(RatchetError, match="no champion before base"):
        rollback(registered)
    assert verify_chain(registered.query("audit_chain")) is None


@pytest.mark.parametrize(
    ("adapter", "expected", "says"),
    [
        ("ad-b", "base", "the champion is ad-a, not base"),
        ("ad-a", "ad-a", "is the champion already"),
        ("ad-x", "ad-a", "No adapter 'ad-x' is registered"),
        ("ad-other", "ad-a", "No adapter 'ad-other' is registered for assistant 'desk'"),
    ],
)
def test_a_promotion_that_may_not_be_changes_nothing(
    registered: LocalStore, adapter: str, expected: str, says: str
):
    promote(registered, "ad-a")
    before = registered.query("counts")
    with pytest.raises(RatchetError, match=says):
        promote(registered, adapter, expected)
    assert (registered.query("counts"), champion(registered)) == (before, "ad-a")


def test_of_many_promotions_judged_against_one_champion_one_wins(registered: LocalStore):
    candidates = [f"ad-{one}" for one in "abc"] * 4

    def attempt(adapter: str) -> str | None:
        try:
            return str(promote(registered, adapter)["adapter"])
        except RatchetError:
            return None

    with ThreadPoolExecutor(12) as pool:
        won = [one for one in pool.map(attempt, candidates) if one is not None]
    assert won == [champion(registered)]
    assert len(registered.query("promotions", assistant="desk")) == 1


def test_sending_a_command_again_gets_the_first_answer_and_does_nothing(registered: LocalStore):
    first = promote(registered, "ad-a", id="p1")
    promote(registered, "ad-b", "ad-a", id="p2")
    back = rollback(registered, id="r1")
    assert promote(registered, "ad-a", id="p1") == first
    assert rollback(registered, id="r1") == back
    assert len(registered.query("promotions", assistant="desk")) == 3
    assert len(registered.query("audit_chain")) == 3


def test_the_base_can_be_promoted_over_an_adapter(registered: LocalStore):
    promote(registered, "ad-a")
    promote(registered, "base", "ad-a")
    assert champion(registered) == "base"
    assert rollback(registered)["adapter"] == "ad-a"
