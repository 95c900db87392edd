"""An adapter for use elsewhere: as it is, merged into its base, or as GGUF. Whole or not at all."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from knowledge.disk import sync
from knowledge.errors import RatchetError
from loop.models.bases import base_folder, fingerprint
from loop.models.card import markdown
from loop.models.card_facts import model_card
from loop.models.files import (
    FILES,
    file_hashes,
    read_manifest,
    scratch,
    sync_all,
    write_manifest,
)
from loop.models.lineage import origins
from loop.models.registry import adapter_of, verify
from loop.settings import Settings
from loop.store.records import Adapter

if TYPE_CHECKING:
    from loop.store.store import Store

ExportFormat = Literal["peft", "merged", "gguf"]
FORMATS: tuple[ExportFormat, ...] = ("peft", "merged", "gguf")
_LIBRARY = {"peft": "peft", "merged": "transformers", "gguf": "gguf"}  # what loads it
CONVERTER = "convert_hf_to_gguf.py"  # of llama.cpp
README = "README.md"
_MAGIC = b"GGUF"  # the first bytes of such a file
_TAIL = 5  # lines of a failed converter that are told


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An export, with the SHA-256 of each of its files by name."""

    adapter: str
    format: ExportFormat
    folder: Path
    files: dict[str, str]


def export(
    store: Store,
    settings: Settings,
    id: str,
    target: Path,
    *,
    format: ExportFormat,
    actor: str,
    converter: Path | None = None,
    marked: bool = False,
) -> Exported:
    """Write an adapter for use elsewhere, with its model card and a manifest of its files.

    Where it went is noted in the audit trail first: no copy may be out of sight when a person is
    forgotten.

    Args:
        store: Knows the adapter, gets the note.
        settings: Say where its base is.
        id: The adapter's.
        target: The folder that becomes the export; it must not be there, or be empty.
        format: "peft": the adapter's own files. "merged": the base with the adapter in its
            weights, as the base stores them, with tokenizer and chat template. "gguf": the same
            as one file for llama.cpp.
        actor: Who does it.
        converter: llama.cpp's `convert_hf_to_gguf.py`; None looks for it on PATH.
        marked: Although it learnt from a person who was forgotten or withdrew consent.

    Raises:
        RatchetError: The adapter is not there, pruned, damaged or marked, the target is taken, the
            disk full, or there is no converter, or it failed. Nothing is left behind.
    """
    if format not in FORMATS:
        raise RatchetError(f"Export format {format!r}; known are {', '.join(FORMATS)}.")
    adapter = adapter_of(store, id)
    _refuse_marked(store, id, marked)
    verify(adapter)
    program = _converter(converter) if format == "gguf" else None
    target = target.expanduser().absolute()
    _refuse_taken(target)
    card = model_card(store, id)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch(target) as part:
            if program is not None:
                _gguf(store, adapter, settings, part, program)
            elif format == "merged":
                _merged(store, adapter, settings, part)
            else:
                _peft(adapter, part)
            (part / README).write_text(markdown(card, _LIBRARY[format]), encoding="utf-8")
            files = write_manifest(part)
            sync_all(part)
            _note(store, adapter, format, target, actor, files)
            part.rename(target)
            sync(target.parent)
    except OSError as problem:
        raise RatchetError(
            f"{target}: cannot be written: {problem.strerror or problem}. Nothing was exported; "
            "name another folder."
        ) from problem
    return Exported(adapter=id, format=format, folder=target, files=files)


def _peft(adapter: Adapter, part: Path) -> None:
    """The adapter's files as they were registered."""
    folder = Path(adapter.path)
    for name in read_manifest(folder) or file_hashes(folder):
        if name not in (FILES, README):
            shutil.copyfile(folder / name, part / name)


