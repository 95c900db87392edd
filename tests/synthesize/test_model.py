"""A model writes questions and variants, here or on a server; what is no question is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from knowledge.errors import RatchetError
from loop.commands.synthesize import writer_of
from loop.models.openai import OpenAIEngine
from loop.settings import Settings, SynthesizeSettings
from loop.synthesize.model import INSTRUCTIONS, ModelWriter, clean
from tests.answer.fakes import FakeEngine
from tests.synthesize.conftest import SETTINGS

PASSAGES = {  # a sentence of each passage → the question a model might ask
    "35 dollars": "How much do I pay for an outgoing wire?",
    "4 days": "How long does an outgoing wire take until it arrives?",
    "8 days": "When does a new card arrive with me?",
    "3 days": "When is the code letter for the card posted?",
}


class Server:
    """An OpenAI-compatible server whose model writes questions, variants and answers."""

    def __init__(self, says: dict[str, str] | None = None) -> None:
        self.says = says or {}
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        text = self.write(body["messages"][-1]["content"])
        choice = {"message": {"role": "assistant", "content": text}}
        return httpx.Response(200, json={"choices": [choice]})

    def write(self, task: str) -> str:
        for kind, told in INSTRUCTIONS.items():
            if not task.startswith(told):
                continue
            if kind in self.says:
                return self.says[kind]
            asked = [line.removeprefix("Question: ") for line in task.split("\n")
                     if line.startswith("Question: ")]  # fmt: skip
            if kind == "question":
                found = (q for fact, q in PASSAGES.items() if fact in task)
                return f'Question: "{next(found, "I cannot think of any")}"\nAnswer: none'
            return f"Please tell me: {' And '.join(asked)}"
        return answer(task)

    def engine(self) -> OpenAIEngine:
        transport = httpx.MockTransport(self)
        return OpenAIEngine("http://teacher.example/v1", "teacher-7b", transport=transport)


def answer(task: str) -> str:
    """The first sentence with a figure, or else the last, cited; nothing is known of bicycles."""
    if "bicycle" in task:
        return "I do not know."
    passages, _, _ = task.partition("\n\nQuestion:")
    plain = re.sub(r"<[^>]*>", "\n", passages)
    sentences = [s for s in re.split(r"\n|(?<=\.) ", plain) if s.endswith(".")]
    figures = [s for s in sentences if re.search(r"\d (?:dollars|days)", s)]
    return f"{(figures or sentences)[0].removesuffix('.')} [1]."


def writer(server: Server) -> ModelWriter:
    return ModelWriter(server.engine(), SETTINGS, "http://teacher.example/v1")


def test_a_server_s_questions_go_there_and_back_and_say_who_wrote_them(made):
    server = Server()
    done = made(writer=writer(server), count=6, kinds=["paraphrase"])
    accepted = [row for row in done.accepted if row.kind == "question"]
    assert accepted
    for row in accepted:
        assert row.question in PASSAGES.values()
        assert (row.generator, row.adapter) == ("teacher-7b", "base")
        assert row.endpoint == "teacher.example"
        assert row.instruction == INSTRUCTIONS["question"]
    assert {body["model"] for body in server.bodies} == {"teacher-7b"}
    variants = [row for row in done.rows if row.kind == "paraphrase"]
    assert variants
    assert all(row.question.startswith("Please tell me: ") for row in variants)


def test_another_number_of_a_passage_is_asked_with_another_seed(made):
    server = Server()
    made(writer=writer(server), count=8, kinds=["question"])
    seeds = {body["seed"] for body in server.bodies if "seed" in body}
    assert {7, 8} <= seeds


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("", "empty"),
        ("Fee?", "length"),
        ("Where can I buy a green bicycle?", "unanswerable"),
        ("I do not know what to ask of this one", "no_question"),
        ("What does the passage say about the fee for a wire?", "speaks_of_passage"),
        ("Does Mrs. Anna Berg of the desk pay 35 dollars for a wire?", "personal_data"),
    ],
)
def test_what_a_weak_model_writes_is_kept_and_refused_with_its_reason(made, store, says, reason):
    done = made(writer=writer(Server({"question": says})), count=1, kinds=["question"])
    [row] = done.rows
    assert (row.accepted, row.reason) == (False, reason)
    assert made(writer=writer(Server({"question": says})), count=1).fresh == 0


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("1. What is the fee?\n2. When?", "What is the fee?"),
        ("Question:\nWhat is the fee?", "What is the fee?"),
        ("  \n", ""),
        ("“What is the fee?”", "What is the fee?"),
    ],
)
def test_labels_numbers_and_quotes_around_a_question_go(text, question):
    assert clean(text) == question


def test_the_settings_say_who_writes():
    engine = FakeEngine()
    assert writer_of(Settings(), "rules", engine).generator == "rules@1"
    assert writer_of(Settings(), "model", engine).generator == "fake-base"
    own = SynthesizeSettings(base="teacher-7b", endpoint="http://teacher.example")
    teacher = writer_of(Settings(synthesize=own), "model", engine)
    assert (teacher.generator, teacher.endpoint) == ("teacher-7b", "teacher.example")
    with pytest.raises(RatchetError, match="expected rules or model"):
        writer_of(Settings(), "oracle", engine)
