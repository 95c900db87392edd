"""Cases, replies and reports with defaults for whatever does not matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval_suites.records import Case, Gold, Reply, Report, Score
from eval_suites.run import summarise
from knowledge.records import Citation, Passage

QUOTE = "The fee for a stop payment on a cheque is 30 dollars."


def make_case(**fields: Any) -> Case:
    """A question with one fact and one gold quote."""
    given: dict[str, Any] = {
        "id": "case",
        "suite": "test",
        "prompt": "What is the fee for a stop payment?",
        "kind": "single_fact",
        "facts": (("30 dollars", "$30"),),
        "gold": (Gold(document="cheques.md", quote=QUOTE),),
        "cluster": "cheques.md",
    }
    return Case(**{**given, **fields})


def unanswerable(**fields: Any) -> Case:
    return make_case(**{"expect": "abstain", "facts": (), "gold": (), **fields})


def make_passage(text: str = QUOTE, document: str = "cheques.md") -> Passage:
    return Passage(document=document, version="v1", start=0, end=len(text), text=text, score=1.0)


def make_reply(
    text: str, *passages: Passage, cites: Sequence[int] = (), abstained: bool = False
) -> Reply:
    """A reply that was shown these passages and cites them by number."""
    citations = []
    for number in cites:
        shown = passages[number - 1]
        citations.append(
            Citation(
                number=number,
                document=shown.document,
                version=shown.version,
                start=shown.start,
                end=shown.end,
                text=shown.text,
            )
        )
    return Reply(text=text, citations=tuple(citations), passages=passages, abstained=abstained)


def silence() -> Reply:
    return make_reply("I do not know; the handbook does not say.", abstained=True)


def make_report(
    assistant: str,
    metrics: Mapping[str, Sequence[float]],
    *,
    suite: str = "accuracy",
    version: str = "v1",
    clusters: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
) -> Report:
    """A report of cases c0, c1, … whose scores are given; each its own cluster unless said."""
    scores = []
    for metric, values in metrics.items():
        for n, value in enumerate(values):
            cluster = clusters[n] if clusters else f"cluster{n}"
            kind = kinds[n] if kinds else "single_fact"
            scores.append(
                Score(case=f"c{n}", metric=metric, value=value, cluster=cluster, kind=kind)
            )
    cases = dict.fromkeys(score.case for score in scores)
    return Report(
        suite=suite,
        version=version,
        assistant=assistant,
        replies={case: Reply(text="") for case in cases},
        scores=tuple(scores),
        summary={
            metric: summarise([s for s in scores if s.metric == metric]) for metric in metrics
        },
    )
