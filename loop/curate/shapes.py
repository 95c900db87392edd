"""A dataset row in the shapes that trainers elsewhere read, and what those refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from loop.curate.rows import Kind

Messages = list[dict[str, str]]

# What each kind of row is called where it goes; TRL's names for its dataset types.
NAMES: dict[Kind, str] = {
    "pair": "preference", "sft": "prompt_completion", "kto": "unpaired_preference",
}  # fmt: skip
ROLES = ("system", "developer", "user", "assistant", "tool")
_KEYS = frozenset({"role", "content", "name", "weight", "tool_calls", "tool_call_id", "refusal"})


def conversational(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in TRL's conversational form.

    Args:
        kind: Pairs become "preference", SFT rows "prompt-completion", KTO rows "unpaired
            preference"; a pair's margin, where it has one, goes along for reward models.
        row: As it stands in its file.

    Source: TRL, "Dataset formats and types".

    >>> row = {"messages": '[{"role": "user", "content": "Fee?"}]', "answer": "30 dollars."}
    >>> conversational("sft", row)["completion"]
    [{'role': 'assistant', 'content': '30 dollars.'}]
    """
    prompt = messages_of(row)
    match kind:
        case "pair":
            shaped: dict[str, Any] = {
                "prompt": prompt,
                "chosen": spoken(row["chosen"]),
                "rejected": spoken(row["rejected"]),
            }
            if row.get("margin") is not None:
                shaped["margin"] = float(row["margin"])
            return shaped
        case "sft":
            return {"prompt": prompt, "completion": spoken(row["answer"])}
        case "kto":
            label = bool(row["label"])
            return {"prompt": prompt, "completion": spoken(row["answer"]), "label": label}


def openai(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """A row as OpenAI's fine-tuning reads it; None for KTO rows, which it has no form for.

    Source: OpenAI, "Supervised fine-tuning" and "Direct preference optimization".
    """
    prompt = messages_of(row)
    match kind:
        case "pair":
            return {
                "input": {"messages": prompt, "tools": [], "parallel_tool_calls": True},
                "preferred_output": spoken(row["chosen"]),
                "non_preferred_output": spoken(row["rejected"]),
            }
        case "sft":
            return {"messages": [*prompt, *spoken(row["answer"])]}
        case "kto":
            return None


def openai_problem(example: Mapping[str, Any]) -> str | None:
    """Why OpenAI's fine-tuning would refuse a line; None if it would not.

    Args:
        example: With `messages`, or with `input` and both outputs.

    >>> openai_problem({"messages": [{"role": "user", "content": "Fee?"}]})
    'the last message is not of the assistant'
    """
    if "input" not in example:
        messages = example.get("messages")
        if problem := _messages_problem(messages):
            return problem
        assert isinstance(messages, list)
        if messages[-1]["role"] != "assistant":
            return "the last message is not of the assistant"
        if all(one.get("weight", 1) == 0 for one in messages if one["role"] == "assistant"):
            return "no message of the assistant has weight 1"
        return None if _asks(messages) else "nobody asks anything"
    messages = example["input"].get("messages") if isinstance(example["input"], dict) else None
    if problem := _messages_problem(messages):
        return problem
    if not messages or messages[-1]["role"] == "assistant":
        return "the input ends with the assistant"
    if not _asks(messages):
        return "nobody asks anything"
    if any("weight" in one for one in messages):
        return "a weight in a preference"
    outputs = [example.get(name) for name in ("preferred_output", "non_preferred_output")]
    for output in outputs:
        if problem := _messages_problem(output):
            return problem
        if not isinstance(output, list) or [one["role"] for one in output] != ["assistant"]:
            return "an output is not one message of the assistant"
    return "both outputs are the same" if outputs[0] == outputs[1] else None


def _messages_problem(messages: object) -> str | None:
    """What is wrong with a list of messages, each by itself."""
    if not isinstance(messages, list) or not messages:
        return "no messages"
    for one in messages:
        if not isinstance(one, dict) or one.get("role") not in ROLES:
            role = one.get("role") if isinstance(one, dict) else one
            return f"unknown role {role!r}"
        if unknown := sorted(one.keys() - _KEYS):
            return f"unknown key {unknown[0]!r}"
        if not isinstance(one.get("content"), str) or not one["content"].strip():
            return f"an empty message of the {one['role']}"
        if "weight" in one and (one["role"] != "assistant" or one["weight"] not in (0, 1)):
            return "a weight that is not 0 or 1 of the assistant"
    return None


def _asks(messages: Sequence[Mapping[str, Any]]) -> bool:
    return any(one["role"] == "user" for one in messages)


def messages_of(row: Mapping[str, Any]) -> Messages:
    """The prompt of a row as it stands in its file."""
    return [
        {"role": str(one["role"]), "content": str(one["content"])}
        for one in json.loads(row["messages"])
    ]


def spoken(text: str) -> Messages:
    """A text as the assistant's turn."""
    return [{"role": "assistant", "content": text}]
