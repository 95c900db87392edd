"""The tiny base and two adapters for it, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from loop.models.registry import register
from loop.settings import AssistantSettings, Settings
from loop.store.records import Adapter
from loop.store.store import LocalStore
from tests.factories import make_dataset, make_dataset_row, make_run
from tests.tiny_model import make_adapter, make_base


class Desk(NamedTuple):
    """A project with what it registered."""

    settings: Settings
    store: LocalStore
    one: Adapter
    two: Adapter


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def adapter_folders(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    shelf = tmp_path_factory.mktemp("adapters")
    return {
        id: make_adapter(base_folder, shelf / id, seed=seed)
        for seed, id in enumerate(("ad-one", "ad-two"))
    }


@pytest.fixture
def desk(base_folder: Path, adapter_folders: dict[str, Path], tmp_path: Path) -> Iterator[Desk]:
    """A project on the tiny base with two registered adapters, each of a dataset of its own."""
    settings = Settings(root=tmp_path, assistant=AssistantSettings(base=str(base_folder)))
    store = LocalStore(settings.store_path)
    made = []
    for folder, user, licence in (
        (adapter_folders["ad-one"], "ada", "cc0"),
        (adapter_folders["ad-two"], "bob", "internal"),
    ):
        manifest = {"rows": 4, "licences": {licence: 4}, "simulated": 2, "synthetic": 0}
        dataset = make_dataset(manifest=manifest, rows=4)
        run = make_run(
            dataset=dataset.id,
            base=str(base_folder),
            settings={"rank": 4, "device": "cpu", "packages": {"torch": "2"}, "method": "dpo"},
        )
        store.append([dataset, run, make_dataset_row(dataset=dataset.id, users=[user])])
        made.append(register(store, settings, run, folder, None, run.at))
    yield Desk(settings, store, *made)
    store.close()
