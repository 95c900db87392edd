"""A project on disk, opened for a command: its folder, store, collection and desk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import RatchetError
from loop.settings import Settings

if TYPE_CHECKING:
    from eval_suites.suites import Suite
    from knowledge.collection import Collection
    from loop.answer.assistant import Desk
    from loop.models.engine import Engine
    from loop.store.store import Store

MEMBERSHIP = "membership"  # the attack on an adapter's training rows, measured like a suite
TASK = "harness:"  # before the name of a task of lm-evaluation-harness
HANDBOOK = Path(__file__).parents[1] / "knowledge" / "handbook"

TEMPLATE = """\
# A Ratchet project. Every key is optional; `docs/settings.md` lists them all with their defaults.
seed = 7

[assistant]
name = "{name}"
base = "pocket"       # the bundled model, or any Hugging Face causal LM by name or folder
consent = "none"      # basis recorded for interactions that name none; "none" is never trained on

[knowledge]
collection = "{name}"
embedder = "all-MiniLM-L6-v2"

[serve]
host = "127.0.0.1"    # a public address needs the API key of serve.key_env
port = 8750
"""


def init(folder: Path) -> Path:
    """Make a project: ratchet.toml and its data folder. Returns the path of ratchet.toml.

    Raises:
        RatchetError: There is a ratchet.toml already.
    """
    file = folder / "ratchet.toml"
    if file.exists():
        raise RatchetError(
            f"{file}: there is a project already. Edit it, or choose another folder."
        )
    Settings(root=folder).home.mkdir(parents=True, exist_ok=True)
    file.write_text(TEMPLATE.format(name="desk"), encoding="utf-8")
    return file


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The project's store, wherever it is held, closed at the end."""
    from loop.store.store import open_store

    store = open_store(settings)
    try:
        yield store
    finally:
        store.close()


def open_collection(settings: Settings, *, needed: bool = False) -> Collection:
    """The project's collection.

    Args:
        needed: Refuse an empty one.

    Raises:
        RatchetError: It is empty although needed, damaged, or the embedder cannot be had.
    """
    from knowledge.collection import Collection
    from knowledge.embed import load_embedder

    folder = settings.collections / settings.knowledge.collection
    embedder = load_embedder(settings.knowledge.embedder)
    collection = Collection.open(folder, embedder, most_tokens=settings.knowledge.chunk_tokens)
    if needed and collection.is_empty:
        raise RatchetError(
            f"{folder}: the collection is empty. Add documents with `ratchet knowledge add PATH`."
        )
    return collection


def suites_of(settings: Settings, names: Sequence[str] = ()) -> list[Suite]:
    """The project's suites, or those named.

    Args:
        names: Of bundled suites, of folders below the project's `suites`, or paths of folders.

    Raises:
        RatchetError: There is no such suite, or its files are not sound.
    """
    from eval_suites.suites import bundled_suites, load_suite

    found = []
    for name in names or settings.suites:
        if name == MEMBERSHIP or name.startswith(TASK):
            continue
        places = [settings.suite_folder / name, settings.root / name, Path(name)]
        here = [place for place in places if (place / "suite.toml").is_file()]
        if name in bundled_suites() or not here:
            found.append(load_suite(name))
        else:
            found.append(load_suite(here[0]))
    return found


def tasks_of(settings: Settings, names: Sequence[str] = ()) -> list[str]:
    """What has no cases of ours among the project's suites, or among those named.

    That is "membership" and tasks of lm-evaluation-harness, these without their prefix.
    """
    listed = names or settings.suites
    found = [name for name in listed if name == MEMBERSHIP or name.startswith(TASK)]
    return [name.removeprefix(TASK) for name in found]


def unseen_suites(settings: Settings) -> list[Suite]:
    """Every suite of which no case may be trained on: those named, and all of the project's own."""
    from eval_suites.suites import load_suite

    found = suites_of(settings)
    own = [load_suite(file.parent) for file in sorted(settings.suite_folder.glob("*/suite.toml"))]
    return found + [suite for suite in own if suite.name not in {one.name for one in found}]


def open_desk(settings: Settings, store: Store, *, engine: Engine | None = None) -> Desk:
    """A desk over the project's documents and model, for a command that answers."""
    from loop.answer.assistant import Desk
    from loop.models.engine import load_engine

    collection = open_collection(settings, needed=True)
    return Desk(settings, collection, engine or load_engine(settings), store)
