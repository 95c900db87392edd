"""Old adapters give up their disk, never what answers or may have to; their rows stay for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop import nightly
from loop import steps as steps_of
from loop.decide.promote import promote
from loop.models import prune as prune_module
from loop.models.policy import again
from loop.models.prune import Pruned, prune
from loop.models.registry import adapter_of, register, verify
from loop.settings import RegistrySettings, Settings
from loop.store.audit import verify_chain
from loop.store.records import Adapter
from loop.store.store import LocalStore
from loop.train.job import TrainResult
from tests.factories import make_adapter, make_dataset, make_run

NOW = datetime(2027, 6, 1, tzinfo=UTC)
ALL = RegistrySettings(keep=0, days=0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[LocalStore]:
    opened = LocalStore(settings.store_path)
    yield opened
    opened.close()


def shelved(settings: Settings, number: int, **fields: Any) -> Adapter:
    """An adapter of so many days ago, with files of a kilobyte that nobody reads."""
    made = make_adapter(run="run-1", at=NOW - timedelta(days=number), **fields)
    folder = settings.adapters / made.id
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"0" * 1000)
    return replace(made, path=str(folder))


def swept(
    store: LocalStore, settings: Settings, policy: RegistrySettings = ALL, **o: Any
) -> Pruned:
    return prune(store, settings, policy, actor="test", now=NOW, **o)


def files_of(adapter: Adapter) -> list[str]:
    return sorted(path.name for path in Path(adapter.path).iterdir())


def test_the_policy_keeps_the_newest_and_the_young(store: LocalStore, settings: Settings):
    rows = [shelved(settings, days) for days in (1, 10, 20, 40, 50, 60)]
    other = shelved(settings, 90, assistant="other")
    store.append([*rows, other, make_run(id="run-1")])
    done = swept(store, settings, RegistrySettings(keep=1, days=45))
    assert [fate.adapter.id for fate in done.gone] == [rows[4].id, rows[5].id]
    assert done.freed == 2000
    kept = {fate.adapter.id: fate.kept for fate in done.fates}
    assert kept[rows[0].id] == "one of the newest 1"
    assert kept[rows[3].id] == "younger than 45 days"
    assert other.id not in kept
    assert files_of(other) == files_of(rows[0]) == ["adapter_model.safetensors"]
    assert len(store.query("adapters", assistant="desk")) == 6


def test_a_dry_run_changes_nothing(store: LocalStore, settings: Settings):
    rows = [shelved(settings, days) for days in (1, 10)]
    store.append(rows)
    done = swept(store, settings, dry=True)
    assert (len(done.gone), done.freed, done.dry) == (2, 2000, True)
    assert files_of(rows[0]) == ["adapter_model.safetensors"]
    assert store.query("pruned") == store.query("audit_events") == []


def test_what_answers_and_what_kept_adapters_came_from_stays(store: LocalStore, settings: Settings):
    source, parent, lost = (shelved(settings, days) for days in (90, 80, 70))
    before = shelved(settings, 60, parent=parent.id)
    champion = shelved(settings, 50, sources=[source.id, before.id])
    heir = shelved(settings, 40, parent=lost.id)
    store.append([source, parent, lost, before, champion, heir])
    for new, old in ((before.id, "base"), (champion.id, before.id)):
        store.command("promote", assistant="desk", adapter=new, actor="test", reason="",
                      evidence={}, expected_champion=old)  # fmt: skip
    done = swept(store, settings)
    assert {fate.adapter.id for fate in done.gone} == {heir.id, lost.id}
    kept = {fate.adapter.id: fate.kept for fate in done.fates}
    assert kept[champion.id] == "the champion"
    assert kept[before.id] == "what a rollback would bring back"
    assert kept[source.id] == f"{champion.id}, which is kept, was made from it"
    assert kept[parent.id] == f"{before.id}, which is kept, was made from it"


def test_what_comes_to_be_needed_meanwhile_stays(
    store: LocalStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    """Promoted between the plan and the act: the store's own check holds."""
    one = shelved(settings, 9)
    store.append([one])
    monkeypatch.setattr(prune_module, "service", lambda store, assistant: {})
    store.command("promote", assistant="desk", adapter=one.id, actor="test", reason="",
                  evidence={}, expected_champion="base")  # fmt: skip
    [fate] = swept(store, settings).fates
    assert fate.kept == f"{one.id} is kept: the champion. Nothing was pruned."
    assert files_of(one) == ["adapter_model.safetensors"]


def test_a_pruned_adapter_says_so_and_how_to_have_it_again(store: LocalStore, settings: Settings):
    one = shelved(settings, 9)
    store.append([one, make_run(id="run-1", dataset="ds-9", seed=3)])
    swept(store, settings)
    assert files_of(one) == ["pruned.json"]
    says = rf"{one.id} was pruned on .*ratchet train --method dpo --dataset ds-9 --seed 3"
    with pytest.raises(RatchetError, match=says):
        verify(one)
    with pytest.raises(RatchetError, match=says):
        promote(store, "desk", one.id, actor="test", reason="still", override=True)
    [event] = store.query("audit_events")
    assert (event["action"], event["subject"], event["actor"]) == ("prune_adapter", one.id, "test")
    assert verify_chain(store.query("audit_chain")) is None
    assert swept(store, settings).fates == ()


