"""Forget a person: find, erase, rewrite, search, report. Killed anywhere, it is run again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop.evaluate.from_life import forget_cases
from loop.forget import files
from loop.forget.report import KIND, write_report
from loop.forget.work import Work, drop, keep, noted, read_work, work_path
from loop.settings import Settings
from loop.store.champion import BASE, champion_of, history
from loop.store.ids import id_of, new_id
from loop.store.needles import Searched, search_files, which
from loop.store.secret import subject_of

if TYPE_CHECKING:
    from loop.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What became of it."""

    subject: str  # stands for the person
    found: dict[str, Any]  # rows, judged, quoted, datasets, adapters
    forget: str | None = None  # its id; None if nothing was done
    report: Path | None = None
    clean: bool = True  # the last search found nothing in the project's data
    erased: dict[str, list[str]] = field(default_factory=dict)
    named: list[dict[str, str]] = field(default_factory=list)
    due: list[dict[str, str]] = field(default_factory=list)
    before: str | None = None  # the latest earlier forgetting of the person


def forget(store: Store, settings: Settings, user: str, *, actor: str) -> Forgotten:
    """Erase all that is a person's, and prove it.

    Args:
        store: The project's, held here or by a server on this machine.
        settings: Where files lie.
        user: The person's key.
        actor: Who asks for it.

    Raises:
        RatchetError: The store lies on another machine, or a file cannot be erased.
    """
    subject = _subject(settings, user)
    work = read_work(settings, subject) or plan(store, settings, user)
    if not _anything(work):
        return Forgotten(subject=subject, found=_counts(work.found), before=_before(store, subject))
    keep(settings, work)
    done = store.command("forget", user=user, actor=actor, id=work.id, also=work.also)
    work = keep(settings, _with(work, done))
    store.command("rewrite")
    if cases := forget_cases(settings, work.needles):
        work = keep(settings, noted(work, {"cases": cases}, []))
    work = _erased(settings, work, files.known(store, settings, work.found))
    hits = _search(settings, work).found
    work = _erased(settings, work, files.to_erase(settings, hits))
    report = _report(store, settings, work, done)
    path = write_report(settings, report)
    _finish(store, work, actor, path)
    drop(settings, subject)
    return Forgotten(
        subject=subject,
        found=report["found"],
        forget=work.id,
        report=path,
        clean=report["clean"],
        erased=report["erased"],
        named=report["named"],
        due=report["due"],
    )


def preview(store: Store, settings: Settings, user: str) -> Forgotten:
    """What forgetting would find, erase and leave; nothing is changed."""
    subject = _subject(settings, user)
    work = read_work(settings, subject) or plan(store, settings, user)
    found, datasets = work.found, list(work.found["datasets"])
    known = {
        "exports": [str(path) for path in files.exports(store, datasets) if path.exists()],
        "runs": [str(path) for path in files.run_folders(settings, datasets, found["adapters"])],
        "datasets": [
            str(path) for path in files.dataset_folders(settings, found["paths"], datasets)
        ],
    }
    return Forgotten(
        subject=subject,
        found=_counts(found),
        erased={kind: paths for kind, paths in known.items() if paths},
        due=due(store, found["adapters"]),
        before=_before(store, subject),
    )


def plan(store: Store, settings: Settings, user: str) -> Work:
    """What there is of a person, and what to look for afterwards."""
    theirs = store.command("find_person", user=user)
    needles, words = theirs.pop("needles"), theirs.pop("words")
    here = files.data_files(settings)
    documents = [path for path in here if path.is_relative_to(settings.collections)]
    names = {user, *theirs["turns"], *theirs["said"]}
    texts = [one for one in needles if one not in names]
    quoted = which(documents, texts) if texts else set()  # words of documents are not theirs
    needles = [one for one in needles if one not in quoted]
    versions = [path for path in here if path.is_relative_to(settings.datasets)]
    hits = search_files(versions, needles, words).found
    also = [one for one in files.datasets_hit(settings, hits) if one not in theirs["datasets"]]
    if also:
        theirs = store.command("find_person", user=user, also=also)
    return Work(
        id=f"forget-{new_id()}",
        subject=_subject(settings, user),
        user=user,
        needles=needles,
        words=words,
        also=also,
        found={name: theirs[name] for name in _FOUND},
    )


_FOUND = ("rows", "judged", "quoted", "datasets", "adapters", "paths")


