"""A card tells what an adapter learnt from and how it did, and reads on the Hugging Face Hub."""

from __future__ import annotations

import doctest
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCard

from loop.models import card_facts
from loop.models.card import markdown
from loop.models.card_facts import model_card
from loop.models.merge import merge, recipe
from tests.factories import make_decision, make_evaluation


def told(desk: Any, id: str | None = None, **options: Any) -> str:
    return markdown(model_card(desk.store, id or desk.one.id), **options)


def test_a_card_says_what_it_is_how_it_was_made_and_of_what(desk: Any):
    text = told(desk)
    assert "method" not in text.partition("## Data")[0].partition("| setting |")[2]
    for words in (
        f"# {desk.one.id}",
        "Method `dpo`, seed 7, 12.5 seconds, 1000 tokens a second.",
        "Hardware: device cpu.",
        "Packages: torch 2.",
        "| rank | 4 |",
        "1 rows, from 2 interactions of 1 people and 1 ratings and comparisons",
        "| consent | 1 |",
        "| helpful@1 | 1 |",
        "| cc0 | 4 |",
        "50.0 % of the datasets' rows are simulated",
        "Not evaluated yet.",
        "No gate has judged it.",
        f"ratchet adapters lineage {desk.one.id}",
    ):
        assert words in text, words


def test_the_front_matter_is_what_the_hub_reads(desk: Any):
    text = told(desk)
    found = ModelCard(text).data
    assert found.library_name == "peft"
    base = Path(desk.settings.assistant.base)
    assert found.base_model == base.name  # the last part of its folder, never the way there
    assert found.license == "other"
    assert found["license_name"] == "data-cc0"
    assert found.tags == ["ratchet", "lora", "dpo", "simulated"]
    assert str(desk.settings.root) not in text
    assert ModelCard(told(desk, library="transformers")).data.library_name == "transformers"


def test_labels_of_an_adapter_are_on_its_card(desk: Any):
    merged = merge(
        desk.store, desk.settings, recipe([desk.one.id, desk.two.id]), at=desk.one.at,
        domain="payments", language="pt-BR", segment="retail",
    ).adapter  # fmt: skip
    text = told(desk, merged.id)
    found = ModelCard(text).data
    assert found.language == ["pt-BR"]
    assert {"merge", "payments", "retail"} <= set(found.tags)
    assert found["license_name"] == "data-cc0-and-internal"
    assert f"Merged from `{desk.one.id}`, `{desk.two.id}`." in text
    assert "domain `payments`, language `pt-BR`, segment `retail`" in text
    assert "2 rows, from 4 interactions of 2 people" in text
    assert "| method | svd |" in text


def test_figures_stand_beside_those_of_the_champion_it_was_judged_against(desk: Any):
    desk.store.append(
        [
            make_evaluation(adapter="base", mean=0.5, low=0.4, high=0.6),
            make_evaluation(adapter=desk.one.id, mean=0.1, low=0.0, high=0.2),
            make_evaluation(adapter=desk.one.id, mean=0.8, low=0.7, high=0.9),
            make_decision(
                candidate=desk.one.id,
                rules=[{"rule": "improve", "passed": True, "evidence": {"says": "+0.3 | <b>"}}],
            ),
        ]
    )
    text = told(desk)
    line = "| accuracy | grounded_accuracy | 0.800 [0.700, 0.900] | 0.500 [0.400, 0.600] | 100 |"
    assert line in text
    assert "| suite | metric | this adapter | champion then: base | cases |" in text
    assert "The gate passed it against `base`" in text
    assert r"| improve | passed | +0.3 \| &lt;b> |" in text
    assert "No gate has judged it" not in text


def test_what_was_erased_or_taken_back_is_said(desk: Any):
    desk.store.command("forget", user="ada", actor="test", id="forget-1")
    text = told(desk)
    assert "Data of it were erased for a forgotten person" in text
    assert "**It learnt from a person who was forgotten since.**" in text


def test_a_name_cannot_break_out_of_the_front_matter(desk: Any):
    card = model_card(desk.store, desk.one.id)
    evil = replace(card, adapter=replace(card.adapter, base='x"\nlicense: mit\n---', domain="a: b"))
    front = markdown(evil).split("---\n")[1]
    assert yaml.safe_load(front)["license"] == "other"
    assert "a: b" in yaml.safe_load(front)["tags"]
    assert doctest.testmod(card_facts).failed == 0
