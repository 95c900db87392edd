"""An export is the model that was judged, whole or not there at all, and noted where it went."""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from knowledge.errors import RatchetError
from loop.models import export as export_module
from loop.models.export import CONVERTER, export
from loop.models.load import load_base
from loop.models.local import LocalEngine
from loop.models.records import GenerationRequest
from loop.models.registry import register
from loop.models.weights import WEIGHTS
from tests.factories import make_run
from tests.tiny_model import ask, make_adapter

STAND_IN = """
import argparse, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("model", type=pathlib.Path)
parser.add_argument("--outfile", type=pathlib.Path)
parser.add_argument("--outtype")
args = parser.parse_args()
assert (args.model / "config.json").is_file() and (args.model / "tokenizer.json").is_file()
weights = (args.model / "model.safetensors").read_bytes()
args.outfile.write_bytes(b"GGUF" + weights)
"""


def sent(desk: Any, target: Path, **options: Any) -> Any:
    known = {"format": "peft", "actor": "test"}
    return export(desk.store, desk.settings, desk.one.id, target, **known | options)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_merged_model_answers_as_the_base_with_the_adapter(
    desk: Any, base_folder: Path, tmp_path: Path
):
    done = sent(desk, tmp_path / "out" / "model", format="merged")
    model = AutoModelForCausalLM.from_pretrained(done.folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(done.folder)
    prompt = tokenizer.apply_chat_template(
        ask("What does a wire cost?"), add_generation_prompt=True, return_tensors="pt",
        return_dict=True,
    )  # fmt: skip
    base = load_base(str(base_folder), device="cpu")
    engine = LocalEngine(base)
    engine.load_adapter("one", Path(desk.one.path))
    with torch.no_grad():
        found = model(**prompt).logits
        bare = AutoModelForCausalLM.from_pretrained(base_folder)(**prompt).logits
    with torch.no_grad():
        wanted = engine._shelf.forward(["one"], **prompt).logits
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found, bare, atol=0.1)
    request = GenerationRequest(messages=ask("What does a wire cost?"), adapter="one", max_tokens=8)
    [answer] = engine.generate([request])
    written = model.generate(**prompt, max_new_tokens=8, do_sample=False)
    start = prompt["input_ids"].shape[1]
    assert tokenizer.decode(written[0, start:], skip_special_tokens=True) == answer.text


def test_no_path_of_this_machine_leaves_with_a_model(desk: Any, base_folder: Path, tmp_path: Path):
    done = sent(desk, tmp_path / "out" / "model", format="merged")
    for file in done.folder.iterdir():
        content = file.read_bytes()
        assert str(base_folder.parent).encode() not in content, file.name
        assert str(desk.settings.root).encode() not in content, file.name


def test_the_adapter_itself_goes_as_it_was_registered_with_its_card_and_hashes(
    desk: Any, tmp_path: Path
):
    done = sent(desk, tmp_path / "adapter")
    assert sha256((done.folder / WEIGHTS).read_bytes()).hexdigest() == desk.one.sha256
    assert json.loads((done.folder / "files.json").read_text()) == done.files
    for name, found in done.files.items():
        assert sha256((done.folder / name).read_bytes()).hexdigest() == found
    assert (done.folder / "README.md").read_text().startswith("---\nbase_model:")
    [event] = desk.store.query("adapter_exports", ids=[desk.one.id])
    assert event["detail"]["path"] == str(done.folder)
    assert event["detail"]["files"] == done.files


def test_a_base_in_half_precision_stays_so(desk: Any, base_folder: Path, tmp_path: Path):
    model = AutoModelForCausalLM.from_pretrained(base_folder)
    model.to(torch.bfloat16).save_pretrained(tmp_path / "half")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / "half" / name).write_bytes((base_folder / name).read_bytes())
    base = load_base(str(tmp_path / "half"), device="cpu", as_stored=True)
    assert {weight.dtype for weight in base.model.parameters()} == {torch.bfloat16}


