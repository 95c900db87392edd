"""The project's judge: who it is, what it says of replies, and whether people agree with it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from eval_suites.judge import RUBRIC, Grade, Judge, Messages
from eval_suites.records import Assistant, Case, Reply
from knowledge.errors import RatchetError
from loop.evaluate.cache import append_lines, read_lines
from loop.models.records import GenerationRequest
from loop.settings import Settings

if TYPE_CHECKING:
    from loop.models.engine import Engine

TRIES = 3  # until an answer of the judge can be read; drawn with other seeds after the first
ANSWER_TOKENS = 512  # of a judge, with its thinking


def load_judge(settings: Settings, *, rubric: str = "", engine: Engine | None = None) -> Judge:
    """The judge that `[judge]` names.

    Args:
        settings: Its endpoint and model.
        rubric: A suite's own; "" takes that of the settings, or the built-in one.
        engine: Answers instead of the endpoint.

    Raises:
        RatchetError: No judge is set, or the endpoint is no URL.
    """
    known = settings.judge
    if engine is None:
        if not (known.endpoint and known.model):
            raise RatchetError(
                "No judge is set. Name an OpenAI-compatible server and a model on it: "
                '[judge] endpoint = "http://…", model = "…" in ratchet.toml.'
            )
        from loop.models.openai import OpenAIEngine

        key = os.environ.get(known.key_env, "")
        engine = OpenAIEngine(
            known.endpoint, known.model, key=key, setting="judge.endpoint", logprobs=False
        )
    judging = engine

    def ask(conversations: Sequence[Messages]) -> list[str]:
        requests = [
            GenerationRequest(
                messages=list(messages),
                max_tokens=known.max_tokens,
                temperature=known.temperature,
                seed=0,
            )
            for messages in conversations
        ]
        return [made.text for made in judging.generate(requests)]

    return Judge(
        model=known.model or judging.base,
        ask=ask,
        rubric=rubric or known.rubric or RUBRIC,
        temperature=known.temperature,
    )


class JudgedAssistant:
    """An assistant whose replies are graded as they come. An Assistant itself.

    Grades are kept beside the replies: the same judge is never asked twice about the same reply.

    Args:
        assistant: Who replies.
        judge: Who grades.
        file: Where grades are kept; made when the first one is.
    """

    def __init__(self, assistant: Assistant, judge: Judge, file: Path) -> None:
        self.name = assistant.name
        self._assistant = assistant
        self._judge = judge
        self._file = file
        self._known = {
            row["key"]: Grade(row["score"], row["reason"])
            for row in read_lines(file)
            if {"key", "score", "reason"} <= row.keys()
        }

    def __call__(self, cases: Sequence[Case]) -> list[Reply]:
        replies = self._assistant(cases)
        keys = [_key(self._judge, c, r) for c, r in zip(cases, replies, strict=True)]
        for _ in range(TRIES):
            missing = [n for n, key in enumerate(keys) if key not in self._known]
            if not missing:
                break
            graded = self._judge.grade([cases[n] for n in missing], [replies[n] for n in missing])
            read = {
                keys[n]: grade
                for n, grade in zip(missing, graded, strict=True)
                if grade.score is not None
            }
            append_lines(self._file, [{"key": k, **g._asdict()} for k, g in read.items()])
            self._known |= read
        nothing = Grade(None, "")
        grades = [self._known.get(key, nothing) for key in keys]
        return [
            replace(reply, grade=grade.share, reason=grade.reason)
            for reply, grade in zip(replies, grades, strict=True)
        ]


def _key(judge: Judge, case: Case, reply: Reply) -> str:
    told = [judge.id, case.prompt, case.facts, case.right, case.expect, reply.text]
    told += [[turn.content for turn in (*case.history, *reply.turns)]]
    told += [[passage.text for passage in reply.passages]]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]