def due(store: Store, adapters: Iterable[str]) -> list[dict[str, str]]:
    """What has to be done about adapters that learnt from somebody forgotten."""
    marked = {row["adapter"] for row in store.query("adapter_marks")} | set(adapters)
    rows = [store.query("adapter", id=name)[0] for name in adapters]
    found = []
    for assistant in sorted({row["assistant"] for row in rows}):
        promotions = store.query("promotions", assistant=assistant)
        champion = champion_of(promotions)
        if champion not in adapters:
            continue
        stack = history(promotions)
        before = stack[-2] if len(stack) > 1 else None
        do = "train again (`ratchet nightly`) and promote what passes the gate"
        if before is not None and before not in marked:
            name = "the base model" if before == BASE else before
            do = f"go back to {name} (`ratchet rollback`), or {do}"
        found.append({"assistant": assistant, "adapter": champion, "do": f"champion: {do}"})
    return found


def _erased(settings: Settings, work: Work, gone: files.Gone) -> Work:
    """Note what goes, then let it go: killed in between, it is known what was there."""
    work = keep(settings, noted(work, gone.erased, gone.named))
    files.remove(gone)
    return work


def _with(work: Work, done: Mapping[str, Any]) -> Work:
    """The work with what was really erased: more may have been said since it was planned."""
    found = work.found | {
        "rows": done["erased"],
        "judged": done["pseudonymised"],
        "quoted": done["quoted"],
        "datasets": done["datasets"],
        "adapters": done["adapters"],
    }
    return Work(**{**asdict(work), "found": found})


def _search(settings: Settings, work: Work, also: Iterable[Path] = ()) -> Searched:
    """The files of the project but the store's, and of places named."""
    mine = work_path(settings, work.subject)
    here = [*files.data_files(settings, but=mine), *files.outside_files(settings, list(also))]
    return search_files(dict.fromkeys(here), work.needles, work.words)


def _report(
    store: Store, settings: Settings, work: Work, done: Mapping[str, Any]
) -> dict[str, Any]:
    """Search again, everywhere, and say what there is to say."""
    exported = files.exports(store, work.found["datasets"])
    last = _search(settings, work, exported)
    rows = store.command("search", needles=work.needles, words=work.words)
    again = store.command("find_person", user=work.user)
    kept = {name: n for name, n in rows["rows"].items() if name == "audit_events"}
    named = list(work.named)
    if kept:
        why = f"the audit trail cannot be changed: {kept['audit_events']} events name them"
        named.append({"place": "table audit_events", "why": why})
    left = {name: n for name, n in rows["rows"].items() if name not in kept} | again["rows"]
    inside = [place for place in last.found if Path(place).is_relative_to(settings.home)]
    inside += [place for place in last.found for one in exported if place.startswith(str(one))]
    store_hits = {} if kept else rows["found"]
    return {
        "kind": KIND,
        "id": work.id,
        "subject": work.subject,
        "at": done["at"],
        "found": _counts(work.found),
        "erased": _masked(work.erased, work.user),
        "named": _masked(named, work.user),
        "due": due(store, work.found["adapters"]),
        "search": {
            "needles": len(work.needles),
            "words": len(work.words),
            "files": last.files + rows["files"],
            "bytes": last.bytes + rows["bytes"],
            "found": _masked({**last.found, **rows["found"]}, work.user),
            "rows": left,
        },
        "clean": not (inside or left or store_hits),
        "audit": {"event": id_of(work.id, "forget"), "hash": done["hash"]},
        "searched_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _finish(store: Store, work: Work, actor: str, path: Path) -> None:
    """Put the report's hash on the audit trail: report and trail bear each other out."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    store.command(
        "audit",
        id=id_of(work.id, "report", sha256),
        actor=actor,
        action="forget_report",
        subject=work.subject,
        detail={"forget": work.id, "report": path.name, "sha256": sha256},
    )


def _anything(work: Work) -> bool:
    found = work.found
    return bool(found["rows"] or found["judged"] or found["datasets"])


def _counts(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in _FOUND if name != "paths"}


def _before(store: Store, subject: str) -> str | None:
    ids = [row["id"] for row in store.query("forgotten_persons") if row["subject"] == subject]
    return ids[-1] if ids else None


def _subject(settings: Settings, user: str) -> str:
    """What stands for the person.

    Raises:
        RatchetError: The store is not on this machine, so its files cannot be erased from here.
    """
    if not settings.store_path.exists():
        raise RatchetError(
            f"{settings.store_path}: the store is not here. Its files can only be erased where "
            "they lie: run `ratchet forget` on the machine that holds the store."
        )
    return subject_of(settings.store_path.parent, user)


def _masked(value: Any, user: str) -> Any:
    """Places as they are told, without the person's key."""
    if isinstance(value, str):
        return value.replace(user, "…")
    if isinstance(value, Mapping):
        return {_masked(name, user): _masked(one, user) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, user) for one in value]
    return value
