"""The floors and rooms of the design hold: imports go down, heavy packages stay in their room."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("knowledge", "eval_suites", "loop", "dashboards")  # from the ground up

# Package → the rooms that may import it. A room is a folder or a file below the root.
ROOMS = {
    "faiss": ("knowledge",),
    "sentence_transformers": ("knowledge",),
    "pypdfium2": ("knowledge/formats",),
    "openpyxl": ("knowledge/formats",),
    "docx": ("knowledge/formats",),
    "pptx": ("knowledge/formats",),
    "scipy": ("eval_suites/stats",),
    "duckdb": ("loop/store",),
    "torch": ("loop/models", "loop/train", "loop/pocket"),
    "transformers": ("loop/models", "loop/train", "loop/pocket", "knowledge/embed.py"),
    "peft": ("loop/models", "loop/train"),
    "trl": ("loop/train",),
    "ray": ("loop/train",),
    "optuna": ("loop/train/trials.py",),
    "lm_eval": ("loop/evaluate/harness.py",),
    "fastapi": ("loop/serve",),
    "starlette": ("loop/serve",),
    "uvicorn": ("loop/serve",),
    # Calling another server over HTTP: the store's remote twin and model endpoints.
    "httpx": ("loop/serve", "loop/store/remote.py", "loop/models/openai.py"),
    "streamlit": ("dashboards", "loop/serve"),
    "altair": ("dashboards",),
}
HEAVY = (
    "faiss",
    "sentence_transformers",
    "torch",
    "transformers",
    "peft",
    "trl",
    "ray",
    "optuna",
    "duckdb",
    "scipy",
    "streamlit",
)


class Import(NamedTuple):
    file: str  # posix path below the root
    line: int
    module: str  # dotted name that is imported
    typing_only: bool


def imports() -> Iterator[Import]:
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            typing_only = {
                id(inner)
                for node in ast.walk(tree)
                if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
                for inner in ast.walk(node)
            }
            name = path.relative_to(ROOT).as_posix()
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        yield Import(name, node.lineno, alias.name, id(node) in typing_only)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    assert node.level == 0, f"{name}:{node.lineno}: import by full name"
                    yield Import(name, node.lineno, node.module, id(node) in typing_only)


ALL = list(imports())


def test_imports_go_down_a_floor_only():
    for found in ALL:
        here, there = found.file.split("/")[0], found.module.split(".")[0]
        if there in FLOORS:
            assert FLOORS.index(there) <= FLOORS.index(here), (
                f"{found.file}:{found.line} imports {found.module}"
            )


def test_a_heavy_package_is_imported_in_its_room_only():
    for found in ALL:
        rooms = ROOMS.get(found.module.split(".")[0])
        if rooms and not found.typing_only:
            assert found.file.startswith(rooms), f"{found.file}:{found.line} imports {found.module}"


def test_modules_do_not_import_in_circles():
    graph: dict[str, set[str]] = {}
    for found in ALL:
        if not found.typing_only and found.module.split(".")[0] in FLOORS:
            graph.setdefault(_module(found.file), set()).add(found.module)
    state: dict[str, int] = {}

    def walk(module: str, path: tuple[str, ...]) -> None:
        if state.get(module) == 2:
            return
        assert module not in path, f"circle: {' → '.join((*path[path.index(module) :], module))}"
        for next_module in sorted(graph.get(module, ())):
            walk(next_module, (*path, module))
        state[module] = 2

    for module in sorted(graph):
        walk(module, ())


def _module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@pytest.mark.parametrize("floor", FLOORS)
def test_importing_a_floor_imports_nothing_heavy(floor: str):
    code = f"import {floor}, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def test_no_module_is_over_300_lines():
    long = {
        path.relative_to(ROOT).as_posix(): count
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert long == {}
