"""Conversations with a simulated person who wants something and has only so much patience."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from eval_suites.records import Assistant, Case, Message, Reply, Step
from eval_suites.scorers.match import states
from eval_suites.scorers.refusal import held_back

AGAIN = ("That is not what I asked. ", "I still do not know. ")  # before the same words once more


@dataclass(slots=True)
class _Talk:
    """A conversation under way."""

    case: Case
    wants: tuple[Step, ...]
    says: str
    turns: list[Message] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    reached: int = 0
    tries: int = 0  # at what is wanted now
    over: bool = False

    def now(self) -> Case:
        """What the assistant is asked next: the turn as a case of its own."""
        return replace(
            self.case,
            id=f"{self.case.id}#{len(self.replies)}",
            prompt=self.says,
            history=(*self.case.history, *self.turns),
            steps=(),
        )

    def hear(self, reply: Reply) -> None:
        """Take a reply and think of what to say to it."""
        self.turns.append(Message(role="user", content=self.says))
        self.turns.append(Message(role="assistant", content=reply.text))
        self.replies.append(reply)
        step = self.wants[self.reached]
        if _told(step, reply):
            self.reached, self.tries = self.reached + 1, 0
            self.over = self.reached == len(self.wants)
            self.says = "" if self.over else self.wants[self.reached].ask
        elif self.tries == self.case.patience:
            self.over = True
        else:
            words = step.rephrase[self.tries :][:1]
            self.says = words[0] if words else AGAIN[self.tries % len(AGAIN)] + step.ask
            self.tries += 1


def converse(
    assistant: Assistant,
    cases: Sequence[Case],
    *,
    progress: Callable[[int], object] | None = None,
) -> list[Reply]:
    """Have each case's conversation, all of them side by side.

    The person asks the prompt, then each step in turn. A reply that does not tell what they want
    is answered in other words, until it does or their patience is over.

    Args:
        assistant: Told the turns so far as history.
        cases: With steps.
        progress: Told how many more conversations have ended.

    Returns:
        The last reply of each, with the whole conversation, what of it was reached, and the
        time and tokens of all replies.
    """
    talks = [
        _Talk(case, (Step(ask=case.prompt, facts=case.facts), *case.steps), case.prompt)
        for case in cases
    ]
    while waiting := [talk for talk in talks if not talk.over]:
        replies = assistant([talk.now() for talk in waiting])
        for talk, reply in zip(waiting, replies, strict=True):
            talk.hear(reply)
        if progress is not None:
            progress(sum(talk.over for talk in waiting))
    return [_whole(talk) for talk in talks]


def _told(step: Step, reply: Reply) -> bool:
    if held_back(reply):
        return False
    return all(any(states(reply.text, s) for s in spellings) for spellings in step.facts)


def _whole(talk: _Talk) -> Reply:
    return replace(
        talk.replies[-1],
        seconds=sum(reply.seconds for reply in talk.replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in talk.replies),
        completion_tokens=sum(reply.completion_tokens for reply in talk.replies),
        turns=tuple(talk.turns),
        reached=talk.reached,
    )
