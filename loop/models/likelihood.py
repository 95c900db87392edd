"""How likely a model finds a text that it is given: log-probabilities of answers, batched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from loop.models.chat import encode_pair
from loop.models.load import Base
from loop.models.records import Likelihood, LikelihoodRequest

_ROWS = 32  # most texts read together
_TOKENS = 16_384  # most tokens of a batch, padding included


class Row(NamedTuple):
    """A request as token ids."""

    adapter: str
    ids: list[int]  # prompt and completion, the oldest left out where it is too long
    weighed: int  # last tokens that are the completion


def prepare(base: Base, requests: Sequence[LikelihoodRequest]) -> list[Row]:
    """The tokens of each request, in order; what does not fit is cut from the front."""
    return [_row(base, request) for request in requests]


def weigh(
    base: Base,
    rows: Sequence[Row],
    forward: Callable[[Sequence[str], dict[str, Any]], Any],
) -> list[Likelihood]:
    """Log-probability of each row's completion, in order.

    Args:
        base: Its device and padding.
        rows: What `prepare` made; their adapters must be on the model.
        forward: Adapter of each row and the model's inputs → its output.
    """
    found = [Likelihood(0.0, 0, True) for _ in rows]  # of nothing, which is certain
    order = sorted((n for n, row in enumerate(rows) if row.weighed), key=lambda n: len(rows[n].ids))
    for batch in _batches(order, rows):
        read = _read(base, [rows[n] for n in batch], forward)
        for place, likelihood in zip(batch, read, strict=True):
            found[place] = likelihood
    return found


def _row(base: Base, request: LikelihoodRequest) -> Row:
    tokenizer = base.tokenizer
    if request.messages:
        messages = list(request.messages)
        prompt, answer = encode_pair(tokenizer, messages, request.completion, base.ends)
    else:
        # Spaces belong to what follows them, as tokenizers have it.
        text = request.text.rstrip()
        rest = request.text[len(text) :] + request.completion
        first = tokenizer.bos_token_id
        prompt = [tokenizer.pad_token_id if first is None else first]
        whole = [*prompt, *_plain(tokenizer, rest)]
        if text:
            prompt, whole = tokenizer(text)["input_ids"], tokenizer(text + rest)["input_ids"]
        answer = whole[len(prompt) :]
    ids = [*prompt, *answer][-base.context :]
    return Row(request.adapter, ids, min(len(answer), len(ids) - 1))


def _plain(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


@torch.inference_mode()
def _read(base: Base, rows: Sequence[Row], forward: Any) -> Iterator[Likelihood]:
    """One batch, padded on the left, so that completions end together."""
    longest = max(len(row.ids) for row in rows)
    kept = 1 + max(row.weighed for row in rows)
    device, pad = base.model.device, base.tokenizer.pad_token_id
    ids_bt = torch.tensor(
        [[pad] * (longest - len(row.ids)) + row.ids for row in rows], device=device
    )
    lengths_b = torch.tensor([len(row.ids) for row in rows], device=device)
    places_t = torch.arange(longest, device=device)
    seen_bt = places_t >= (longest - lengths_b)[:, None]
    output = forward(
        [row.adapter for row in rows],
        {
            "input_ids": ids_bt,
            "attention_mask": seen_bt.long(),
            "position_ids": (places_t - (longest - lengths_b)[:, None]).clamp(0),
            "use_cache": False,
            "logits_to_keep": kept,
        },
    )
    logits_bkv = output.logits[:, -kept:-1].float()
    wanted_bk = ids_bt[:, -(kept - 1) :]
    chosen_bk = logits_bkv.gather(-1, wanted_bk[..., None])[..., 0] - logits_bkv.logsumexp(-1)
    best_bk = logits_bkv.argmax(-1) == wanted_bk
    for n, row in enumerate(rows):
        part = chosen_bk[n, -row.weighed :].double()
        yield Likelihood(float(part.sum()), row.weighed, bool(best_bk[n, -row.weighed :].all()))


def _batches(order: Sequence[int], rows: Sequence[Row]) -> Iterator[list[int]]:
    """Rows of like length together, so that little is padded."""
    batch: list[int] = []
    for place in order:
        if len(batch) == _ROWS or (batch and (len(batch) + 1) * len(rows[place].ids) > _TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
