"""The registry's promises, with a store that keeps rows in lists."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.models import registry
from loop.models.weights import WEIGHTS, weights_sha256
from loop.settings import Settings
from loop.store.records import Adapter, Dataset, DatasetRow, Promotion, Run

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Shelves:
    """Rows by record, as the store's queries give them; appending a row twice keeps one."""

    def __init__(self) -> None:
        self.rows: dict[type, list[dict[str, Any]]] = {}

    def append(self, records: list[Any]) -> None:
        for record in records:
            assert is_dataclass(record)
            kept, row = self.rows.setdefault(type(record), []), asdict(record)
            if row not in kept:
                kept.append(row)

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        table = {"adapter": Adapter, "run": Run, "dataset": Dataset}.get(name)
        if table is not None:
            return [row for row in self.rows.get(table, []) if row["id"] == parameters["id"]]
        if name == "pruned":
            return []
        if name == "champion":
            return self.rows.get(Promotion, [])[-1:]
        assert name == "lineage_rows"
        [adapter] = self.query("adapter", id=parameters["adapter"])
        return [r for r in self.rows.get(DatasetRow, []) if r["dataset"] == adapter["dataset"]]


@pytest.fixture
def store() -> Any:
    return Shelves()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path)


def make_run(**fields: Any) -> Run:
    known = {
        "id": "run-1",
        "at": AT,
        "dataset": "ds-1",
        "method": "dpo",
        "base": "tiny",
        "seed": 1,
        "settings": {},
        "seconds": 1.0,
        "tokens_per_second": 9.0,
        "metrics": {},
    }
    return Run(**known | fields)


def damage(folder: Path) -> None:
    file = folder / WEIGHTS
    file.write_bytes(file.read_bytes()[:-100])


def test_an_adapter_is_named_by_its_weights_and_copied_whole(
    store: Any, settings: Settings, adapter_folders: dict[str, Path]
):
    source = adapter_folders["ad-one"]
    made = registry.register(store, settings, make_run(), source, None, AT)
    assert made.id == f"ad-{weights_sha256(source)[:12]}"
    assert Path(made.path).parent == settings.adapters.resolve()
    assert weights_sha256(Path(made.path)) == made.sha256
    assert registry.adapter_of(store, made.id) == made
    assert [row["id"] for row in store.rows[Run]] == ["run-1"]
    assert not list(settings.adapters.glob(".*"))
    registry.verify(made)


def test_the_same_weights_twice_are_one_adapter(
    store: Any, settings: Settings, adapter_folders: dict[str, Path]
):
    source = adapter_folders["ad-one"]
    first = registry.register(store, settings, make_run(), source, None, AT)
    again = registry.register(store, settings, make_run(id="run-2"), source, None, AT)
    other = registry.register(store, settings, make_run(), adapter_folders["ad-two"], first, AT)
    assert again == first
    assert other.parent == first.id != other.id
    assert len(store.rows[Adapter]) == 2


def test_a_damaged_adapter_is_refused_and_mended_by_registering_it_again(
    store: Any, settings: Settings, adapter_folders: dict[str, Path]
):
    source = adapter_folders["ad-one"]
    made = registry.register(store, settings, make_run(), source, None, AT)
    damage(Path(made.path))
    with pytest.raises(RatchetError, match=rf"weights of {made.id} have SHA-256 .*backup"):
        registry.verify(made)
    assert registry.register(store, settings, make_run(), source, None, AT).id == made.id
    registry.verify(made)


@pytest.mark.parametrize("harm", ["truncated", "missing", "no folder", "no config"])
def test_what_cannot_be_read_is_not_registered(
    store: Any, settings: Settings, adapter_folders: dict[str, Path], tmp_path: Path, harm: str
):
    source = shutil.copytree(adapter_folders["ad-one"], tmp_path / "source")
    if harm == "truncated":
        damage(source)
    elif harm == "missing":
        (source / WEIGHTS).unlink()
    elif harm == "no config":
        (source / "adapter_config.json").unlink()
    else:
        shutil.rmtree(source)
    with pytest.raises(RatchetError, match="source"):
        registry.register(store, settings, make_run(), source, None, AT)
    assert store.rows == {}
    assert not settings.adapters.exists()


def test_a_registration_killed_half_way_can_be_done_again(
    store: Any, settings: Settings, adapter_folders: dict[str, Path]
):
    source = adapter_folders["ad-one"]
    half = settings.adapters / f"ad-{weights_sha256(source)[:12]}"
    half.mkdir(parents=True)
    (half / WEIGHTS).write_bytes(b"half")
    made = registry.register(store, settings, make_run(), source, None, AT)
    assert Path(made.path) == half.resolve()
    registry.verify(made)


