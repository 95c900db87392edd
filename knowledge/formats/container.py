"""Look into an Office file before a parser does: which kind, and whether it is a bomb."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from knowledge.formats.kinds import NAMES, office_format
from knowledge.formats.problem import FileProblem
from knowledge.formats.records import Limits

_MOST_MEMBERS = 10_000
# Spreadsheets of one repeated row reach about 60; deflate ends at 1,032.
_HIGHEST_RATIO = 150
_RATIO_MATTERS_FROM = 16 << 20  # bytes unpacked; below that it harms nobody
_PROLOGUE = 1 << 16  # a document type stands before the first element


def check_container(file: Path, format: str, limits: Limits) -> None:
    """Refuse what is no Office file of that format, or would unpack to too much.

    The sizes in the directory bind: Python's zipfile never gives more than they say.

    Raises:
        FileProblem: It says what the file is, and what to do.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check_sizes(file, archive.infolist(), limits)
            found = office_format(archive.namelist())
            if found != format:
                what = NAMES[found] if found else "a zip archive or another kind of document"
                suffix = f".{found}" if found else "what it is"
                raise FileProblem(
                    file,
                    f"its content is {what}, not {NAMES[format]} as {file.suffix} says. "
                    f"Rename it to {suffix} or save it anew, and add it again.",
                )
            for member in archive.infolist():
                if member.filename.endswith((".xml", ".rels")):
                    _check_prologue(file, archive, member)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as problem:
        what = " ".join(str(problem).split())[:60]
        raise FileProblem(
            file, f"it is damaged or cut short ({what}). Fetch or save it anew, and add it again."
        ) from problem


def _check_sizes(file: Path, members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if any(member.flag_bits & 1 for member in members):
        raise FileProblem(
            file, "it is protected by a password. Save it without one, and add it again."
        )
    packed = sum(member.compress_size for member in members)
    unpacked = sum(member.file_size for member in members)
    if (
        len(members) > _MOST_MEMBERS
        or packed > file.stat().st_size  # members that share their bytes
        or (unpacked > _RATIO_MATTERS_FROM and unpacked > _HIGHEST_RATIO * max(packed, 1))
    ):
        raise FileProblem(
            file,
            f"it is packed like a zip bomb ({len(members)} members, {packed} bytes that unpack to "
            f"{unpacked}). If you trust it, open it, save it anew, and add it again.",
        )
    if unpacked > limits.unpacked:
        raise FileProblem(
            file,
            f"it unpacks to {unpacked >> 20} MB, more than the {limits.unpacked >> 20} MB that are "
            "allowed. Split it, or take out pictures and films.",
        )


def _check_prologue(file: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as part:
        start = part.read(_PROLOGUE)
    if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
        raise FileProblem(
            file,
            f"its part {member.filename!r} declares XML entities, which no Office program writes. "
            "Do not trust it; save it anew if you must add it.",
        )
