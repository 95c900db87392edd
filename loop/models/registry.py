"""The adapters there are, which one is champion, and what each was made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import RatchetError
from loop.models.files import changed_files, copy_whole, read_manifest, read_pruned
from loop.models.lineage import lineage as lineage
from loop.models.records import BASE
from loop.settings import Settings
from loop.store.adapter_commands import unservable
from loop.store.records import Adapter, Cost, Run

if TYPE_CHECKING:
    from loop.models.records import Engine
    from loop.store.store import Store

_LABEL = re.compile(r"[^\W_](?:[\w.-]{0,62}[^\W_])?")


def register(
    store: Store,
    settings: Settings,
    run: Run,
    folder: Path,
    parent: Adapter | None,
    at: datetime,
    *,
    domain: str = "",
    language: str = "",
    segment: str = "",
    sources: Sequence[str] = (),
    cost: Cost | None = None,
) -> Adapter:
    """Enter a trained adapter: its files into the registry's folder, then its rows into the store.

    Only the rows make it exist. Killed anywhere, it can be done again; the same weights twice
    are one adapter, named by their SHA-256. One that was pruned is put back.

    Args:
        store: Gets the run and the adapter, in one append.
        settings: Say where adapters are kept and whose it is.
        run: The training run that made it.
        folder: The adapter in PEFT's format; it stays where it is.
        parent: The adapter it started from.
        at: Now.
        domain: What it is for, e.g. "payments"; an empty label means any.
        language: E.g. "de" or "pt-BR".
        segment: Of customers, e.g. "retail".
        sources: Ids of the adapters it was merged from or rewarded by.
        cost: What the run cost.

    Raises:
        RatchetError: The weights are missing or corrupt, a label is none, or the same weights are
            registered under other labels or with another configuration.
    """
    from loop.models.weights import config_sha256, kind_of, weights_sha256

    labels = check_labels(domain=domain, language=language, segment=segment)
    config = config_sha256(folder)
    sha256 = weights_sha256(folder)
    id = f"ad-{sha256[:12]}"
    known = _registered(store, id)
    paid = [] if cost is None else [cost]
    if known is not None:
        _same(known, labels, config)
        if store.query("pruned", adapter=id):  # first the event: a pruning would finish its work
            store.command("restore_adapter", adapter=id, actor="registry")
        if not _sound(Path(known.path), sha256, config):
            _copy(folder, settings.adapters / id, sha256, config)
        store.append([run, *paid])
        return known
    path = _copy(folder, settings.adapters / id, sha256, config)
    made = Adapter(
        id=id,
        at=at,
        assistant=settings.assistant.name,
        run=run.id,
        dataset=run.dataset,
        base=run.base,
        parent=None if parent is None else parent.id,
        path=str(path),
        sha256=sha256,
        sources=list(sources),
        config_sha256=config,
        kind=kind_of(folder),
        **labels,
    )
    store.append([run, *paid, made])
    return made


def check_labels(**labels: str) -> dict[str, str]:
    """Labels without the space around them.

    Raises:
        RatchetError: One is not a word of letters, digits, dots, hyphens and underscores.

    >>> check_labels(domain="payments", language=" pt-BR ", segment="")
    {'domain': 'payments', 'language': 'pt-BR', 'segment': ''}
    """
    clean = {name: label.strip() for name, label in labels.items()}
    for name, label in clean.items():
        if label and not _LABEL.fullmatch(label):
            raise RatchetError(
                f"{name} {label!r}: expected one word of at most 64 letters, digits, dots, hyphens "
                "and underscores. Name it in another way."
            )
    return clean


def verify(adapter: Adapter) -> None:
    """Are the adapter's files what was registered, every one of them?

    Each file is held against the manifest beside it, weights and configuration against the store.
    Adapters of old, which have no manifest, are verified by their weights.

    Raises:
        RatchetError: They were pruned, are missing, cannot be read, or are not the same.
    """
    from loop.models.weights import WEIGHTS, config_sha256, weights_sha256

    folder = Path(adapter.path)
    if note := read_pruned(folder):
        raise RatchetError(
            f"{adapter.id} was pruned on {str(note.get('at', ''))[:10]}: its files are gone. To "
            f"have it, {note.get('again') or 'train another one'}."
        )
    found = weights_sha256(folder)
    if found != adapter.sha256:
        raise RatchetError(
            f"{folder}: the weights of {adapter.id} have SHA-256 {found[:12]}…, registered were "
            f"{adapter.sha256[:12]}…. Restore the file from a backup, or roll back."
        )
    expected = {n: sha256 for n, sha256 in read_manifest(folder).items() if n != WEIGHTS}
    if changed := changed_files(folder, expected):
        raise RatchetError(
            f"{folder / changed[0]}: missing, or not what was registered for {adapter.id}. "
            "Restore the file from a backup, or roll back."
        )
    if adapter.config_sha256 not in ("", config_sha256(folder)):
        raise RatchetError(
            f"{folder}: the configuration of {adapter.id} is not the one that was registered. "
            "Restore the file from a backup, or roll back."
        )


def make_ready(store: Store, engine: Engine, id: str) -> None:
    """Have an engine able to answer with a registered adapter; "base" needs nothing.

    Raises:
        RatchetError: There is no such adapter, it is a reward or whole model, or its files are not
            what was registered.
    """
    if id != BASE:
        found = adapter_of(store, id)
        if found.kind != "adapter":
            raise RatchetError(unservable(found.id, found.kind, found.path))
        verify(found)
        engine.load_adapter(id, Path(found.path))


def champion(store: Store, assistant: str) -> str:
    """The adapter that answers for an assistant; "base" until one is promoted."""
    rows = store.query("champion", assistant=assistant)
    return str(rows[0]["adapter"]) if rows else BASE


def starting_point(store: Store, settings: Settings, start: str = "") -> Adapter | None:
    """The adapter that training goes on from; None is a fresh one on the base.

    Args:
        store: Knows the champion.
        settings: `train.start`, unless `start` says another.
        start: "base", "champion", or an adapter's id.

    Raises:
        RatchetError: There is no such adapter.
    """
    wanted = start or settings.train.start
    if wanted == "champion":
        wanted = champion(store, settings.assistant.name)
    return None if wanted == BASE else adapter_of(store, wanted)


def adapter_of(store: Store, id: str) -> Adapter:
    """A registered adapter by its id.

    Raises:
        RatchetError: There is none.
    """
    found = _registered(store, id)
    if found is None:
        raise RatchetError(f"No adapter {id!r}. See `ratchet adapters list`.")
    return found


def _registered(store: Store, id: str) -> Adapter | None:
    rows = store.query("adapter", id=id)
    if not rows:
        return None
    values = {f.name: rows[0].get(f.name) for f in fields(Adapter)}
    if isinstance(values["at"], str):
        moment = datetime.fromisoformat(values["at"])
        values["at"] = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Adapter(**values)  # type: ignore[arg-type]


def _same(known: Adapter, labels: dict[str, str], config: str) -> None:
    """The same weights are one adapter, so they have one configuration and one set of labels."""
    if known.config_sha256 not in ("", config):
        raise RatchetError(
            f"{known.id}: the same weights are registered with another rank, scaling or layers. "
            "Train with another seed."
        )
    for name, label in labels.items():
        carried = getattr(known, name)
        if label and label != carried:
            raise RatchetError(
                f"{known.id}: the same weights are registered with {name} {carried!r}, so they "
                f"cannot also have {label!r}. Leave the label out, or train with another seed."
            )


def _copy(folder: Path, target: Path, sha256: str, config: str) -> Path:
    """The folder's files at `target`, whole or not at all."""
    if not _sound(target, sha256, config):
        try:
            copy_whole(folder, target, damaged=True)
        except OSError:  # someone registers the same weights just now
            if not _sound(target, sha256, config):
                raise
    return target.resolve()


def _sound(folder: Path, sha256: str, config: str) -> bool:
    from loop.models.weights import config_sha256, weights_sha256

    try:
        return (
            read_pruned(folder) is None
            and weights_sha256(folder) == sha256
            and not changed_files(folder, read_manifest(folder))
            and config_sha256(folder) == config
        )
    except RatchetError:
        return False
