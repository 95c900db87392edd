from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from knowledge.errors import RatchetError
from loop import settings as settings_module
from loop.settings import KnowledgeSettings, Settings, load_settings, with_pairs


def written(folder: Path, text: str) -> Path:
    (folder / "ratchet.toml").write_text(text, encoding="utf-8")
    return folder


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings(root=tmp_path.resolve())


def test_what_the_file_sets_is_taken_and_the_rest_stays(tmp_path: Path) -> None:
    found = load_settings(written(tmp_path, 'seed = 3\n[train]\nmethod = "sft"\nepochs = 1\n'))
    assert (found.seed, found.train.method, found.train.epochs) == (3, "sft", 1.0)
    assert found.train.rank == Settings().train.rank
    assert found.store_path == tmp_path / ".ratchet" / "store.duckdb"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[train]\nlearning_rat = 1e-3\n", "train.learning_rat.*Did you mean 'learning_rate'"),
        ("[trian]\nmethod = 'dpo'\n", "unknown key 'trian'.*'train'"),
        ("seed = 'seven'\n", "seed is 'seven', expected int"),
        ("seed = true\n", "seed is True, expected int"),
        ("train = 3\n", "train is 3, expected"),
        ("[curate]\nconsent = 'contract'\n", "curate.consent is 'contract', expected"),
        ("[cost]\nrates = 3\n", "cost.rates is 3, expected a table"),
        ("[cost.rates]\ncpu = 'cheap'\n", "cost.rates.cpu is 'cheap', expected float"),
        ("[cost.rates]\ncuda = true\n", "cost.rates.cuda is True, expected float"),
        ("[train\n", "not valid TOML"),
    ],
)
def test_a_mistake_names_file_key_value_and_mend(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RatchetError, match=f"(?s)ratchet.toml.*{says}") as told:
        load_settings(written(tmp_path, text))
    assert "\n" not in str(told.value)


def test_a_table_may_have_keys_of_ones_own(tmp_path: Path) -> None:
    text = '[cost]\ncurrency = "USD"\n[cost.rates]\ncpu = 1\n"NVIDIA H100" = 2.8\n'
    found = load_settings(written(tmp_path, text))
    assert found.cost.rates == {"cpu": 1.0, "NVIDIA H100": 2.8}
    assert found.cost.currency == "USD"


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(RatchetError, match="no such file"):
        load_settings(tmp_path / "other.toml")


def test_a_key_may_be_set_for_one_run_and_is_checked_as_in_the_file() -> None:
    given = ["dense_weight=2", "embedder = some/model", "collection=2024"]
    found = with_pairs(KnowledgeSettings(), "knowledge", given, "--set")
    assert (found.dense_weight, found.embedder, found.collection) == (2.0, "some/model", "2024")
    assert found.candidates == KnowledgeSettings().candidates
    assert doctest.testmod(settings_module).failed == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("dense_wieght=2", "--set: unknown key 'knowledge.dense_wieght'.*'dense_weight'"),
        ("candidates=many", "--set: knowledge.candidates is 'many', expected int"),
        ("candidates=5\nembedder='x'", "candidates is .* expected int"),
        ("candidates", "expected KEY=VALUE with a key of \\[knowledge\\]"),
    ],
)
def test_a_mistake_in_it_names_flag_key_and_value(given: str, says: str) -> None:
    with pytest.raises(RatchetError, match=f"(?s){says}"):
        with_pairs(KnowledgeSettings(), "knowledge", [given], "--set")
