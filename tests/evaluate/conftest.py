from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from loop.store.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    opened = LocalStore(tmp_path / "store.duckdb")
    yield opened
    opened.close()
