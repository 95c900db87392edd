"""One night on the real parts: pocket model, handbook, MiniLM, training in its own process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from eval_suites.simulate import ask, make_raters, make_users
from knowledge.collection import Collection
from knowledge.documents import read_documents
from loop.answer.assistant import Desk
from loop.commands.datasets import dataset_of
from loop.curate.version import damage
from loop.decide.promote import promote, rollback
from loop.demo import traffic
from loop.demo.traffic import Calendar
from loop.feedback import guidelines
from loop.models.engine import Engine, load_engine
from loop.models.registry import champion, lineage
from loop.nightly import run_night
from loop.project import HANDBOOK, open_collection
from loop.settings import GateSettings, Settings
from loop.store.records import Record
from loop.store.store import LocalStore, Store


class Stage(NamedTuple):
    settings: Settings
    store: Store
    engine: Engine
    collection: Collection

    def night(self, **changes: object):  # type: ignore[no-untyped-def]
        settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        return run_night(self.store, settings, engine=self.engine, collection=self.collection)


def simulate_a_day(stage: Stage, questions: int) -> None:
    calendar = Calendar(stage.settings.seed)
    desk = Desk(stage.settings, stage.collection, stage.engine, stage.store, clock=calendar.now)
    cases = traffic.load_questions()
    asked = ask(cases, make_users(12, seed=1), questions, seed=1)
    raters = make_raters(3, noise=0.0, seed=1)
    guideline = guidelines.current(stage.store).id
    answered = traffic.answer_twice(desk, asked, calendar, temperature=0.9, progress=lambda _: None)
    rows: list[Record] = []
    for n, (question, answers) in enumerate(answered):
        rows += traffic.judge_pair(
            question, answers, raters[n % 3], calendar, guideline=guideline, seed=1
        )
    stage.store.append(rows)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root: Path = tmp_path_factory.mktemp("night")
    settings = Settings(
        root=root,
        suites=("robustness",),
        gate=GateSettings(
            improve="robustness:grounded_accuracy", keep=(), minimum_cases=10, alpha=0.2
        ),
        train=replace(Settings().train, threads=1, epochs=1.0, save_every=5),
    )
    store = LocalStore(settings.store_path)
    collection = open_collection(settings)
    collection.add(read_documents(HANDBOOK / "payments"))
    made = Stage(settings, store, load_engine(settings), collection)
    simulate_a_day(made, 48)
    yield made
    store.close()


def test_a_night_makes_a_candidate_judges_it_and_a_second_one_does_nothing_again(
    stage: Stage,
) -> None:
    night = stage.night()
    assert night.verdict in ("promoted", "refused")
    assert night.adapter is not None
    expected = night.adapter if night.verdict == "promoted" else "base"
    assert champion(stage.store, "desk") == night.champion == expected
    [decision] = stage.store.query("decisions", candidate=night.adapter)
    assert (decision["verdict"] == "pass") == (night.verdict == "promoted")

    again = stage.night()
    assert again.adapter == night.adapter
    assert {"curate", "train"} <= set(again.skipped)
    assert again.verdict == ("unchanged" if night.verdict == "promoted" else "refused")
    assert len(stage.store.query("decisions", candidate=night.adapter)) == 1

    rows = lineage(stage.store, night.adapter)["rows"]
    asked = {i for row in rows for i in row["interactions"]}
    known = stage.store.query("interactions_by_id", ids=sorted(asked))
    assert {row["id"] for row in known} == asked
    assert all(row["simulated"] for row in known)
    assert {row["guideline"] for row in rows} == {"helpful@1"}
    dataset = dataset_of(stage.store, stage.settings, None)
    assert damage(Path(dataset.path), dataset.manifest) is None


def test_what_was_rolled_back_is_not_promoted_again_without_something_new(stage: Stage) -> None:
    made = stage.night().adapter
    assert made is not None
    if champion(stage.store, "desk") != made:
        promote(stage.store, "desk", made, actor="ann", reason="to see", override=True)
    rollback(stage.store, "desk", actor="ann", reason="people complain.")
    night = stage.night()
    assert (night.verdict, night.champion) == ("refused", "base")
    assert f"{made} was rolled back" in night.reason
    assert "people complain. Nothing new" in night.reason


def test_people_who_are_simulated_can_be_refused(stage: Stage) -> None:
    night = stage.night(curate=replace(stage.settings.curate, simulated=False))
    assert night.verdict == "nothing_to_train_on"
    assert night.adapter is None
