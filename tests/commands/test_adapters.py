"""`ratchet adapters …`: what people read and what machines get."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from loop.models.registry import register
from loop.settings import AssistantSettings, Settings
from loop.store.store import LocalStore
from tests.factories import make_adapter, make_dataset, make_dataset_row, make_run
from tests.tiny_model import make_adapter as train
from tests.tiny_model import make_base

OLD = datetime.now(UTC) - timedelta(days=90)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    base = make_base(folder / "base")
    for seed, name in enumerate(("cards", "loans")):
        train(base, folder / name, seed=seed)
    return folder


@pytest.fixture
def project(tmp_path: Path, models: Path) -> Path:
    """Two adapters of a domain each, the one for cards champion, and one of another assistant."""
    base = str(models / "base")
    (tmp_path / "ratchet.toml").write_text(f'[assistant]\nbase = "{base}"\n', encoding="utf-8")
    settings = Settings(root=tmp_path, assistant=AssistantSettings(base=base))
    store = LocalStore(settings.store_path)
    for domain in ("cards", "loans"):
        dataset = make_dataset(rows=1)
        run = make_run(dataset=dataset.id, base=base, metrics={"held_out_margin": 0.4})
        store.append([dataset, run, make_dataset_row(dataset=dataset.id)])
        made = register(store, settings, run, models / domain, None, OLD, domain=domain)
        if domain == "cards":
            store.command("promote", assistant="desk", adapter=made.id, actor="test", reason="",
                          evidence={}, expected_champion="base")  # fmt: skip
    store.append([make_adapter(id="ad-other", assistant="other", domain="cards")])
    store.close()
    return tmp_path


def machine(capsys: Any, project: Path, *argv: str, status: int = 0) -> Any:
    assert main(["adapters", *argv, "--json", "--project", str(project)]) == status
    return json.loads(capsys.readouterr().out)


def people(capsys: Any, project: Path, *argv: str, status: int = 0) -> str:
    assert main(["adapters", *argv, "--project", str(project)]) == status
    out, err = capsys.readouterr()
    return out or err.rpartition("\r")[2]


def listed(capsys: Any, project: Path) -> dict[str, str]:
    found = machine(capsys, project, "list")["adapters"]
    return {one["domain"]: one["id"] for one in found}


def test_adapters_are_listed_by_what_they_are_for(project: Path, capsys: Any):
    found = machine(capsys, project, "list", "--domain", "cards")
    assert [one["domain"] for one in found["adapters"]] == ["cards"]
    assert found["champion"] == found["adapters"][0]["id"]
    text = people(capsys, project, "list")
    assert "domain" in text
    assert "language" not in text
    assert "champion" in text
    assert "No such adapter" in people(capsys, project, "list", "--language", "de")
    everyone = machine(capsys, project, "list", "--all", "--domain", "cards")
    assert [one["assistant"] for one in everyone["adapters"]] == ["other", "desk"]
    assert everyone["champion"]["other"] == "base"
    assert "ad-other" in people(capsys, project, "list", "--assistant", "other")


def test_merging_makes_a_candidate_whose_lineage_names_both(project: Path, capsys: Any):
    known = listed(capsys, project)
    done = machine(
        capsys, project, "merge", known["cards"], known["loans"], "--weights", "0.8,0.2",
        "--method", "linear", "--segment", "retail",
    )  # fmt: skip
    assert (done["weights"], done["method"]) == ([0.8, 0.2], "linear")
    told = machine(capsys, project, "lineage", done["adapter"])
    assert [one["adapter"]["id"] for one in told["sources"]] == [known["cards"], known["loans"]]
    assert len(told["rows"]) == 2
    tree = people(capsys, project, "lineage", done["adapter"])
    assert tree.index(done["adapter"]) < tree.index(known["cards"]) < tree.index("2 rows")
    shown = people(capsys, project, "show", done["adapter"])
    assert f"merge of {known['cards']}, {known['loans']}" in shown
    assert "For segment retail" in shown
    assert f"merged from {known['cards']}" in people(capsys, project, "list")


def test_an_export_is_a_folder_of_its_own(project: Path, capsys: Any, tmp_path: Path):
    id = listed(capsys, project)["cards"]
    done = machine(capsys, project, "export", id, "--to", str(tmp_path / "out"))
    assert done["folder"] == str(tmp_path / "out")
    assert set(done["files"]) == {
        "README.md", "adapter_config.json", "adapter_model.safetensors"
    }  # fmt: skip
    card = people(capsys, project, "card", id)
    assert card == (tmp_path / "out" / "README.md").read_text()
    assert "already" in people(
        capsys, project, "export", id, "--to", str(tmp_path / "out"), status=2
    )


def test_pruning_tells_first_then_does_it_and_never_takes_the_champion(project: Path, capsys: Any):
    known = listed(capsys, project)
    dry = machine(capsys, project, "prune", "--keep", "0", "--dry-run")
    assert dry["pruned"] == [known["loans"]]
    assert dry["kept"] == {known["cards"]: "the champion"}
    assert dry["policy"] == {"keep": 0, "days": 30}
    assert machine(capsys, project, "show", known["loans"])["problem"] is None
    assert machine(capsys, project, "prune")["pruned"] == []  # it is one of the newest ten
    text = people(capsys, project, "prune", "--keep", "0", "--older-than", "60")
    assert f"1 of 2 adapters, {dry['bytes'] / 1000:.1f} KB freed" in text
    shown = people(capsys, project, "show", known["loans"])
    assert "was pruned" in shown
    assert "ratchet train --method dpo" in shown
    assert "pruned on" in people(capsys, project, "list", "--domain", "loans")
    assert main(["promote", known["loans"], "--override", "--project", str(project)]) == 2
    assert "pruned" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["merge", "ad-none"], "No adapter 'ad-none'"),
        (["merge", "ad-1", "ad-2", "--weights", "1"], "1 weights for 2 adapters"),
        (["card", "ad-none"], "No adapter 'ad-none'"),
        (["export", "ad-none", "--to", "x"], "No adapter 'ad-none'"),
        (["prune", "--keep", "-1"], "registry.keep is -1"),
    ],
)
def test_a_mistake_is_told_in_a_line(project: Path, capsys: Any, argv: list[str], says: str):
    assert says in people(capsys, project, *argv, status=2)
