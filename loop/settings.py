"""ratchet.toml → one frozen Settings. Unknown keys are errors that name the nearest known one."""

from __future__ import annotations

import difflib
import tomllib
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from knowledge.errors import RatchetError
from loop.settings_tables import AssistantSettings as AssistantSettings
from loop.settings_tables import CostSettings as CostSettings
from loop.settings_tables import CurateSettings as CurateSettings
from loop.settings_tables import ExperimentSettings as ExperimentSettings
from loop.settings_tables import GateSettings as GateSettings
from loop.settings_tables import GuardSettings as GuardSettings
from loop.settings_tables import JudgeSettings as JudgeSettings
from loop.settings_tables import KnowledgeSettings as KnowledgeSettings
from loop.settings_tables import NightlySettings as NightlySettings
from loop.settings_tables import RatersSettings as RatersSettings
from loop.settings_tables import RegistrySettings as RegistrySettings
from loop.settings_tables import ReviewSettings as ReviewSettings
from loop.settings_tables import SearchSettings as SearchSettings
from loop.settings_tables import ServeSettings as ServeSettings
from loop.settings_tables import SynthesizeSettings as SynthesizeSettings
from loop.settings_tables import TrainSettings as TrainSettings
from loop.settings_tables import WatchSettings as WatchSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a project can set, and where it lives."""

    root: Path = Path(".")  # the folder of ratchet.toml
    data: str = ".ratchet"  # store, collections, datasets, adapters, runs, reports
    store: str = ""  # address of a server that holds the store; empty finds it in the data folder
    seed: int = 7
    suites: tuple[str, ...] = ("accuracy", "abstention", "robustness", "injection", "safety")
    assistant: AssistantSettings = field(default_factory=AssistantSettings)
    knowledge: KnowledgeSettings = field(default_factory=KnowledgeSettings)
    serve: ServeSettings = field(default_factory=ServeSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    curate: CurateSettings = field(default_factory=CurateSettings)
    raters: RatersSettings = field(default_factory=RatersSettings)
    synthesize: SynthesizeSettings = field(default_factory=SynthesizeSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    cost: CostSettings = field(default_factory=CostSettings)
    judge: JudgeSettings = field(default_factory=JudgeSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    experiment: ExperimentSettings = field(default_factory=ExperimentSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    nightly: NightlySettings = field(default_factory=NightlySettings)

    @property
    def home(self) -> Path:
        return self.root / self.data

    @property
    def store_path(self) -> Path:
        return self.home / "store.duckdb"

    @property
    def collections(self) -> Path:
        return self.home / "knowledge"

    @property
    def datasets(self) -> Path:
        return self.home / "datasets"

    @property
    def adapters(self) -> Path:
        return self.home / "adapters"

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def suite_folder(self) -> Path:
        """Where the project's own suites lie, a folder each."""
        return self.root / "suites"

    @property
    def reports(self) -> Path:
        return self.home / "reports"


def load_settings(path: Path | None = None) -> Settings:
    """Read ratchet.toml; without one, the defaults with the current folder as root.

    Args:
        path: The file, or a folder that holds it; None looks in the current folder.

    Raises:
        RatchetError: The named file is missing, is not TOML, or has an unknown or mistyped key.
    """
    file = (path or Path(".")) / "ratchet.toml" if path is None or path.is_dir() else path
    if not file.exists():
        if path is not None and not path.is_dir():
            raise RatchetError(f"{file}: no such file. Make one with `ratchet init`.")
        return Settings(root=(path or Path(".")).resolve())
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RatchetError(f"{file}: not valid TOML: {problem}. Mend that line.") from problem
    settings = _build(Settings, data, file, "")
    return replace(settings, root=file.parent.resolve())


def with_pairs(table: T, name: str, pairs: Sequence[str], place: str) -> T:
    """One table of the settings with `KEY=VALUE` pairs laid over it, for one run.

    Args:
        table: What holds else, like `settings.knowledge`.
        name: What ratchet.toml calls it.
        pairs: Values as TOML writes them; a text needs no quotes.
        place: Where the pairs stand, for messages.

    Raises:
        RatchetError: A pair has no `=`, or its key is unknown or its value mistyped.

    >>> with_pairs(KnowledgeSettings(), "knowledge", ["candidates=80"], "--set").candidates
    80
    """
    kinds = typing.get_type_hints(type(table))
    for pair in pairs:
        key, sign, text = (part.strip() for part in pair.partition("="))
        if not sign or not key:
            raise RatchetError(
                f"{place}: {pair!r}, expected KEY=VALUE with a key of [{name}] in ratchet.toml."
            )
        value = text if kinds.get(key) is str else _toml_value(text)
        checked = _build(type(table), {key: value}, Path(place), f"{name}.")
        table = replace(table, **{key: getattr(checked, key)})  # type: ignore[type-var]
    return table


def _toml_value(text: str) -> Any:
    """What TOML reads there; what it cannot read as one value is the text itself."""
    try:
        [value] = tomllib.loads(f"value = {text}").values()
    except ValueError:
        return text
    return value


def _build(cls: type[T], data: dict[str, Any], file: Path, place: str) -> T:
    hints = typing.get_type_hints(cls)
    known = {f.name: hints[f.name] for f in fields(cls) if f.name != "root"}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in data.items():
        where = f"{place}{key}"
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}."
            raise RatchetError(f"{file}: unknown key {where!r}.{hint}")
        values[key] = _typed(known[key], value, file, where)
    return cls(**values)


def _typed(kind: Any, value: Any, file: Path, where: str) -> Any:
    """The TOML value as the field's type; a mistyped one is the user's to mend."""
    if is_dataclass(kind) and isinstance(kind, type):
        if isinstance(value, dict):
            return _build(kind, value, file, f"{where}.")
    elif typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        if isinstance(value, list):
            return tuple(_typed(inner, item, file, where) for item in value)
    elif typing.get_origin(kind) is dict:  # a table whose keys are the user's own
        inner = typing.get_args(kind)[1]
        if isinstance(value, dict):
            return {key: _typed(inner, one, file, f"{where}.{key}") for key, one in value.items()}
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise RatchetError(f"{file}: {where} is {value!r}, expected {_said(kind)}. Mend that line.")


def _said(kind: Any) -> str:
    if isinstance(kind, types.GenericAlias):
        return "a table" if typing.get_origin(kind) is dict else "list"
    return str(getattr(kind, "__name__", kind))
