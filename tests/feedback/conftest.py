"""A real store, and files to import."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loop.store.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    opened = LocalStore(tmp_path / "store.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def file_of(tmp_path: Path) -> Callable[..., Path]:
    """Write lines to a JSONL file; a str or bytes is written as it is."""

    def write(*lines: Any, name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        raw = [
            one
            if isinstance(one, bytes)
            else (one if isinstance(one, str) else json.dumps(one)).encode()
            for one in lines
        ]
        path.write_bytes(b"\n".join(raw) + b"\n")
        return path

    return write
