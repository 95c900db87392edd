"""Which base a name means, and whether it is still the same one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from knowledge.errors import RatchetError
from loop.models.bases import base_folder as folder_of
from loop.models.bases import fingerprint
from loop.models.load import load_base


def test_a_relative_folder_is_looked_for_below_the_project(base_folder: Path):
    assert folder_of(base_folder.name, base_folder.parent) == base_folder
    assert folder_of(str(base_folder)) == base_folder
    assert folder_of("someone/some-model", base_folder) is None


@pytest.mark.parametrize("name", ["/nowhere/model", "./model", "~/nowhere-model", "a/b/c", " "])
def test_what_is_written_as_a_folder_must_be_one(name: str, tmp_path: Path):
    with pytest.raises(RatchetError, match=r"no such folder|no config\.json"):
        folder_of(name, tmp_path)


def test_a_fingerprint_changes_with_the_weights_and_with_nothing_else(
    base_folder: Path, tmp_path: Path
):
    copy = shutil.copytree(base_folder, tmp_path / "copy")
    before = fingerprint(copy, "name")
    assert before == fingerprint(base_folder, "other name")
    file = copy / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    assert fingerprint(copy, "name") != before
    assert fingerprint(None, "a/b") == fingerprint(None, "a/b") != fingerprint(None, "a/c")


@pytest.mark.parametrize(
    ("harm", "match"),
    [
        ("truncated", "cannot be read"),
        ("no template", "no chat template"),
        ("no weights", "cannot be read"),
    ],
)
def test_a_base_that_cannot_be_used_says_why(
    base_folder: Path, tmp_path: Path, harm: str, match: str
):
    copy = shutil.copytree(base_folder, tmp_path / "copy")
    weights = copy / "model.safetensors"
    if harm == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif harm == "no weights":
        weights.unlink()
    else:
        (copy / "chat_template.jinja").unlink()
    with pytest.raises(RatchetError, match=match):
        load_base(str(copy), device="cpu")
