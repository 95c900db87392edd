"""Ids: time-ordered for what happens here, content-derived for what is imported."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import uuid

_RANDOM_BITS = 74  # what UUIDv7 leaves beside time, version and variant
_STEP_BITS = 32  # ids of one millisecond are this far apart at most, so they cannot be guessed
_lock = threading.Lock()
_last = 0  # milliseconds and random bits of the newest id of this process


def new_id(clock_ms: int | None = None) -> str:
    """A UUIDv7 as text; of two made by one process the later one sorts later.

    Args:
        clock_ms: Milliseconds since 1970 to stamp it with; None takes the clock, and an id of
            an earlier millisecond than the newest is stamped like the newest.

    Source: RFC 9562, section 5.7 and method 2 of section 6.2.

    >>> new_id() < new_id()
    True
    >>> new_id(clock_ms=0)[:15]
    '00000000-0000-7'
    """
    global _last
    random = int.from_bytes(os.urandom(10)) >> (80 - _RANDOM_BITS)
    if clock_ms is not None:
        return _uuid7(clock_ms << _RANDOM_BITS | random)
    fresh = time.time_ns() // 1_000_000 << _RANDOM_BITS | random
    step = 1 + (random & ((1 << _STEP_BITS) - 1))
    with _lock:
        _last = max(fresh, _last + step)
        return _uuid7(_last)


def id_of(*parts: str) -> str:
    """The same id for the same parts, always: a UUIDv8 from their SHA-256.

    >>> id_of("a", "bc") == id_of("a", "bc"), id_of("a", "bc") == id_of("ab", "c")
    (True, False)
    """
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8) + content)
    value = int.from_bytes(digest.digest()[:16])
    return str(uuid.UUID(int=_stamped(value, version=8)))


def _uuid7(value: int) -> str:
    """48 bits of milliseconds and 74 of chance, with version and variant put in between."""
    milliseconds, random = value >> _RANDOM_BITS, value & ((1 << _RANDOM_BITS) - 1)
    high, low = random >> 62, random & ((1 << 62) - 1)
    return str(uuid.UUID(int=_stamped(milliseconds << 80 | high << 64 | low, version=7)))


def _stamped(value: int, *, version: int) -> int:
    value &= ~(0xF << 76) & ~(0x3 << 62)
    return value | version << 76 | 0x2 << 62
