"""Messages → the exact text a model sees; generation and training share it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from jinja2 import TemplateError

Messages = Sequence[dict[str, str]]


class Tokens(NamedTuple):
    """A prompt and the answer to it, as token ids."""

    prompt: list[int]
    answer: list[int]  # ends with the token that ends a turn


def with_images(tokenizer: Any, processor: Any) -> Any:
    """A vision-language base's tokenizer that knows what an image is and how its template has text.

    Args:
        tokenizer: Gets two more attributes.
        processor: The base's.
    """
    probe = [{"role": "user", "content": "probe"}]
    tokenizer.takes_parts = "probe" not in tokenizer.apply_chat_template(probe, tokenize=False)
    token = getattr(processor, "image_token", None)
    tokenizer.placeholders = () if token is None else (str(token),)
    return tokenizer


def prompt_text(tokenizer: Any, messages: Messages, images: int = 0) -> str:
    """The conversation up to where the assistant begins to write.

    A template that knows no system message gets it at the head of the first user message; so
    stand the placeholders of images.
    """
    return _render(tokenizer, messages, images, add_generation_prompt=True)


def encode_prompts(tokenizer: Any, conversations: Sequence[Messages]) -> list[list[int]]:
    """Token ids of each prompt; the template has already set every special token."""
    texts = [prompt_text(tokenizer, messages) for messages in conversations]
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return ids


def encode_pair(
    tokenizer: Any,
    messages: Messages,
    answer: str,
    ends: frozenset[int] = frozenset(),
    images: int = 0,
) -> Tokens:
    """Prompt and answer, coded apart, just as generation meets them.

    What the template adds behind the answer's end-of-turn token is left out, and a missing
    end-of-turn token is put in, so that the model learns to stop.

    Args:
        tokenizer: The base's, with its chat template.
        messages: The prompt.
        answer: What follows it.
        ends: Tokens that end a turn, beside the tokenizer's own.
        images: That the prompt shows; each is one placeholder.
    """
    prompt = prompt_text(tokenizer, messages, images)
    turn = {"role": "assistant", "content": answer}
    whole = _render(tokenizer, [*messages, turn], images, add_generation_prompt=False)
    text = whole[len(prompt) :] if whole.startswith(prompt) else _defused(tokenizer, answer)
    prompt_ids, ids = tokenizer([prompt, text], add_special_tokens=False)["input_ids"]
    stops = ends | {tokenizer.eos_token_id}
    end = next((place for place, token in enumerate(ids) if token in stops), None)
    whole_turn = [*ids, tokenizer.eos_token_id] if end is None else ids[: end + 1]
    return Tokens(prompt_ids, whole_turn)


def _render(
    tokenizer: Any, messages: Messages, images: int = 0, *, add_generation_prompt: bool
) -> str:
    options = {
        "tokenize": False,
        "add_generation_prompt": add_generation_prompt,
        "enable_thinking": False,  # answers, not musings; templates without the switch ignore it
    }
    safe = [{"role": m["role"], "content": _defused(tokenizer, m["content"])} for m in messages]
    try:
        return _templated(tokenizer, safe, images, options)
    except TemplateError:
        folded = _without_system(safe)
        if folded is None:
            raise
        return _templated(tokenizer, folded, images, options)


def _templated(
    tokenizer: Any, messages: Sequence[dict[str, str]], images: int, options: dict[str, Any]
) -> str:
    if not images and not getattr(tokenizer, "takes_parts", False):
        return str(tokenizer.apply_chat_template(messages, **options))
    parts: list[dict[str, Any]] = [
        {"role": m["role"], "content": [{"type": "text", "text": m["content"]}]} for m in messages
    ]
    first = next((m for m in parts if m["role"] == "user"), parts[0])
    first["content"] = [{"type": "image"}] * images + first["content"]
    return str(tokenizer.apply_chat_template(parts, **options))


def _defused(tokenizer: Any, text: str) -> str:
    """The text with special tokens spelt apart: what people write never opens or ends a turn."""
    for token in (*tokenizer.all_special_tokens, *getattr(tokenizer, "placeholders", ())):
        if token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _without_system(messages: Messages) -> list[dict[str, str]] | None:
    """The system message at the head of the first user message; None if there is none to move."""
    system = [m["content"] for m in messages if m["role"] == "system"]
    rest = [dict(m) for m in messages if m["role"] != "system"]
    first = next((m for m in rest if m["role"] == "user"), None)
    if not system or first is None:
        return None
    first["content"] = "\n\n".join([*system, first["content"]])
    return rest
