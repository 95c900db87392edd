"""Where a base model lies and which it is, told without loading it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from knowledge.errors import RatchetError

POCKET = "pocket"
_EYES = ("preprocessor_config.json", "processor_config.json")  # of vision-language models
_EDGE = 1 << 20  # bytes read at either end of a weight file for the fingerprint


def base_folder(name: str, root: Path = Path(".")) -> Path | None:
    """Where the base lies on this machine; None for a hub name.

    Args:
        name: "pocket", a folder (relative ones are looked for below `root`), or a hub name.
        root: The project's folder.

    Raises:
        RatchetError: It is written as a folder and there is none.
    """
    if name == POCKET:
        folder = Path(__file__).parents[1] / "pocket" / "weights"
        if not (folder / "config.json").is_file():
            raise RatchetError(
                f"The bundled model is missing: {folder} holds no config.json. "
                "Install Ratchet again, or train it with `python -m loop.pocket.train`."
            )
        return folder
    folder = root / Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise RatchetError(
                f"Base model {name!r}: the folder {folder} holds no config.json. "
                "Point assistant.base at a model in Hugging Face format."
            )
        return folder
    if name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1 or not name.strip():
        raise RatchetError(
            f"Base model {name!r}: no such folder. Mend assistant.base in ratchet.toml, "
            'or set it to "pocket".'
        )
    return None


def best_device() -> str:
    """The GPU where one answers: "cuda" or "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def fingerprint(folder: Path | None, name: str) -> str:
    """16 hex digits that change when the base does: sizes and both ends of its weight files.

    A hub name stands for itself.
    """
    digest = hashlib.sha256()
    if folder is None:
        digest.update(name.encode())
        return digest.hexdigest()[:16]
    names = ("config.json", "tokenizer.json", "chat_template.jinja", *_EYES)
    small = [folder / n for n in names if (folder / n).exists()]
    for path in [*small, *sorted(folder.glob("*.safetensors"))]:
        size = path.stat().st_size
        digest.update(json.dumps([path.name, size]).encode())
        with path.open("rb") as file:
            digest.update(file.read(_EDGE))
            file.seek(max(size - _EDGE, 0))
            digest.update(file.read(_EDGE))
    return digest.hexdigest()[:16]
