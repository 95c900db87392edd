from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from knowledge.abstain import (
    FILE,
    Calibration,
    Point,
    Signals,
    calibrate,
    read_calibration,
    signals,
    write_calibration,
)
from knowledge.errors import RatchetError
from knowledge.logistic import fit_logistic
from knowledge.records import Passage
from tests.knowledge.conftest import WordEmbedder

TODAY = Point(0.3, 0.9, 0.0)


def questions(count: int, *, apart: float, seed: int = 3) -> tuple[list[Signals], list[bool]]:
    """Half of them answerable, their cosines higher by `apart` standard deviations."""
    rng = Random(seed)
    found, answerable = [], []
    for n in range(count):
        there = n % 2 == 0
        middle = 0.5 + 0.05 * apart * there
        found.append(
            Signals(
                passage=rng.gauss(middle, 0.05),
                sentence=rng.gauss(middle, 0.05),
                coverage=rng.random(),
                margin=abs(rng.gauss(0, 0.05)),
            )
        )
        answerable.append(there)
    return found, answerable


def fitted(found: list[Signals], answerable: list[bool], **how: Any) -> Calibration:
    given: dict[str, Any] = {
        "groups": [f"d{n}" for n in range(len(found))],
        "embedder": "words",
        "suites": {"s": "1"},
        "present": TODAY,
    }
    return calibrate(found, answerable, **{**given, **how})


def passage(text: str, similarity: float | None) -> Passage:
    return Passage(
        document="d",
        version="1",
        start=0,
        end=len(text),
        text=text,
        score=1.0,
        similarity=similarity,
    )


def test_a_search_shows_its_nearest_passage_and_sentence(embedder: WordEmbedder) -> None:
    far = passage("Branches open at nine.", 0.2)
    near = passage("All about wires. A wire abroad costs 35 dollars.", 0.6)
    found = signals("What does a wire abroad cost?", [far, near], embedder)
    assert (found.passage, found.coverage) == (0.6, 1.0)
    assert found.margin == pytest.approx(0.4)
    assert 0 < found.sentence <= 1
    assert signals("What does a wire cost?", [passage("So.", None)], embedder).passage == 0.0
    assert signals("What does a wire cost?", [], embedder) == Signals()


def test_the_regression_finds_the_weights_that_made_the_data() -> None:
    rng = np.random.default_rng(5)
    x_nf = rng.normal(size=(20_000, 2))
    y_n = rng.random(20_000) < 1 / (1 + np.exp(-(1.5 * x_nf[:, 0] - 0.5 * x_nf[:, 1])))
    assert fit_logistic(x_nf, y_n).weights == pytest.approx([0.0, 1.5, -0.5], abs=0.06)


def test_a_signal_that_never_varies_and_classes_that_never_meet_are_no_trouble() -> None:
    x_nf = np.array([[0.0, 1.0], [0.1, 1.0], [0.9, 1.0], [1.0, 1.0]])
    fit = fit_logistic(x_nf, np.array([False, False, True, True]))
    assert np.isfinite(fit.weights).all()
    assert (fit.chances(x_nf) > 0.5).tolist() == [False, False, True, True]


def test_a_chance_rises_with_what_was_found_and_decides() -> None:
    made = fitted(*questions(200, apart=3))
    weak, strong = Signals(0.4, 0.4, 0.5, 0.02), Signals(0.8, 0.8, 0.5, 0.02)
    assert made.chance(weak) < 0.1
    assert made.chance(strong) > 0.9
    assert (made.answers(weak), made.answers(strong)) == (False, True)


def test_chances_hold_on_questions_that_were_not_fitted_on() -> None:
    made = fitted(*questions(400, apart=1.0))
    fresh, answerable = questions(4000, apart=1.0, seed=9)
    chances = np.array([made.chance(one) for one in fresh])
    for low in (0.2, 0.4, 0.6):
        some = (chances >= low) & (chances < low + 0.2)
        assert np.mean(np.array(answerable)[some]) == pytest.approx(chances[some].mean(), abs=0.08)


