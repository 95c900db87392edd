"""Vision-language bases: what an image shows is learnt, and told apart from text about images."""

from __future__ import annotations

import json
import math
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from knowledge.errors import RatchetError
from loop.models.load import Base, load_base
from loop.models.local import LocalEngine
from loop.models.records import GenerationRequest
from loop.train.job import TrainResult
from loop.train.journal import read_journal
from loop.train.layout import lay, scores
from loop.train.rows import Row, read_asked, read_rows
from loop.train.run import train
from tests.tiny_model import ask, make_base, make_vision_base
from tests.train.data import dataset, make_dataset, pair, settings

COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220)}


def picture(colour: str, *, size: tuple[int, int] = (28, 28), format: str = "PNG") -> bytes:
    file = BytesIO()
    Image.new("RGB", size, COLOURS[colour]).save(file, format)
    return file.getvalue()


def shown(n: int, split: str = "train", **fields: Any) -> dict[str, Any]:
    """A pair that only the image decides: the same question, the other colour rejected."""
    colour, other = ("red", "blue") if n % 2 else ("blue", "red")
    known = {
        "messages": json.dumps([{"role": "user", "content": "Which colour?"}]),
        "chosen": f"It is {colour}.",
        "rejected": f"It is {other}.",
        "images": [picture(colour)],
    }
    return pair(n, split, **known | fields)


@pytest.fixture(scope="module")
def vision_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vision_base(tmp_path_factory.mktemp("vision"))


@pytest.fixture(scope="module")
def base(vision_folder: Path) -> Base:
    return load_base(str(vision_folder), device="cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = [shown(n, "train" if n < 16 else "held_out") for n in range(24)]
    return make_dataset(tmp_path_factory.mktemp("shown"), pairs)


def rows_of(base: Base, folder: Path, method: Any = "dpo") -> list[Row]:
    return read_rows(
        folder, method, "train", base.tokenizer, most=256, ends=base.ends, sight=base.sight
    ).rows


def trained(base: Path, data: Path, folder: Path, method: Any, **options: Any) -> TrainResult:
    known = {"epochs": 12.0, "learning_rate": 1e-2}
    made = settings(base.parent, base, **known | options)
    return train(made, dataset(data), run_folder=folder, method=method, seed=1, parent=None)


def test_an_image_is_as_many_tokens_as_the_model_wants_and_written_placeholders_are_text(
    base: Base, tmp_path: Path
):
    told = [{"role": "user", "content": "Type <image> here."}]
    make_dataset(tmp_path, [shown(0), shown(1, messages=json.dumps(told), images=[])])
    image = base.model.config.image_token_id
    counts = {row.name: row.prompt.count(image) for row in rows_of(base, tmp_path)}
    assert counts == {"row-000": 4, "row-001": 0}


@pytest.mark.parametrize("form", ["struct", "jpeg"])
def test_images_come_as_bytes_or_as_datasets_writes_them(base: Base, tmp_path: Path, form: str):
    image: Any = picture("red", format="JPEG" if form == "jpeg" else "PNG")
    cell = {"bytes": image, "path": None} if form == "struct" else image
    make_dataset(tmp_path, [shown(0, images=[cell])])
    [row] = rows_of(base, tmp_path)
    assert row.picture is not None
    assert row.picture.images == (image,)


def test_a_batch_of_images_and_text_scores_like_its_rows_one_by_one(base: Base, tmp_path: Path):
    two = [picture("red"), picture("blue", size=(60, 40))]
    longer = json.dumps(ask("Which colour is the fee?"))
    pairs = [shown(0), shown(1, images=two), shown(2, images=[]), shown(3, messages=longer)]
    make_dataset(tmp_path, pairs)
    rows = rows_of(base, tmp_path)
    assert sorted(len(row.picture.images) if row.picture else 0 for row in rows) == [0, 1, 1, 2]
    pad = base.tokenizer.pad_token_id

    def found(rows: list[Row]) -> torch.Tensor:
        with torch.no_grad():
            return scores(base.model, lay(rows, pad, share=True, sight=base.sight)).logprob

    alone = torch.cat([found([row]) for row in rows])
    torch.testing.assert_close(found(rows), alone, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("method", "figure"), [("dpo", "held_out_reward_accuracy"), ("kto", "held_out_auc")]
)
def test_preferences_that_only_the_image_decides_are_learnt(
    vision_folder: Path, data: Path, tmp_path: Path, method: str, figure: str
):
    metrics = trained(vision_folder, data, tmp_path, method).run.metrics
    assert metrics["rows"] == (32 if method == "kto" else 16)
    assert metrics[figure] == 1.0
    first = next(line for line in read_journal(tmp_path) if "loss" in line)
    assert first["gain"] == pytest.approx(0.0, abs=1e-3)  # it sees what the reference saw


def test_a_whole_model_learns_what_only_the_image_tells_and_keeps_its_eyes(
    vision_folder: Path, data: Path, tmp_path: Path
):
    options = {"tuning": "full", "epochs": 40.0, "learning_rate": 5e-3, "save_every": 20}
    done = trained(vision_folder, data, tmp_path, "sft", **options)
    whole = load_base(str(done.folder), device="cpu")
    rows = rows_of(whole, data, "sft")
    assert len(rows) == 16
    tokens = sum(len(row.answers[0]) for row in rows) / len(rows)
    blind = math.log(2) / tokens  # the least loss a token of whoever knows all but the colour
    assert done.run.metrics["held_out_loss_after"] < blind / 2


def test_a_text_base_refuses_images_and_names_the_row(tmp_path: Path):
    base = load_base(str(make_base(tmp_path / "base")), device="cpu")
    make_dataset(tmp_path, [shown(7)])
    with pytest.raises(RatchetError, match=r"pairs\.parquet: row row-007: it shows images.*text"):
        rows_of(base, tmp_path)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (b"not an image", "an image cannot be read; expected PNG"),
        (picture("red")[:40], "an image cannot be read; expected PNG"),
        ("photo.png", "expected the bytes of each image, got str"),
        ({"bytes": None, "path": "photo.png"}, "expected the bytes of each image, got NoneType"),
    ],
)
def test_a_broken_image_is_an_error_that_names_its_row(
    base: Base, tmp_path: Path, cell: Any, said: str
):
    make_dataset(tmp_path, [shown(3, images=[cell])])
    with pytest.raises(RatchetError, match=rf"pairs\.parquet: row row-003: .*{said}"):
        rows_of(base, tmp_path)


