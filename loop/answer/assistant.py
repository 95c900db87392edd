"""The desk: guard → assign variant → search → prompt → generate → cite → guard → log."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from knowledge.abstain import read_calibration
from knowledge.cite import check_citations
from loop.answer.guards import REFUSAL, check_question
from loop.answer.handover import ABSTENTION, is_abstention, open_ticket
from loop.answer.outflow import mask_new
from loop.answer.records import Answer, Ask, Turn
from loop.answer.retrieve import best_similarity, licence_of, logged, look_up
from loop.answer.streaming import AnswerStream
from loop.answer.variants import Variants
from loop.settings import Settings
from loop.store.ids import new_id
from loop.store.records import Exposure, Interaction, Record

if TYPE_CHECKING:
    from knowledge.collection import Collection
    from loop.models.engine import Engine, Generation, GenerationRequest
    from loop.store.store import Store

__all__ = ["Answer", "Ask", "Desk"]


class Desk:
    """Answers questions from a collection with the champion of one assistant.

    Thread-safe. A request in flight keeps its adapter when the champion changes.

    Args:
        settings: What the assistant is told and how much it is shown.
        collection: What it looks things up in.
        engine: What writes the answers.
        store: Where every interaction is recorded, durably, before it is answered.
        clock: The time of day, UTC.

    Raises:
        RatchetError: The collection's calibration is damaged or of another embedder.
    """

    def __init__(
        self,
        settings: Settings,
        collection: Collection,
        engine: Engine,
        store: Store,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.collection = collection
        self.engine = engine
        self.store = store
        self.clock = clock
        self.calibration = read_calibration(collection.folder, collection.embedder.name)
        self.variants = Variants(store, engine, settings.assistant.name)

    @property
    def champion(self) -> str:
        """The adapter that answers now, or "base"."""
        return self.variants.champion

    @property
    def problem(self) -> str | None:
        """Why the champion is not the one decided on; None when all is well."""
        return self.variants.problem

    def follow_champion(self) -> None:
        """Pick up a promoted adapter; cheap enough to call for every request."""
        self.variants.follow()

    def answer(self, asks: Sequence[Ask], *, log: bool = True) -> list[Answer]:
        """Answer a batch: one search, one generation, one durable append.

        Args:
            asks: The questions; they may be of different people and adapters.
            log: False records nothing and takes part in no experiment (evaluation).

        Raises:
            RatchetError: An ask names an adapter that does not exist or cannot be loaded.
        """
        turns = self._prepare(asks, experiment=log)
        waiting = [turn for turn in turns if turn.said is None]
        made = self.engine.generate([self.request(turn) for turn in waiting]) if waiting else []
        by_turn = {turn.id: one for turn, one in zip(waiting, made, strict=True)}
        answers = [self.finish(turn, by_turn.get(turn.id)) for turn in turns]
        if log:
            self.log(turns, answers)
        return answers

    def stream(self, ask: Ask) -> AnswerStream:
        """Answer one question piece by piece; `.answer` is there when the pieces end.

        The person's exposure to an experiment's arm is durable before the first piece, the
        interaction before the end. Closing early stops the model and logs what was said so far.
        """
        [turn] = self._prepare([ask], experiment=True)
        if exposure := _exposure(turn):
            self.store.append([exposure])
        return AnswerStream(self, turn)

    def _prepare(self, asks: Sequence[Ask], *, experiment: bool) -> list[Turn]:
        """Guard, assign, search and prompt."""
        self.follow_champion()
        turns = []
        for ask in asks:
            refused = check_question(ask.question).action == "refuse"
            turn = Turn(
                ask=ask,
                id=ask.id or new_id(),
                at=self.clock(),
                started=time.monotonic(),
                variant=self.variants.choose(ask, experiment=experiment and not refused),
                said=REFUSAL if refused else None,
            )
            turns.append(turn)
        answered = [turn for turn in turns if turn.said is None]
        look_up(answered, self.collection, self.settings, self.calibration)
        return turns

    def request(self, turn: Turn) -> GenerationRequest:
        """What the engine is asked for a turn."""
        from loop.models.engine import GenerationRequest

        ask, assistant = turn.ask, self.settings.assistant
        return GenerationRequest(
            messages=turn.messages,
            adapter=turn.variant.adapter,
            max_tokens=min(ask.max_tokens or assistant.max_tokens, assistant.max_tokens),
            temperature=assistant.temperature if ask.temperature is None else ask.temperature,
            seed=ask.seed,
            stop=ask.stop,
        )

    def finish(self, turn: Turn, made: Generation | None, *, sent: str | None = None) -> Answer:
        """Guard and cite what was said; the answer with the row to log.

        Args:
            turn: The prepared turn.
            made: What the model wrote; None when it was not asked or was stopped.
            sent: What a stream has already given the person, guarded; None guards here.
        """
        if sent is not None:
            text = sent.strip()
        else:
            written = mask_new(made.text.strip(), turn.sources) if made else ""
            text = written or turn.said or ABSTENTION
        citations = check_citations(text, turn.passages)
        confidence = combine(best_similarity(turn.passages), made.mean_logprob if made else None)
        abstained = turn.said is not None or is_abstention(text)
        ask, settings = turn.ask, self.settings
        interaction = Interaction(
            id=turn.id,
            at=turn.at,
            assistant=settings.assistant.name,
            user=ask.user,
            conversation=ask.conversation or turn.id,
            question=ask.question,
            answer=text,
            messages=turn.messages,
            adapter=turn.variant.adapter,
            base=self.engine.base,
            passages=logged(turn.passages, self.collection),
            citations=[asdict(citation) for citation in citations],
            confidence=confidence,
            abstained=abstained,
            latency_ms=(time.monotonic() - turn.started) * 1000,
            prompt_tokens=made.prompt_tokens if made else 0,
            completion_tokens=made.completion_tokens if made else 0,
            experiment=turn.variant.experiment,
            arm=turn.variant.arm,
            consent=ask.consent or settings.assistant.consent,
            purpose=ask.purpose,
            retain_until=ask.retain_until,
            licence=ask.licence
            or licence_of(turn.passages, self.collection, settings.curate.licences),
            seed=ask.seed,
            simulated=ask.simulated,
        )
        return Answer(
            text=text,
            citations=citations,
            passages=turn.passages,
            confidence=confidence,
            abstained=abstained,
            interaction=interaction,
        )

    def log(
        self, turns: Sequence[Turn], answers: Sequence[Answer], *, handover: bool = True
    ) -> None:
        """Record answers with their exposures and tickets, all or nothing; durable on return."""
        rows: list[Record | None] = []
        for turn, answer in zip(turns, answers, strict=True):
            ticket = open_ticket(answer, turn.at) if handover else None
            rows += [answer.interaction, _exposure(turn), ticket]
        self.store.append([row for row in rows if row is not None])


def _exposure(turn: Turn) -> Exposure | None:
    """The row that says which arm this person is about to see."""
    _, experiment, arm = turn.variant
    if experiment is None or arm is None:
        return None
    return Exposure(
        id=turn.id,  # one per interaction: the same row however often it is appended
        at=turn.at,
        experiment=experiment,
        user=turn.ask.user,
        arm=arm,
        interaction=turn.id,
    )


def combine(similarity: float | None, mean_logprob: float | None) -> float:
    """Confidence in [0, 1]: geometric mean of retrieval and of the model's own certainty.

    A part that is not known (no dense search, an engine without log probabilities) is left out.

    >>> combine(0.81, 0.0)
    0.9
    >>> combine(0.5, None)
    0.5
    """
    parts = [] if similarity is None else [min(max(similarity, 0.0), 1.0)]
    if mean_logprob is not None and math.isfinite(mean_logprob):
        parts.append(min(math.exp(mean_logprob), 1.0))
    return math.prod(parts) ** (1 / len(parts)) if parts else 0.0
