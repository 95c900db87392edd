"""A simulated person asks until they know, or until their patience is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from eval_suites.converse import converse
from eval_suites.records import Case, Reply, Step
from eval_suites.run import run
from eval_suites.scorers.talk import goal_reached, turns_needed
from eval_suites.suites import Suite, version_of
from tests.eval_suites.builders import make_case, make_reply, silence

WANTS = make_case(
    id="wire",
    prompt="What does a wire cost?",
    facts=(("20 dollars",),),
    steps=(
        Step(
            ask="And abroad?", facts=(("35 dollars",),), rephrase=("To another country, I mean.",)
        ),
    ),
)


@dataclass
class Scripted:
    """Says what the script has for what is asked, and remembers what it saw."""

    script: Callable[[Case], Reply]
    name: str = "scripted"
    seen: list[Case] = field(default_factory=list)

    def __call__(self, cases: Sequence[Case]) -> list[Reply]:
        self.seen += cases
        return [self.script(case) for case in cases]


def test_all_is_told_at_once() -> None:
    desk = Scripted(lambda c: make_reply("35 dollars" if c.history else "20 dollars"))
    [reply] = converse(desk, [WANTS])
    assert [turn.content for turn in reply.turns] == [
        "What does a wire cost?",
        "20 dollars",
        "And abroad?",
        "35 dollars",
    ]
    assert goal_reached(WANTS, reply) == 1.0
    assert turns_needed(WANTS, reply) == 2.0
    assert [len(case.history) for case in desk.seen] == [0, 2]


def test_a_reply_that_does_not_tell_is_asked_again_in_other_words() -> None:
    desk = Scripted(
        lambda c: make_reply("35 dollars" if "country" in c.prompt else "20 dollars, of course")
    )
    [reply] = converse(desk, [WANTS])
    assert desk.seen[-1].prompt == "To another country, I mean."
    assert (goal_reached(WANTS, reply), turns_needed(WANTS, reply)) == (1.0, 3.0)


def test_patience_ends() -> None:
    desk = Scripted(lambda _: silence())
    [reply] = converse(desk, [WANTS])
    assert len(desk.seen) == 1 + WANTS.patience
    assert (goal_reached(WANTS, reply), turns_needed(WANTS, reply)) == (0.0, 6.0)


def test_conversations_run_side_by_side_and_cost_what_all_their_replies_cost() -> None:
    desk = Scripted(lambda c: Reply(text="20 dollars, 35 dollars", seconds=1.0, prompt_tokens=5))
    other = make_case(id="short", steps=(Step(ask="Thanks, and?"),))
    ended: list[int] = []
    first, second = converse(desk, [WANTS, other], progress=ended.append)
    assert (first.seconds, first.prompt_tokens) == (2.0, 10)
    assert goal_reached(other, second) == 0.0  # "30 dollars" was never said
    assert sum(ended) == 2


def test_a_suite_may_hold_both_questions_and_conversations() -> None:
    cases = (make_case(id="single"), WANTS)
    metrics = ("facts_present", "goal_reached", "turns_needed", "seconds")
    suite = Suite(
        name="test",
        version=version_of(metrics, cases),
        metrics=metrics,
        primary="goal_reached",
        cases=cases,
    )
    desk = Scripted(lambda c: make_reply("30 dollars, 20 dollars, 35 dollars"))
    report = run(suite, desk)
    assert report.summary["goal_reached"].n == 1
    assert report.summary["turns_needed"].mean == 2.0
    assert report.summary["seconds"].mean == 0.0