@pytest.mark.parametrize("moment", ["recorded", "noted", "half removed"])
def test_killed_anywhere_it_is_finished_by_running_it_again(
    store: LocalStore, settings: Settings, monkeypatch: pytest.MonkeyPatch, moment: str
):
    one = shelved(settings, 9)
    (Path(one.path) / "a.json").write_text("{}")
    store.append([one, make_run(id="run-1")])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "recorded":
            patch.setattr(prune_module, "_remove", killed)
        elif moment == "noted":
            patch.setattr(prune_module, "_unused", killed)
            patch.setattr(prune_module, "run_folders", lambda _: {"run-1": Path(one.path)})
        else:
            patch.setattr(Path, "iterdir", killed)
        with pytest.raises(KeyboardInterrupt):
            swept(store, settings)
    assert "a.json" in files_of(one)
    swept(store, settings)
    assert files_of(one) == ["pruned.json"]
    assert len(store.query("audit_events")) == 1


def test_trained_again_it_is_back_and_counts_as_young(
    store: LocalStore, settings: Settings, adapter_folders: dict[str, Path]
):
    run = make_run()
    old = NOW - timedelta(days=300)
    made = register(store, settings, run, adapter_folders["ad-one"], None, old)
    swept(store, settings)
    with pytest.raises(RatchetError, match="was pruned"):
        verify(made)
    assert register(store, settings, run, adapter_folders["ad-one"], None, NOW) == made
    verify(made)
    assert store.query("pruned") == []
    policy = RegistrySettings(keep=0, days=30)
    now = datetime.now(UTC) + timedelta(days=1)
    [fate] = prune(store, settings, policy, actor="test", now=now).fates
    assert fate.kept == "younger than 30 days"
    promote(store, "desk", made.id, actor="test", reason="better", override=True)


def test_a_night_that_comes_to_a_pruned_adapter_trains_it_again(
    store: LocalStore,
    settings: Settings,
    adapter_folders: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
):
    trained = []

    def train(*_: object, **__: object) -> TrainResult:
        trained.append(1)
        return TrainResult(
            folder=adapter_folders["ad-one"], run=make_run(id="run-1"), reading=None, cost=None
        )

    monkeypatch.setattr(nightly, "train_stages", train)
    steps = steps_of.Steps(store, lambda: NOW)

    def night() -> str:
        return nightly._train(store, settings, make_dataset(id="ds-1"), steps, lambda: NOW, False)

    first = night()
    assert (night(), len(trained)) == (first, 1)
    swept(store, settings)
    assert (night(), len(trained)) == (first, 2)
    verify(adapter_of(store, first))
    assert (night(), len(trained)) == (first, 2)


def test_the_copies_of_its_run_go_too_unless_somebody_trains_there(
    store: LocalStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    one, two = shelved(settings, 9), replace(shelved(settings, 8), run="run-2")
    folders = {}
    for id in ("run-1", "run-2"):
        folders[id] = settings.runs / f"{id}-folder"
        for name in ("adapter", "checkpoints/checkpoint-2"):
            (folders[id] / name).mkdir(parents=True)
            (folders[id] / name / "weights").write_bytes(b"0" * 500)
        (folders[id] / "job.json").write_text(id)
        (folders[id] / "metrics.jsonl").write_text("{}")
    monkeypatch.setattr(
        "loop.train.job.read_job", lambda path: SimpleNamespace(id=path.read_text())
    )
    store.append([one, two, make_run(id="run-1"), make_run(id="run-2")])
    import fcntl

    with (folders["run-2"] / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert swept(store, settings).freed == 4000
    assert sorted(p.name for p in folders["run-1"].iterdir()) == [
        "job.json", "lock", "metrics.jsonl",
    ]  # fmt: skip
    assert (folders["run-2"] / "adapter" / "weights").exists()
    assert files_of(two) == ["pruned.json"]


def test_files_elsewhere_are_left_alone(store: LocalStore, settings: Settings, tmp_path: Path):
    shared = tmp_path / "home"
    shared.mkdir()
    (shared / "diary").write_text("mine")
    store.append([make_adapter(path=str(shared)), make_adapter(path="/nowhere/ad-9", id="ad-9")])
    kept = [str(fate.kept) for fate in swept(store, settings).fates]
    assert "not on this machine" in kept[0]
    assert "may hold more than it" in kept[1]
    assert (shared / "diary").read_text() == "mine"


def test_a_policy_out_of_range_is_refused(store: LocalStore, settings: Settings):
    for policy in (RegistrySettings(keep=-1), RegistrySettings(days=-1)):
        with pytest.raises(RatchetError, match=r"registry\.\w+ is -1, expected 0 or more"):
            swept(store, settings, policy)


def test_a_merge_is_made_again_by_merging():
    merged = make_adapter(sources=["ad-1", "ad-2"])
    run = make_run(method="merge", settings={"weights": [0.7, -0.3], "method": "ties",
                                             "density": 0.5})  # fmt: skip
    assert again(merged, {"method": run.method, "settings": run.settings}) == (
        "merge it again: `ratchet adapters merge ad-1 ad-2 --weights=0.7,-0.3 --method ties "
        "--density 0.5`"
    )
    assert again(merged, None) == "train another one with `ratchet train`"
