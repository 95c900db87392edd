from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knowledge.errors import RatchetError
from loop.decide.gate import Rule, Verdict
from loop.decide.promote import decide, promote, rollback
from loop.models.registry import champion
from loop.models.weights import weights_sha256
from loop.settings import Settings
from loop.store.store import LocalStore
from tests import factories
from tests.tiny_model import make_adapter, make_base

PASS = Verdict(rules=(Rule(rule="improve", passed=True, evidence={"says": "better"}),))
FAIL = Verdict(rules=(Rule(rule="improve", passed=False, evidence={"says": "worse"}),))
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SETTINGS = Settings()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two adapters of one base."""
    folder = tmp_path_factory.mktemp("weights")
    base = make_base(folder / "base")
    for seed, name in enumerate(("ad-1", "ad-2")):
        make_adapter(base, folder / name, seed=seed)
    return folder


@pytest.fixture
def store(tmp_path: Path, weights: Path) -> Iterator[LocalStore]:
    one = LocalStore(tmp_path / "store.duckdb")
    for name in ("ad-1", "ad-2"):
        shutil.copytree(weights / name, tmp_path / name)
        folder = tmp_path / name
        row = factories.make_adapter(id=name, path=str(folder), sha256=weights_sha256(folder))
        one.append([row])
    yield one
    one.close()


def passed(store: LocalStore, candidate: str, against: str) -> None:
    decide(store, SETTINGS, candidate, against, PASS, at=NOW)


def test_what_passed_the_gate_becomes_champion_with_its_evidence(store: LocalStore) -> None:
    passed(store, "ad-1", "base")
    promote(store, "desk", "ad-1", actor="ann", reason="better", evidence={"experiment": "e"})
    assert champion(store, "desk") == "ad-1"
    [row] = store.query("promotions", assistant="desk")
    assert row["previous"] == "base"
    assert row["evidence"]["experiment"] == "e"
    assert row["evidence"]["decision"]


def test_what_the_gate_has_not_passed_is_refused_unless_overridden(store: LocalStore) -> None:
    with pytest.raises(RatchetError, match="No gate has judged"):
        promote(store, "desk", "ad-1", actor="ann", reason="hope")
    decide(store, SETTINGS, "ad-1", "base", FAIL, at=NOW)
    with pytest.raises(RatchetError, match="refused ad-1: improve"):
        promote(store, "desk", "ad-1", actor="ann", reason="hope")
    assert champion(store, "desk") == "base"
    promote(store, "desk", "ad-1", actor="ann", reason="I know why", override=True)
    [row] = store.query("promotions", assistant="desk")
    assert "refused" in row["evidence"]["override"]


def test_a_pass_against_a_former_champion_is_no_pass(store: LocalStore) -> None:
    passed(store, "ad-1", "base")
    passed(store, "ad-2", "base")
    promote(store, "desk", "ad-1", actor="ann", reason="better")
    with pytest.raises(RatchetError, match="passed against base, but the champion is ad-1"):
        promote(store, "desk", "ad-2", actor="ann", reason="better")


def test_rolling_back_twice_goes_back_twice(store: LocalStore) -> None:
    passed(store, "ad-1", "base")
    promote(store, "desk", "ad-1", actor="ann", reason="better")
    passed(store, "ad-2", "ad-1")
    promote(store, "desk", "ad-2", actor="ann", reason="better still")
    for before in ("ad-1", "base"):
        rollback(store, "desk", actor="ann", reason="complaints")
        assert champion(store, "desk") == before
    with pytest.raises(RatchetError, match="no champion"):
        rollback(store, "desk", actor="ann", reason="again")


def test_weights_that_changed_since_they_were_registered_are_not_promoted(
    store: LocalStore, tmp_path: Path
) -> None:
    passed(store, "ad-1", "base")
    weights = tmp_path / "ad-1" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    with pytest.raises(RatchetError, match="SHA-256"):
        promote(store, "desk", "ad-1", actor="ann", reason="better")
    assert champion(store, "desk") == "base"


def test_every_change_of_champion_is_on_the_audit_trail(store: LocalStore) -> None:
    from loop.store.audit import verify_chain

    passed(store, "ad-1", "base")
    promote(store, "desk", "ad-1", actor="ann", reason="better")
    rollback(store, "desk", actor="bob", reason="worse")
    events = store.query("audit_chain")
    assert [(e["action"], e["actor"]) for e in events] == [("promote", "ann"), ("rollback", "bob")]
    assert verify_chain(events) is None
    events[0] = {**events[0], "actor": "eve"}
    assert "changed" in (verify_chain(events) or "")


def test_another_assistants_adapter_is_not_promoted(store: LocalStore) -> None:
    other = replace(SETTINGS, assistant=replace(SETTINGS.assistant, name="helpdesk"))
    decide(store, other, "ad-1", "base", PASS, at=NOW)
    with pytest.raises(RatchetError, match="registered for assistant 'helpdesk'"):
        promote(store, "helpdesk", "ad-1", actor="ann", reason="better")
