"""Write the lists in docs/ that come from the code: `python docs/generate.py`."""

from __future__ import annotations

import argparse
import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from eval_suites.scorers import METRICS
from eval_suites.suites import bundled_suites, load_suite
from loop import settings as settings_module
from loop import settings_tables
from loop.cli import parser
from loop.settings import Settings
from loop.store.named import queries

HERE = Path(__file__).parent
NOTE = "<!-- Made by `python docs/generate.py`; do not edit. -->\n"


def pages() -> dict[str, str]:
    """File name → content."""
    return {
        "commands.md": commands(),
        "settings.md": settings(),
        "suites.md": suites(),
        "queries.md": named_queries(),
    }


def commands() -> str:
    """Every command with its arguments."""
    lines = [
        f"{NOTE}# Commands",
        "Every command takes `--json` (one object for machines) and `--project DIR`. "
        "Exit status: 0 done, 1 a check failed, 2 bad input.",
    ]
    for name, command in _leaves(parser(), "ratchet"):
        lines.append(f"## `{name}`\n\n{command.description}.")
        rows = [
            f"| `{_flag(action)}` | {(action.help or '').replace('|', '/')} |"
            for action in command._actions
            if action.dest not in ("help", "json", "project")
        ]
        if rows:
            lines.append("\n".join(["| argument | what it does |", "| --- | --- |", *rows]))
    return "\n\n".join(lines) + "\n"


def settings() -> str:
    """Every key of ratchet.toml with its default and what it does."""
    source = inspect.getsource(settings_module) + inspect.getsource(settings_tables)
    lines = [
        f"{NOTE}# Settings",
        "Keys of `ratchet.toml`. All are optional; an unknown key is an error.",
    ]
    tables: list[tuple[str, Any]] = [("", Settings())]
    tables += [
        (f.name, getattr(Settings(), f.name))
        for f in fields(Settings)
        if is_dataclass(getattr(Settings(), f.name))
    ]
    for name, value in tables:
        lines.append(f"## `[{name}]`" if name else "## Top level")
        lines.append(f"{(type(value).__doc__ or '').strip().splitlines()[0]}")
        told = _comments(source, type(value).__name__)
        rows = [
            f"| `{f.name}` | `{_toml(getattr(value, f.name))}` | {told.get(f.name, '')} |"
            for f in fields(value)
            if not is_dataclass(getattr(value, f.name)) and f.name != "root"
        ]
        lines.append("\n".join(["| key | default | |", "| --- | --- | --- |", *rows]))
    return "\n\n".join(lines) + "\n"


def suites() -> str:
    """The bundled eval suites and the metrics there are."""
    lines = [f"{NOTE}# Eval suites"]
    rows = []
    for name in bundled_suites():
        suite = load_suite(name)
        metrics = ", ".join(f"`{metric}`" for metric in suite.metrics)
        rows.append(f"| `{name}` | {len(suite.cases)} | {metrics} | {suite.description} |")
    lines.append(
        "\n".join(
            ["| suite | cases | metrics | what it asks |", "| --- | --- | --- | --- |", *rows]
        )
    )
    lines.append("## Metrics")
    told = [
        f"| `{name}` | {metric.better}{metric.unit and f', {metric.unit}'} | {metric.meaning} |"
        for name, metric in METRICS.items()
    ]
    lines.append("\n".join(["| metric | better | meaning |", "| --- | --- | --- |", *told]))
    return "\n\n".join(lines) + "\n"


def named_queries() -> str:
    """The store's named queries."""
    rows = [
        f"| `{name}` | {', '.join(f'`{p}`' for p in sorted(query.parameters))} | {query.promise} |"
        for name, query in sorted(queries().items())
    ]
    table = "\n".join(["| query | parameters | rows |", "| --- | --- | --- |", *rows])
    return f"{NOTE}# Named queries\n\n{table}\n"


def _leaves(top: argparse.ArgumentParser, name: str) -> list[tuple[str, argparse.ArgumentParser]]:
    found = []
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, child in action.choices.items():
                found += _leaves(child, f"{name} {word}")
    runs = top.get_default("run") is not None  # a command that has others below it
    return [(name, top), *found] if runs or not found else found


def _flag(action: argparse.Action) -> str:
    if not action.option_strings:
        return str(action.metavar or action.dest).upper()
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return f"{action.option_strings[0]}{value}"


def _comments(source: str, name: str) -> dict[str, str]:
    """Field → the comment behind it, in the class of this name."""
    body = re.search(
        rf"^class {name}:(.*?)(?=^@|^class |^def |\Z)", source, re.MULTILINE | re.DOTALL
    )
    found = re.findall(r"^    (\w+): .*?  # (.+)$", body[1] if body else "", re.MULTILINE)
    return dict(found)


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    for file, text in pages().items():
        (HERE / file).write_text(text, encoding="utf-8")
