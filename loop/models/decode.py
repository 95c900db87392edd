"""One decode loop for batches and streams: left-padded rows, each with its own heat and seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from loop.models.records import Generation, GenerationRequest

_SHRINK_AT = 0.75  # share of rows still writing below which the others are taken out
Forward = Callable[..., Any]  # (adapter of each row, **model inputs) → model output


class Row:
    """One request while it is being written."""

    def __init__(
        self, request: GenerationRequest, prompt: list[int], most: int, tokenizer: Any
    ) -> None:
        self.request = request
        self.prompt = prompt
        self.done = False
        self.text = ""  # up to the last step at which it was asked for
        self.seconds = 0.0
        self.most = most
        self._tokenizer = tokenizer
        self._random = Random(request.seed)
        self._tokens: list[int] = []
        self._written = 0  # tokens, the end-of-turn token included
        self._logprob = 0.0
        self._sent = 0  # characters given to a stream

    def luck(self) -> float:
        """The next random number in [0, 1): this row's own, whatever its neighbours do."""
        return self._random.random()

    def accept(self, token: int, logprob: float, ends: frozenset[int]) -> None:
        """Take the next token; ends the row at an end of turn, a stop string or the limit."""
        self._written += 1
        self._logprob += logprob
        if token in ends:
            self.done = True
        else:
            self._tokens.append(token)
            self.done = self._written >= self.most
        if self.request.stop and not self.done:
            self._read()

    def fresh(self) -> str:
        """Text since the last call, less what may yet turn out to begin a stop string."""
        self._read()
        end = len(self.text)
        if not self.done:
            end -= _held_back(self.text, self.request.stop)
        piece = self.text[self._sent : end]
        self._sent = max(self._sent, end)
        return piece

    def finish(self) -> Generation:
        """The answer as written."""
        self._read()
        return Generation(
            text=self.text,
            prompt_tokens=len(self.prompt),
            completion_tokens=self._written,
            mean_logprob=self._logprob / self._written if self._written else None,
            seconds=self.seconds,
        )

    def _read(self) -> None:
        text = self._tokenizer.decode(
            self._tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        found = [place for stop in self.request.stop if stop and (place := text.find(stop)) >= 0]
        if found:
            text, self.done = text[: min(found)], True
        self.text = text


class Decoding:
    """A batch under way; `step` writes one token to each row until `done`.

    Args:
        rows: What to write, at least one.
        config: The model's.
        device: Where the model is.
        pad: Any token id; fills the left of shorter prompts, unseen.
        ends: Tokens that end a turn.
    """

    def __init__(
        self, rows: Sequence[Row], config: Any, device: torch.device, pad: int, ends: frozenset[int]
    ) -> None:
        self._rows = list(rows)
        self._ends = ends
        self._device = device
        self._started = time.monotonic()
        longest = max(len(row.prompt) for row in rows)
        room = longest + max(row.most for row in rows)
        self._ids = torch.tensor(
            [[pad] * (longest - len(row.prompt)) + row.prompt for row in rows], device=device
        )
        lengths = torch.tensor([len(row.prompt) for row in rows], device=device)
        seen = torch.arange(room, device=device) >= (longest - lengths)[:, None]
        self._mask: torch.Tensor | None = seen.long()  # (rows, room)
        if bool((lengths == longest).all()):
            self._mask = None  # nothing is padded: plain causal attention
        places = torch.arange(longest, device=device)
        self._positions = (places - (longest - lengths)[:, None]).clamp(0)
        self._length = longest
        self._cache = new_cache(config, room)
        self._heat = torch.tensor([max(r.request.temperature, 0.0) for r in rows], device=device)

    @property
    def done(self) -> bool:
        return not self._rows

    @torch.inference_mode()
    def step(self, forward: Forward) -> None:
        """One token for every row that is still writing."""
        output = forward(
            [row.request.adapter for row in self._rows],
            input_ids=self._ids,
            attention_mask=None if self._mask is None else self._mask[:, : self._length],
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        luck = torch.tensor([row.luck() for row in self._rows], dtype=torch.float64)
        tokens, logprobs = pick(output.logits[:, -1].float(), self._heat, luck.to(self._device))
        now = time.monotonic() - self._started
        for row, token, logprob in zip(self._rows, tokens.tolist(), logprobs.tolist(), strict=True):
            if not row.done:
                row.accept(token, logprob, self._ends)
                row.seconds = now
        self._ids = tokens[:, None]
        self._positions = self._positions[:, -1:] + 1
        self._length += 1
        self._shrink()

    def _shrink(self) -> None:
        """Take finished rows out once enough have finished to pay for the copy."""
        alive = [place for place, row in enumerate(self._rows) if not row.done]
        if alive and len(alive) > _SHRINK_AT * len(self._rows):
            return
        self._rows = [self._rows[place] for place in alive]
        if not alive:
            return
        kept = torch.tensor(alive, device=self._device)
        self._cache.batch_select_indices(kept)
        self._ids, self._positions = self._ids[kept], self._positions[kept]
        self._heat = self._heat[kept]
        self._mask = None if self._mask is None else self._mask[kept]


def pick(
    logits_bv: torch.Tensor, heat_b: torch.Tensor, luck_b: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The next token of each row and its log probability at temperature 1, both shape (b,).

    Args:
        logits_bv: float32.
        heat_b: Temperatures; 0 takes the likeliest token.
        luck_b: Uniform numbers in [0, 1), float64; they alone decide the draw.
    """
    tokens_b = logits_bv.argmax(-1)
    if bool((heat_b > 0).any()):
        scaled = logits_bv.double() / heat_b.double().clamp(min=1e-3)[:, None]
        chances = scaled.softmax(-1).cumsum(-1)
        aim = (luck_b * chances[:, -1])[:, None]
        drawn = torch.searchsorted(chances, aim, right=True)[:, 0]
        tokens_b = torch.where(heat_b > 0, drawn.clamp(max=logits_bv.shape[-1] - 1), tokens_b)
    chosen_b = logits_bv.gather(-1, tokens_b[:, None])[:, 0]
    return tokens_b, chosen_b - logits_bv.logsumexp(-1)


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values of one layer with room to grow: a step writes a column and copies nothing."""

    def __init__(self, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._room = room
        self._length = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys, self.values = (
            part.new_empty((*part.shape[:2], self._room, part.shape[3]))
            for part in (key_states, value_states)
        )
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self._length + key_states.shape[-2]
        assert self.keys is not None
        assert self.values is not None
        self.keys[:, :, self._length : end] = key_states
        self.values[:, :, self._length : end] = value_states
        self._length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self._length


def new_cache(config: Any, room: int) -> Any:
    """A cache for `room` tokens a row; models with sliding or other layers get their own kind."""
    text = config.get_text_config()
    kinds = getattr(text, "layer_types", None) or ()
    plain = all(kind == "full_attention" for kind in kinds)
    if plain and (kinds or getattr(text, "sliding_window", None) is None):
        return Cache(layers=[RoomyLayer(room) for _ in range(text.num_hidden_layers)])
    return DynamicCache(config=config)


def _held_back(text: str, stops: Sequence[str]) -> int:
    """How many last characters may yet change: half a letter, or the beginning of a stop string.

    >>> _held_back("The fee is 30", ("30 dollars",))
    2
    """
    whole = text.rstrip("\ufffd")
    unsure = len(text) - len(whole)
    longest = max((len(stop) for stop in stops), default=0)
    for size in range(min(longest - 1, len(whole)), 0, -1):
        if any(stop.startswith(whole[-size:]) for stop in stops):
            return unsure + size
    return unsure
