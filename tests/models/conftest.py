"""The tiny base and two adapters for it, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_model import make_adapter, make_base


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
