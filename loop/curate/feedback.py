"""What people said, as it counts now: of each rater the latest word on each answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loop.curate.rows import Kind, Row, canonical
from loop.store.records import Comparison, Interaction, Rating

GOOD_STARS, BAD_STARS = 4, 2  # stars from which an answer is good, and to which it is bad


@dataclass(slots=True)
class Opinions:
    """What raters think of one answer now: rater → their latest."""

    values: dict[str, Rating] = field(default_factory=dict)  # thumb or stars
    corrections: dict[str, Rating] = field(default_factory=dict)
    flags: dict[str, Rating] = field(default_factory=dict)

    @property
    def likes(self) -> list[Rating]:
        return [one for one in self.values.values() if verdict(one) is True]

    @property
    def dislikes(self) -> list[Rating]:
        return [one for one in self.values.values() if verdict(one) is False]


def verdict(rating: Rating) -> bool | None:
    """Does a thumb or stars say good or bad? None if neither.

    Four and five stars are good, one and two are bad, three are neither.
    """
    value = rating.value
    if value is None or rating.kind not in ("thumb", "stars"):
        return None
    if rating.kind == "thumb":
        return value > 0
    return True if value >= GOOD_STARS else False if value <= BAD_STARS else None


def worth(rating: Rating) -> float:
    """A thumb or stars as a number in [-1, 1]."""
    value = rating.value or 0.0
    return value if rating.kind == "thumb" else (value - 3) / 2


def opinions(ratings: Iterable[Rating]) -> dict[str, Opinions]:
    """Per interaction what raters think now. Ratings come oldest first; the later word counts."""
    found: defaultdict[str, Opinions] = defaultdict(Opinions)
    for one in ratings:
        of_answer = found[one.interaction]
        if one.kind in ("thumb", "stars"):
            of_answer.values[one.rater] = one
        elif one.kind == "correction":
            of_answer.corrections[one.rater] = one
        elif one.kind == "flag":
            of_answer.flags[one.rater] = one
    return dict(found)


def prompt_key(turn: Interaction) -> str:
    """Equal for turns in which the model saw the same."""
    return key_of(turn.messages, turn.question)


def key_of(messages: list[dict[str, str]], question: str) -> str:
    """The same for a prompt and a question."""
    return canonical(prompt_of(messages, question))


def prompt_of(messages: list[dict[str, str]], question: str) -> list[dict[str, str]]:
    """The prompt; of a turn that was logged without one, the question."""
    return messages or [{"role": "user", "content": question}]


def make_row(
    kind: Kind,
    turns: Sequence[Interaction],
    judged: Sequence[Rating | Comparison],
    *,
    answer: str,
    rejected: str | None = None,
    label: bool | None = None,
    votes: float = 1.0,
    margin: float = 1.0,
) -> Row:
    """A row with its lineage.

    Args:
        kind: What it is for.
        turns: Behind it, all with the same prompt.
        judged: The ratings and comparisons behind it, at least one.
        answer: What was said well; of a KTO row, said.
        rejected: What was said worse, for pairs.
        label: Good or not, for KTO.
        votes: Weight of the judgements for this, less that of those against.
        margin: The same as a share of all weight.
    """
    return Row(
        kind=kind,
        messages=prompt_of(turns[0].messages, turns[0].question),
        answer=answer,
        rejected=rejected,
        label=label,
        votes=votes,
        margin=margin,
        interactions=tuple(sorted({turn.id for turn in turns})),
        ratings=tuple(sorted({one.id for one in judged})),
        guideline=max(judged, key=_when).guideline,
        consent="+".join(sorted({turn.consent for turn in turns})),
        licence="+".join(sorted({turn.licence for turn in turns})),
        users=tuple(sorted({turn.user for turn in turns})),
        conversations=tuple(sorted({turn.conversation for turn in turns})),
        at=max(turn.at for turn in turns),
        simulated=any(one.simulated for one in (*turns, *judged)),
    )


def _when(one: Interaction | Rating | Comparison) -> tuple[float, str]:
    return one.at.timestamp(), one.id
