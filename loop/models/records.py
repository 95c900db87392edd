"""What is asked of a model and what comes back; the Engine that every room codes against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

BASE = "base"  # the name of no adapter at all


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One answer to write."""

    messages: list[dict[str, str]]  # role and content, the last from the user
    adapter: str = BASE  # "base" or the id of a loaded adapter
    max_tokens: int = 96
    temperature: float = 0.0  # 0 takes the likeliest token
    seed: int | None = None  # same request and seed, same answer, whatever else is in the batch
    stop: tuple[str, ...] = ()  # the answer ends before the first of these


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """An answer as written."""

    text: str
    prompt_tokens: int
    completion_tokens: int  # as the model wrote them, its end-of-turn token included
    mean_logprob: float | None  # of the tokens it chose, at temperature 1; None if not known
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRequest:
    """An answer to be weighed, after a conversation or after plain text."""

    completion: str
    messages: tuple[dict[str, str], ...] = ()  # the conversation; empty: `text` stands before it
    text: str = ""
    adapter: str = BASE


class Likelihood(NamedTuple):
    """How likely a completion is after its prompt."""

    logprob: float  # natural logarithm, summed over its tokens
    tokens: int  # that were weighed; an answer in a conversation has its end of turn too
    greedy: bool  # whether each is the likeliest there is


@runtime_checkable
class Weigher(Protocol):
    """An engine that can also tell how likely a given answer is: one in this process."""

    def likelihood(self, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
        """The likelihood of each completion, in order."""
        ...


class TextStream(Protocol):
    """An answer piece by piece; `last` is there once the pieces have ended."""

    last: Generation | None

    def __iter__(self) -> Iterator[str]: ...
    def __next__(self) -> str: ...
    def close(self) -> None: ...


class Engine(Protocol):
    """Writes answers with a base model and any of the adapters it has loaded. Thread-safe."""

    base: str

    def generate(self, requests: Sequence[GenerationRequest]) -> list[Generation]:
        """Answer all requests, in order; they may name different adapters."""
        ...

    def stream(self, request: GenerationRequest) -> TextStream:
        """Answer one request piece by piece; `close` stops it early."""
        ...

    def load_adapter(self, id: str, path: Path) -> None:
        """Make an adapter ready; loading it twice is fine."""
        ...

    def adapters(self) -> set[str]:
        """The adapters that requests may name."""
        ...
