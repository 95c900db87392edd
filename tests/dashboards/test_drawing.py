"""The picture, the graph, the charts and the words: right, and never markup."""

from __future__ import annotations

import doctest
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from dashboards import agenda, charts, graph, pairing, picture, queries, words
from loop.store.store import LocalStore
from tests.dashboards import filled


@pytest.mark.parametrize("module", [agenda, words])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


def test_the_picture_shows_each_step_and_stays_well_formed_whatever_is_in_it(full: LocalStore):
    home = replace(queries.home(), decided=f"ad-{filled.EVIL}", champion="</svg><script>")
    drawn = picture.draw(home)
    texts = [one.text for one in ElementTree.fromstring(drawn).iter() if one.text]
    for step in ("Answer", "Feedback", "Curate", "Train", "Evaluate", "Decide", "passed", "75.0%"):
        assert step in texts
    assert "<script>" not in drawn
    assert "Decide: passed" in picture.tell(home)


def test_the_graph_holds_every_step_of_the_lineage_as_text(full: LocalStore):
    found = queries.lineage(filled.CANDIDATE)
    assert found is not None
    evil = replace(found, parents=['x"]; evil [label="y'])
    drawn = graph.dot(evil)
    assert filled.CANDIDATE in drawn
    assert '\\"]; evil' in drawn
    assert "1 rating of 2 answers" in drawn


def test_charts_hold_the_figures_they_are_given(full: LocalStore):
    pairs = pairing.compared(filled.CANDIDATE, "base")
    scores = charts.intervals(pairs, candidate=filled.CANDIDATE, reference="base").to_dict()
    assert {row["mean"] for row in _rows(scores)} == {0.375, 0.75}
    assert _rows(charts.differences(pairs).to_dict())[0]["reading"] == "not clear"
    assert len(_rows(charts.looks(queries.looks("test-1")).to_dict())) == 2
    assert sum(row["ratings"] for row in _rows(charts.daily(queries.daily()).to_dict())) == 8


def test_an_unproven_metric_is_drawn_without_a_difference(full: LocalStore):
    [pair] = pairing.compared(filled.CANDIDATE, "base")
    unproven = replace(pair, difference=None, low=None, high=None, problem="two clusters at least")
    charts.differences([unproven]).to_dict()
    assert words.difference(None, None, None) == "—"


def test_nothing_in_a_text_is_read_as_markdown():
    shown = words.plain(filled.EVIL + "\n# title `x`")
    assert "\n" not in shown
    for at, mark in enumerate(shown):
        assert mark not in "<>*[]()$:#`" or shown[at - 1] == "\\"
    assert words.code("a`b\nc") == "`a'b c`"


def _rows(chart: dict) -> list[dict]:
    """The rows of a chart's first layer that is not the line at zero."""
    values = [one.get("data", {}).get("values") for one in (chart, *chart.get("layer", []))]
    return next(rows for rows in values if rows and "zero" not in rows[0])
