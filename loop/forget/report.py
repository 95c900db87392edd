"""The report of a forgetting: what was found, erased and left; signed; with nothing personal."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowledge.errors import RatchetError
from loop.settings import Settings
from loop.store.secret import is_signed, key_name, signature

KIND = "ratchet forget report, version 1"


def report_path(settings: Settings, id: str) -> Path:
    """Where the report of a forgetting lies."""
    return settings.reports / f"{id}.json"


def write_report(settings: Settings, report: Mapping[str, Any]) -> Path:
    """Sign and write it, whole or not at all, with the same in words beside it."""
    folder = settings.store_path.parent
    signed = {
        "report": dict(report),
        "signature": {
            "method": "HMAC-SHA256 over the canonical JSON of `report`",
            "key": key_name(folder),
            "value": signature(folder, canonical(report)),
        },
    }
    path = report_path(settings, report["id"])
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, json.dumps(signed, indent=2, sort_keys=True) + "\n")
    _write(path.with_suffix(".txt"), in_words(report))
    return path


def canonical(report: Mapping[str, Any]) -> bytes:
    """The same bytes for the same report: sorted keys, no spaces, ASCII."""
    return json.dumps(report, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def verify_report(settings: Settings, path: Path) -> tuple[dict[str, Any], str | None]:
    """The report in a file, and what is wrong with it; None if it is as it was signed.

    Raises:
        RatchetError: The file cannot be read or is no report.
    """
    try:
        signed = json.loads(path.read_text(encoding="utf-8"))
        report, given = dict(signed["report"]), dict(signed["signature"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise RatchetError(
            f"{path}: is no report of `ratchet forget` ({type(problem).__name__}). "
            "Name a file like reports/forget-….json."
        ) from problem
    folder = settings.store_path.parent
    if given.get("key") != key_name(folder):
        return report, "signed with another project's secret: check it where it was made"
    if not is_signed(folder, canonical(report), str(given.get("value", ""))):
        return report, "changed since it was signed"
    return report, None


def in_words(report: Mapping[str, Any]) -> str:
    """The report for people."""
    found, search = report["found"], report["search"]
    lines = [
        f"{report['id']}: {report['subject']} was forgotten on {report['at']}.",
        "",
        "Found and erased in the store:",
        *_listed(found["rows"]),
        "Judgements of others that stay, under a random name:",
        *_listed(found["judged"]),
        f"Rows of other people in which their words were blotted out: {found['quoted']}",
        "",
        "Datasets erased (curate again):",
        *_listed(found["datasets"], "rows of theirs"),
        "Adapters that learnt from them, marked:",
        *_listed(found["adapters"], "through"),
        "Due:",
        *(f"  {one['adapter']}: {one['do']}" for one in report["due"]),
        "",
        "Files erased:",
        *(f"  {kind}: {path}" for kind, paths in report["erased"].items() for path in paths),
        "Left, for a person to look into:",
        *(f"  {one['place']}: {one['why']}" for one in report["named"]),
        "",
        f"Searched for {search['needles']} texts and {search['words']} words, byte by byte, in "
        f"{search['files']} files ({search['bytes']} bytes) and in every row: "
        + ("nothing is left." if report["clean"] else f"LEFT in {_places(search)}."),
        f"Audit event {report['audit']['event']}, hash {report['audit']['hash']}.",
    ]
    return "\n".join(lines) + "\n"


def _listed(values: Mapping[str, Any], what: str = "") -> list[str]:
    return [f"  {name}: {value} {what}".rstrip() for name, value in values.items()] or ["  none"]


def _places(search: Mapping[str, Any]) -> str:
    return ", ".join([*search["found"], *(f"table {name}" for name in search["rows"])])


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