def test_the_errors_told_are_those_on_fresh_questions_not_on_the_fitted_ones() -> None:
    made = fitted(*questions(60, apart=0.0))  # nothing to be learnt
    assert made.false_answer + made.false_abstain == pytest.approx(1.0, abs=0.25)


def test_a_dearer_false_answer_means_fewer_of_them() -> None:
    several = [fitted(*questions(200, apart=1.5), cost=cost) for cost in (0.5, 1.0, 4.0)]
    assert [one.threshold for one in several] == [0.33, 0.5, 0.8]
    rates = [one.false_answer for one in several]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > rates[-1]


def test_the_largest_share_of_false_answers_can_be_set_instead() -> None:
    made = fitted(*questions(300, apart=1.5), most_false_answers=0.1)
    [chosen] = [point for point in made.curve if point.threshold == made.threshold]
    assert chosen.false_answer <= 0.1
    assert made.false_answer == pytest.approx(0.1, abs=0.06)
    assert all(p.false_answer > 0.1 for p in made.curve if p.threshold < made.threshold)


def test_the_curve_goes_from_answering_all_to_answering_nothing() -> None:
    curve = fitted(*questions(100, apart=1.5)).curve
    assert curve[0] == (0.0, 1.0, 0.0)
    assert curve[-1] == (1.0, 0.0, 1.0)
    assert [p.false_answer for p in curve] == sorted((p.false_answer for p in curve), reverse=True)
    assert [p.false_abstain for p in curve] == sorted(p.false_abstain for p in curve)


def test_questions_about_one_document_are_never_on_both_sides() -> None:
    # The cosines of a document give its answer away; across documents they are noise.
    rng = Random(1)
    found, answerable, groups = [], [], []
    for n in range(40):
        mark, there = rng.random(), n % 2 == 0
        found += [Signals(mark, mark, mark, mark)] * 5
        answerable += [there] * 5
        groups += [f"d{n}"] * 5
    made = fitted(found, answerable, groups=groups)
    assert made.false_answer + made.false_abstain > 0.7


def test_too_few_questions_or_documents_are_refused() -> None:
    found, answerable = questions(18, apart=1.0)
    with pytest.raises(RatchetError, match="needs 10 answerable questions at least, and has 9"):
        fitted(found, answerable)
    found, answerable = questions(40, apart=1.0)
    with pytest.raises(RatchetError, match="about one document"):
        fitted(found, answerable, groups=["d"] * 40)


def test_a_calibration_survives_its_file_and_is_replaced_whole(tmp_path: Path) -> None:
    made = fitted(*questions(60, apart=2.0))
    assert read_calibration(tmp_path, "words") is None
    write_calibration(tmp_path, replace(made, threshold=0.9))
    assert write_calibration(tmp_path, made) == tmp_path / FILE
    assert read_calibration(tmp_path, "words") == made
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_a_calibration_of_another_embedder_is_refused(tmp_path: Path) -> None:
    write_calibration(tmp_path, fitted(*questions(60, apart=2.0)))
    with pytest.raises(RatchetError, match="fitted with the embedder 'words'.*'other'"):
        read_calibration(tmp_path, "other")


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: {},
        lambda row: row | {"format": 99},
        lambda row: row | {"weights": row["weights"][:2]},
        lambda row: row | {"scales": ["x"] * 4},
        lambda row: row | {"threshold": float("nan")},
        lambda row: [row],
    ],
)
def test_a_damaged_calibration_is_never_gone_by(tmp_path: Path, damage: Any) -> None:
    file = write_calibration(tmp_path, fitted(*questions(60, apart=2.0)))
    file.write_text(json.dumps(damage(json.loads(file.read_text(encoding="utf-8")))))
    with pytest.raises(RatchetError, match=r"calibrate --apply"):
        read_calibration(tmp_path, "words")
    file.write_text(file.read_text(encoding="utf-8")[:50])
    with pytest.raises(RatchetError, match="no calibration is in it"):
        read_calibration(tmp_path, "words")
