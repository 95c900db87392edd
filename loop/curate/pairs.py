"""Preference pairs: from comparisons, from corrections, from ratings of several answers."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from loop.curate.feedback import Opinions, make_row, prompt_key, worth
from loop.curate.rows import Row
from loop.store.records import Comparison, Interaction, Rating

EVEN: Mapping[str, float] = MappingProxyType({})  # every rater's word counts the same
ROUNDING = 1e-9  # a margin that is none
APART = 1.0  # of [-1, 1]: how much better an answer must be rated to be preferred


class Vote(NamedTuple):
    """What one judgement says of two texts; better is None for a tie."""

    better: str | None
    judged: Rating | Comparison


@dataclass(slots=True)
class Ballot:
    """Everything said of two texts that answer one prompt of the same people."""

    texts: tuple[str, str]
    turns: dict[str, Interaction] = field(default_factory=dict)
    votes: dict[str, Vote] = field(default_factory=dict)  # rater → the latest

    def add(self, turns: Iterable[Interaction], vote: Vote) -> None:
        self.turns |= {turn.id: turn for turn in turns}
        before = self.votes.get(vote.judged.rater)
        if before is None or _when(before) <= _when(vote):
            self.votes[vote.judged.rater] = vote


class Unused(NamedTuple):
    """Something said that made no row."""

    item: str  # id of an interaction, a rating or a comparison
    reason: str


class Built(NamedTuple):
    """Rows, and what made none."""

    rows: list[Row]
    unused: list[Unused]


def make_pairs(
    turns: Mapping[str, Interaction],
    comparisons: Iterable[Comparison],
    opinions: Mapping[str, Opinions],
    weights: Mapping[str, float] = EVEN,
    least: float = 0.0,
) -> Built:
    """What most of the raters' weight prefers, one row for two texts that answer one prompt.

    Of one rater the latest word counts. Who ranks both alike abstains, but lowers the margin; if
    more weight says so than prefers either, it is a tie and makes no row. Nor do raters who are
    split too evenly, nor answers to different prompts.

    Args:
        turns: Those that may be used, by id.
        comparisons: Oldest first; answers that are not in `turns` are passed over.
        opinions: What raters think of each turn.
        weights: How much each rater's word counts; 1 where none is named.
        least: Weight by which one answer must lead; no more than that makes no row.
    """
    unused: list[Unused] = []
    ballots: dict[tuple[str, ...], Ballot] = {}

    def ballot(one: Interaction, other: Interaction, texts: tuple[str, str]) -> Ballot:
        people = sorted({one.user, other.user})
        a, b = sorted(texts)
        return ballots.setdefault((prompt_key(one), a, b, *people), Ballot((a, b)))

    for judged in comparisons:
        if sum(id in turns for id in judged.interactions) < 2:
            unused.append(Unused(judged.id, "answer_left_out"))
        for one, other, better in _compared(judged, turns):
            if prompt_key(one) != prompt_key(other):
                unused.append(Unused(judged.id, "different_prompts"))
            elif one.answer == other.answer:
                unused.append(Unused(judged.id, "same_answer"))
            else:
                vote = Vote(better.answer if better else None, judged)
                ballot(one, other, (one.answer, other.answer)).add((one, other), vote)
    for turn in turns.values():
        for correction in opinions.get(turn.id, Opinions()).corrections.values():
            better_text = correction.text or ""
            if better_text != turn.answer:
                vote = Vote(better_text, correction)
                ballot(turn, turn, (better_text, turn.answer)).add((turn,), vote)
    rows: list[Row] = []
    for _, one_ballot in sorted(ballots.items()):
        row = _count(one_ballot, weights, least)
        if isinstance(row, str):
            unused += [Unused(vote.judged.id, row) for vote in one_ballot.votes.values()]
        else:
            rows.append(row)
    voted = {key[:3] for key in ballots}
    rows += _rated_apart(turns, opinions, voted, weights)
    return Built(rows, unused)


def _compared(
    judged: Comparison, turns: Mapping[str, Interaction]
) -> Iterator[tuple[Interaction, Interaction, Interaction | None]]:
    """Every two answers of a comparison with the better one."""
    ranked = [
        (turns[id], rank)
        for id, rank in zip(judged.interactions, judged.ranks, strict=True)
        if id in turns
    ]
    for (one, rank), (other, other_rank) in itertools.combinations(ranked, 2):
        better = None if rank == other_rank else one if rank < other_rank else other
        yield one, other, better


def _count(ballot: Ballot, weights: Mapping[str, float], least: float) -> Row | str:
    """The row that the votes make, or why they make none."""
    first, second = ballot.texts
    weight: dict[str | None, float] = {first: 0.0, second: 0.0, None: 0.0}
    for _, vote in sorted(ballot.votes.items()):
        weight[vote.better] += weights.get(vote.judged.rater, 1.0)
    cast = weight[first] + weight[second]
    if not cast or weight[None] > cast:
        return "tied"
    ahead = weight[first] - weight[second]
    if abs(ahead) <= max(least, ROUNDING):
        return "raters_disagree"
    margin = abs(ahead) / (cast + weight[None])
    chosen, rejected = (first, second) if ahead > 0 else (second, first)
    turns = [turn for _, turn in sorted(ballot.turns.items())]
    judged = [vote.judged for _, vote in sorted(ballot.votes.items()) if vote.better is not None]
    return make_row(
        "pair", turns, judged, answer=chosen, rejected=rejected, votes=abs(ahead), margin=margin
    )


def _rated_apart(
    turns: Mapping[str, Interaction],
    opinions: Mapping[str, Opinions],
    voted: set[tuple[str, ...]],
    weights: Mapping[str, float],
) -> Iterator[Row]:
    """Pairs of answers to one prompt that were rated far apart and that nobody compared.

    The best goes with the worst, the second best with the second worst, and so on.
    """
    by_prompt: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for id, turn in sorted(turns.items()):
        values = opinions.get(id, Opinions()).values
        if (mean := _mean(values, weights)) is not None:
            by_prompt[prompt_key(turn)].append((mean, id))
    for prompt, rated in sorted(by_prompt.items()):
        rated.sort()
        for (low, worse), (high, better) in zip(rated, reversed(rated), strict=True):
            good, bad = turns[better], turns[worse]
            if high - low < APART:
                break
            a, b = sorted((good.answer, bad.answer))
            if a != b and (prompt, a, b) not in voted:
                judged = [*opinions[better].values.values(), *opinions[worse].values.values()]
                yield make_row(
                    "pair", [good, bad], judged, answer=good.answer, rejected=bad.answer,
                    margin=(high - low) / 2,
                )  # fmt: skip


def _mean(values: Mapping[str, Rating], weights: Mapping[str, float]) -> float | None:
    """What raters think by their weight, in [-1, 1]; None if nobody's word counts."""
    total = sum(weights.get(rater, 1.0) for rater in values)
    if total <= 0:
        return None
    said = (weights.get(rater, 1.0) * worth(one) for rater, one in sorted(values.items()))
    return sum(said) / total


def _when(vote: Vote) -> tuple[float, str]:
    return vote.judged.at.timestamp(), vote.judged.id
