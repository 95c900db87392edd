"""The tiny base and a dataset version for it, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_model import make_base
from tests.train.data import make_dataset


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def dataset_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"))
