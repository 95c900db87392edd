import logging
from collections import Counter
from dataclasses import replace

import pytest

from knowledge.errors import RatchetError
from loop.answer.records import ANONYMOUS, Ask
from loop.answer.variants import LOOK_EVERY, RETRY_AFTER, Variants
from tests.answer.fakes import FakeEngine, FakeStore, adapter, experiment, promotion


def run_experiment(monkeypatch, running) -> None:
    """Let this experiment run."""
    monkeypatch.setattr("loop.answer.variants.running_experiment", lambda store, name: running)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path):
    store = FakeStore()
    store.append([adapter(f"ad-{n}", tmp_path / f"ad-{n}") for n in (1, 2)])
    return store


def make(store, clock, engine=None) -> Variants:
    return Variants(store, engine or FakeEngine(), "desk", monotonic=clock)


def ask(user="ada", **fields) -> Ask:
    return Ask(question="What?", user=user, **fields)


def test_the_bare_base_answers_until_something_is_promoted(store, clock):
    variants = make(store, clock)
    assert variants.choose(ask()) == ("base", None, None)
    assert variants.problem is None


def test_a_promotion_is_followed_at_the_next_look_and_looks_are_rare(store, clock):
    variants = make(store, clock)
    store.append([promotion("ad-1")])
    looked = len(store.asked)
    for _ in range(100):
        variants.follow()
    assert len(store.asked) == looked
    assert variants.champion == "base"
    clock.now += LOOK_EVERY
    variants.follow()
    assert variants.champion == "ad-1"
    assert LOOK_EVERY < 1


def test_a_champion_whose_weights_are_not_sound_does_not_break_service(
    store, clock, tmp_path, caplog
):
    store.append([promotion("ad-1")])
    variants = make(store, clock)
    bad = adapter("ad-bad", tmp_path / "bad", sha256="0" * 64)
    store.append([bad, promotion("ad-bad", "ad-1")])
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            clock.now += LOOK_EVERY
            variants.follow()
    assert variants.choose(ask()).adapter == "ad-1"
    assert "ad-bad" in variants.problem
    [(name, told)] = store.commands
    assert (name, told["action"], told["subject"]) == ("audit", "adapter_failed", "ad-bad")
    assert "ad-bad" in caplog.text


def test_a_mended_champion_is_picked_up_and_the_trouble_is_over(store, clock, tmp_path):
    good = adapter("ad-3", tmp_path / "three")
    weights = tmp_path / "three" / "adapter_model.safetensors"
    kept = weights.read_bytes()
    weights.write_bytes(b"broken")
    store.append([good, promotion("ad-3")])
    variants = make(store, clock)
    assert (variants.champion, variants.problem is None) == ("base", False)
    weights.write_bytes(kept)
    clock.now += RETRY_AFTER
    variants.follow()
    assert (variants.champion, variants.problem) == ("ad-3", None)


def test_rolling_back_from_a_broken_champion_ends_the_trouble(store, clock, tmp_path):
    store.append([adapter("ad-bad", tmp_path / "bad", sha256="0" * 64), promotion("ad-bad")])
    variants = make(store, clock)
    assert variants.problem
    store.append([promotion("ad-1", "ad-bad")])
    clock.now += LOOK_EVERY
    variants.follow()
    assert (variants.champion, variants.problem) == ("ad-1", None)


def test_a_server_that_starts_on_a_broken_champion_serves_the_one_before(store, clock, tmp_path):
    store.append([promotion("ad-1"), promotion("ad-2", "ad-1")])
    store.append([adapter("ad-bad", tmp_path / "bad", sha256="0" * 64)])
    store.append([promotion("ad-bad", "ad-2")])
    variants = make(store, clock)
    assert variants.champion == "ad-2"
    assert variants.problem


def test_an_engine_that_cannot_load_is_survived_like_bad_weights(store, clock):
    engine = FakeEngine()
    engine.load_adapter = lambda id, path: (_ for _ in ()).throw(OSError("no memory"))
    store.append([promotion("ad-1")])
    variants = make(store, clock, engine)
    assert variants.champion == "base"
    assert "no memory" in variants.problem


def test_arms_of_a_running_experiment_stick_to_people_and_are_all_served(store, clock, monkeypatch):
    run_experiment(monkeypatch, experiment("base", "ad-1"))
    variants = make(store, clock)
    chosen = {f"u{n}": variants.choose(ask(f"u{n}")) for n in range(200)}
    assert all(variants.choose(ask(user)) == v for user, v in chosen.items())
    assert {v.experiment for v in chosen.values()} == {"exp"}
    assert all(v.arm == v.adapter for v in chosen.values())
    counts = Counter(v.adapter for v in chosen.values())
    assert min(counts["base"], counts["ad-1"]) > 60


def test_an_experiment_leaves_out_whom_it_cannot_count(store, clock, monkeypatch):
    run_experiment(monkeypatch, experiment("ad-1", "ad-2"))
    store.append([promotion("ad-1")])
    variants = make(store, clock)
    assert variants.choose(ask(ANONYMOUS)).experiment is None
    assert variants.choose(ask(adapter="ad-2")) == ("ad-2", None, None)
    assert variants.choose(ask(simulated=True)).experiment is None
    assert variants.choose(ask(), experiment=False) == ("ad-1", None, None)
    assert variants.choose(ask()).experiment == "exp"


def test_simulated_people_take_part_in_simulated_experiments_only(store, clock, monkeypatch):
    run_experiment(monkeypatch, replace(experiment("base", "ad-1"), simulated=True))
    variants = make(store, clock)
    assert variants.choose(ask(simulated=True)).experiment == "exp"
    assert variants.choose(ask()).experiment is None


def test_an_arm_that_cannot_be_served_falls_to_the_champion_uncounted(
    store, clock, tmp_path, monkeypatch
):
    store.append([adapter("ad-bad", tmp_path / "bad", sha256="0" * 64)])
    run_experiment(monkeypatch, experiment("ad-bad", "ad-bad"))
    variants = make(store, clock)
    assert variants.choose(ask()) == ("base", None, None)
    assert "ad-bad" in variants.problem


def test_an_adapter_of_another_assistant_is_not_ours_to_serve(store, clock, tmp_path):
    store.append([adapter("ad-x", tmp_path / "x", assistant="other")])
    with pytest.raises(RatchetError, match="ad-x"):
        make(store, clock).choose(ask(adapter="ad-x"))
