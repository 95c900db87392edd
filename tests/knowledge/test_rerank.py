from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge.collection import Collection
from knowledge.documents import make_document
from knowledge.errors import RatchetError
from knowledge.rerank import load_reranker
from knowledge.search import Defaults
from tests.tiny_model import tiny_cross_encoder

TEXTS = ["A wire costs 35 dollars.", "A wire abroad.", "35 dollars abroad."]


def test_a_cross_encoder_scores_each_text_for_the_query(tmp_path: Path):
    rerank = load_reranker(tiny_cross_encoder(tmp_path / "judge", ("relevance",)))
    scores = rerank("a wire abroad", TEXTS)
    assert len(scores) == 3
    assert len(set(scores)) == 3
    assert rerank("a wire abroad", TEXTS[::-1]) == pytest.approx(list(scores)[::-1], abs=1e-6)


def test_the_search_puts_its_best_in_the_order_of_the_cross_encoder(tmp_path: Path, embedder: Any):
    name = tiny_cross_encoder(tmp_path / "judge", ("relevance",))
    collection = Collection.open(tmp_path / "desk", embedder)
    collection.add([make_document(id=f"d{n}", text=text) for n, text in enumerate(TEXTS)])
    found = collection.search("a wire abroad costs", settings=Defaults(reranker=name))
    judged = [passage.why["rerank"] for passage in found]
    assert len(judged) == 3
    assert (np.diff(judged) <= 0).all()


def test_a_model_that_classifies_or_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(RatchetError, match=r"it has 3 outputs, expected 1"):
        load_reranker(tiny_cross_encoder(tmp_path / "nli", ("a", "b", "c")))
    with pytest.raises(RatchetError, match=r"knowledge.reranker is .*cannot be loaded"):
        load_reranker(str(tmp_path / "nothing"))
