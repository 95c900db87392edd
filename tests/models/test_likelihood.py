"""How likely an answer is: summed log-probabilities, the same alone and in a batch."""

from __future__ import annotations

import math

import pytest
import torch

from loop.models.load import load_base
from loop.models.local import LocalEngine
from loop.models.records import GenerationRequest, Likelihood, LikelihoodRequest, Weigher

QUESTION = ({"role": "user", "content": "What is the fee?"},)


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    return LocalEngine(load_base("pocket", device="cpu"))


def test_it_is_what_the_model_says_token_by_token(engine: LocalEngine) -> None:
    base = load_base("pocket", device="cpu")
    text, rest = "The fee is", " 30 dollars."
    [found] = engine.likelihood([LikelihoodRequest(text=text, completion=rest)])
    ids = base.tokenizer(text + rest, return_tensors="pt")["input_ids"]
    start = len(base.tokenizer(text)["input_ids"])
    with torch.inference_mode():
        logprobs = base.model(ids).logits[0].float().log_softmax(-1)
    wanted = sum(float(logprobs[n - 1, ids[0, n]]) for n in range(start, ids.shape[1]))
    assert found.logprob == pytest.approx(wanted, abs=1e-3)
    assert found.tokens == ids.shape[1] - start


def test_a_batch_gives_each_what_it_gets_alone(engine: LocalEngine) -> None:
    requests = [
        LikelihoodRequest(messages=QUESTION, completion="It is 30 dollars."),
        LikelihoodRequest(text="", completion="Once upon a time there was a very long story."),
        LikelihoodRequest(text="A", completion=""),
        LikelihoodRequest(text="The fee is ", completion="30 dollars"),
    ]
    together = engine.likelihood(requests)
    for request, one in zip(requests, together, strict=True):
        [alone] = engine.likelihood([request])
        assert alone.logprob == pytest.approx(one.logprob, abs=1e-3)
        assert alone.tokens == one.tokens
    assert together[2] == Likelihood(0.0, 0, True)


def test_what_the_model_would_say_is_greedy_and_likelier(engine: LocalEngine) -> None:
    said = engine.generate([GenerationRequest(messages=list(QUESTION), max_tokens=40)])[0]
    own, other = engine.likelihood(
        [
            LikelihoodRequest(messages=QUESTION, completion=said.text),
            LikelihoodRequest(messages=QUESTION, completion="Zebras sing quietly."),
        ]
    )
    assert own.logprob / own.tokens > other.logprob / other.tokens
    assert math.isfinite(other.logprob)
    assert not other.greedy


def test_an_engine_in_this_process_can_weigh(engine: LocalEngine) -> None:
    assert isinstance(engine, Weigher)
