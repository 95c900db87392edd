"""The project's secret: one file beside the store, made once, readable by its owner only.

Two keys come of it. One turns a person's key into a subject that cannot be turned back without
the secret; one signs reports.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from knowledge.errors import RatchetError

FILE = "privacy.key"


def subject_of(folder: Path, user: str) -> str:
    """What stands for a person in the audit trail and in reports: HMAC-SHA256, 32 hex digits.

    Args:
        folder: Where the store lies.
        user: The person's key.
    """
    return f"person-{_keyed(folder, b'subject', user.encode())[:32]}"


def signature(folder: Path, content: bytes) -> str:
    """HMAC-SHA256 of a report's content under the project's secret, in hex.

    Source: RFC 2104, FIPS 198-1. Whoever holds the secret can check it, and could sign.
    """
    return _keyed(folder, b"report", content)


def is_signed(folder: Path, content: bytes, given: str) -> bool:
    """Does the signature belong to the content?"""
    return hmac.compare_digest(signature(folder, content), given)


def key_name(folder: Path) -> str:
    """Tells one secret from another without giving it away: 16 hex digits."""
    return _keyed(folder, b"name", b"")[:16]


def _keyed(folder: Path, use: bytes, content: bytes) -> str:
    own = hmac.new(_secret(folder), use, hashlib.sha256).digest()
    return hmac.new(own, content, hashlib.sha256).hexdigest()


def _secret(folder: Path) -> bytes:
    """The secret; made when there is none yet.

    Raises:
        RatchetError: The file cannot be read or written, or is no secret of ours.
    """
    path = folder / FILE
    try:
        if not path.exists():
            _make(path)
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise RatchetError(
            f"{path}: the project's secret cannot be read ({problem}). Mend it, or restore it "
            "from a backup: without it earlier reports cannot be checked."
        ) from problem
    with contextlib.suppress(ValueError):
        if len(value := bytes.fromhex(text)) == 32:
            return value
    raise RatchetError(f"{path}: is no secret of Ratchet's. Restore it from a backup.")


def _make(path: Path) -> None:
    """Whole or not at all; of two who make it at once, one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{FILE}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
