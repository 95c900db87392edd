"""What counts of what people say: of each rater the newest word, and flags until taken back."""

from __future__ import annotations

import pytest

from loop.evaluate.judged import Judgement, judgements, read_judged
from loop.store.records import Rating
from loop.store.store import LocalStore
from tests.factories import make_interaction, make_rating

CITED = {"document": "wire.md", "version": "v1", "start": 0, "end": 20, "text": "A wire costs 35."}


def said(*given: tuple[str, str, float | str]) -> Judgement:
    """Rater, kind and value or text each, oldest first, all of one answer."""
    ratings: list[Rating] = []
    for rater, kind, what in given:
        value = {"value": what} if isinstance(what, float) else {"value": None, "text": what}
        ratings.append(make_rating(interaction="i1", rater=rater, kind=kind, **value))
    return judgements(ratings)["i1"]


def test_a_changed_mind_replaces_what_the_rater_said_before():
    assert said(("ann", "thumb", -1.0), ("ann", "thumb", 1.0)).confirmed
    assert said(("ann", "stars", 5.0), ("ann", "thumb", -1.0)).denied
    three = said(("ann", "stars", 5.0), ("ann", "stars", 3.0))
    assert (three.confirmed, three.denied) == (False, False)


def test_raters_who_disagree_settle_nothing():
    split = said(("ann", "thumb", 1.0), ("bob", "thumb", -1.0))
    assert (split.confirmed, split.denied) == (False, False)
    assert said(("ann", "thumb", 1.0), ("bob", "thumb", -1.0), ("cat", "stars", 4.0)).confirmed


def test_a_flag_stands_until_its_rater_calls_the_answer_good():
    flagged = said(("ann", "thumb", 1.0), ("bob", "flag", "Wrong citation"))
    assert (flagged.confirmed, flagged.denied) == (False, True)
    assert said(("bob", "flag", "wrong"), ("bob", "thumb", 1.0)).confirmed
    assert said(("bob", "flag", "wrong"), ("ann", "thumb", 1.0)).denied
    assert said(("ann", "thumb", 1.0), ("bob", "flag", "privacy")).confirmed  # of another thing


@pytest.mark.parametrize(
    ("scores", "confirmed", "denied"),
    [
        ({"correct": 5, "cited": 4}, True, False),
        ({"correct": 2, "cited": 1}, False, True),
        ({"correct": 3, "cited": 3}, False, False),
        ({"correct": 1, "cited": 1}, False, False),  # the best of a yes or the worst of five?
    ],
)
def test_a_rubric_is_read_as_stars(scores: dict[str, float], confirmed: bool, denied: bool):
    rating = make_rating(interaction="i1", kind="rubric", value=None, rubric=scores)
    found = judgements([rating])["i1"]
    assert (found.confirmed, found.denied) == (confirmed, denied)


def test_only_rated_answers_are_read_the_newest_first(store: LocalStore):
    turns = [make_interaction(id=f"i{n}", citations=[CITED]) for n in range(4)]
    other = make_interaction(id="other", assistant="other")
    rated = [make_rating(interaction=id) for id in ("i0", "i2", "i3", "other")]
    correction = make_rating(interaction="i3", kind="correction", value=None, text="It is 40.")
    store.append([*turns, other, *rated, correction])
    assert [one.id for one in read_judged(store, "desk", 10)] == ["i3", "i2", "i0"]
    [newest] = read_judged(store, "desk", 1)
    assert newest.judgement.corrections == ("It is 40.",)
    assert (newest.cited[0].document, newest.cited[0].end) == ("wire.md", 20)


def test_answers_are_simulated_when_the_person_or_all_raters_are(store: LocalStore):
    store.append(
        [
            make_interaction(id="real"),
            make_interaction(id="asked", simulated=True),
            make_interaction(id="rated"),
            make_rating(interaction="real", simulated=True, rater="bot"),
            make_rating(interaction="real"),
            make_rating(interaction="asked"),
            make_rating(interaction="rated", simulated=True),
        ]
    )
    found = {one.id: one.simulated for one in read_judged(store, "desk", 10)}
    assert found == {"real": False, "asked": True, "rated": True}


def test_imported_passages_may_be_anything(store: LocalStore):
    odd = [{"text": "no document"}, {"document": "a.md"}, {"document": 7}]
    store.append([make_interaction(id="i1", citations=odd), make_rating(interaction="i1")])
    [found] = read_judged(store, "desk", 10)
    assert [(one.document, one.end) for one in found.cited] == [("a.md", 0)]
