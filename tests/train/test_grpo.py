"""Drawn answers are scored as the suites score, by what people found good."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from trl.trainer.utils import RepeatSampler

from knowledge.errors import RatchetError
from loop.forget.files import run_folders
from loop.models.files import copy_whole
from loop.models.weights import CONFIG, WEIGHTS, read_adapter, weights_sha256
from loop.settings import Settings
from loop.train.grpo import InEpochs, case_of, rewards_of, score
from loop.train.job import RESULT, TrainResult, read_json
from loop.train.journal import read_journal
from loop.train.judge import Judge
from loop.train.plan import plan
from loop.train.rows import Asked, read_split
from loop.train.run import train
from loop.train.stages import train_stages
from tests.tiny_model import make_base
from tests.train.data import dataset, settings

PASSAGES = "[1] Fees > Wire: A wire costs 15 dollars.\n[2] Fees > Stop: A stop costs 30 dollars."
ALL = ("facts_present", "cited_gold", "grounded", "abstained_rightly")


def asked(answer: str, passages: str = PASSAGES) -> Asked:
    messages = [{"role": "user", "content": f"{passages}\n\nQuestion: What does a wire cost?"}]
    return Asked(messages, answer)


def test_a_good_answer_tells_facts_and_gold():
    case = case_of(asked("A wire costs 15 dollars [1]."))
    assert case.facts == (("15",),)
    assert [gold.quote for gold in case.gold] == ["A wire costs 15 dollars."]


@pytest.mark.parametrize(("drawn", "expected"), [
    ("A wire costs 15 dollars [1].", 3.0),
    ("A wire costs 15 dollars.", 2.0),  # right, but cites nothing
    ("A stop costs 30 dollars [2].", 1.0),  # borne out, but not what was asked
    ("I do not know.", 0.0),
])  # fmt: skip
def test_drawn_answers_are_scored_by_it(drawn: str, expected: float):
    assert score(ALL, {}, [asked("A wire costs 15 dollars [1].")], [drawn]) == [expected]


def test_where_holding_back_is_right_it_pays():
    prompt = asked("I do not know; the handbook does not say.")
    answers = ["I do not know.", "A wire costs 15 dollars [1]."]
    assert score(ALL, {}, [prompt, prompt], answers) == [1.0, 0.0]


def test_passages_in_tags_are_read_alike():
    opening = '<passage number="1" document="fees.md" heading="Wire">'
    tags = f"<passages>\n{opening}A wire costs 15 dollars.</passage>\n</passages>"
    case = case_of(asked("A wire costs 15 dollars [1].", tags))
    assert [(gold.document, gold.quote) for gold in case.gold] == [
        ("fees.md", "A wire costs 15 dollars.")
    ]


def test_a_reward_that_does_not_exist_names_those_that_do():
    with pytest.raises(RatchetError, match="train.rewards: nice; known are facts_present"):
        rewards_of(["nice"], {})


@pytest.fixture(scope="module")
def judged(
    base_folder: Path, dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A project with a reward model that was trained in it."""
    base = make_base(tmp_path_factory.mktemp("project") / "base")
    made = train_tiny(base, dataset_folder, "reward", epochs=12.0, pooling="mean")
    name = f"ad-{weights_sha256(made.folder)[:12]}"
    copy_whole(made.folder, Settings(root=base.parent).adapters / name, damaged=False)
    return base, name


def train_tiny(base: Path, data: Path, method: str, **options: Any) -> TrainResult:
    made = settings(base.parent, base, **options)
    folder = made.runs / f"run-{method}"
    return train(made, dataset(data), method=method, seed=1, parent=None, run_folder=folder)


