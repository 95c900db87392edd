"""A merge is a weighted sum of what adapters add, and leads back to everything it was made of."""

from __future__ import annotations

import doctest
import json
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from knowledge.errors import RatchetError
from loop.models import merge as merge_module
from loop.models.lineage import lineage, origins
from loop.models.merge import METHODS, merge, recipe
from loop.models.registry import register, verify
from tests.factories import make_adapter_mark, make_run

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def deltas(base: Path, folder: Path | str) -> dict[str, torch.Tensor]:
    """What an adapter adds to each layer's weights."""
    with warnings.catch_warnings():  # peft asks transformers by an older name
        warnings.simplefilter("ignore", FutureWarning)
        model: Any = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(base), str(folder)
        )
    return {
        name: layer.get_delta_weight("default").detach()
        for name, layer in model.named_modules()
        if hasattr(layer, "get_delta_weight")
    }


def summed(desk: Any, base: Path, weights: tuple[float, float]) -> dict[str, torch.Tensor]:
    one, two = deltas(base, desk.one.path), deltas(base, desk.two.path)
    return {name: weights[0] * one[name] + weights[1] * two[name] for name in one}


def test_cat_is_exactly_the_weighted_sum(desk: Any, base_folder: Path):
    done = merge(
        desk.store, desk.settings, recipe([desk.one.id, desk.two.id], [0.7, -0.3], method="cat"),
        at=AT,
    )  # fmt: skip
    found, wanted = deltas(base_folder, done.adapter.path), summed(desk, base_folder, (0.7, -0.3))
    for name, delta in wanted.items():
        torch.testing.assert_close(found[name], delta, rtol=1e-4, atol=1e-5)
    assert done.run.metrics == {"rank": 8.0, "relative_error": 0.0}


def test_svd_is_the_best_of_the_sources_rank_and_says_what_it_lost(desk: Any, base_folder: Path):
    done = merge(desk.store, desk.settings, recipe([desk.one.id, desk.two.id]), at=AT)
    found, wanted = deltas(base_folder, done.adapter.path), summed(desk, base_folder, (0.5, 0.5))
    lost = whole = 0.0
    for name, delta in wanted.items():
        u, s, v = torch.linalg.svd(delta)
        best = u[:, :4] * s[:4] @ v[:4]
        torch.testing.assert_close(found[name], best, rtol=1e-3, atol=1e-4)
        lost += float(((found[name] - delta) ** 2).sum())
        whole += float((delta**2).sum())
    assert done.run.metrics["relative_error"] == pytest.approx((lost / whole) ** 0.5, rel=1e-3)
    assert json.loads((Path(done.adapter.path) / "adapter_config.json").read_text())["r"] == 4


@pytest.mark.parametrize("method", METHODS)
def test_the_same_recipe_gives_the_same_sound_adapter(desk: Any, method: Any):
    what = recipe([desk.one.id, desk.two.id], method=method, seed=3)
    torch.manual_seed(1)
    first = merge(desk.store, desk.settings, what, at=AT, domain="cards").adapter
    torch.manual_seed(2)
    again = merge(desk.store, desk.settings, what, at=AT)
    assert (again.adapter.id, again.adapter.domain) == (first.id, "cards")
    verify(first)
    assert sorted(file.name for file in Path(first.path).iterdir()) == [
        "adapter_config.json", "adapter_model.safetensors", "files.json",
    ]  # fmt: skip
    assert not list(desk.settings.adapters.glob(".*"))
    assert again.run.method == "merge"
    assert again.run.settings["sources"] == [desk.one.id, desk.two.id]


