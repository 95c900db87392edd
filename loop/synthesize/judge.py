"""Drafts into rows: checked from the cheap to the dear, each refusal with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from knowledge.records import Passage
from loop.answer.records import Ask
from loop.answer.retrieve import licence_of
from loop.store.synthetics import Synthetic
from loop.synthesize.drafts import Draft, Writer, cited
from loop.synthesize.missing import asked_without
from loop.synthesize.roundtrip import Checked, Source, round_trip
from loop.synthesize.rules import GENERATOR
from loop.synthesize.seen import Seen, exam_problem, form_problem, personal_problem
from loop.synthesize.targets import Target

if TYPE_CHECKING:
    from loop.answer.assistant import Desk
    from loop.curate.contamination import EvalCases

SYNTHETIC = "synthetic"  # the person who asks, and the basis on which it may be learnt from


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A draft on its way to a row."""

    id: str
    draft: Draft
    target: Target
    number: int
    of: Synthetic | None = None  # the question that it varies
    partner: Synthetic | None = None

    @property
    def sources(self) -> list[Source]:
        chunk = self.target.chunk
        first = Source(chunk.document, chunk.version, chunk.start, chunk.end)
        if self.partner is None:
            return [first]
        other = self.partner
        return [first, Source(other.document, other.version, other.start, other.end)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Holds drafts against the documents, the suites and each other.

    Args:
        desk: Asks the questions as people would; nothing of it is logged.
        writer: Who wrote them.
        cases: Of the suites: no near copy of one gets by.
        seen: Questions that there are; accepted ones are added.
        seed: The run's.
        now: The time of day.
        restricted: Ask with the labels of the document.
    """

    desk: Desk
    writer: Writer
    cases: EvalCases
    seen: Seen
    seed: int
    now: Callable[[], datetime]
    restricted: bool = False

    def __call__(self, pending: Sequence[Pending]) -> list[Synthetic]:
        """A row for each draft, in order."""
        early = {one.id: self._early(one) for one in pending}
        open_to = [one for one in pending if early[one.id] is None and one.draft.kind != "missing"]
        answers = self.desk.answer([self._ask(one) for one in open_to], log=False)
        by_id = {one.id: answer for one, answer in zip(open_to, answers, strict=True)}
        rows = []
        for one in pending:
            if (reason := early[one.id]) is not None:
                rows.append(self._row(one, Checked(reason=reason)))
            elif one.draft.kind == "missing":
                rows.append(self._missing(one))
            else:
                answer = by_id[one.id]
                done = round_trip(
                    one.draft, one.sources, one.target.passage, answer,
                    agree=one.draft.kind in ("question", "paraphrase")
                    or self.writer.generator != GENERATOR,
                )  # fmt: skip
                rows.append(self._row(one, done, answer.interaction.messages, answer.passages))
        return rows

    def _early(self, one: Pending) -> str | None:
        """What is wrong with a draft before anything is asked."""
        return (
            form_problem(one.draft)
            or personal_problem(one.draft)
            or exam_problem(one.draft, self.cases)
            or self.seen.problem(one.draft.kind, one.draft.question)
        )

    def _ask(self, one: Pending) -> Ask:
        labels = one.target.document.access if self.restricted else frozenset[str]()
        return Ask(
            question=one.draft.question, user=SYNTHETIC, labels=labels, consent=SYNTHETIC,
            seed=self.seed,
        )  # fmt: skip

    def _missing(self, one: Pending) -> Synthetic:
        assert one.of is not None
        turn = asked_without(self.desk, self._ask(one), one.of, self.now())
        reason = "" if turn.passages else "nothing_else_found"
        done = Checked(reason=reason, figures={"shown": len(turn.passages)})
        return self._row(one, done, turn.messages, turn.passages)

    def _row(
        self,
        one: Pending,
        done: Checked,
        messages: Sequence[dict[str, str]] = (),
        passages: Sequence[Passage] = (),
    ) -> Synthetic:
        draft, chunk, settings = one.draft, one.target.chunk, self.desk.settings
        reason = done.reason or self.seen.problem(draft.kind, draft.question) or ""
        if not reason:
            self.seen.add(draft.kind, draft.question)
        return Synthetic(
            id=one.id,
            at=self.now(),
            assistant=settings.assistant.name,
            kind=draft.kind,
            number=one.number,
            parent=one.of.id if one.of else "",
            question=draft.question,
            answer=_with_marks(draft, done),
            facts=list(draft.facts),
            messages=[dict(message) for message in messages],
            passages=[asdict(passage) for passage in passages],
            generator=self.writer.generator,
            adapter=self.writer.adapter,
            endpoint=self.writer.endpoint,
            instruction=draft.instruction,
            seed=self.seed,
            document=chunk.document,
            version=chunk.version,
            start=chunk.start,
            end=chunk.end,
            licence=self._licence(one, passages),
            checks=_plain(done.figures),
            accepted=not reason,
            reason=reason,
        )

    def _licence(self, one: Pending, passages: Sequence[Passage]) -> str:
        """The parent's; that of another passage shown where it forbids what the parent's allows."""
        allowed = self.desk.settings.curate.licences
        shown = licence_of(passages, self.desk.collection, allowed) if passages else ""
        own = one.target.document.licence
        return own if not shown or shown in allowed else shown


def _with_marks(draft: Draft, done: Checked) -> str:
    if draft.kind == "missing" or len(done.numbers) != len(draft.answer):
        return " ".join(draft.answer)
    pairs = zip(draft.answer, done.numbers, strict=True)
    return " ".join(cited(part, number) for part, number in pairs)


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if value is not None}
