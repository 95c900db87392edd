"""What a suite is run against: the desk as people meet it, the model with the right passages, or
the model alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from eval_suites.exposure import alike, exposure
from eval_suites.gold import gold_passages
from eval_suites.records import Assistant, Case, Reply, Source
from knowledge.cite import best_first, check_citations, excerpt
from knowledge.records import Document, Passage
from loop.answer.handover import is_abstention
from loop.answer.prompt import build_messages, quoting_style
from loop.answer.records import Answer, Ask
from loop.settings import Settings

if TYPE_CHECKING:
    from knowledge.embed import Embedder
    from loop.answer.assistant import Desk
    from loop.models.engine import Engine, Generation, GenerationRequest

SEED = 0  # of every generation: temperature is 0, but a remote server may care
EVALUATOR = "evaluation"  # who asks; nothing of it is logged
MODEL_TOKENS = 256  # longest reply of a model asked alone


def desk_assistant(desk: Desk, adapter: str, *, today: date | None = None) -> Assistant:
    """The desk with one adapter as a suite sees it: guards, search, prompt, model, citations.

    Nothing is logged, no experiment is touched, and the likeliest token is always taken.

    Args:
        desk: It must know the adapter.
        adapter: An adapter id, or "base".
        today: The day of cases that name none; None is the real one.
    """
    return _DeskAssistant(name=adapter, desk=desk, today=today)


def model_assistant(
    engine: Engine, *, adapter: str = "base", max_tokens: int | None = None
) -> Assistant:
    """The model alone: no documents, no guards, nothing in front of the question.

    Args:
        engine: It must have the adapter loaded.
        adapter: An adapter id, or "base".
        max_tokens: Longest reply; None is 256.
    """
    return _ModelAssistant(name=adapter, engine=engine, max_tokens=max_tokens or MODEL_TOKENS)


def gold_assistant(
    settings: Settings,
    engine: Engine,
    documents: Sequence[Document],
    *,
    adapter: str = "base",
    distractors: int = 0,
    embedder: Embedder | None = None,
    today: date | None = None,
) -> Assistant:
    """The model handed the right passages, so that it is judged apart from the search.

    Args:
        settings: How it is prompted.
        engine: It must have the adapter loaded.
        documents: Where the gold passages are taken from.
        adapter: An adapter id, or "base".
        distractors: Other passages mixed in with each case's gold.
        embedder: Chooses the sentences shown of a passage; None goes by words alone.
        today: The day of cases that name none; None takes any document as holding.
    """
    return _GoldAssistant(
        name=adapter,
        settings=settings,
        engine=engine,
        documents=tuple(documents),
        distractors=distractors,
        embedder=embedder,
        today=today,
    )


@dataclass(frozen=True, kw_only=True)
class _DeskAssistant:
    name: str
    desk: Desk
    today: date | None

    def __call__(self, cases: Sequence[Case]) -> list[Reply]:
        asks = [
            Ask(
                question=case.prompt,
                user=EVALUATOR,
                labels=case.labels,
                history=[asdict(message) for message in case.history],
                on=case.asked_on or self.today,
                given=self._given(case),
                adapter=self.name,
                seed=_seed(case),
                temperature=_heat(case),
            )
            for case in cases
        ]
        replies = [reply_of(answer) for answer in self.desk.answer(asks, log=False)]
        system = self.desk.settings.assistant.system
        prompts = [build_messages(system, (), (), case.prompt) for case in cases]
        return _weighed(self.desk.engine, self.name, cases, prompts, replies)

    def _given(self, case: Case) -> tuple[Passage, ...]:
        """What the case hands over instead of a search."""
        if case.context:
            return tuple(_handed_over(source) for source in case.context)
        if case.show is None:
            return ()
        return tuple(
            gold_passages(
                case,
                list(self.desk.collection.documents()),
                distractors=case.show.distractors,
                order=case.show.order,
                today=self.today,
            )
        )


@dataclass(frozen=True, kw_only=True)
class _ModelAssistant:
    name: str
    engine: Engine
    max_tokens: int

    def __call__(self, cases: Sequence[Case]) -> list[Reply]:
        from loop.models.engine import GenerationRequest

        requests = [
            GenerationRequest(
                messages=[
                    *(asdict(message) for message in case.history),
                    {"role": "user", "content": _with_context(case)},
                ],
                adapter=self.name,
                max_tokens=self.max_tokens,
                temperature=_heat(case),
                seed=_seed(case),
            )
            for case in cases
        ]
        replies = [
            Reply(
                text=made.text.strip(),
                abstained=is_abstention(made.text),
                seconds=made.seconds,
                prompt_tokens=made.prompt_tokens,
                completion_tokens=made.completion_tokens,
            )
            for made in self.engine.generate(requests)
        ]
        prompts = [request.messages for request in requests]
        return _weighed(self.engine, self.name, cases, prompts, replies)


@dataclass(frozen=True, kw_only=True)
class _GoldAssistant:
    name: str
    settings: Settings
    engine: Engine
    documents: tuple[Document, ...]
    distractors: int
    embedder: Embedder | None
    today: date | None

    def __call__(self, cases: Sequence[Case]) -> list[Reply]:
        shown = [self._passages(case) for case in cases]
        requests = [self._request(c, p) for c, p in zip(cases, shown, strict=True)]
        made = self.engine.generate(requests)
        return [self._reply(p, m) for p, m in zip(shown, made, strict=True)]

    def _passages(self, case: Case) -> list[Passage]:
        """The gold ones among the distractors, in the order in which the desk would show them."""
        found = gold_passages(case, self.documents, distractors=self.distractors, today=self.today)
        return best_first(found, case.prompt, self.embedder)

    def _request(self, case: Case, passages: Sequence[Passage]) -> GenerationRequest:
        from loop.models.engine import GenerationRequest

        assistant = self.settings.assistant
        excerpts = [
            excerpt(p, case.prompt, sentences=assistant.sentences, embedder=self.embedder)
            for p in passages
        ]
        return GenerationRequest(
            messages=build_messages(
                assistant.system,
                passages,
                excerpts,
                case.prompt,
                style=quoting_style(assistant),
            ),
            adapter=self.name,
            max_tokens=assistant.max_tokens,
            temperature=_heat(case),
            seed=_seed(case),
        )

    def _reply(self, passages: Sequence[Passage], made: Generation) -> Reply:
        text = made.text.strip()
        return Reply(
            text=text,
            citations=tuple(check_citations(text, passages)),
            passages=tuple(passages),
            abstained=is_abstention(text),
            seconds=made.seconds,
            prompt_tokens=made.prompt_tokens,
            completion_tokens=made.completion_tokens,
        )


def _heat(case: Case) -> float:
    return case.draw.temperature if case.draw else 0.0


def _seed(case: Case) -> int:
    return SEED + case.draw.number if case.draw else SEED


def _weighed(
    engine: Engine,
    adapter: str,
    cases: Sequence[Case],
    prompts: Sequence[list[dict[str, str]]],
    replies: list[Reply],
) -> list[Reply]:
    """The replies, those to cases with a secret with how exposed it is."""
    from loop.models.records import LikelihoodRequest, Weigher

    if not isinstance(engine, Weigher):
        return replies
    for place, (case, prompt) in enumerate(zip(cases, prompts, strict=True)):
        if case.secret:
            requests = [
                LikelihoodRequest(messages=tuple(prompt), completion=one, adapter=adapter)
                for one in (case.secret, *alike(case.secret))
            ]
            # A longer secret is less likely as it is, so each is held to its length.
            own, *others = (
                found.logprob / max(found.tokens, 1) for found in engine.likelihood(requests)
            )
            replies[place] = replace(replies[place], exposure=exposure(own, others))
    return replies


def _handed_over(source: Source) -> Passage:
    return Passage(
        document=source.document,
        version=hashlib.sha256(source.text.encode()).hexdigest()[:16],
        start=0,
        end=len(source.text),
        text=source.text,
        score=1.0,
        why={"handed_over": 1.0},
    )


def _with_context(case: Case) -> str:
    return "\n\n".join([*(source.text for source in case.context), case.prompt])


def reply_of(answer: Answer) -> Reply:
    """The desk's answer as the evaluation floor sees it."""
    return Reply(
        text=answer.text,
        citations=tuple(answer.citations),
        passages=tuple(answer.passages),
        abstained=answer.abstained,
        confidence=answer.confidence,
        seconds=answer.interaction.latency_ms / 1000,
        prompt_tokens=answer.interaction.prompt_tokens,
        completion_tokens=answer.interaction.completion_tokens,
    )