def test_methods_that_cannot_see_say_so(vision_folder: Path, base: Base, tmp_path: Path):
    with pytest.raises(RatchetError, match="there are no reward models of such a base"):
        load_base(str(vision_folder), device="cpu", reward=True)
    make_dataset(tmp_path, [shown(3)])
    with pytest.raises(RatchetError, match=r"sft\.parquet: row row-003 shows images, and GRPO"):
        read_asked(tmp_path, "train", base.tokenizer, most=256)


def test_an_adapter_of_a_base_that_sees_answers_text(
    vision_folder: Path, data: Path, tmp_path: Path
):
    done = trained(vision_folder, data, tmp_path, "sft", epochs=6.0)
    engine = LocalEngine(load_base(str(vision_folder), device="cpu"))
    engine.load_adapter("ad-1", done.folder)
    asked = [
        GenerationRequest(messages=ask("Which colour?"), max_tokens=8, adapter=adapter)
        for adapter in ("base", "ad-1")
    ]
    together = [one.text for one in engine.generate(asked)]
    assert together == [engine.generate([one])[0].text for one in asked]
    assert together[0] != together[1]


def test_a_processor_without_its_package_says_what_to_install(
    vision_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def missing(*_: Any, **__: Any) -> None:
        raise ImportError("The processor requires the Torchvision library but it was not found")

    monkeypatch.setattr("loop.models.load.AutoProcessor.from_pretrained", missing)
    with pytest.raises(RatchetError, match=r"sees images with torchvision, .*Install the build"):
        load_base(str(vision_folder), device="cpu")