def test_a_stage_of_grpo_is_pulled_towards_what_the_stage_before_made(
    base_folder: Path, dataset_folder: Path, tmp_path: Path
):
    options = {"generations": 4, "answer_tokens": 6, "epochs": 0.7, "rewards": ("grounded",)}
    made = settings(tmp_path, base_folder, **options, learning_rate=2e-2)
    folder = made.runs / "run-1"
    done = train_stages(
        made, dataset(dataset_folder), method="sft+grpo", seed=1, parent=None, run_folder=folder
    )
    assert done.run.metrics["1_sft_train_loss"] > 0
    first = next(line for line in read_journal(folder / "2-grpo") if "kl" in line)
    assert first["kl"] == pytest.approx(0.0, abs=1e-6)
    assert read_adapter(done.folder).config["r"] == 4  # and holds no second one
    assert run_folders(made, [done.run.dataset], []) == [folder]


def test_every_epoch_has_its_own_order_whichever_is_opened_first():
    def order(*epochs: float | None) -> list[list[int]]:
        trainer = SimpleNamespace(args=SimpleNamespace(seed=7), state=SimpleNamespace(epoch=None))
        sampler = InEpochs(RepeatSampler(range(9), mini_repeat_count=2, seed=7), trainer)
        found = []
        for epoch in epochs:
            trainer.state.epoch = epoch
            found.append(list(sampler))
        return found

    first, second = order(None, 1.0)
    assert first != second
    assert sorted(first) == sorted(second) == sorted([*range(9)] * 2)
    assert order(1.0 - 1e-12) == order(1.33) == [second]


def test_a_reward_model_scores_what_is_drawn(judged, dataset_folder):
    base, name = judged
    options = {"rewards": (name,), "generations": 4, "answer_tokens": 6, "epochs": 0.5}
    done = train_tiny(base, dataset_folder, "grpo", **options)
    assert 0.0 < done.run.metrics["held_out_reward_after"] < 1.0
    assert done.judges == [name]
    assert all(
        line["loss"] is not None for line in read_journal(done.folder.parent) if "loss" in line
    )


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing")  # what peft still asks
def test_a_reward_model_prefers_what_people_preferred(judged, dataset_folder):
    base, name = judged
    made = settings(base.parent, base, rewards=(name,))
    job = plan(made, dataset(dataset_folder), method="grpo", seed=1, parent=None)
    pairs = read_split(
        dataset_folder, "dpo", "held_out", ["split", "messages", "chosen", "rejected"]
    )
    prompts = [json.loads(line["messages"]) for line in pairs]
    judge = Judge(job, name)
    good, bad = (judge(prompts, [line[k] for line in pairs]) for k in ("chosen", "rejected"))
    assert all(g > b for g, b in zip(good, bad, strict=True))
    leads = [logit(g) - logit(b) for g, b in zip(good, bad, strict=True)]
    told = read_json(made.runs / "run-reward" / RESULT)
    assert told is not None  # and it reads them as it was trained to, by the mean
    assert sum(leads) / len(leads) == pytest.approx(told["metrics"]["held_out_margin"], rel=1e-3)


def logit(chance: float) -> float:
    return math.log(chance / (1 - chance))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda folder: shutil.rmtree(folder), "no reward model ad-"),
        (lambda folder: flip_a_bit(folder / WEIGHTS), "is not what was registered as ad-"),
        (
            lambda folder: (folder / CONFIG).write_text('{"task_type": "CAUSAL_LM"}'),
            "no adapter of",
        ),
    ],
)
def test_what_is_no_reward_model_is_refused(judged, dataset_folder, tmp_path, harm, words):
    base, name = judged
    made = settings(tmp_path, base, rewards=("grounded", name))
    folder = made.adapters / name
    shutil.copytree(Settings(root=base.parent).adapters / name, folder)
    harm(folder)
    with pytest.raises(RatchetError, match=f"train.rewards: .*{words}"):
        plan(made, dataset(dataset_folder), method="grpo", seed=1, parent=None)


def test_a_reward_model_of_another_base_is_refused(judged, dataset_folder, tmp_path):
    base, name = judged
    other = make_base(tmp_path / "other", seed=2)
    made = settings(base.parent, other, rewards=(name,))
    with pytest.raises(RatchetError, match=f"{name} was trained on the base .*{base.name}'"):
        plan(made, dataset(dataset_folder), method="grpo", seed=1, parent=None)


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
