"""How well the pocket model does on the bundled handbook: `python -m loop.pocket.measure [FOLDER]`.

The recipe never saw the handbook, its entities, its facts or its cases. The accuracy suite is put
with gold passages (the model is judged apart from the search), the abstention suite with passages
that do not answer. What it prints is what MODEL_CARD.md reports.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

from eval_suites.records import Summary
from eval_suites.run import run
from eval_suites.suites import Suite, load_suite
from knowledge.documents import read_documents
from knowledge.embed import load_embedder
from loop.evaluate.assistant import gold_assistant
from loop.models.engine import load_engine
from loop.project import HANDBOOK
from loop.settings import AssistantSettings, Settings

DAY = date(2026, 6, 1)  # every version of the handbook has its dates; the figures need one day


def figures(
    base: str, *, suites: tuple[str, ...] = ("accuracy", "abstention"), distractors: int = 2
) -> dict[str, dict[str, Summary]]:
    """Suite → metric → figure.

    Args:
        base: "pocket" or a folder with a model.
        suites: Names of bundled suites.
        distractors: Passages beside the gold one, of other documents.
    """
    settings = Settings(assistant=AssistantSettings(base=base, quoting="lines"))
    engine = load_engine(settings)
    embedder = load_embedder(settings.knowledge.embedder)
    documents = read_documents(HANDBOOK)
    found = {}
    for name in suites:
        suite = load_suite(name)
        assistant = gold_assistant(
            settings, engine, documents, distractors=distractors, embedder=embedder, today=DAY
        )
        found[name] = run(_plain(suite), assistant).summary
    return found


def _plain(suite: Suite) -> Suite:
    """Only cases that the model can be judged on by itself."""
    return replace(suite, cases=tuple(c for c in suite.cases if c.expect != "refuse"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", default="pocket", type=str)
    parser.add_argument("--distractors", type=int, default=2)
    given = parser.parse_args()
    base = str(Path(given.folder).resolve()) if given.folder != "pocket" else given.folder
    for suite, metrics in figures(base, distractors=given.distractors).items():
        for metric, found in metrics.items():
            told = {"mean": found.mean, "low": found.low, "high": found.high}
            rounded = {name: round(value, 3) for name, value in told.items()}
            print(json.dumps({"suite": suite, "metric": metric, "n": found.n, **rounded}))


if __name__ == "__main__":
    main()
