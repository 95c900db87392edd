"""What docs/ lists is what the code has; what README and docs tell people to type is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from loop.cli import parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "settings.md", "suites.md", "queries.md"])
def test_a_list_in_the_docs_is_what_the_code_has(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == generator().pages()[name], "run `python docs/generate.py`"


def test_every_command_that_the_docs_show_exists() -> None:
    known = {name.removeprefix("ratchet ") for name, _ in generator()._leaves(parser(), "ratchet")}
    first_words = {name.split()[0] for name in known}
    for page in PAGES:
        for line in re.findall(
            r"^(?:\$ )?ratchet ([a-z].*)$", page.read_text(encoding="utf-8"), re.M
        ):
            given = line.split()
            two = " ".join(given[:2])
            assert given[0] in known or two in known, f"{page.name}: ratchet {line}"
            assert given[0] in first_words


def test_every_link_between_the_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(
            r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8")
        ):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
