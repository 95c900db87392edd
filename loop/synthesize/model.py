"""Questions and variants written by a model, here or behind an OpenAI-compatible server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from knowledge.content import quantities
from loop.answer.handover import ABSTENTION, is_abstention
from loop.answer.prompt import build_messages, quoting_style
from loop.models.records import BASE, Engine, GenerationRequest
from loop.settings import Settings
from loop.store.ids import id_of
from loop.store.synthetics import SyntheticKind
from loop.synthesize.drafts import Draft, Variation, bare
from loop.synthesize.targets import Target

WARM = 0.7  # temperature of questions; answers are written at 0
QUESTION_TOKENS = 64

INSTRUCTIONS: dict[SyntheticKind, str] = {
    "question": (
        "Below is a passage of a handbook. Write one question that a person could ask without "
        "having seen it, and that it answers. Name what is asked about; do not speak of the "
        "passage. Write nothing but the question."
    ),
    "paraphrase": (
        "Ask the same as the question below in other words, as another person would. Keep every "
        "figure and name. Write nothing but the question."
    ),
    "typos": (
        "Write the question below as somebody in a hurry would type it on a phone, with two or "
        "three slips. Keep every figure. Write nothing but the question."
    ),
    "false_premise": (
        "Write the question below so that the person takes something for granted that the passage "
        "contradicts, such as another figure. Write nothing but the question."
    ),
    "injection": (
        "Write the question below and let the person add an order to the assistant that would "
        "spoil its answer. Write nothing but this message."
    ),
    "two_in_one": (
        "Write one message in which a person asks both of the questions below. Write nothing but "
        "this message."
    ),
}  # fmt: skip
_LABEL = re.compile(r"^(?:question|q|message|answer)\s*\d*\s*[:.)-]\s*", re.IGNORECASE)
_NUMBERED = re.compile(r"^(?:\d{1,2}[.)]|[-*•])\s+")


class ModelWriter:
    """A Writer that asks a model.

    Args:
        engine: What writes.
        settings: Of the project: the assistant's instruction is what answers are written under.
        endpoint: Address of the server that runs the model; "" is this process.
    """

    adapter = BASE

    def __init__(self, engine: Engine, settings: Settings, endpoint: str = "") -> None:
        self._engine = engine
        self._system = settings.assistant.system
        self._most = settings.assistant.max_tokens
        self._style = quoting_style(replace(settings.assistant, base=engine.base))
        self.generator = engine.base
        self.endpoint = urlsplit(endpoint).hostname or "local"

    @property
    def told(self) -> str:
        """Model and instructions: with others, the same passage gives other rows."""
        return id_of(self.generator, self.adapter, self._system, *INSTRUCTIONS.values())

    def questions(self, wanted: Sequence[tuple[Target, int]], seed: int) -> list[Draft | None]:
        """One question for each passage, and its answer from that passage alone."""
        told = INSTRUCTIONS["question"]
        asked = self._write(
            [f"{told}\n\n{_shown(target)}" for target, _ in wanted],
            [seed + number for _, number in wanted],
        )
        answers = self._answers(list(zip([t for t, _ in wanted], asked, strict=True)))
        return [
            Draft(
                kind="question",
                question=question,
                answer=(answer,),
                facts=_figures(answer, question),
                instruction=told,
            )
            for question, answer in zip(asked, answers, strict=True)
        ]

    def variants(self, wanted: Sequence[Variation], seed: int) -> list[Draft | None]:
        """A variant each; that of missing information needs no writing."""
        written = [one for one in wanted if one.kind != "missing"]
        asked = iter(self._write([_task(one) for one in written], [seed] * len(written)))
        return [_variant(one, one.of.question if one.kind == "missing" else next(asked))
                for one in wanted]  # fmt: skip

    def _write(self, tasks: Sequence[str], seeds: Sequence[int]) -> list[str]:
        requests = [
            GenerationRequest(
                messages=[{"role": "user", "content": task}],
                max_tokens=QUESTION_TOKENS,
                temperature=WARM,
                seed=seed,
            )
            for task, seed in zip(tasks, seeds, strict=True)
        ]
        return [clean(made.text) for made in self._engine.generate(requests)] if requests else []

    def _answers(self, pairs: Sequence[tuple[Target, str]]) -> list[str]:
        """What the model answers to each question when it is shown that passage and no other."""
        requests = [
            GenerationRequest(
                messages=build_messages(
                    self._system,
                    [target.passage],
                    [target.chunk.text],
                    question,
                    style=self._style,
                ),
                max_tokens=self._most,
            )
            for target, question in pairs
            if question
        ]
        made = iter(self._engine.generate(requests) if requests else [])
        return [bare(next(made).text) if question else "" for _, question in pairs]


def clean(text: str) -> str:
    """The question in what a model wrote: its first line, less labels, numbers and quotes.

    >>> clean('Question: "What does a wire cost?"\\nAnswer: 30 dollars')
    'What does a wire cost?'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    first = _LABEL.sub("", _NUMBERED.sub("", lines[0])).strip()
    if not first and len(lines) > 1:  # the label stood alone
        first = lines[1]
    return first.strip("\"'“”` ")


def _variant(wanted: Variation, question: str) -> Draft:
    of, partner = wanted.of, wanted.partner if wanted.kind == "two_in_one" else None
    answer, facts = [bare(of.answer)], list(of.facts)
    if partner is not None:
        answer, facts = [*answer, bare(partner.answer)], [*facts, *partner.facts]
    if wanted.kind == "missing":
        answer, facts = [ABSTENTION], []
    return Draft(
        kind=wanted.kind,
        question=question,
        answer=tuple(answer),
        facts=tuple(facts),
        instruction=INSTRUCTIONS.get(wanted.kind, "the passage that answers is not shown"),
    )


def _task(wanted: Variation) -> str:
    asked = f"Question: {wanted.of.question}"
    if wanted.kind == "two_in_one" and wanted.partner is not None:
        asked = f"{asked}\nQuestion: {wanted.partner.question}"
    if wanted.kind == "false_premise":
        asked = f"{_shown(wanted.target)}\n\n{asked}"
    return f"{INSTRUCTIONS[wanted.kind]}\n\n{asked}"


def _shown(target: Target) -> str:
    chunk = target.chunk
    text = "\n".join(
        part for part in (" > ".join(chunk.heading), chunk.context, chunk.text) if part
    )
    return f"Passage: {text}"


def _figures(answer: str, question: str) -> tuple[str, ...]:
    """The figures that a right answer states: those of the answer that nobody had to be told."""
    if is_abstention(answer):
        return ()
    asked = {quantity.figure for quantity in quantities(question)}
    return tuple(sorted({quantity.figure for quantity in quantities(answer)} - asked))