def _merged(store: Store, adapter: Adapter, settings: Settings, part: Path) -> None:
    """The base with what the adapter adds in its weights, rounded once, to the base's own type."""
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

    from loop.models.load import load_base, quiet
    from loop.models.weights import check_fit, read_adapter

    files = read_adapter(Path(adapter.path))
    _same_base(store, adapter, settings)
    base = load_base(adapter.base, root=settings.root, device="cpu", as_stored=True)
    check_fit(files, base.model, Path(adapter.path))
    if base.model.config.get_text_config().tie_word_embeddings and any(
        layer in name for name in files.tensors for layer in ("lm_head", "embed_tokens")
    ):
        raise RatchetError(
            f"{adapter.id} adapts an embedding that the base uses at both ends, so it cannot be "
            "merged into it. Export it as peft."
        )
    with warnings.catch_warnings():  # peft asks transformers by an older name
        warnings.simplefilter("ignore", FutureWarning)
        config = LoraConfig(**files.config, inference_mode=True)
        model: Any = get_peft_model(base.model, config)
    set_peft_model_state_dict(model, files.tensors)
    whole = model.merge_and_unload(safe_merge=True)
    with quiet():
        whole.save_pretrained(str(part), safe_serialization=True)
    base.tokenizer.save_pretrained(str(part))
    if base.sight is not None:
        base.sight.processor.save_pretrained(str(part))


def _same_base(store: Store, adapter: Adapter, settings: Settings) -> None:
    """Raises RatchetError if the base is another now than when the adapter was trained on it."""
    now = fingerprint(base_folder(adapter.base, settings.root), adapter.base)
    for id in (adapter.id, *origins(store, adapter.id)):
        for run in store.query("run", id=adapter_of(store, id).run):
            if run["settings"].get("base_fingerprint", now) != now:
                raise RatchetError(
                    f"{adapter.id}: the base {adapter.base!r} has changed since {id} was trained "
                    "on it, so they do not belong together. Restore the base, or train again."
                )


def _gguf(store: Store, adapter: Adapter, settings: Settings, part: Path, program: Path) -> None:
    """The merged model through llama.cpp's converter."""
    target = part / f"{adapter.id}.gguf"
    with scratch(part.parent / f"{part.name.strip('.')}-hf") as whole:
        _merged(store, adapter, settings, whole)
        command = [str(program), str(whole), "--outfile", str(target), "--outtype", "auto"]
        if program.suffix == ".py":
            command = [sys.executable, *command]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
        )
    if done.returncode != 0:
        said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-_TAIL:])
        raise RatchetError(
            f"{program} ended with {done.returncode}: {said or 'it said nothing'}. Nothing was "
            "exported. Does it know this kind of model? Export as merged and convert it by hand."
        )
    if not _is_gguf(target):
        raise RatchetError(
            f"{program} ended well but wrote no GGUF file. Nothing was exported; check that it is "
            f"llama.cpp's {CONVERTER}."
        )


def _is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except FileNotFoundError:
        return False


def _converter(given: Path | None) -> Path:
    """Where the converter is.

    Raises:
        RatchetError: It is not there.
    """
    if given is not None:
        path = given.expanduser()
        if not path.is_file():
            raise RatchetError(
                f"--converter {given}: no such file. Name {CONVERTER} of a checkout of llama.cpp."
            )
        return path.absolute()
    for folder in os.get_exec_path():  # a checkout's script need not be executable
        if (path := Path(folder) / CONVERTER).is_file():
            return path.absolute()
    raise RatchetError(
        f"GGUF needs llama.cpp's {CONVERTER}, which is not on PATH. Get llama.cpp, then give the "
        f"script with --converter, or export as merged."
    )


def _refuse_taken(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()) and not target.is_symlink():
        return
    if target.exists() or target.is_symlink():
        raise RatchetError(
            f"{target}: is there already. Nothing was exported; name another folder."
        )


def _refuse_marked(store: Store, id: str, allowed: bool) -> None:
    from loop.forget.marks import marks, said

    if (found := marks(store, id).get(id)) and not allowed:
        raise RatchetError(
            f"{id} {said(found)}. Nothing was exported; train another one, or say --marked if you "
            "may hand it on all the same."
        )


def _note(
    store: Store,
    adapter: Adapter,
    format: ExportFormat,
    target: Path,
    actor: str,
    files: dict[str, str],
) -> None:
    store.command(
        "audit",
        actor=actor,
        action="export_adapter",
        subject=adapter.id,
        detail={
            "host": socket.gethostname(),  # the store may be on another machine
            "path": str(target),
            "format": format,
            "files": files,
        },
    )
