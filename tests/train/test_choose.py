"""Settings that are left open are settled from rows and machine, and say why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from loop.settings import TrainSettings
from loop.train.choose import Facts, choose, longest_kept, rows_at_once


def facts(**fields: Any) -> Facts:
    known: dict[str, Any] = {
        "method": "dpo",
        "lengths": [300] * 500,
        "longest": [280] * 500,
        "answers": [60] * 500,
        "context": 1024,
        "parameters": 1_300_000,
        "hidden": 128,
        "layers": 5,
        "feed_forward": 256,
        "vocabulary": 4096,
        "device": "cpu",
        "memory": 8 << 30,
        "bf16": False,
        "attention": "sdpa",
    }
    return Facts(**known | fields)


def test_every_choice_has_a_reason():
    chosen = choose(TrainSettings(), facts())
    assert chosen.reasons.keys() == asdict(chosen).keys() - {"reasons"}
    assert all(chosen.reasons.values())
    assert (chosen.batch_size, chosen.epochs, chosen.rank, chosen.alpha) == (16, 2.0, 16, 32)


def test_what_is_set_stands():
    known = TrainSettings(learning_rate=3e-5, rank=4, epochs=1.0, batch_size=64, precision="fp32")
    chosen = choose(known, facts())
    assert (chosen.learning_rate, chosen.rank, chosen.alpha) == (3e-5, 4, 8)
    assert (chosen.epochs, chosen.batch_size, chosen.precision) == (1.0, 64, "fp32")
    assert chosen.reasons["rank"] == "set in ratchet.toml"


def test_going_on_keeps_the_adapters_own_rank_and_says_so():
    chosen = choose(TrainSettings(rank=64), facts(parent={"r": 8, "lora_alpha": 24}))
    assert (chosen.rank, chosen.alpha) == (8, 24)
    assert "the adapter it goes on from" in chosen.reasons["rank"]


def test_a_long_run_warms_up_no_longer_than_it_must():
    few, many = (
        choose(TrainSettings(), facts(lengths=[90] * n, longest=[90] * n, answers=[20] * n))
        for n in (1_000, 600_000)
    )
    assert few.warmup == 0.1
    assert many.warmup * 600_000 / many.batch_size * many.epochs == pytest.approx(200)
    assert choose(TrainSettings(warmup=0.0), facts()).warmup == 0.0


def test_a_large_model_learns_more_slowly_and_whole_models_more_slowly_still():
    small, large = (choose(TrainSettings(), facts(parameters=n)) for n in (1e6, 7e9))
    whole = choose(TrainSettings(tuning="full"), facts(parameters=7e9))
    assert small.learning_rate > large.learning_rate > whole.learning_rate


def test_many_rows_need_fewer_epochs_and_a_higher_rank():
    few, many = (
        choose(TrainSettings(), facts(lengths=[90] * n, longest=[90] * n, answers=[20] * n))
        for n in (100, 60_000)
    )
    assert few.epochs > many.epochs
    assert few.rank < many.rank
    assert few.batch_size < many.batch_size


def test_rows_at_once_fall_with_memory_and_checkpointing_comes_last():
    roomy = choose(TrainSettings(), facts())
    tight = choose(TrainSettings(), facts(memory=60 << 20))
    none = choose(TrainSettings(), facts(memory=8 << 20))
    assert roomy.micro_batch == roomy.batch_size
    assert 1 <= tight.micro_batch < tight.batch_size
    assert not tight.gradient_checkpointing
    assert none.gradient_checkpointing
    assert none.micro_batch >= 1


def test_half_the_bytes_hold_more_rows():
    assert rows_at_once(facts(), "bf16", checkpointing=False) > rows_at_once(
        facts(), "fp32", checkpointing=False
    )


def test_bf16_is_for_devices_that_compute_in_it():
    assert choose(TrainSettings(), facts(device="cuda", bf16=True)).precision == "bf16"
    assert choose(TrainSettings(), facts(device="cuda", bf16=False)).precision == "fp32"
    assert choose(TrainSettings(), facts(bf16=True)).precision == "fp32"


@pytest.mark.parametrize(("lengths", "context", "most"), [
    ([100] * 100, 1024, 256),
    ([100] * 100, 128, 128),
    ([10] * 100, 1024, 64),
])  # fmt: skip
def test_the_longest_row_leaves_room_for_twice_what_most_need(
    lengths: list[int], context: int, most: int
):
    assert longest_kept(lengths, context)[0] == most
