"""Generation on any OpenAI-compatible server: vLLM, llama.cpp, Ollama, another Ratchet."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from knowledge.errors import RatchetError
from loop.models.records import BASE, Generation, GenerationRequest

KEY_ENV = "RATCHET_ENDPOINT_KEY"  # environment variable with the server's API key
_TRIES = 4
_AT_ONCE = 16  # requests under way at once
_TIMEOUT = httpx.Timeout(120.0, connect=10.0)


class OpenAIEngine:
    """An Engine that asks a server. Thread-safe.

    The base goes by its own name; an adapter by its id, as vLLM serves LoRA modules.

    Args:
        endpoint: The server's address, with or without the closing /v1.
        base: The model's name on that server.
        key: API key; None reads the environment variable RATCHET_ENDPOINT_KEY.
        setting: Where the endpoint is set, for messages.
        logprobs: Ask how sure the model is; some servers refuse that.
        transport: How requests travel; None is the network.
        sleep: Waits between tries.
    """

    def __init__(
        self,
        endpoint: str,
        base: str,
        *,
        key: str | None = None,
        setting: str = "assistant.endpoint",
        logprobs: bool = True,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        address = endpoint.rstrip("/")
        if not address.startswith(("http://", "https://")):
            raise RatchetError(
                f"{setting} is {endpoint!r}, expected http://… or https://…. "
                "Mend that line in ratchet.toml."
            )
        self.base = base
        self._setting = setting
        self._logprobs = logprobs
        self._address = address if address.endswith("/v1") else f"{address}/v1"
        key = os.environ.get(KEY_ENV, "") if key is None else key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(timeout=_TIMEOUT, headers=headers, transport=transport)
        self._sleep = sleep
        self._loaded: set[str] = set()

    def adapters(self) -> set[str]:
        """The adapters made ready through this engine."""
        return set(self._loaded)

    def load_adapter(self, id: str, path: Path) -> None:
        """Have the server load an adapter, unless it serves one by that name already.

        Raises:
            RatchetError: The server will not load adapters at run time.
        """
        if id == BASE or id in self._loaded:
            return
        served = self._send("GET", "/models").json().get("data", [])
        if id not in {model.get("id") for model in served}:
            body = {"lora_name": id, "lora_path": str(Path(path).resolve())}
            try:
                self._send("POST", "/load_lora_adapter", body)
            except RatchetError as problem:
                raise RatchetError(
                    f"{problem} Adapter {id} is not served there: start vLLM with --enable-lora "
                    "and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, and let it read the adapters."
                ) from problem
        self._loaded.add(id)

    def generate(self, requests: Sequence[GenerationRequest]) -> list[Generation]:
        """Answer all requests, in order, many at once.

        Raises:
            RatchetError: The server cannot be reached, refuses, or answers in another shape.
        """
        if not requests:
            return []
        with ThreadPoolExecutor(min(_AT_ONCE, len(requests))) as pool:
            return list(pool.map(self._answer, requests))

    def stream(self, request: GenerationRequest) -> OpenAIStream:
        """Answer one request piece by piece.

        Raises:
            RatchetError: As `generate`, at the first piece.
        """
        return OpenAIStream(self, request)

    def events(self, request: GenerationRequest) -> Iterator[dict[str, Any]]:
        """The server-sent events of a streamed completion."""
        body = self._body(request) | {"stream": True, "stream_options": {"include_usage": True}}
        response = self._send("POST", "/chat/completions", body, stream=True)
        try:
            for line in response.iter_lines():
                data = line.removeprefix("data:").strip()
                if not line.startswith("data:") or not data:
                    continue
                if data == "[DONE]":
                    return
                yield json.loads(data)
        except (httpx.HTTPError, ValueError) as problem:
            raise RatchetError(
                f"{self._address}: the stream broke off ({problem}). Ask again."
            ) from problem
        finally:
            response.close()

    def _answer(self, request: GenerationRequest) -> Generation:
        started = time.monotonic()
        response = self._send("POST", "/chat/completions", self._body(request))
        try:
            data = response.json()
            choice = data["choices"][0]
            text = str(choice["message"]["content"] or "")
        except (ValueError, KeyError, IndexError, TypeError) as problem:
            raise RatchetError(
                f"{self._address}: the answer is no chat completion ({response.text[:100]!r}). "
                f"Point {self._setting} at an OpenAI-compatible server."
            ) from problem
        return generation(text, data.get("usage"), logprobs(choice), time.monotonic() - started)

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.base if request.adapter == BASE else request.adapter,
            "messages": request.messages,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
        }
        if self._logprobs:
            body["logprobs"] = True
        if request.seed is not None:
            body["seed"] = request.seed
        if request.stop:
            body["stop"] = list(request.stop)
        return body

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, stream: bool = False
    ) -> httpx.Response:
        """The response to a request, tried again while the server is busy or away."""
        problem = ""
        for attempt in range(_TRIES):
            wait = min(2.0**attempt, 20.0) * random.uniform(0.5, 1.0)
            try:
                request = self._client.build_request(method, self._address + path, json=body)
                response = self._client.send(request, stream=stream)
                if response.is_success:
                    return response
                response.read()
                response.close()
            except httpx.HTTPError as failure:
                problem = f"cannot be reached ({failure or type(failure).__name__})"
            else:
                problem = f"answered {response.status_code}: {_reason(response)}"
                if response.status_code != 429 and response.status_code < 500:
                    break
                wait = _asked_to_wait(response) or wait
            if attempt + 1 < _TRIES:
                self._sleep(wait)
        raise RatchetError(
            f"{self._address} {problem}. See that the server runs and serves {self.base!r}, "
            f"that assistant.endpoint is right, and that {KEY_ENV} holds its key."
        )


class OpenAIStream:
    """The pieces of one answer; `last` is set when they end."""

    def __init__(self, engine: OpenAIEngine, request: GenerationRequest) -> None:
        self.last: Generation | None = None
        self._pieces = self._flow(engine, request)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """Hang up."""
        self._pieces.close()  # type: ignore[attr-defined]

    def _flow(self, engine: OpenAIEngine, request: GenerationRequest) -> Iterator[str]:
        started, text = time.monotonic(), ""
        usage: dict[str, int] | None = None
        chosen: list[float] = []
        for event in engine.events(request):
            usage = event.get("usage") or usage
            for choice in event.get("choices") or []:
                chosen += logprobs(choice)
                if piece := (choice.get("delta") or {}).get("content"):
                    text += piece
                    yield piece
        self.last = generation(text, usage, chosen, time.monotonic() - started)


def logprobs(choice: dict[str, Any]) -> list[float]:
    """Log probabilities of the tokens in a choice; empty when the server gives none."""
    tokens = (choice.get("logprobs") or {}).get("content") or []
    return [float(t["logprob"]) for t in tokens if t.get("logprob") is not None]


def generation(
    text: str, usage: dict[str, int] | None, chosen: Sequence[float], seconds: float
) -> Generation:
    """A server's answer as a Generation; tokens it did not count are told by log probabilities."""
    usage = usage or {}
    return Generation(
        text=text,
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or len(chosen)),
        mean_logprob=sum(chosen) / len(chosen) if chosen else None,
        seconds=seconds,
    )


def _reason(response: httpx.Response) -> str:
    """The server's own words, shortened."""
    try:
        data = response.json()
        error = data.get("error", data)
        said = error.get("message", error) if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        said = response.text
    return str(said).strip().rstrip(".")[:200] or response.reason_phrase


def _asked_to_wait(response: httpx.Response) -> float | None:
    """Seconds the server asks to wait, at most 30."""
    try:
        return min(max(float(response.headers["retry-after"]), 0.0), 30.0)
    except (KeyError, ValueError):
        return None
