"""A/B tests are declared before anyone is exposed, one at a time, and stopped once."""

from __future__ import annotations

from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.store.audit import verify_chain
from loop.store.store import LocalStore
from tests.factories import make_adapter, make_experiment, make_experiment_event

ARMS = [
    {"name": "control", "adapter": "base", "share": 0.5},
    {"name": "candidate", "adapter": "ad-a", "share": 0.5},
]


@pytest.fixture
def registered(store: LocalStore) -> LocalStore:
    store.append([make_adapter(id="ad-a")])
    return store


def start(store: LocalStore, **more: Any) -> str:
    arguments = {"assistant": "desk", "metric": "thumb_up", "arms": ARMS, "horizon": 100}
    return str(
        store.command("start_experiment", **arguments | {"actor": "ada"} | more)["experiment"]
    )


def stop(store: LocalStore, experiment: str, **more: Any) -> dict[str, Any]:
    return store.command(
        "stop_experiment", experiment=experiment, actor="ada", reason="done", **more
    )


def status(store: LocalStore, experiment: str) -> str:
    [row] = store.query("experiment", id=experiment)
    [listed] = [r for r in store.query("experiments", assistant="desk") if r["id"] == experiment]
    assert row == listed
    return str(row["status"])


def test_a_test_runs_from_its_start_to_its_stop(registered: LocalStore):
    test = start(registered, id="e1", reason="new data")
    assert (test, status(registered, test)) == ("e1", "running")
    [row] = registered.query("experiment", id=test)
    assert (row["arms"], row["salt"], row["alpha"]) == (ARMS, "e1", 0.05)
    stop(registered, test)
    assert status(registered, test) == "stopped"
    kinds = [event["kind"] for event in registered.query("experiment_events", experiment=test)]
    assert kinds == ["start", "stop"]
    said = [event["action"] for event in registered.query("audit_chain")]
    assert said == ["start_experiment", "stop_experiment"]
    assert verify_chain(registered.query("audit_chain")) is None


def test_a_declared_test_without_a_start_is_not_running(store: LocalStore):
    test = make_experiment()
    store.append([test, make_experiment_event(experiment=test.id, kind="look")])
    assert status(store, test.id) == "declared"
    with pytest.raises(RatchetError, match="is not running"):
        stop(store, test.id)


def test_an_assistant_runs_one_test_at_a_time(registered: LocalStore):
    first = start(registered)
    with pytest.raises(RatchetError, match=f"experiment {first} is still running"):
        start(registered)
    stop(registered, first)
    second = start(registered)
    assert [row["id"] for row in registered.query("experiments", assistant="desk")] == [
        second,
        first,
    ]


def test_starting_or_stopping_again_under_one_id_changes_nothing(registered: LocalStore):
    assert start(registered, id="e1") == start(registered, id="e1") == "e1"
    assert stop(registered, "e1", id="s1") == stop(registered, "e1", id="s1")
    assert len(registered.query("audit_chain")) == 2
    with pytest.raises(RatchetError, match="is not running"):
        stop(registered, "e1")
    with pytest.raises(RatchetError, match="No experiment 'e2'"):
        stop(registered, "e2")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"metric": "luck"}, "no metric 'luck'; known: .*thumb_up"),
        ({"arms": ARMS[:1]}, "at least two arms"),
        ({"arms": [ARMS[0], ARMS[0]]}, "a different name each"),
        ({"arms": [ARMS[0], {**ARMS[1], "adapter": "ad-x"}]}, "'ad-x', which is not registered"),
        ({"arms": [ARMS[0], {**ARMS[1], "share": 0}]}, "share 0, expected a number above 0"),
        ({"arms": [ARMS[0], {**ARMS[1], "share": "half"}]}, "share 'half'"),
        ({"horizon": 1}, "horizon is 1"),
        ({"alpha": 0.0}, "alpha is 0.0"),
    ],
)
def test_a_test_that_cannot_work_is_not_started(
    registered: LocalStore, wrong: dict[str, Any], says: str
):
    with pytest.raises(RatchetError, match=rf"{says}.*Nothing was started\."):
        start(registered, **wrong)
    assert registered.query("experiments", assistant="desk") == []
    assert registered.query("audit_chain") == []
