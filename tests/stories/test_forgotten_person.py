"""A person with 40 interactions is forgotten: nothing of theirs is left, and that is proven."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eval_suites.suites import load_suite
from loop import project
from loop.cli import main
from loop.curate.pipeline import curate
from loop.decide.promote import promote
from loop.evaluate.from_life import add_case
from loop.forget import forget as story
from loop.forget.forget import Forgotten, forget, preview
from loop.forget.work import work_path
from loop.models.registry import lineage
from loop.settings import Settings
from loop.store.audit import verify_chain
from loop.store.needles import search_apart
from loop.store.records import Interaction, Record
from loop.store.store import LocalStore, Store
from tests.factories import (
    make_adapter,
    make_comparison,
    make_exposure,
    make_interaction,
    make_rating,
    make_run,
    make_ticket,
)

ROOT = Path(__file__).parents[2]
ADA = "ada-lovelace-1815"
WORDS = "My own correction of what the assistant told somebody else about a fee"


@dataclass(frozen=True)
class Scene:
    """A project in which Ada left traces wherever a person can."""

    settings: Settings
    turns: list[Interaction]
    ids: list[str]
    texts: list[str]
    dataset: str
    export: Path

    def open(self) -> LocalStore:
        return LocalStore(self.settings.store_path)

    @property
    def needles(self) -> list[str]:
        return [ADA, *self.ids, *self.texts]

    def left(self) -> dict[str, int]:
        """Files that hold something of hers, packed or not."""
        files = [p for p in self.settings.root.rglob("*") if p.is_file()]
        return search_apart([*files, *self.export.rglob("*.*")], self.needles).found


def said_by(user: str, number: int) -> list[Record]:
    """Two answers to one question, compared and rated, so that rows come of them."""
    question = f"Question {number} of {user}: what does payment {number * 7} cost abroad?"
    pair = [
        make_interaction(
            id=f"turn-{user}-{number}-{side}", user=user, question=question,
            answer=f"For {user} payment {number * 7} costs {number + n} dollars and {side} cents.",
        )
        for n, side in enumerate(("left", "right"))
    ]  # fmt: skip
    left, right = pair
    return [
        *pair,
        make_comparison(id=f"compared-{user}-{number}", interactions=[left.id, right.id]),
        make_rating(id=f"rated-{user}-{number}", interaction=left.id),
        make_rating(
            id=f"corrected-{user}-{number}", interaction=right.id, kind="correction",
            text=f"Payment {number * 7} of {user} costs {number} dollars, says the price list.",
        ),
        make_ticket(id=f"ticket-{user}-{number}", interaction=right.id),
        make_exposure(id=f"exposed-{user}-{number}", user=user, interaction=left.id),
    ]  # fmt: skip


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    root = tmp_path / "project"
    root.mkdir()
    (root / "ratchet.toml").write_text("seed = 7\n")
    settings = Settings(root=root)
    hers = [row for n in range(20) for row in said_by(ADA, n)]
    people = ("bob-1", "cyd-2", "dee-3")
    others = [row for user in people for n in range(4) for row in said_by(user, n)]
    bobs = next(row for row in others if isinstance(row, Interaction))
    store = LocalStore(settings.store_path)
    store.append([*hers, *others])
    store.append([
        make_rating(id="hers-thumb", interaction=bobs.id, rater=ADA),
        make_rating(id="hers-words", interaction=bobs.id, rater=ADA, kind="comment", text=WORDS),
    ])  # fmt: skip
    made = curate(store, settings, suites=[])
    for id in (hers[0].id, bobs.id):  # type: ignore[union-attr]
        add_case(store, settings, id, facts=["a fact"])
    folder = settings.adapters / "ad-1"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    store.append([
        make_run(id="run-1", dataset=made.dataset.id),
        make_adapter(id="ad-1", run="run-1", dataset=made.dataset.id, path=str(folder)),
        make_adapter(id="ad-2", run="run-2", dataset="ds-other", parent="ad-1"),
    ])  # fmt: skip
    store.command(
        "promote", assistant="desk", adapter="ad-2", actor="test", reason="r", evidence={},
        expected_champion="base",
    )  # fmt: skip
    store.close()
    run = settings.runs / "run-1"
    run.mkdir(parents=True)
    (run / "job.json").write_text(json.dumps({"dataset": made.dataset.id}))
    (run / "log.txt").write_text(f"a row of {ADA} was long")
    settings.reports.mkdir(exist_ok=True)
    (settings.reports / "coverage.json").write_text(json.dumps({"asked": hers[0].question}))  # type: ignore[union-attr]
    killed = settings.datasets / ".making-999999999-killed"  # no process has this number
    killed.mkdir()
    (killed / "turns-00000.arrow").write_bytes(b"\0" + hers[0].question.encode())  # type: ignore[union-attr]
    export = tmp_path / "elsewhere"
    assert main(["datasets", "export", made.dataset.id, str(export), "--project", str(root)]) == 0
    turns = [row for row in hers if isinstance(row, Interaction)]
    assert len(turns) == 40
    ids = [row.id for row in hers] + ["hers-words"]  # type: ignore[union-attr]
    texts = [text for turn in turns for text in (turn.question, turn.answer)] + [WORDS]
    texts += [row.text for row in hers if getattr(row, "text", None)]  # type: ignore[union-attr]
    return Scene(settings, turns, ids, texts, made.dataset.id, export)


def check(scene: Scene, store: Store, done: Forgotten) -> None:
    """Nothing is left, and every record of it holds."""
    assert done.clean
    assert done.named == []
    assert scene.left() == {}
    assert done.found["rows"]["interactions"] == 40
    assert done.found["adapters"] == {"ad-1": scene.dataset, "ad-2": "ad-1"}
    assert scene.dataset in done.found["datasets"]
    assert not (scene.settings.datasets / scene.dataset).exists()
    assert not (scene.export / scene.dataset).exists()
    assert not (scene.settings.runs / "run-1").exists()
    assert not list(scene.settings.datasets.glob(".making-*"))
    [case] = load_suite(scene.settings.suite_folder / "live").cases
    assert case.interaction not in scene.ids  # bob's stays
    assert not work_path(scene.settings, done.subject).parent.exists()
    assert verify_chain(store.query("audit_chain")) is None
    assert {mark["adapter"] for mark in store.query("adapter_marks")} == {"ad-1", "ad-2"}
    told = lineage(store, "ad-1")
    assert told["dataset"]["id"] == scene.dataset
    assert told["rows"]  # those of other people
    assert not {id for row in told["rows"] for id in row["interactions"]} & set(scene.ids)
    [counts] = store.query("counts")
    assert counts["interactions"] == 24
    [thumb] = store.query("ratings_of_ids", ids=["turn-bob-1-0-left"])[-1:]
    assert thumb["id"] == "hers-thumb"
    assert thumb["rater"].startswith("forgotten-")


def test_every_export_of_an_adapter_that_learnt_from_them_is_named(scene: Scene):
    store = scene.open()
    for adapter in ("ad-2", "ad-unknown"):
        detail = {"path": f"somewhere/{adapter}", "format": "merged", "files": {}}
        store.command("audit", actor="ann", action="export_adapter", subject=adapter, detail=detail)
    done = forget(store, scene.settings, ADA, actor="officer")
    assert done.named == [
        {
            "place": "somewhere/ad-2",
            "why": "export of ad-2, which learnt from them: take back every copy",
        }
    ]
    store.close()


def test_nothing_of_a_forgotten_person_is_left(scene: Scene):
    assert scene.left()  # the search would find it
    store = scene.open()
    done = forget(store, scene.settings, ADA, actor="officer")
    check(scene, store, done)
    assert done.due[0]["adapter"] == "ad-2"
    assert "ratchet rollback" in done.due[0]["do"]
    again = forget(store, scene.settings, ADA, actor="officer")
    assert (again.forget, again.before) == (None, done.forget)
    with pytest.raises(Exception, match="learnt from a forgotten person"):
        promote(store, "desk", "ad-1", actor="test", reason="")
    made = curate(store, scene.settings, suites=[])
    assert made.dataset.id != scene.dataset
    assert scene.left() == {}
    store.close()


def test_the_commands_do_it_and_the_report_can_be_checked(
    scene: Scene, capsys: pytest.CaptureFixture[str]
):
    here = ["--project", str(scene.settings.root), "--json"]

    def run(*words: str) -> tuple[int, Any]:
        status = main([*words, *here])
        out = capsys.readouterr().out
        return status, json.loads(out) if out else None

    capsys.readouterr()
    before = scene.left()
    status, looked = run("forget", "--user", ADA, "--dry-run")
    assert (status, looked["found"]["rows"]["interactions"]) == (0, 40)
    assert {"datasets", "exports", "runs"} <= looked["erased"].keys()
    assert scene.left() == before
    assert run("forget", "--user", ADA)[0] == 2  # nobody there to ask
    status, done = run("forget", "--user", ADA, "--yes")
    assert (status, done["clean"]) == (0, True)
    assert scene.left() == {}
    report = Path(done["report"])
    assert run("forget", "verify", str(report)) == (
        0, {"report": done["forget"], "signed": True, "problem": None},
    )  # fmt: skip
    report.write_text(report.read_text().replace('"interactions": 40', '"interactions": 4'))
    assert run("forget", "verify", str(report))[0] == 1
    assert run("audit", "verify")[0] == 0
    assert {d["id"]: d["erased"] for d in run("datasets", "list")[1]} == {scene.dataset: True}
    assert run("datasets", "export", scene.dataset, str(scene.export / "again"))[0] == 2
    assert run("train", "--dataset", scene.dataset)[0] == 2
    adapters = run("adapters", "list")[1]["adapters"]
    assert [one["marks"] for one in adapters] == [["forgotten"], ["forgotten"]]
    assert run("adapters", "lineage", "ad-2")[1]["marks"][0]["reason"] == "forgotten"


STEPS = (
    "keep", "_with", "files.remove", "files.to_erase", "_report", "write_report", "_finish", "drop",
)  # fmt: skip


def test_killed_at_every_step_it_is_run_again_and_ends_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    store = scene.open()
    for step in STEPS:
        with monkeypatch.context() as patch:
            where, _, name = step.rpartition(".")
            patch.setattr(story.files if where else story, name, killed)
            with pytest.raises(Killed):
                forget(store, scene.settings, ADA, actor="officer")
    done = forget(store, scene.settings, ADA, actor="officer")
    check(scene, store, done)
    assert len(store.query("forgotten_persons")) == 1
    store.close()


@pytest.fixture
def server(scene: Scene) -> Iterator[Scene]:
    """Another process that holds the store and serves it."""
    serve = ROOT / "tests" / "store" / "serve_store.py"
    command = [sys.executable, str(serve), str(scene.settings.store_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield scene
        process.kill()


def test_it_works_beside_a_server_that_holds_the_store(server: Scene):
    with project.opened(server.settings) as store:
        assert not isinstance(store, LocalStore)
        looked = preview(store, server.settings, ADA)
        assert looked.found["rows"]["interactions"] == 40
        done = forget(store, server.settings, ADA, actor="officer")
        check(server, store, done)


def test_what_is_imported_once_more_is_refused_and_who_comes_back_is_not(
    scene: Scene, tmp_path: Path
):
    file = tmp_path / "old.jsonl"
    line = {"question": "Do you still know me?", "answer": "Yes.", "user": ADA}
    here = ["--project", str(scene.settings.root)]
    store = scene.open()
    forget(store, scene.settings, ADA, actor="officer")
    store.close()
    file.write_text(json.dumps(line))
    assert main(["log", str(file), *here]) == 2
    file.write_text(json.dumps(line | {"at": "2026-01-01T00:00:00Z"}))
    assert main(["log", str(file), *here]) == 2
    file.write_text(json.dumps(line | {"at": "2126-01-01T00:00:00Z"}))
    assert main(["log", str(file), *here]) == 0
