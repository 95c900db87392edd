"""What becomes a pair, an answer to imitate, a label."""

from __future__ import annotations

from collections.abc import Sequence

from loop.curate.feedback import opinions
from loop.curate.pairs import make_pairs
from loop.curate.rows import Row
from loop.curate.singles import make_kto, make_sft
from loop.store.records import Comparison, Interaction, Rating
from tests.curate.conftest import answered, compare, correct, every_row, thumb
from tests.factories import make_gold, make_rating


def pairs(turns: Sequence[Interaction], *said: Rating | Comparison) -> tuple[list[Row], list[str]]:
    built = make_pairs(
        {turn.id: turn for turn in turns},
        [one for one in said if isinstance(one, Comparison)],
        opinions(one for one in said if isinstance(one, Rating)),
    )
    return built.rows, [reason for _, reason in built.unused]


def chosen(rows: Sequence[Row]) -> set[tuple[str, str | None]]:
    return {(row.answer, row.rejected) for row in rows}


def sft(turn: Interaction, *ratings: Rating) -> list[str]:
    return [row.answer for row in make_sft({turn.id: turn}, opinions(ratings)).rows]


def kto(turn: Interaction, *ratings: Rating) -> list[bool | None]:
    return [row.label for row in make_kto({turn.id: turn}, opinions(ratings)).rows]


def stars(turn: Interaction, value: float, **fields: object) -> Rating:
    return make_rating(interaction=turn.id, kind="stars", value=value, **fields)


def test_a_ranking_makes_a_pair_of_every_two_answers_but_ties():
    turns = answered(1, "a", "b", "c")
    rows, unused = pairs(turns, compare(*turns, ranks=[1, 2, 2]))
    assert (chosen(rows), unused) == ({("a", "b"), ("a", "c")}, ["tied"])


def test_the_majority_of_raters_decides():
    turns = answered(1, "a", "b")
    votes = [compare(*turns, rater=r, ranks=[1, 2]) for r in ("ann", "bo")]
    [row], _ = pairs(turns, *votes, compare(*turns, rater="cy", ranks=[2, 1]))
    assert ((row.answer, row.rejected), row.votes, len(row.ratings)) == (("a", "b"), 1, 3)


def test_raters_split_evenly_make_no_pair():
    turns = answered(1, "a", "b")
    said = [compare(*turns, rater="ann"), compare(*turns, rater="bo", ranks=[2, 1])]
    assert pairs(turns, *said) == ([], ["raters_disagree"] * 2)


def test_who_abstains_does_not_count():
    turns = answered(1, "a", "b")
    tie = compare(*turns, rater="bo", ranks=[1, 1])
    [row], _ = pairs(turns, compare(*turns, rater="ann"), tie)
    assert tie.id not in row.ratings


def test_the_latest_word_of_a_rater_counts():
    turns = answered(1, "a", "b")
    said = [compare(*turns, ranks=[1, 2]), compare(*turns, ranks=[2, 1])]
    [row], _ = pairs(turns, *said)
    assert (row.answer, row.ratings) == ("b", (said[1].id,))


def test_a_correction_is_preferred_to_what_it_corrects():
    [turn] = answered(1, "a")
    given = correct(turn, "better")
    [row], _ = pairs([turn], given)
    assert ((row.answer, row.rejected), row.ratings) == (("better", "a"), (given.id,))
    assert pairs([turn], correct(turn, "a")) == ([], [])


def test_answers_rated_far_apart_make_a_pair():
    turns = answered(1, "a", "b", "c")
    rows, _ = pairs(turns, thumb(turns[0], -1.0), thumb(turns[1]), stars(turns[2], 3, rater="bo"))
    assert chosen(rows) == {("b", "a")}
    near = pairs(turns, stars(turns[0], 4), stars(turns[1], 5))
    assert near == ([], [])


def test_what_was_compared_is_not_paired_by_its_ratings_too():
    turns = answered(1, "a", "b")
    rows, _ = pairs(turns, thumb(turns[0], -1.0), thumb(turns[1]), compare(*turns, rater="bo"))
    assert chosen(rows) == {("a", "b")}


def test_answers_to_different_prompts_are_no_pair():
    turns = answered(1, "a") + answered(2, "b")
    assert pairs(turns, compare(*turns)) == ([], ["different_prompts"])


