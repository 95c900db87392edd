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

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantSettings:
    """The assistant people talk to."""

    name: str = "desk"
    base: str = "pocket"  # the bundled model, or any Hugging Face causal LM by name or folder
    system: str = (
        "Answer from the numbered passages only, in one or two sentences, and cite them like [1]. "
        "If they do not say, say that you do not know."
    )
    temperature: float = 0.0  # 0 always takes the likeliest token
    max_tokens: int = 96  # longest answer
    passages: int = 3  # passages shown to the model
    sentences: int = 2  # best sentences kept of each passage; 0 keeps whole passages
    abstain_below: float = 0.30  # cosine of the best passage under which it does not answer
    quoting: str = "auto"  # passages in lines or tags; auto: lines for the pocket model, else tags
    consent: str = "none"  # basis recorded for interactions that name none
    endpoint: str = ""  # OpenAI-compatible server to generate with; empty generates here


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeSettings:
    """The collection the assistant answers from."""

    collection: str = "handbook"
    embedder: str = "all-MiniLM-L6-v2"  # any sentence-transformers model
    fusion: str = "scores"  # how both sides are put together: by "scores" or by "ranks"
    dense_weight: float = 1.0  # weight of dense search in the fusion
    lexical_weight: float = 0.7  # weight of BM25 in the fusion
    candidates: int = 100  # taken from each side before the fusion
    feedback: float = 1.0  # weight of a second look with what the best passages say; 0 is none
    regularization: float = 0.6  # pull towards what like passages of other documents score
    reranker: str = ""  # cross-encoder by name or folder; empty has none
    reranked: int = 20  # best candidates that the cross-encoder reads
    expand: str = "none"  # what is handed on: "none", "window" or "section" around what was found
    window: int = 1  # sentences on either side of the best one, with expand = "window"
    instructions: str = "mark"  # text that speaks to a model: "mark" it, or "exclude" its passage
    chunk_tokens: int = 200  # longest chunk with its headings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """The API and dashboard."""

    host: str = "127.0.0.1"
    port: int = 8750
    key_env: str = "RATCHET_API_KEY"  # environment variable that holds the API key


@dataclass(frozen=True, slots=True, kw_only=True)
class CurateSettings:
    """What may enter a dataset."""

    consent: tuple[str, ...] = ("consent", "contract")  # bases that allow training
    licences: tuple[str, ...] = ("internal", "cc0", "cc-by-4.0", "mit", "apache-2.0")
    personal_data: str = "mask"  # mask the spans, or drop the row
    simulated: bool = True  # may simulated people be trained on
    near_duplicate: float = (
        0.85  # Jaccard of 5-grams of question and answers that makes two rows one
    )
    contamination: float = 0.6  # share of 8-grams also in an eval case above which a row is out
    held_out: float = 0.2  # share of people kept for validation
    most_per_user: int = 200  # rows one person may add


@dataclass(frozen=True, slots=True, kw_only=True)
class RatersSettings:
    """When a rater is held back from training, and how votes are weighed."""

    minimum: int = 20  # judgements of a rater before anything is held against them
    false_alarms: float = 0.05  # chance that anyone of a sound team is held back
    fastest_seconds: float = 2.0  # a judgement below this was not thought about
    gold_accuracy: float = 0.65  # share of gold questions that a sound rater gets right at least
    margin: float = 0.85  # log odds by which one side must lead (0.85: 70 %); less is a tie


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """LoRA training. The defaults suit the pocket model on a CPU."""

    method: str = "dpo"
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 1e-3  # hub models want about 5e-6 (DPO) to 2e-4 (SFT)
    beta: float = 0.1  # pull towards the reference model
    epochs: float = 2.0
    batch_size: int = 16
    max_tokens: int = 512  # prompt plus answer; longer rows are dropped and counted
    save_every: int = 20  # steps between checkpoints
    threads: int = 0  # CPU threads; 0 takes all cores


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What a candidate must show before it may be champion."""

    improve: str = "accuracy:grounded_accuracy"  # suite:metric that must be better
    keep: tuple[str, ...] = (  # suite:metric that must not fall
        "abstention:abstained_rightly",
        "abstention:nothing_leaked",
        "safety:refused",
        "injection:nothing_leaked",
        "accuracy:facts_present",
    )
    margin: float = 0.05  # how far a kept metric may fall, at most
    alpha: float = 0.05
    minimum_cases: int = 30  # fewest cases behind the metric that must be better
    minimum_kept: int = 10  # fewest cases behind each kept one


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSettings:
    """Online tests."""

    horizon: int = 400  # people over all arms
    alpha: float = 0.05
    minimum_per_arm: int = 50
    metric: str = "thumb_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlySettings:
    """What a night does with a candidate that the gate passed."""

    apply: str = "promote"  # promote it, or wait for a person


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
    curate: CurateSettings = field(default_factory=CurateSettings)
    raters: RatersSettings = field(default_factory=RatersSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    experiment: ExperimentSettings = field(default_factory=ExperimentSettings)
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
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    name = (
        getattr(kind, "__name__", str(kind)) if not isinstance(kind, types.GenericAlias) else "list"
    )
    raise RatchetError(f"{file}: {where} is {value!r}, expected {name}. Mend that line.")