def test_peft_computes_ties_and_dare_for_us(desk: Any, base_folder: Path):
    """Ours is what PEFT gives on the real base, though ours never reads the base's weights."""
    done = merge(
        desk.store, desk.settings, recipe([desk.one.id, desk.two.id], method="ties"), at=AT
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model: Any = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(base_folder), desk.one.path, adapter_name="one"
        )
        model.load_adapter(desk.two.path, adapter_name="two")
    model.add_weighted_adapter(
        ["one", "two"], [0.5, 0.5], "both", combination_type="ties", density=0.5
    )
    found = deltas(base_folder, done.adapter.path)
    for name, layer in model.named_modules():
        if hasattr(layer, "get_delta_weight"):
            torch.testing.assert_close(layer.get_delta_weight("both").detach(), found[name])


def test_lineage_of_a_merge_walks_to_every_source_and_its_people(desk: Any):
    first = merge(desk.store, desk.settings, recipe([desk.one.id, desk.two.id]), at=AT).adapter
    second = merge(
        desk.store, desk.settings, recipe([first.id, desk.two.id], method="cat"), at=AT
    ).adapter
    found = lineage(desk.store, second.id)
    assert json.loads(json.dumps(found)) == found
    assert [one["adapter"]["id"] for one in found["sources"]] == [first.id, desk.two.id]
    assert [one["adapter"]["id"] for one in found["sources"][0]["sources"]] == [
        desk.one.id, desk.two.id,
    ]  # fmt: skip
    assert (found["dataset"], len(found["rows"])) == (None, 2)
    assert set(origins(desk.store, second.id)) == {first.id, desk.one.id, desk.two.id}
    held = desk.store.query("adapters_of_user", user="ada")
    assert {row["id"] for row in held} == {desk.one.id, first.id, second.id}


def test_sources_with_another_scaling_still_add_up(desk: Any, base_folder: Path, tmp_path: Path):
    """Rank-stabilised LoRA scales by the root of the rank; the merge must not do so twice."""
    torch.manual_seed(5)
    config = LoraConfig(r=2, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "v_proj"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base_folder), config)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(str(tmp_path / "other"))
    run = make_run(base=str(base_folder))
    other = register(desk.store, desk.settings, run, tmp_path / "other", None, AT)
    done = merge(desk.store, desk.settings, recipe([other.id, desk.one.id], method="cat"), at=AT)
    a, b = deltas(base_folder, other.path), deltas(base_folder, desk.one.path)
    for name, found in deltas(base_folder, done.adapter.path).items():
        wanted = 0.5 * b[name] + (0.5 * a[name] if name in a else 0)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    with pytest.raises(RatchetError, match=r"one rank .* Take svd or cat"):
        merge(desk.store, desk.settings, recipe([other.id, desk.one.id], method="linear"), at=AT)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"sources": []}, "name each adapter once"),
        ({"sources": ["a", "a"]}, "name each adapter once"),
        ({"weights": [1.0]}, "1 weights for 2 adapters"),
        ({"weights": [1.0, 0.0]}, "other than 0"),
        ({"weights": [1.0, float("nan")]}, "other than 0"),
        ({"method": "magic"}, "known are svd, cat"),
        ({"method": "ties", "density": 1.0}, "between 0 and 1"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(given: dict[str, Any], says: str):
    known: dict[str, Any] = {"sources": ["a", "b"], "weights": None}
    with pytest.raises(RatchetError, match=says):
        recipe(**known | given)


def test_a_recipe_documents_itself():
    assert doctest.testmod(merge_module).failed == 0


def test_what_cannot_be_merged_is_refused_and_leaves_nothing(desk: Any, monkeypatch: Any):
    before = sorted(path.name for path in desk.settings.adapters.iterdir())
    with pytest.raises(RatchetError, match="No adapter 'ad-none'"):
        merge(desk.store, desk.settings, recipe([desk.one.id, "ad-none"]), at=AT)
    monkeypatch.setattr(
        "loop.forget.marks.marks",
        lambda store, id: {desk.two.id: [{"reason": make_adapter_mark().reason}]},
    )
    with pytest.raises(RatchetError, match=r"learnt from a forgotten person, so nothing more"):
        merge(desk.store, desk.settings, recipe([desk.one.id, desk.two.id]), at=AT)
    assert sorted(path.name for path in desk.settings.adapters.iterdir()) == before
