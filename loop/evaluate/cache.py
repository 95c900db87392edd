"""Replies kept on disk case by case: a run that was killed goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval_suites.records import Assistant, Case, Message, Reply
from knowledge.abstain import read_calibration
from knowledge.records import Citation, passage_of
from loop.settings import Settings

if TYPE_CHECKING:
    from knowledge.collection import Collection

SPEAKS = (
    "base",
    "system",
    "max_tokens",
    "passages",
    "sentences",
    "abstain_below",
    "quoting",
    "endpoint",
)


class CachedAssistant:
    """An assistant that is asked each case once. An Assistant itself.

    The file is append-only, a JSON object a line; whatever an earlier run left there is taken
    for the cases it still fits. A torn last line is a case not yet answered.

    Args:
        assistant: Who answers what is not there.
        file: Where replies are kept; made when the first one is.
    """

    def __init__(self, assistant: Assistant, file: Path) -> None:
        self.name = assistant.name
        self._assistant = assistant
        self._file = file
        self._known = _read(file)

    def __call__(self, cases: Sequence[Case]) -> list[Reply]:
        keys = [case_key(case) for case in cases]
        missing = [(k, c) for k, c in zip(keys, cases, strict=True) if k not in self._known]
        if missing:
            replies = self._assistant([case for _, case in missing])
            fresh = {key: reply for (key, _), reply in zip(missing, replies, strict=True)}
            rows = [{"key": key, "reply": asdict(reply)} for key, reply in fresh.items()]
            append_lines(self._file, rows)
            self._known |= fresh
        return [self._known[key] for key in keys]


def case_key(case: Case) -> str:
    """What an assistant sees of a case, as 16 hex digits: equal keys get equal replies."""
    seen: list[Any] = [case.suite, case.id, case.prompt, sorted(case.labels), str(case.asked_on)]
    handed = [*map(asdict, case.history), *map(asdict, case.context)]
    if case.show is not None:
        handed += [asdict(case.show), *map(asdict, case.gold)]
    if handed:
        seen.append(handed)
    if case.secret:
        seen.append(case.secret)
    if case.draw is not None:
        seen.append(asdict(case.draw))
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]


def settings_key(settings: Settings, base: str, collection: Collection, today: date) -> str:
    """All that decides a reply besides case and adapter, as 16 hex digits.

    That is the base model, how it is prompted, how passages are found, and every document with
    whether it holds today: a day that changes no document changes no reply.

    Args:
        base: What the engine runs, with its weights' hash where it has one.
    """
    documents = sorted(
        [
            document.id,
            document.version,
            (document.valid_from or today) <= today <= (document.valid_until or today),
        ]
        for document in collection.documents()
    )
    prompted = {name: getattr(settings.assistant, name) for name in SPEAKS}
    calibration = read_calibration(collection.folder, collection.embedder.name)
    abstains = [calibration.to_json()] if calibration else []
    content = json.dumps(
        [base, prompted, asdict(settings.knowledge), documents, *abstains], sort_keys=True
    )
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    """The objects in a file of JSON lines; what a kill tore is left out, so it is made again."""
    if file.is_file():
        for line in file.read_bytes().splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row


def append_lines(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows in one write, synced: a kill leaves all of them or, at worst, whole lines."""
    if not rows:
        return
    lines = [json.dumps(row) for row in rows]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as out:
        if out.seek(0, os.SEEK_END):
            out.seek(-1, os.SEEK_END)
            if out.read(1) != b"\n":
                lines.insert(0, "")  # ends the torn line
        out.write("".join(f"{line}\n" for line in lines).encode())
        out.flush()
        os.fsync(out.fileno())


def _read(file: Path) -> dict[str, Reply]:
    known: dict[str, Reply] = {}
    for row in read_lines(file):
        try:
            known[row["key"]] = _reply(row["reply"])
        except (TypeError, KeyError):
            continue  # of another release: the case is asked again
    return known


def _reply(row: dict[str, Any]) -> Reply:
    return Reply(
        **{
            **row,
            "citations": tuple(Citation(**c) for c in row["citations"]),
            "passages": tuple(passage_of(passage) for passage in row["passages"]),
            "turns": tuple(Message(**turn) for turn in row.get("turns", [])),
        }
    )
