"""The review queue: reasons mixed by their parts, items given by lease, nobody swayed."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from knowledge.errors import RatchetError
from loop.feedback.judge import Given, judge, judge_pair, said_of, why_given
from loop.feedback.queue import next_review, ranked, release, skip, undo
from loop.feedback.raters import quality
from loop.feedback.side_by_side import placed
from loop.feedback.workload import Day, day, workload
from loop.settings import ReviewSettings, Settings
from loop.store.records import ReviewEvent
from tests.factories import (
    START,
    make_comparison,
    make_gold,
    make_guideline,
    make_interaction,
    make_rating,
    make_ticket,
)

UP = [Given(kind="thumb", value=1.0)]
DOWN = [Given(kind="thumb", value=-1.0)]
NOW = START + timedelta(days=30)


def settings(**review: float) -> Settings:
    return Settings(review=replace(ReviewSettings(), **review))  # type: ignore[arg-type]


def only(reason: str, **more: float) -> Settings:
    """Every other part is 0; what nobody judged still waits at the end."""
    parts = ("disagreement", "uncertain", "new", "search", "guard", "arm", "rerating", "audit")
    return settings(**{**dict.fromkeys((*parts, "gold", "overlap"), 0.0), reason: 1.0, **more})


def given(store, rater="ann", use=None, **more):
    found = next_review(store, use or settings(overlap=0), rater, at=NOW, **more)
    return None if found is None else found.item


def first(store, reason, rater="ann", **more):
    """Items that stand under a reason, in order."""
    found = ranked(store, only(reason, **more), rater, at=NOW)
    return [one.item for one in found if one.reason == reason]


def test_nothing_waits_in_an_empty_store(store):
    assert ranked(store, Settings(), "ann", at=NOW) == []
    assert next_review(store, Settings(), "ann", at=NOW) is None
    assert workload(store, Settings(), at=NOW).answers == 0


def test_what_the_model_was_unsure_of_comes_least_sure_first(store):
    store.append(
        [make_interaction(id=str(sure), confidence=sure / 10) for sure in (9, 3, 1)]
        + [make_interaction(id="passed", confidence=0.9, abstained=True)]
    )
    assert first(store, "uncertain") == ["passed", "1", "3"]


def test_where_search_found_little_comes_worst_first(store):
    near = [make_interaction(id=str(n), passages=[{"similarity": n / 10}]) for n in (8, 2, 1)]
    store.append([*near, make_interaction(id="elsewhere", passages=[])])
    assert first(store, "search") == ["1", "2"]


def test_what_a_guard_refused_or_masked_or_somebody_flagged_is_looked_at(store):
    store.append(
        [
            make_interaction(id="refused", answer="I cannot help with that request."),
            make_interaction(id="masked", answer="Write to [EMAIL_ADDRESS]."),
            make_interaction(id="flagged", user="zoe"),
            make_interaction(id="fine"),
            make_rating(interaction="flagged", rater="zoe", kind="flag", text="safety"),
        ]
    )
    assert first(store, "guard") == ["refused", "masked", "flagged"]


def test_answers_that_raters_differ_on_get_a_third_opinion_and_then_rest(store):
    store.append(
        [
            make_interaction(id="split"),
            make_rating(interaction="split", rater="a", value=1.0),
            make_rating(interaction="split", rater="b", value=-1.0),
            make_interaction(id="agreed"),
            make_rating(interaction="agreed", rater="a", value=1.0),
            make_rating(interaction="agreed", rater="b", kind="stars", value=5.0),
        ]
    )
    assert first(store, "disagreement") == ["split"]
    assert first(store, "disagreement", rater="a") == []
    store.append([make_rating(interaction="split", rater="c", value=1.0)])
    assert first(store, "disagreement") == []


def test_questions_unlike_any_judged_one_come_first_and_not_all_of_one_kind(store):
    store.append(
        [
            make_interaction(id="judged", question="What is the wire transfer fee?"),
            make_rating(interaction="judged", rater="bob"),
            make_interaction(id="like", question="What is the wire transfer fee today?"),
            make_interaction(id="card-1", question="My card was stolen abroad, help"),
            make_interaction(id="card-2", question="My card was stolen abroad, please help"),
            make_interaction(id="loan", question="How long does mortgage approval take?"),
        ]
    )
    assert sorted(first(store, "new")) in (["card-1", "loan"], ["card-2", "loan"])


def test_arms_of_a_running_test_are_named_and_those_of_a_stopped_one_are_left(store):
    arms = [{"name": n, "adapter": "base", "share": 0.5} for n in ("control", "treatment")]
    store.command(
        "start_experiment", assistant="desk", metric="thumb_up", arms=arms, horizon=10,
        actor="ann", id="test-1",
    )  # fmt: skip
    store.append([make_interaction(id="a", experiment="test-1", arm="treatment")])
    [one] = [c for c in ranked(store, only("arm"), "ann", at=NOW) if c.reason == "arm"]
    assert one.says == "arm treatment of test-1"
    store.command("stop_experiment", experiment="test-1", actor="ann", reason="done")
    assert first(store, "arm") == []


def test_every_reason_gets_its_part_of_the_queue_and_none_starves(store):
    store.append(
        [
            make_interaction(id=f"t{n:03d}", confidence=0.1, passages=[{"similarity": 0.1}])
            for n in range(400)
        ]
    )
    use = settings(uncertain=0.5, search=0.3, audit=0.1, new=0.0, gold=0.0)
    told = Counter(one.reason for one in ranked(store, use, "ann", limit=100, at=NOW))
    assert 45 <= told["uncertain"] <= 60
    assert 25 <= told["search"] <= 36
    assert told["audit"] >= 8
    assert told["waiting"] >= 4


def test_the_list_is_the_same_for_the_same_seed_and_another_for_another(store):
    store.append([make_interaction(id=f"t{n:03d}", confidence=0.1) for n in range(60)])
    one = ranked(store, Settings(), "ann", at=NOW)
    assert one == ranked(store, Settings(), "ann", at=NOW)
    assert one != ranked(store, Settings(seed=8), "ann", at=NOW)
    assert one != ranked(store, Settings(), "bob", at=NOW)


def test_the_random_audit_is_drawn_by_seed_whatever_the_signals_say(store):
    store.append([make_interaction(id=f"t{n:03d}", confidence=n / 100) for n in range(100)])
    audit = first(store, "audit")[:20]
    assert audit != sorted(audit)
    assert any(int(id[1:]) > 50 for id in audit)


def test_a_part_out_of_range_is_refused_with_its_name(store):
    with pytest.raises(RatchetError, match=r"review\.overlap is 3"):
        ranked(store, settings(overlap=3), "ann")


def test_a_leased_answer_is_nobody_elses_until_the_lease_ends_by_the_clock(store):
    store.append([make_interaction(id="only")])
    use = settings(overlap=0, lease_minutes=10)
    assert next_review(store, use, "ann", at=NOW).item == "only"
    assert next_review(store, use, "bob", at=NOW + timedelta(minutes=9)) is None
    assert next_review(store, use, "bob", at=NOW + timedelta(minutes=11)).item == "only"
    assert next_review(store, use, "ann", at=NOW + timedelta(minutes=12)) is None


def test_many_who_ask_at_once_never_get_the_same_answer(store):
    store.append([make_interaction(id=f"t{n:03d}") for n in range(24)])
    use = settings(overlap=0)

    def work(rater: str) -> list[str]:
        done = []
        while review := next_review(store, use, rater):
            judge(store, review, UP)
            done.append(review.item)
        return done

    with ThreadPoolExecutor(6) as pool:
        judged = [id for done in pool.map(work, [f"rater-{n}" for n in range(6)]) for id in done]
    assert sorted(judged) == sorted(set(judged)) == [f"t{n:03d}" for n in range(24)]


def test_the_overlap_share_is_judged_by_two_and_the_rest_by_one(store):
    store.append([make_interaction(id=f"t{n:03d}") for n in range(24)])
    use = settings(overlap=0.4)
    at = NOW
    for rater in ("ann", "bob", "cleo"):
        while review := next_review(store, use, rater, at=at):
            at += timedelta(seconds=1)
            judge(store, review, UP, at=at)
    times = Counter(row["interaction"] for row in store.query("ratings_of", assistant="desk"))
    assert set(times.values()) == {1, 2}
    assert len(times) == 24
    assert 4 <= sum(count == 2 for count in times.values()) <= 16


def test_both_raters_of_an_overlap_answer_get_it_blind(store):
    store.append([make_interaction(id="both")])
    use = settings(overlap=1)
    ann, bob = (next_review(store, use, who, at=NOW) for who in ("ann", "bob"))
    judge(store, ann, [*UP, Given(kind="comment", text="good")], at=NOW + timedelta(seconds=1))
    bob = bob or next_review(store, use, "bob", at=NOW + timedelta(seconds=2))
    assert bob.item == "both"
    assert bob.why is None
    assert said_of(store, "both", "bob") == []
    judge(store, bob, DOWN, at=NOW + timedelta(seconds=3))
    assert {one.rater for one in said_of(store, "both", "bob")} == {"ann", "bob"}
    assert {one.rater for one in said_of(store, "both", "ann")} == {"ann", "bob"}
    assert said_of(store, "both", "nobody") == []


def test_what_the_asker_said_is_no_review(store):
    store.append([make_interaction(id="own", user="ada")])
    store.append([make_rating(interaction="own", rater="ada")])
    assert given(store) == "own"


def test_a_skipped_answer_goes_to_others_and_after_three_to_nobody(store):
    store.append([make_interaction(id="odd")])
    use = settings(overlap=0)
    for who, why in (("ann", "unclear"), ("bob", "field"), ("cleo", "broken")):
        assert given(store, who) == "odd"
        skip(store, use, who, "odd", why, at=NOW)
        assert given(store, who) is None
    assert given(store, "dan") is None
    [aside] = workload(store, use, at=NOW).set_aside
    assert (aside.item, aside.people) == ("odd", 3)
    assert aside.reasons == {"unclear": 1, "field": 1, "broken": 1}


def test_a_skip_says_why(store):
    store.append([make_interaction(id="odd")])
    with pytest.raises(RatchetError, match="does not hold"):
        skip(store, Settings(), "ann", "odd", "unclear", at=NOW)
    given(store)
    with pytest.raises(RatchetError, match="expected one of"):
        skip(store, Settings(), "ann", "odd", "bored", at=NOW)
    with pytest.raises(RatchetError, match="needs a text"):
        skip(store, Settings(), "ann", "odd", "other", " ", at=NOW)


def test_who_skips_much_is_named(store):
    store.append([make_interaction(id=f"t{n}") for n in range(10)])
    for _ in range(10):
        skip(store, settings(), "ann", given(store), "unclear", at=NOW)
    [skipper] = workload(store, settings(), at=NOW).skippers
    assert (skipper.rater, skipper.given, skipper.skipped) == ("ann", 10, 10)


def test_a_released_answer_can_be_had_again(store):
    store.append([make_interaction(id="one")])
    given(store)
    release(store, settings(), "ann", "one", at=NOW)
    assert given(store, "bob") == "one"


def test_an_undone_judgement_counts_for_no_reader_and_stays_on_record(store):
    store.append([make_interaction(id="a")])
    use = settings(overlap=0)
    review = next_review(store, use, "ann", at=NOW)
    kept = judge(store, review, [*UP, Given(kind="flag", text="safety")], at=NOW)
    assert [one["id"] for one in store.query("ratings_of", assistant="desk")] == [
        one.id for one in kept
    ]
    undone = undo(store, use, "ann", at=NOW + timedelta(seconds=5))
    assert set(undone.judgements) == {one.id for one in kept}
    assert store.query("ratings_of", assistant="desk") == []
    assert list(quality(store, "desk").raters) == []
    assert said_of(store, "a", "ann") == []
    for name in ("ratings_of", "dash_daily", "knowledge_judged"):
        assert store.query(name, assistant="desk") == []
    assert store.query("ratings", interaction="a") == []
    assert store.query("ratings_of_ids", ids=["a"]) == []
    assert store.query("watermark", assistant="desk")[0]["ratings"] == 0
    assert store.query("counts")[0]["ratings"] == 2  # nothing is deleted


def test_an_undone_rating_of_an_experiment_is_no_measurement(store):
    from tests.factories import make_exposure

    store.append([make_interaction(id="a"), make_exposure(interaction="a", experiment="e")])
    review = next_review(store, settings(overlap=0), "ann", at=NOW)
    judge(store, review, [*UP, Given(kind="stars", value=5.0)], at=NOW)
    given = {"experiment": "e", "other": "candidate"}
    assert [row["n"] for row in store.query("metric_thumb_up", **given)] == [1]
    undo(store, settings(), "ann", at=NOW + timedelta(seconds=5))
    for metric in ("metric_thumb_up", "metric_stars"):
        assert [row["n"] for row in store.query(metric, **given)] == [0]


def test_after_an_undo_the_answer_comes_back_and_the_second_word_counts(store):
    store.append([make_interaction(id="a")])
    use = settings(overlap=0)
    judge(store, next_review(store, use, "ann", at=NOW), UP, at=NOW)
    again = undo(store, use, "ann", at=NOW + timedelta(seconds=5)).review
    assert again is not None
    judge(store, again, DOWN, at=NOW + timedelta(seconds=9))
    assert [one["value"] for one in store.query("ratings_of", assistant="desk")] == [-1.0]


def test_an_undone_answer_that_another_has_judged_goes_to_somebody_else(store):
    store.append([make_interaction(id="a")])
    use = settings(overlap=1)
    for n, who in enumerate(("ann", "bob")):
        review = next_review(store, use, who, at=NOW + timedelta(seconds=n))
        judge(store, review, UP, at=NOW + timedelta(seconds=n))
    assert undo(store, use, "bob", at=NOW + timedelta(seconds=5)).review is None
    later = NOW + timedelta(seconds=9)
    assert next_review(store, use, "bob", at=later) is None
    assert next_review(store, use, "cleo", at=later).item == "a"


def test_undo_of_a_skip_brings_the_answer_back(store):
    store.append([make_interaction(id="a")])
    given(store)
    skip(store, settings(), "ann", "a", "unclear", at=NOW + timedelta(seconds=1))
    undone = undo(store, settings(), "ann", at=NOW + timedelta(seconds=2))
    assert (undone.judgements, undone.review.item) == ((), "a")
    with pytest.raises(RatchetError, match="nothing to take back"):
        undo(store, settings(), "ann", at=NOW + timedelta(seconds=3))


def test_undo_goes_back_one_judgement_at_a_time(store):
    store.append([make_interaction(id=id) for id in "ab"])
    use = settings(overlap=0)
    for n in range(2):
        at = NOW + timedelta(minutes=n)
        judge(store, next_review(store, use, "ann", at=at), UP, at=at + timedelta(seconds=1))
    for n in range(2):
        undo(store, use, "ann", at=NOW + timedelta(minutes=5 + n))
        assert len(store.query("ratings_of", assistant="desk")) == 1 - n


def test_gold_comes_to_everyone_once_and_looks_like_the_rest(store):
    store.append([make_interaction(id="g")])
    store.append([make_gold(item="g", value=-1.0)])
    for who in ("ann", "bob", "cleo"):
        review = next_review(store, settings(), who, at=NOW)
        assert (review.item, review.why) == ("g", None)
        assert why_given(store, "desk", who, "g") is None
        judge(store, review, UP, at=NOW + timedelta(seconds=1))
        assert why_given(store, "desk", who, "g") == "gold"
        assert next_review(store, settings(), who, at=NOW + timedelta(seconds=2)) is None


def test_gold_that_was_told_is_not_judged_again_after_an_undo(store):
    store.append([make_interaction(id="g")])
    store.append([make_gold(item="g", value=-1.0)])
    judge(store, next_review(store, settings(), "ann", at=NOW), UP, at=NOW)
    assert undo(store, settings(), "ann", at=NOW + timedelta(seconds=1)).review is None
    assert next_review(store, settings(), "ann", at=NOW + timedelta(seconds=2)) is None


def test_what_was_judged_under_an_old_guideline_is_asked_again_of_the_same_and_of_others(store):
    store.append(
        [
            make_guideline(id="helpful@1", version="1", at=START),
            make_interaction(id="a"),
            make_rating(interaction="a", rater="ann"),
            make_guideline(id="helpful@2", version="2", at=START + timedelta(days=1), rerate=["a"]),
        ]
    )
    use = settings(overlap=0)
    for n, who in enumerate(("ann", "bob")):
        at = NOW + timedelta(minutes=n)
        review = next_review(store, use, who, at=at)
        assert (review.item, review.why) == ("a", "re-rating for helpful@2")
        judge(store, review, DOWN, at=at + timedelta(seconds=1))
    at = NOW + timedelta(hours=1)
    assert [next_review(store, use, who, at=at) for who in ("ann", "bob", "cleo")] == [None] * 3


def test_before_a_re_rating_the_others_words_under_the_new_guideline_are_hidden(store):
    store.append(
        [
            make_guideline(id="helpful@2", version="2", at=START, rerate=["a"]),
            make_interaction(id="a"),
            make_rating(interaction="a", rater="ann", guideline="helpful@1"),
            make_rating(interaction="a", rater="bob", guideline="helpful@2"),
        ]
    )
    assert {one.rater for one in said_of(store, "a", "ann")} == {"ann"}


def test_pairs_are_leased_compared_and_taken_back_too(store):
    store.append([make_interaction(id=id, question="Q?", answer=f"{id}.") for id in "ab"])
    use = settings(overlap=0)
    review = next_review(store, use, "ann", pairs=True, at=NOW)
    assert review.item == "a b"
    assert next_review(store, use, "bob", pairs=True, at=NOW) is None
    made = judge_pair(store, review, (2, 1), at=NOW)
    assert made.shown == [turn.id for turn in review.interactions]
    assert next_review(store, use, "ann", pairs=True, at=NOW) is None
    assert undo(store, use, "ann", at=NOW + timedelta(seconds=1)).judgements == (made.id,)
    assert store.query("comparisons", assistant="desk") == []
    assert next_review(store, use, "ann", pairs=True, at=NOW + timedelta(seconds=2)) is not None


def test_an_answer_and_a_pair_can_be_held_at_once(store):
    store.append([make_interaction(id=id, question="Q?", answer=f"{id}.") for id in "ab"])
    assert " " in given(store, pairs=True)
    assert " " not in given(store)


def test_pairs_on_which_raters_differ_get_a_third_opinion(store):
    store.append([make_interaction(id=id, question="Q?", answer=f"{id}.") for id in "ab"])
    for who, ranks in (("x", [1, 2]), ("y", [2, 1])):
        store.append([make_comparison(interactions=["a", "b"], ranks=ranks, rater=who)])
    [one] = ranked(store, settings(overlap=0), "ann", pairs=True, at=NOW)
    assert (one.says, one.needs) == ("raters disagree", 3)


def test_each_answer_of_a_pair_stands_left_about_as_often():
    one, other = make_interaction(id="a"), make_interaction(id="b")
    left = [placed(one, other, f"rater-{n}").left.id for n in range(60)]
    assert 15 <= left.count("a") <= 45
    assert placed(one, other, "ann") == placed(other, one, "ann")


def test_the_same_words_are_not_held_against_each_other(store):
    store.append(
        [
            make_interaction(id="a", question="Q?", answer="30 dollars."),
            make_interaction(id="b", question="Q?", answer="30 DOLLARS"),
            make_interaction(id="c", question="Other?", answer="5."),
        ]
    )
    assert ranked(store, settings(), "ann", pairs=True, at=NOW) == []


def test_minutes_are_estimated_from_how_long_judgements_took(store):
    store.append([make_interaction(id=f"t{n}") for n in range(4)])
    assert workload(store, settings(), at=NOW).estimated
    store.append([make_rating(interaction="t0", seconds=90.0, rater="bob")])
    found = workload(store, settings(overlap=0), at=NOW)
    assert (found.answers, found.seconds, found.minutes) == (3, 90.0, 4.5)
    assert day(store, "desk", "ann", at=NOW) == Day(judged=0, seconds=90.0)
    assert next_review(store, settings(overlap=0), "ann", at=NOW).waiting == 3


def test_another_assistants_answers_are_left_out(store):
    store.append([make_interaction(id="other", assistant="till")])
    assert ranked(store, settings(), "ann", at=NOW) == []


def test_a_ticket_alone_does_not_hide_an_answer(store):
    store.append([make_interaction(id="a"), make_ticket(interaction="a")])
    assert given(store) == "a"


def test_an_answer_found_by_another_way_ends_the_lease(store):
    store.append([make_interaction(id=id) for id in "ab"])
    held = given(store)
    store.append([make_rating(interaction=held, rater="ann", at=NOW + timedelta(seconds=1))])
    assert given(store) != held


def test_a_done_event_names_what_was_given(store):
    from loop.store.tables import from_row

    store.append([make_interaction(id="a")])
    kept = judge(store, next_review(store, settings(), "ann", at=NOW), UP, at=NOW)
    events = [
        from_row(ReviewEvent, row)
        for row in store.query("review_events", assistant="desk", rater="ann")
    ]
    assert sorted(one.kind for one in events) == ["done", "lease"]
    assert next(e.judgements for e in events if e.kind == "done") == [kept[0].id]