def test_every_file_is_verified_not_the_weights_alone(
    store: Any, settings: Settings, adapter_folders: dict[str, Path]
):
    made = registry.register(store, settings, make_run(), adapter_folders["ad-one"], None, AT)
    config = Path(made.path) / "adapter_config.json"
    files = json.loads((Path(made.path) / "files.json").read_text())
    assert files[WEIGHTS] == made.sha256
    assert set(files) == {file.name for file in Path(made.path).iterdir()} - {"files.json"}
    config.write_text(config.read_text().replace('"lora_alpha": 8', '"lora_alpha": 80'))
    with pytest.raises(RatchetError, match=r"adapter_config.json: missing, or not what was"):
        registry.verify(made)
    (Path(made.path) / "files.json").unlink()
    with pytest.raises(RatchetError, match="not the one that was registered"):
        registry.verify(made)
    registry.register(store, settings, make_run(), adapter_folders["ad-one"], None, AT)
    registry.verify(made)


def test_the_same_weights_with_another_scaling_are_no_second_adapter(
    store: Any, settings: Settings, adapter_folders: dict[str, Path], tmp_path: Path
):
    made = registry.register(store, settings, make_run(), adapter_folders["ad-one"], None, AT)
    source = shutil.copytree(adapter_folders["ad-one"], tmp_path / "source")
    config = json.loads((source / "adapter_config.json").read_text())
    config["target_modules"].reverse()  # PEFT writes them in any order
    (source / "adapter_config.json").write_text(json.dumps(config | {"peft_version": "99"}))
    assert registry.register(store, settings, make_run(), source, None, AT) == made
    (source / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 80}))
    with pytest.raises(RatchetError, match="another rank, scaling or layers"):
        registry.register(store, settings, make_run(), source, None, AT)


def test_an_adapter_of_old_without_a_manifest_is_verified_by_its_weights(
    store: Any, settings: Settings, adapter_folders: dict[str, Path]
):
    made = registry.register(store, settings, make_run(), adapter_folders["ad-one"], None, AT)
    old = replace(made, config_sha256="")
    (Path(made.path) / "files.json").unlink()
    registry.verify(old)
    damage(Path(made.path))
    with pytest.raises(RatchetError, match="SHA-256"):
        registry.verify(old)


def test_pickled_files_are_never_kept(
    store: Any, settings: Settings, adapter_folders: dict[str, Path], tmp_path: Path
):
    source = shutil.copytree(adapter_folders["ad-one"], tmp_path / "source")
    (source / "training_args.bin").write_bytes(b"pickle")
    made = registry.register(store, settings, make_run(), source, None, AT)
    assert not (Path(made.path) / "training_args.bin").exists()


def test_an_adapter_carries_its_labels_and_the_same_weights_carry_one_set(
    store: Any, settings: Settings, adapter_folders: dict[str, Path]
):
    source = adapter_folders["ad-one"]
    made = registry.register(
        store, settings, make_run(), source, None, AT, domain=" cards ", language="pt-BR"
    )
    assert (made.domain, made.language, made.segment) == ("cards", "pt-BR", "")
    assert registry.register(store, settings, make_run(), source, None, AT) == made
    with pytest.raises(RatchetError, match=r"domain 'cards', so they cannot also have 'loans'"):
        registry.register(store, settings, make_run(), source, None, AT, domain="loans")
    with pytest.raises(RatchetError, match=r"segment 'a\|b': expected one word"):
        registry.register(store, settings, make_run(), source, None, AT, segment="a|b")


def test_the_base_answers_until_an_adapter_is_promoted(store: Any):
    assert registry.champion(store, "desk") == registry.BASE
    store.append(
        [
            Promotion(
                id="p1",
                at=AT,
                assistant="desk",
                adapter="ad-1",
                previous="base",
                kind="promote",
                actor="ada",
                reason="better",
                evidence={},
            )
        ]
    )
    assert registry.champion(store, "desk") == "ad-1"


def test_lineage_leads_to_every_rating_and_every_ancestor(
    store: Any, settings: Settings, adapter_folders: dict[str, Path]
):
    one, two = adapter_folders["ad-one"], adapter_folders["ad-two"]
    for dataset in ("ds-1", "ds-2"):
        row = {"dataset": dataset, "kind": "pair", "split": "train", "guideline": "helpful@1"}
        traces = {"interactions": ["i1"], "ratings": [f"r-{dataset}"], "users": ["ada"]}
        store.append(
            [
                Dataset(
                    id=dataset, at=AT, assistant="desk", rows=1, path="somewhere", manifest={"n": 1}
                ),
                DatasetRow(row=f"row-{dataset}", consent="consent", **row, **traces),
            ]
        )
    parent = registry.register(store, settings, make_run(), one, None, AT)
    child = registry.register(
        store, settings, make_run(id="run-2", dataset="ds-2"), two, parent, AT
    )
    found = registry.lineage(store, child.id)
    assert json.loads(json.dumps(found)) == found
    assert found["adapter"]["id"] == child.id
    assert found["run"]["id"] == "run-2"
    assert found["dataset"]["manifest"] == {"n": 1}
    assert found["rows"][0]["ratings"] == ["r-ds-2"]
    assert found["parent"]["adapter"]["id"] == parent.id
    assert found["parent"]["rows"][0]["ratings"] == ["r-ds-1"]
    assert found["parent"]["parent"] is None


def test_an_adapter_nobody_registered_has_no_lineage(store: Any):
    for ask in (registry.lineage, registry.adapter_of):
        with pytest.raises(RatchetError, match=r"No adapter 'ad-none'.*adapters list"):
            ask(store, "ad-none")