def test_gguf_is_made_by_the_converter_from_the_merged_model(desk: Any, tmp_path: Path):
    script = tmp_path / CONVERTER
    script.write_text(STAND_IN)
    done = sent(desk, tmp_path / "out" / "gguf", format="gguf", converter=script)
    whole = sent(desk, tmp_path / "out" / "merged", format="merged")
    file = done.folder / f"{desk.one.id}.gguf"
    assert file.read_bytes()[4:] == (whole.folder / "model.safetensors").read_bytes()
    assert left(done.folder) == ["README.md", file.name, "files.json"]
    assert left(tmp_path / "out") == ["gguf", "merged"]
    assert "library_name: gguf" in (done.folder / "README.md").read_text()


def test_a_converter_on_the_path_is_found(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / CONVERTER).write_text(STAND_IN)
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}{os.pathsep}{os.environ['PATH']}")
    assert sent(desk, tmp_path / "gguf", format="gguf").files


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import sys; sys.exit('Model Tiny is not supported')", "ended with 1: Model Tiny"),
        ("", "wrote no GGUF file"),
        ("import sys; open(sys.argv[3], 'w').write('text')", "wrote no GGUF file"),
    ],
)
def test_a_converter_that_fails_leaves_nothing_behind(
    desk: Any, tmp_path: Path, script: str, says: str
):
    (tmp_path / "convert.py").write_text(script)
    with pytest.raises(RatchetError, match=says):
        sent(desk, tmp_path / "out" / "x", format="gguf", converter=tmp_path / "convert.py")
    assert left(tmp_path / "out") == []
    assert desk.store.query("adapter_exports", ids=[desk.one.id]) == []


def test_without_a_converter_gguf_says_what_to_get(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    with pytest.raises(RatchetError, match=r"llama.cpp's convert_hf_to_gguf.py.*--converter"):
        sent(desk, tmp_path / "x", format="gguf")
    with pytest.raises(RatchetError, match="no such file"):
        sent(desk, tmp_path / "x", format="gguf", converter=tmp_path / "none.py")
    assert not (tmp_path / "x").exists()


def test_what_is_there_is_never_overwritten(desk: Any, tmp_path: Path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "taken", tmp_path / "file"):
        with pytest.raises(RatchetError, match="is there already"):
            sent(desk, target)
    (tmp_path / "empty").mkdir()
    assert sent(desk, tmp_path / "empty").files


def test_a_damaged_adapter_and_one_on_a_changed_base_do_not_leave(
    desk: Any, base_folder: Path, tmp_path: Path
):
    run = make_run(base=str(base_folder), settings={"base_fingerprint": "0" * 16})
    folder = make_adapter(base_folder, tmp_path / "late", seed=8)
    late = register(desk.store, desk.settings, run, folder, None, run.at)
    with pytest.raises(RatchetError, match=r"has changed since .* was trained"):
        export(desk.store, desk.settings, late.id, tmp_path / "x", format="merged", actor="test")
    (Path(desk.one.path) / WEIGHTS).write_bytes(b"bad")
    with pytest.raises(RatchetError, match="SHA-256"):
        sent(desk, tmp_path / "x", format="peft")
    assert not (tmp_path / "x").exists()


def test_what_learnt_from_somebody_forgotten_leaves_only_if_it_is_said(desk: Any, tmp_path: Path):
    desk.store.command("forget", user="ada", actor="test", id="forget-1")
    with pytest.raises(RatchetError, match=r"learnt from a forgotten person.*--marked"):
        sent(desk, tmp_path / "x")
    assert not (tmp_path / "x").exists()
    sent(desk, tmp_path / "x", marked=True)
    assert "learnt from a person who was forgotten since" in (tmp_path / "x/README.md").read_text()


def test_a_full_disk_leaves_nothing_behind(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module, "sync_all", full)
    with pytest.raises(RatchetError, match="No space left on device"):
        sent(desk, tmp_path / "out" / "x")
    assert left(tmp_path / "out") == []
