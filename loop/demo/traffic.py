"""Simulated people at the demo's desk: they ask and judge, and all they do is marked simulated."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from eval_suites.cases import read_cases
from eval_suites.records import Case
from eval_suites.simulate import Judgement, Preference, Question, Rater, prefer, rate
from loop.answer.records import Answer, Ask
from loop.evaluate.assistant import reply_of
from loop.store.records import Comparison, Rating, Record

if TYPE_CHECKING:
    from loop.answer.assistant import Desk

QUESTIONS = Path(__file__).with_name("questions.jsonl")
START = datetime(2026, 1, 5, 9, tzinfo=UTC)  # the demo's own calendar: same seed, same records
BATCH = 64  # answers generated at a time
CONSENT, LICENCE = "consent", "cc0"


@dataclass(slots=True)
class Calendar:
    """Ids and times that depend on the seed alone, so that a second demo writes the same rows."""

    seed: int
    ticks: int = 0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.ticks)

    def new_id(self) -> str:
        """A UUIDv7 of the simulated time; each call is one second later."""
        self.ticks += 1
        milliseconds = int(self.now().timestamp() * 1000)
        noise = hashlib.sha256(f"{self.seed}:{self.ticks}".encode()).digest()
        value = milliseconds << 80 | int.from_bytes(noise[:10], "big")
        value = value & ~(0xF << 76) | 7 << 76
        value = value & ~(0x3 << 62) | 2 << 62
        return str(uuid.UUID(int=value))


def load_questions(path: Path = QUESTIONS) -> list[Case]:
    """What the demo's people ask: hand-written, about the handbook, and in no eval suite."""
    return list(read_cases(path, "demo"))


def answer_twice(
    desk: Desk,
    questions: Sequence[Question],
    calendar: Calendar,
    *,
    temperature: float,
    progress: Callable[[int], object],
) -> Iterator[tuple[Question, list[Answer]]]:
    """Every question with two sampled answers, logged."""
    for start in range(0, len(questions), BATCH // 2):
        part = questions[start : start + BATCH // 2]
        asks = [
            _ask(
                question,
                calendar,
                temperature=temperature,
                seed=calendar.seed * 100_000 + 2 * (start + n) + take,
            )
            for n, question in enumerate(part)
            for take in (0, 1)
        ]
        answers = desk.answer(asks)
        progress(len(part))
        for n, question in enumerate(part):
            yield question, answers[2 * n : 2 * n + 2]


def answer_once(
    desk: Desk,
    questions: Sequence[Question],
    calendar: Calendar,
    *,
    progress: Callable[[int], object],
) -> list[Answer]:
    """Every question answered by whatever arm its person is in, logged."""
    made: list[Answer] = []
    for start in range(0, len(questions), BATCH):
        part = questions[start : start + BATCH]
        made += desk.answer([_ask(question, calendar) for question in part])
        progress(len(part))
    return made


def _ask(
    question: Question,
    calendar: Calendar,
    *,
    temperature: float | None = None,
    seed: int | None = None,
) -> Ask:
    return Ask(
        id=calendar.new_id(),
        question=question.prompt,
        user=question.user,
        labels=question.case.labels,
        temperature=temperature,
        seed=seed,
        consent=CONSENT,
        licence=LICENCE,
        simulated=True,
    )


def judge_pair(
    question: Question,
    answers: Sequence[Answer],
    rater: Rater,
    calendar: Calendar,
    *,
    guideline: str,
    seed: int,
) -> list[Record]:
    """A blind comparison of the two answers, and ratings of one of them."""
    replies = [reply_of(answer) for answer in answers]
    rows: list[Record] = []
    if replies[0].text != replies[1].text:
        rows.append(
            _comparison(
                prefer(question.case, replies, rater, seed=seed), answers, calendar, guideline
            )
        )
    first = Random(f"{seed}:{answers[0].interaction.id}").randrange(2)
    rows += judge(question.case, answers[first], rater, calendar, guideline=guideline, seed=seed)
    return rows


def judge(
    case: Case, answer: Answer, rater: Rater, calendar: Calendar, *, guideline: str, seed: int
) -> list[Record]:
    """What one rater says of one answer."""
    said = rate(case, reply_of(answer), rater, seed=seed)
    return [_rating(one, answer, calendar, guideline) for one in said]


def _comparison(
    said: Preference, answers: Sequence[Answer], calendar: Calendar, guideline: str
) -> Comparison:
    ids = [answer.interaction.id for answer in answers]
    return Comparison(
        id=calendar.new_id(),
        at=calendar.now(),
        rater=said.rater,
        guideline=guideline,
        interactions=ids,
        ranks=list(said.ranks),
        shown=[ids[n] for n in said.shown],
        seconds=said.seconds,
        simulated=True,
    )


def _rating(said: Judgement, answer: Answer, calendar: Calendar, guideline: str) -> Rating:
    return Rating(
        id=calendar.new_id(),
        at=calendar.now(),
        interaction=answer.interaction.id,
        rater=said.rater,
        guideline=guideline,
        kind=said.kind,
        value=said.value,
        text=said.text,
        seconds=said.seconds,
        simulated=True,
    )
