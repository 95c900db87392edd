"""Tasks of lm-evaluation-harness on the bundled model; needs the extra `harness`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from knowledge.errors import RatchetError
from loop.evaluate.harness import run_tasks
from loop.models.load import load_base
from loop.models.local import LocalEngine
from tests.answer.fakes import FakeEngine

TASK = """\
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {file}
test_split: test
output_type: {kind}
doc_to_text: "{{{{question}}}}"
{more}
doc_to_target: "{{{{{target}}}}}"
metric_list:
  - metric: {metric}
metadata:
  version: 1.0
"""


def test_without_the_harness_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(RatchetError, match=r"ratchet-loop\[harness\]"):
        run_tasks(FakeEngine(), ["arc_easy"])


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a task of choices and one of free answers, six documents each."""
    pytest.importorskip("lm_eval")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "rows.jsonl"
    choices = [" dollars.", " zebras sing quietly at night."]
    rows = [
        {"question": f"The fee for a wire is {n + 20}", "choices": choices, "label": 0}
        for n in range(6)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    folder = tmp_path / "tasks"
    folder.mkdir()
    listed, short = 'doc_to_choice: "{{choices}}"', "generation_kwargs: {max_gen_toks: 8}"
    for name, kind, target, metric, more in (
        ("fees", "multiple_choice", "label", "acc", listed),
        ("say", "generate_until", "choices[label]", "exact_match", short),
    ):
        text = TASK.format(name=name, kind=kind, target=target, metric=metric, more=more, file=file)
        (folder / f"{name}.yaml").write_text(text)
    return folder


@pytest.mark.filterwarnings("ignore")
def test_a_task_becomes_a_report_with_a_score_for_every_document(tasks: Path) -> None:
    engine = LocalEngine(load_base("pocket", device="cpu"))
    fees, say = run_tasks(engine, ["fees", "say"], folder=tasks)
    assert (fees.suite, say.suite) == ("harness:fees", "harness:say")
    assert fees.summary["acc"].mean == 1.0
    assert [score.case for score in fees.scores] == [f"{n:06d}" for n in range(6)]
    assert say.summary["exact_match"].mean == 0.0
    assert run_tasks(engine, ["fees"], folder=tasks)[0].version == fees.version


@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_run_is_said(tasks: Path) -> None:
    engine = LocalEngine(load_base("pocket", device="cpu"))
    with pytest.raises(RatchetError, match="knows no task fes"):
        run_tasks(engine, ["fes"], folder=tasks)
    with pytest.raises(RatchetError, match="model server"):
        run_tasks(FakeEngine(), ["fees"], folder=tasks)
