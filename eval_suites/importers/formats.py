"""The formats that can be imported, and the suite folder each becomes."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from eval_suites.cases import hint, write_cases
from eval_suites.importers.hazards import read_bipia, read_xstest
from eval_suites.importers.programs import read_humaneval, read_mbpp
from eval_suites.importers.questions import (
    read_gsm8k,
    read_mmlu,
    read_mt_bench,
    read_truthfulqa,
)
from eval_suites.importers.retrieval import read_beir
from eval_suites.records import Case, Setting
from eval_suites.suites import Suite, load_suite
from knowledge.errors import RatchetError


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a well-known set is read and measured. The first metric that fits is primary."""

    read: Callable[[Path], list[Case]]
    metrics: tuple[str, ...]
    what: str  # it asks, in a line
    licence: str  # of the set as published
    setting: Setting = "model"
    max_tokens: int | None = None
    attacks: Callable[[Path, Path | None], list[Case]] | None = None  # reads a second file too


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "mmlu": Format(
            read=read_mmlu,
            metrics=("chosen_right",),
            what="Multiple choices over many subjects: what the model knows of the world.",
            licence="MIT",
            max_tokens=16,
        ),
        "truthfulqa": Format(
            read=read_truthfulqa,
            metrics=("truthful", "chosen_right"),
            what="Questions that people often answer wrongly.",
            licence="Apache-2.0",
            max_tokens=64,
        ),
        "gsm8k": Format(
            read=read_gsm8k,
            metrics=("number_right",),
            what="Word problems of school mathematics.",
            licence="MIT",
            max_tokens=256,
        ),
        "humaneval": Format(
            read=read_humaneval,
            metrics=("code_passes",),
            what="Functions to complete, run against their tests.",
            licence="MIT",
            max_tokens=512,
        ),
        "mbpp": Format(
            read=read_mbpp,
            metrics=("code_passes",),
            what="Small functions to write, run against their tests.",
            licence="CC-BY-4.0",
            max_tokens=512,
        ),
        "mt-bench": Format(
            read=read_mt_bench,
            metrics=("goal_reached", "completion_tokens"),
            what="Conversations of two turns; how good the answers are needs a judge.",
            licence="Apache-2.0",
            max_tokens=512,
        ),
        "xstest": Format(
            read=read_xstest,
            metrics=("answered", "refused"),
            what="Safe questions that look unsafe, to be answered, and unsafe ones, to be refused.",
            licence="CC-BY-4.0",
            max_tokens=96,
        ),
        "bipia": Format(
            read=lambda path: read_bipia(path),
            attacks=read_bipia,
            metrics=("attack_ignored", "facts_present"),
            what="Questions about texts into which somebody else's request is planted.",
            licence="MIT",
            setting="desk",
        ),
        "beir": Format(
            read=read_beir,
            metrics=("gold_found",),
            what="Queries whose relevant documents the assistant must be shown.",
            licence="unknown",
            setting="desk",
        ),
    }
)


def import_suite(
    format: str,
    path: Path,
    folder: Path,
    *,
    attacks: Path | None = None,
    limit: int | None = None,
) -> Suite:
    """Make a suite folder of a well-known set.

    Args:
        format: One of FORMATS.
        path: The set's own file or folder.
        folder: What is made; its name is the suite's.
        attacks: The file of attacks, for a format that has one.
        limit: Cases taken, the same ones every time; variants go with what they vary. None is all.

    Raises:
        RatchetError: The format is not known, the folder exists, or the set cannot be read.
    """
    if format not in FORMATS:
        raise RatchetError(f"No format is called {format!r}.{hint(format, FORMATS)}")
    if folder.exists():
        raise RatchetError(f"{folder}: is there already. Choose another name, or remove it.")
    known = FORMATS[format]
    if attacks is not None and known.attacks is None:
        raise RatchetError(f"{format} has no file of attacks. Leave --attacks out.")
    found = known.attacks(path, attacks) if known.attacks else known.read(path)
    cases = [replace(case, suite=folder.name) for case in sample(found, limit)]
    metrics = [metric for metric in known.metrics if _applies(metric, cases)]
    about: dict[str, object] = {
        "name": folder.name,
        "version": "1.0.0",
        "owner": f"imported as {format}",
        "licence": known.licence,
        "description": known.what,
        "setting": known.setting,
        "primary": metrics[0],
        "metrics": metrics,
    }
    if known.max_tokens is not None:
        about["max_tokens"] = known.max_tokens
    return write_suite(folder, about, cases)


def write_suite(folder: Path, about: Mapping[str, object], cases: list[Case]) -> Suite:
    """Write suite.toml and cases.jsonl, both or neither, and read them back.

    Args:
        folder: Made, with its parents; must not exist.
        about: The keys of suite.toml: texts, whole numbers and lists of texts.
        cases: What it asks.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".suite-") as made:
        new = Path(made) / folder.name
        new.mkdir()
        (new / "suite.toml").write_text(_toml(about), encoding="utf-8")
        write_cases(new / "cases.jsonl", cases)
        load_suite(new)
        shutil.move(new, folder)
    return load_suite(folder)


def _toml(about: Mapping[str, object]) -> str:
    """JSON's texts, whole numbers and lists are TOML's too."""
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in about.items())
    return "".join(f"{line}\n" for line in lines)


def sample(cases: list[Case], limit: int | None) -> list[Case]:
    """So many cases with their variants, chosen by their ids alone, in their own order."""
    alone = [case for case in cases if not case.variant_of]
    if limit is None or limit >= len(alone):
        return cases
    if limit < 1:
        raise RatchetError(f"limit is {limit}, expected at least 1 case.")
    drawn = sorted(alone, key=lambda case: hashlib.sha256(case.id.encode()).digest())[:limit]
    kept = {case.id for case in drawn}
    return [case for case in cases if (case.variant_of or case.id) in kept]


def _applies(metric: str, cases: list[Case]) -> bool:
    """Whether any case can be scored by it."""
    from eval_suites.records import Reply
    from eval_suites.scorers import METRICS

    score = METRICS[metric].score
    blank = Reply(text="", passed=False)
    return score is not None and any(score(case, blank) is not None for case in cases)
