"""Exports open where they are meant to, tell nobody's key, and are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from knowledge.errors import RatchetError
from loop.curate import formats, version
from loop.curate.export import export
from loop.curate.formats import Exported
from loop.curate.shapes import openai_problem
from loop.store.records import Dataset
from tests.curate.conftest import answered, compare, correct, thumb


@pytest.fixture
def dataset(made) -> Dataset:
    records: list[Any] = []
    for n in range(12):
        turns = answered(n)
        records += [*turns, compare(*turns), thumb(turns[0]), thumb(turns[1], -1.0, rater="bo")]
        records.append(correct(turns[1], f"It costs {n} crowns, see [1].", rater="bo"))
    return made(records).dataset


@pytest.fixture
def exported(store, dataset, tmp_path):
    def run(format: str, **more: Any) -> Exported:
        given = {"lineage": False, "actor": "ada", **more}
        return export(
            store, given.pop("dataset", dataset), tmp_path / "out", format=format, **given
        )

    return run


def jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows_of(dataset: Dataset, file: str) -> list[dict[str, Any]]:
    return pq.read_table(Path(dataset.path) / file).to_pylist()


def test_every_row_goes_into_its_split_and_form_of_trl(exported, dataset):
    done = exported("trl")
    for file, name, columns in (
        ("pairs", "preference", {"prompt", "chosen", "rejected", "margin"}),
        ("sft", "prompt_completion", {"prompt", "completion"}),
        ("kto", "unpaired_preference", {"prompt", "completion", "label"}),
    ):
        rows = rows_of(dataset, f"{file}.parquet")
        for split in ("train", "held_out"):
            found = jsonl(done.path / name / f"{split}.jsonl")
            assert len(found) == sum(row["split"] == split for row in rows)
            assert all(set(row) == columns for row in found)
    found = [
        (json.dumps(one["prompt"], sort_keys=True), one["chosen"], one["rejected"])
        for split in ("train", "held_out")
        for one in jsonl(done.path / "preference" / f"{split}.jsonl")
    ]
    for row in rows_of(dataset, "pairs.parquet"):
        sides = [[{"role": "assistant", "content": row[name]}] for name in ("chosen", "rejected")]
        assert (json.dumps(json.loads(row["messages"]), sort_keys=True), *sides) in found


def test_trl_takes_its_files_as_conversations(exported):
    from datasets import load_dataset
    from transformers import AutoTokenizer
    from trl.data_utils import apply_chat_template, is_conversational

    from loop.models.bases import base_folder

    done = exported("trl")
    tokenizer = AutoTokenizer.from_pretrained(str(base_folder("pocket", Path("."))))
    for name in ("preference", "prompt_completion", "unpaired_preference"):
        path = str(done.path / name / "train.jsonl")
        cache = str(done.path.parent / "cache")
        found = load_dataset("json", data_files=path, split="train", cache_dir=cache)
        assert is_conversational(found[0])
        told = apply_chat_template(found[0], tokenizer)
        assert all(isinstance(told[key], str) for key in told if key != "label")


def test_openai_gets_what_it_takes_and_the_rest_is_named_with_its_reason(exported, dataset):
    done = exported("openai")
    pairs = [r for s in ("train", "held_out") for r in jsonl(done.path / f"preference/{s}.jsonl")]
    turns = [r for s in ("train", "held_out") for r in jsonl(done.path / f"supervised/{s}.jsonl")]
    assert len(pairs) == len(rows_of(dataset, "pairs.parquet"))
    assert len(turns) == len(rows_of(dataset, "sft.parquet"))
    assert all(openai_problem(one) is None for one in (*pairs, *turns))
    assert {one["messages"][-1]["role"] for one in turns} == {"assistant"}
    assert set(pairs[0]) == {"input", "preferred_output", "non_preferred_output"}
    assert done.reasons == {"no form for single labels": len(rows_of(dataset, "kto.parquet"))}
    assert len(jsonl(done.path / "left_out.jsonl")) == len(done.left_out)


USER = {"role": "user", "content": "What does it cost?"}
SAID = {"role": "assistant", "content": "30 dollars."}


def pair(**fields: Any) -> dict[str, Any]:
    other = {"role": "assistant", "content": "40 dollars."}
    known = {"input": {"messages": [USER]}, "preferred_output": [SAID]}
    return {**known, "non_preferred_output": [other], **fields}


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        ({"messages": [USER, SAID]}, None),
        ({"messages": [USER, {**SAID, "weight": 0}, USER, {**SAID, "weight": 1}]}, None),
        (pair(), None),
        ({"messages": []}, "no messages"),
        ({"messages": [USER]}, "the last message is not of the assistant"),
        ({"messages": [SAID]}, "nobody asks anything"),
        ({"messages": [{**USER, "role": "person"}, SAID]}, "unknown role 'person'"),
        ({"messages": [{**USER, "date": 3}, SAID]}, "unknown key 'date'"),
        ({"messages": [USER, {**SAID, "content": " "}]}, "an empty message of the assistant"),
        ({"messages": [{**USER, "weight": 1}, SAID]}, "a weight that is not 0 or 1"),
        ({"messages": [USER, {**SAID, "weight": 2}]}, "a weight that is not 0 or 1"),
        ({"messages": [USER, {**SAID, "weight": 0}]}, "no message of the assistant has weight 1"),
        (pair(input={"messages": [USER, SAID]}), "the input ends with the assistant"),
        (pair(input=[]), "no messages"),
        (pair(non_preferred_output=[SAID]), "both outputs are the same"),
        (pair(preferred_output=[SAID, SAID]), "not one message"),
        (pair(preferred_output=[USER]), "not one message"),
    ],
)
def test_what_openai_would_refuse_is_known_beforehand(example, problem):
    found = openai_problem(example)
    assert found is None if problem is None else problem in str(found)


def test_the_hub_s_library_opens_a_config_per_kind_with_its_splits(exported, dataset):
    from datasets import load_dataset

    done = exported("hf")
    for file, name in (("pairs", "preference"), ("kto", "unpaired_preference")):
        cache = str(done.path.parent / "cache")
        found = load_dataset(str(done.path), name, cache_dir=cache)
        rows = rows_of(dataset, f"{file}.parquet")
        for split in ("train", "held_out"):
            assert found[split].num_rows == sum(row["split"] == split for row in rows)
        first = found["train"][0]
        [origin] = [row for row in rows if row["row"] == first["row"]]
        assert first["prompt"] == json.loads(origin["messages"])
        assert first["licence"] == origin["licence"]


def test_the_card_says_how_it_was_made_and_of_what(exported, dataset):
    done = exported("hf")
    _, front, body = (done.path / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    told = yaml.safe_load(front)
    assert told["license"] == "cc0-1.0"
    assert told["size_categories"] == ["n<1K"]
    assert [one["config_name"] for one in told["configs"]] == [
        "preference", "prompt_completion", "unpaired_preference",
    ]  # fmt: skip
    assert "dpo" in told["tags"]
    for title in ("How it was made", "Consent", "Licences", "Guidelines", "Personal data",
                  "Biases and limits", "Splits", "Checks", "Raters and agreement"):  # fmt: skip
        assert f"## {title}\n" in body
    for step, reasons in dataset.manifest["funnel"].items():
        for reason, count in reasons.items():
            assert f"| {step} | {reason} | {count} |" in body
    assert "| helpful@1 | " in body


def test_croissant_names_every_file_with_its_sum_and_every_column(exported):
    done = exported("hf")
    told = json.loads((done.path / "croissant.json").read_text(encoding="utf-8"))
    assert told["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert {one["contentUrl"] for one in told["distribution"]} == set(done.files)
    for one in told["distribution"]:
        assert one["sha256"] == formats.sums_of(done.path / one["contentUrl"])["sha256"]
    for record_set, file in zip(told["recordSet"], told["distribution"], strict=True):
        columns = {field["name"].split("/")[1] for field in record_set["field"]}
        assert columns == set(pq.read_schema(done.path / file["contentUrl"]).names)


@pytest.mark.parametrize("format", formats.FORMATS)
def test_no_key_of_a_person_or_interaction_leaves_unless_asked_for(exported, dataset, format):
    rows = [row for file in version.FILES.values() for row in rows_of(dataset, file)]
    keys = {key for row in rows for name in formats.LINEAGE for key in row[name]}
    done = exported(format)
    told = "".join(
        json.dumps(pq.read_table(path).to_pylist())
        if path.suffix == ".parquet"
        else path.read_text(encoding="utf-8")
        for path in done.path.rglob("*")
        if path.is_file()
    )
    assert keys
    assert not [key for key in keys if f'"{key}"' in told]


def test_with_lineage_the_files_are_the_version_s_own(exported, dataset):
    done = exported("parquet", lineage=True)
    assert version.damage(done.path, dataset.manifest) is None
    assert version.damage(done.path) is None
    with pytest.raises(RatchetError, match="trl has no place for it"):
        exported("trl", lineage=True)


def test_a_copy_without_lineage_names_its_own_sums(exported):
    assert version.damage(exported("parquet").path) is None


def test_an_export_is_noted_with_its_place(exported, dataset, store):
    done = exported("trl")
    [event] = [e for e in store.query("audit_chain") if e["action"] == "export"]
    assert (event["actor"], event["subject"]) == ("ada", dataset.id)
    assert event["detail"]["path"] == str(done.path.resolve())
    assert set(event["detail"]["files"]) == set(done.files)


def test_an_export_goes_over_nothing_and_leaves_nothing_half_written(
    exported, dataset, monkeypatch, tmp_path, store
):
    exported("trl")
    with pytest.raises(RatchetError, match="is there already. Nothing was exported"):
        exported("trl")

    def full(*_: Any) -> dict[str, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(formats, "_write_lines", full)
    with pytest.raises(RatchetError, match="No space left on device"):
        exported("openai")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{dataset.id}-trl"]
    (Path(dataset.path) / "sft.parquet").write_bytes(b"")
    with pytest.raises(RatchetError, match=r"sft\.parquet: changed since.*ratchet curate"):
        exported("hf")


def test_columns_that_come_later_go_along(dataset, store, tmp_path):
    folder = tmp_path / "later"
    folder.mkdir()
    for name in version.FILES.values():
        table = pq.read_table(Path(dataset.path) / name)
        rows = table.num_rows
        for column, values in (
            ("weight", pa.array([0.5] * rows)),
            ("margin", pa.array([1.5] * rows)),
            ("synthetic", pa.array([n == 0 for n in range(rows)])),
            ("cluster", pa.array(["fees"] * rows)),
        ):
            table = table.append_column(column, values)
        pq.write_table(table, folder / name)
    files = {name: formats.sums_of(folder / name) for name in version.FILES.values()}
    manifest = {**dataset.manifest, "files": files, "agreement": {"alpha": 0.71}}
    later = Dataset(
        id="ds-later", at=dataset.at, assistant="desk", rows=1, path=str(folder), manifest=manifest
    )
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    done = export(store, later, tmp_path / "out", format="hf", lineage=False, actor="ada")
    first = pq.read_table(done.path / "preference" / "train.parquet").to_pylist()[0]
    assert (first["weight"], first["margin"], first["cluster"]) == (0.5, 1.5, "fees")
    card = (done.path / "README.md").read_text(encoding="utf-8")
    assert "- synthetic\n" in card
    assert "| alpha | 0.71 |" in card
    done = export(store, later, tmp_path / "out", format="trl", lineage=False, actor="ada")
    assert jsonl(done.path / "preference" / "train.jsonl")[0]["margin"] == 1.5
