"""What an OpenAI-compatible server is asked, and what becomes of its answers and failures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from knowledge.errors import RatchetError
from loop.models.openai import OpenAIEngine
from loop.models.records import GenerationRequest
from tests.tiny_model import ask


class Server:
    """Answers in turn with what it was given, the last again and again; keeps what it was asked."""

    def __init__(
        self, *answers: httpx.Response | Exception | Callable[..., httpx.Response]
    ) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Any]] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.url.path, json.loads(request.content or b"null")))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def engine(self, endpoint: str = "http://model.example") -> OpenAIEngine:
        transport = httpx.MockTransport(self)
        return OpenAIEngine(
            endpoint, "llama", key="k", transport=transport, sleep=self.waits.append
        )


def completion(text: str = "30 dollars [1].", **more: Any) -> httpx.Response:
    choice = {"message": {"role": "assistant", "content": text}, **more}
    usage = {"prompt_tokens": 7, "completion_tokens": 4}
    return httpx.Response(200, json={"choices": [choice], "usage": usage})


def request(question: str = "What is the fee?", **fields: Any) -> GenerationRequest:
    return GenerationRequest(messages=ask(question), **fields)


def test_a_request_reaches_the_server_with_all_that_decides_its_answer():
    server = Server(completion(logprobs={"content": [{"logprob": -0.5}, {"logprob": -1.5}]}))
    [found] = server.engine().generate([request(seed=3, stop=("\n",), temperature=0.5)])
    assert (found.text, found.prompt_tokens, found.completion_tokens) == ("30 dollars [1].", 7, 4)
    assert found.mean_logprob == -1.0
    [(path, body)] = server.asked
    assert path == "/v1/chat/completions"
    assert body["messages"] == ask("What is the fee?")
    assert (body["model"], body["seed"], body["stop"]) == ("llama", 3, ["\n"])
    assert (body["temperature"], body["max_tokens"]) == (0.5, 96)


def test_many_answers_come_back_in_the_order_of_their_requests():
    def echo(asked: httpx.Request) -> httpx.Response:
        return completion(json.loads(asked.content)["messages"][-1]["content"][-2:])

    server = Server(echo)
    found = server.engine("http://model.example/v1/").generate(
        [request(f"{n:02}") for n in range(40)]
    )
    assert [one.text for one in found] == [f"{n:02}" for n in range(40)]
    assert server.engine().generate([]) == []


def test_a_busy_server_is_asked_again_after_the_time_it_names():
    busy = httpx.Response(429, headers={"retry-after": "7"}, json={"error": {"message": "busy"}})
    server = Server(httpx.ConnectError("refused"), httpx.Response(503), busy, completion())
    assert server.engine().generate([request()])[0].text
    assert len(server.asked) == 4
    assert server.waits[-1] == 7


@pytest.mark.parametrize(
    ("answer", "match", "times"),
    [
        (httpx.ConnectError("refused"), "cannot be reached.*assistant.endpoint", 4),
        (httpx.Response(401, json={"error": {"message": "bad key"}}), "401: bad key", 1),
        (httpx.Response(200, json={"choices": []}), "no chat completion", 1),
        (httpx.Response(200, text="<html>"), "no chat completion", 1),
    ],
)
def test_a_failing_server_is_named_with_its_own_words(answer: Any, match: str, times: int):
    server = Server(answer)
    with pytest.raises(RatchetError, match=match):
        server.engine().generate([request()])
    assert len(server.asked) == times


def events(*data: Any) -> httpx.Response:
    lines = [f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n" for one in data]
    return httpx.Response(200, text=": comment\n\n" + "".join(lines))


def piece(text: str) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}}]}


def test_a_stream_gives_pieces_and_then_the_whole():
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    server = Server(events(piece("30 "), piece("dollars"), usage, "[DONE]", piece("never")))
    stream = server.engine().stream(request())
    assert list(stream) == ["30 ", "dollars"]
    assert stream.last is not None
    assert (stream.last.text, stream.last.completion_tokens) == ("30 dollars", 2)


def test_a_stream_that_breaks_off_says_so():
    stream = Server(events(piece("30 "), "{half")).engine().stream(request())
    assert next(stream) == "30 "
    with pytest.raises(RatchetError, match="broke off"):
        next(stream)


def test_an_adapter_the_server_has_is_not_loaded_again(tmp_path: Path):
    server = Server(httpx.Response(200, json={"data": [{"id": "ad-one"}]}), completion())
    engine = server.engine()
    for _ in range(2):
        engine.load_adapter("ad-one", tmp_path)
    engine.generate([request(adapter="ad-one")])
    assert [path for path, _ in server.asked] == ["/v1/models", "/v1/chat/completions"]
    assert server.asked[-1][1]["model"] == "ad-one"
    assert engine.adapters() == {"ad-one"}


def test_a_server_that_loads_no_adapters_says_how_to_start_it(tmp_path: Path):
    server = Server(httpx.Response(200, json={"data": []}), httpx.Response(404, text="no"))
    with pytest.raises(RatchetError, match="ad-one is not served there: start vLLM"):
        server.engine().load_adapter("ad-one", tmp_path)


def test_an_endpoint_must_be_an_address():
    with pytest.raises(RatchetError, match=r"'model\.example', expected http"):
        Server(completion()).engine("model.example")
