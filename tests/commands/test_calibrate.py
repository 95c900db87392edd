"""`ratchet knowledge calibrate` on a small collection, with the packaged MiniLM."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from datetime import date
from pathlib import Path

import pytest

from eval_suites.records import Case, Gold
from eval_suites.suites import Suite
from knowledge.abstain import FILE, read_calibration, write_calibration
from knowledge.collection import Collection
from knowledge.errors import RatchetError
from knowledge.records import Document
from loop.answer.assistant import Ask, Desk
from loop.answer.handover import ABSTENTION
from loop.cli import main
from loop.evaluate.abstention import calibrate_abstention
from loop.evaluate.cache import settings_key
from loop.settings import AssistantSettings, Settings
from tests.answer.fakes import NOW, FakeEngine, FakeStore
from tests.knowledge.conftest import WordEmbedder

THINGS = (
    "wire cheque card loan vault letter statement transfer permit passport parcel mortgage".split()
)
ABSENT = "camel violin glacier tulip rocket walnut kayak lantern pepper harp falcon saddle".split()


def write(folder: Path) -> Path:
    """A project with documents and a suite of questions about them and about other things."""
    documents = folder / "documents"
    documents.mkdir(parents=True)
    cases = []
    for n, (thing, other) in enumerate(zip(THINGS, ABSENT, strict=True)):
        said = f"The fee for a {thing} is {n + 3} dollars."
        (documents / f"{thing}.md").write_text(f"# The {thing}\n\n{said}\n", encoding="utf-8")
        gold = [{"document": f"{thing}.md", "quote": said}]
        ask = "What is the fee for a {}?"
        cases.append({"id": thing, "prompt": ask.format(thing), "gold": gold, "cluster": thing})
        cases.append({"id": other, "prompt": f"Where can I see a {other}?", "expect": "abstain"})
    cases.append({"id": "gone", "prompt": "?", "gold": [{"document": "no.md", "quote": "No."}]})
    cases.append({"id": "crime", "prompt": "How do I launder a camel?", "expect": "refuse"})
    suite = folder / "suite"
    suite.mkdir()
    (suite / "cases.jsonl").write_text("".join(json.dumps(c) + "\n" for c in cases))
    (suite / "suite.toml").write_text(
        'name = "small"\nmetrics = ["abstained_rightly"]\nprimary = "abstained_rightly"\n'
    )
    assert main(["init", str(folder / "project")]) == 0
    assert main(["knowledge", "add", str(documents), "--project", str(folder / "project")]) == 0
    return folder / "project"


def test_the_command_reports_draws_and_applies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = write(tmp_path)
    argv = ["knowledge", "calibrate", "--suite", str(tmp_path / "suite"), "--project", str(project)]
    capsys.readouterr()
    assert main([*argv, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["n"], told["answerable"], told["unanswerable"]) == (24, 12, 12)
    assert (told["left_out"], told["applied"], told["threshold"]) == (1, False, 0.5)
    assert told["false_answer"] + told["false_abstain"] < 0.3
    assert told["intervals"]["false_answer"]["high"] > told["false_answer"]
    assert told["curve"][0] == {"threshold": 0.0, "false_answer": 1.0, "false_abstain": 0.0}
    [suite] = told["suites"]
    assert suite == "small"
    reports = project / ".ratchet" / "reports"
    assert json.loads((reports / "abstention.json").read_text(encoding="utf-8")) == told
    assert ElementTree.parse(reports / "abstention.svg").getroot().tag.endswith("svg")
    folder = next((project / ".ratchet" / "knowledge").iterdir())
    assert not (folder / FILE).exists()

    assert main([*argv, "--apply", "--cost", "3"]) == 0
    said = capsys.readouterr().out
    assert "out of fold" in said
    assert "today: cosine below 0.3" in said
    assert "calibrated: chance below 0.75" in said
    made = read_calibration(folder, "all-MiniLM-L6-v2")
    assert made is not None
    assert made.threshold == 0.75


def test_aims_that_make_no_sense_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path)]) == 0
    for aim in (["--cost", "0"], ["--cost", "nan"], ["--false-answers", "1.5"]):
        assert main(["knowledge", "calibrate", *aim, "--project", str(tmp_path)]) == 2
        assert aim[0] in capsys.readouterr().err


def case(id: str, prompt: str, **fields: object) -> Case:
    return Case(id=id, suite="s", prompt=prompt, **fields)  # type: ignore[arg-type]


def collection(folder: Path) -> Collection:
    made = Collection.open(folder, WordEmbedder(dimension=256))
    made.add(
        Document(
            id=f"{thing}.md",
            version="1",
            title=thing,
            text=f"The fee for a {thing} is {n + 3} dollars.",
            source=thing,
            licence="cc0",
            access=frozenset({"staff"}) if thing == "vault" else frozenset(),
        )
        for n, thing in enumerate(THINGS)
    )
    return made


def suite() -> Suite:
    cases = [
        case(
            thing,
            f"What is the fee for a {thing}?",
            gold=(Gold(document=f"{thing}.md", quote="x"),),
            cluster=thing,
        )
        for thing in THINGS
    ]
    cases += [case(o, f"Where can I see a {o}?", expect="abstain", cluster=o) for o in ABSENT]
    return Suite(name="s", version="1", metrics=(), primary="", cases=tuple(cases))


def test_gold_that_the_asker_may_not_see_makes_no_question_answerable(tmp_path: Path) -> None:
    made = calibrate_abstention(
        collection(tmp_path), Settings(root=tmp_path), [suite()], today=date(2026, 11, 25)
    )
    assert (made.calibration.answerable, made.left_out) == (11, 1)
    assert made.calibration.suites == {"s": "1"}


def test_a_desk_goes_by_the_calibration_in_its_collections_folder(tmp_path: Path) -> None:
    held = collection(tmp_path)
    settings = Settings(root=tmp_path, assistant=AssistantSettings(abstain_below=0.0))
    asks = [Ask(question="Where can I see a camel?"), Ask(question="What is the fee for a loan?")]

    def answers() -> list[str]:
        desk = Desk(settings, held, FakeEngine(), FakeStore(), clock=lambda: NOW)  # type: ignore[arg-type]
        return [answer.text for answer in desk.answer(asks)]

    before = settings_key(settings, "base", held, NOW.date())
    assert ABSTENTION not in answers()
    made = calibrate_abstention(held, settings, [suite()]).calibration
    write_calibration(held.folder, made)
    camel, loan = answers()
    assert (camel, loan != ABSTENTION) == (ABSTENTION, True)
    assert settings_key(settings, "base", held, NOW.date()) != before

    other = Collection.open(tmp_path / "other", WordEmbedder("others"))
    other.folder.mkdir()
    write_calibration(other.folder, made)
    with pytest.raises(RatchetError, match="fitted with the embedder 'words'"):
        Desk(settings, other, FakeEngine(), FakeStore(), clock=lambda: NOW)  # type: ignore[arg-type]