def test_an_answer_that_may_not_be_used_takes_its_comparison_along():
    turns = answered(1, "a", "b", "c")
    rows, unused = pairs(turns[:1], compare(*turns))
    assert (rows, unused) == ([], ["answer_left_out"])
    rows, _ = pairs(turns[:2], compare(*turns, ranks=[1, 3, 2]))
    assert chosen(rows) == {("a", "b")}


def test_a_row_names_everything_behind_it():
    turns = answered(1, "a", "b", user="ada", consent="contract")
    said = [compare(*turns, rater=r, guideline=g) for r, g in (("ann", "x@1"), ("bo", "x@2"))]
    [row], _ = pairs(turns, *said)
    assert row.interactions == tuple(sorted(turn.id for turn in turns))
    assert row.ratings == tuple(sorted(one.id for one in said))
    assert (row.users, row.consent, row.guideline) == (("ada",), "contract", "x@2")


def test_good_and_corrected_answers_are_imitated():
    [turn] = answered(1, "a")
    assert sft(turn, thumb(turn)) == ["a"]
    assert sft(turn, stars(turn, 4)) == ["a"]
    assert sft(turn, stars(turn, 3)) == []
    assert sft(turn, correct(turn, "better")) == ["better"]
    assert sft(turn, thumb(turn), correct(turn, "better", rater="bo")) == ["better"]


def test_an_answer_that_somebody_dislikes_is_not_imitated():
    [turn] = answered(1, "a")
    assert sft(turn, thumb(turn), thumb(turn, -1.0, rater="bo")) == []
    flag = make_rating(interaction=turn.id, kind="flag", text="safety", rater="bo")
    assert sft(turn, thumb(turn), flag) == []
    assert sft(turn, thumb(turn, -1.0), thumb(turn)) == ["a"]  # a changed mind


def test_single_ratings_become_labels():
    [turn] = answered(1, "a")
    assert kto(turn, thumb(turn)) == [True]
    assert kto(turn, stars(turn, 2)) == [False]
    assert kto(turn, stars(turn, 3)) == []
    assert kto(turn, thumb(turn), thumb(turn, -1.0, rater="bo")) == []
    votes = [thumb(turn, -1.0, rater=r) for r in ("bo", "cy")]
    assert kto(turn, thumb(turn), *votes) == [False]


def test_a_weighty_word_counts_more_and_the_margin_tells_how_much():
    turns = answered(1, "a", "b")
    said = [compare(*turns, rater=r, ranks=k) for r, k in (("ann", [1, 2]), ("bo", [2, 1]))]
    [row] = make_pairs({t.id: t for t in turns}, said, {}, {"ann": 3.0}).rows
    assert (row.answer, row.votes, row.margin) == ("a", 2.0, 0.5)
    nearly = make_pairs({t.id: t for t in turns}, said, {}, {"ann": 1.1}, least=0.5)
    assert nearly.rows == []
    assert {reason for _, reason in nearly.unused} == {"raters_disagree"}


def test_most_calling_it_a_tie_is_a_tie():
    turns = answered(1, "a", "b")
    ties = [compare(*turns, rater=r, ranks=[1, 1]) for r in ("ann", "bo")]
    assert pairs(turns, *ties, compare(*turns, rater="cy")) == ([], ["tied"] * 3)


def test_whose_word_does_not_count_makes_no_label():
    [turn] = answered(1, "a")
    ratings = [thumb(turn, -1.0, rater="bad"), thumb(turn, rater="ann")]
    found = make_kto({turn.id: turn}, opinions(ratings), {"bad": 0.0})
    assert [(row.label, row.margin) for row in found.rows] == [(True, 1.0)]
    assert make_kto({turn.id: turn}, opinions(ratings[:1]), {"bad": 0.0}).rows == []


def test_what_is_said_of_gold_questions_is_no_opinion(made):
    turns, asked = answered(1), answered(2)
    gold = make_gold(item=asked[0].id, kind="thumb", value=1.0)
    pair = make_gold(item=" ".join(sorted(t.id for t in asked)), kind="comparison", value=-1.0)
    done = made(turns, compare(*turns), asked, compare(*asked), thumb(asked[0]), gold, pair)
    assert {user for row in every_row(done) for user in row["users"]} == {"user-1"}
    assert done.funnel["feedback"]["gold"] == 2
