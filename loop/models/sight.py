"""Images of a prompt, as a vision-language base takes them beside the tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import torch

from knowledge.errors import RatchetError

Seen = dict[str, torch.Tensor]  # what the model's forward takes, by its names

_OURS = ("input_ids", "attention_mask")


class Picture(NamedTuple):
    """A prompt with images; None of it is worked on before it is needed."""

    text: str  # as the chat template has it, a placeholder for each image
    images: tuple[bytes, ...]  # PNG, JPEG or what else Pillow reads


class Sight:
    """A base's processor: tokens of a prompt with images, and what its eyes see."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor

    def tokens(self, picture: Picture) -> list[int]:
        """The prompt's tokens, as many for each image as the model wants.

        Raises:
            RatchetError: An image cannot be read, or the template has no place for it.
        """
        ids: list[int] = self._look(picture)["input_ids"][0].tolist()
        return ids

    def see(self, pictures: Sequence[Picture | None], starts: Sequence[int], length: int) -> Seen:
        """What lines of a batch show.

        Args:
            pictures: Of each line; None shows nothing.
            starts: Column at which each line's prompt begins.
            length: Columns.

        Returns:
            Images of all lines, one after the other, filled up with zeros to the largest; what is
            told of every token, in its column, (b, length).
        """
        looked = {id(one): self._look(one) for one in pictures if one is not None}
        shown = [looked[id(one)] for one in pictures if one is not None]
        seen: Seen = {}
        for name in {name: None for one in shown for name in one if name not in _OURS}:
            if all(one[name].shape == one["input_ids"].shape for one in shown):
                seen[name] = torch.zeros(len(pictures), length, dtype=shown[0][name].dtype)
                for n, (picture, start) in enumerate(zip(pictures, starts, strict=True)):
                    if picture is not None:
                        [told_t] = looked[id(picture)][name]
                        seen[name][n, start : start + len(told_t)] = told_t
            else:
                seen[name] = _together([one[name] for one in shown])
        return seen

    def _look(self, picture: Picture) -> Mapping[str, torch.Tensor]:
        images = [_opened(image) for image in picture.images]
        try:
            found: Mapping[str, torch.Tensor] = self.processor(
                text=[picture.text], images=images, return_tensors="pt", add_special_tokens=False
            )
        except (ValueError, TypeError, IndexError) as problem:
            raise RatchetError(f"{len(images)} images do not fit the prompt ({problem}).") from (
                problem
            )
        return found


def _opened(image: bytes) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(BytesIO(image)).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError) as problem:
        raise RatchetError("an image cannot be read; expected PNG, JPEG or WebP.") from problem


def _together(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """One after the other, each filled up with zeros to the largest."""
    sizes = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
    whole = parts[0].new_zeros(sum(len(part) for part in parts), *sizes)
    at = 0
    for part in parts:
        spot = tuple(slice(0, size) for size in part.shape[1:])
        whole[(slice(at, at + len(part)), *spot)] = part
        at += len(part)
    return whole


def images_of(cell: Iterable[Any] | None) -> tuple[bytes, ...]:
    """A cell of the column `images`: bytes, or `datasets`' structs of bytes and path.

    Raises:
        RatchetError: It holds something else, a path without the bytes among it.
    """
    found = []
    for one in cell or ():
        data = one.get("bytes") if isinstance(one, dict) else one
        if not isinstance(data, bytes):
            raise RatchetError(
                "column images: expected the bytes of each image, "
                f"got {type(data if isinstance(one, dict) else one).__name__}."
            )
        found.append(data)
    return tuple(found)
