"""`ratchet raters` tells who agrees, who leans, and who is held back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from loop.cli import main
from loop.store.store import LocalStore
from tests.factories import make_comparison, make_interaction, make_rating


@pytest.fixture
def project(tmp_path):
    """Five who judge well and one who always says the opposite, and some who compare."""
    (tmp_path / "ratchet.toml").write_text('[assistant]\nname = "desk"\n', encoding="utf-8")
    (tmp_path / ".ratchet").mkdir()
    store = LocalStore(tmp_path / ".ratchet" / "store.duckdb")
    random = np.random.default_rng(1)
    turns = [make_interaction(id=f"i{n}", answer="Yes. " * (1 + n % 7)) for n in range(60)]
    said = []
    for n in range(60):
        for rater in ("ann", "bo", "cy", "di", "el", "eve"):
            good = (n % 2 == 0) == (random.random() < 0.9)
            value = 1.0 if good != (rater == "eve") else -1.0
            said.append(make_rating(interaction=f"i{n}", rater=rater, value=value, seconds=9.0))
    for n in range(0, 60, 2):
        pair = [f"i{n}", f"i{n + 1}"]
        said.append(make_comparison(interactions=pair, ranks=[1, 2], shown=pair, rater="ann"))
    said.append(make_rating(interaction="i0", rater="flo", kind="comment", text="Good."))
    store.append([*turns, *said])
    store.close()
    return tmp_path


def test_people_read_who_is_held_back_and_why(project, capsys):
    assert main(["raters", "--project", str(project)]) == 0
    told = capsys.readouterr().out
    assert "eve is held back from training: says the opposite of the others" in told
    assert "worse_than_chance" in told
    assert "agreement on" in told


def test_machines_get_every_figure_with_its_interval(project, capsys):
    assert main(["raters", "--json", "--project", str(project)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["held_back"] == {"eve": "worse_than_chance"}
    by_rater = {one["rater"]: one for one in found["raters"]}
    assert by_rater["ann"]["leftward"]["share"] == 1.0
    assert by_rater["ann"]["leftward"]["p_value"] < 0.01
    assert by_rater["bo"]["agreed"]["low"] < by_rater["bo"]["agreement"]
    assert by_rater["bo"]["weight"] > 1 > by_rater["eve"]["weight"] == 0
    assert (by_rater["flo"]["judgements"], by_rater["flo"]["agreed"]) == (1, None)
    by_kind = {one["kind"]: one for one in found["agreement"]}
    assert by_kind["thumb"]["low"] < by_kind["thumb"]["alpha"] < by_kind["thumb"]["high"]
    assert by_kind["thumb"]["fleiss"]["items"] == 60


def test_a_project_without_judgements_says_so(tmp_path, capsys):
    (tmp_path / "ratchet.toml").write_text("", encoding="utf-8")
    assert main(["raters", "--project", str(tmp_path)]) == 0
    assert "Nobody has judged anything yet." in capsys.readouterr().out
