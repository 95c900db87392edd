"""What one file may cost, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one file may cost before it is reported instead of read."""

    seconds: float = 10.0  # to parse it; then its worker is killed
    memory: int = 2 << 30  # bytes of address space of a worker
    file: int = 64 << 20  # bytes of the file; of one row where the rows are documents
    unpacked: int = 256 << 20  # bytes of what an Office file unpacks to
    text: int = 20_000_000  # characters of what a parser makes of it


class Content(NamedTuple):
    """What a file says, and what it calls itself."""

    title: str | None
    text: str
