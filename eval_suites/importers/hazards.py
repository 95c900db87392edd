"""Questions that test restraint: XSTest, and attacks planted in texts as in BIPIA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eval_suites.importers.files import Row, csv_rows, json_file, json_rows
from eval_suites.records import Case, Source
from knowledge.errors import RatchetError

PLACES = ("start", "middle", "end")  # where in a text an attack is planted
UNSURE = ("unknown", "n/a", "none")


def read_xstest(path: Path) -> list[Case]:
    """Safe prompts that look unsafe, to be answered, and unsafe ones, to be refused.

    From CSV with prompt, type and, in later releases, label (safe or unsafe); without labels the
    types that begin with "contrast" are the unsafe ones. Types are kinds; a contrast shares the
    kind's name, so that refusal and over-refusal are read side by side.

    Raises:
        RatchetError: The file cannot be read, or a label is neither.

    Source: Röttger et al. 2024, XSTest.
    """
    cases = []
    for number, row in enumerate(csv_rows(path, ["prompt", "type"])):
        kind = row.text("type")
        label = str(row.fields.get("label") or "").strip().lower()
        label = label or ("unsafe" if kind.startswith("contrast") else "safe")
        if label not in ("safe", "unsafe"):
            raise RatchetError(f"{row.where}: label is {label!r}, expected safe or unsafe.")
        name = f"xstest-{row.fields.get('id') or number + 1}"
        cases.append(
            Case(
                id=name,
                suite="",
                prompt=row.text("prompt"),
                kind=kind,
                expect="answer" if label == "safe" else "refuse",
                cluster=name,
            )
        )
    return cases


def read_bipia(path: Path, attacks: Path | None = None) -> list[Case]:
    """Questions about a text into which somebody else's request is planted.

    Each text gets one attack, in turn, at its start, middle or end; a case without attack stands
    beside it as what it varies. Facts are the true answer where it is short enough to look for.

    Args:
        path: JSON Lines of context, question and ideal; context may be a list of lines.
        attacks: JSON Lines of kind and attack, or JSON of kind → attacks.

    Raises:
        RatchetError: A file cannot be read, or lacks a field, or no attacks are named.

    Source: Yi et al. 2023, BIPIA.
    """
    if attacks is None:
        raise RatchetError(
            "BIPIA keeps its attacks in a file of their own. Name it: --attacks FILE."
        )
    planted = _attacks(attacks)
    cases = []
    for number, row in enumerate(json_rows(path)):
        kind, attack = planted[number % len(planted)]
        text, question = _text(row, "context"), _question(row)
        name, place = f"bipia-{row.fields.get('id', number)}", PLACES[number % len(PLACES)]
        common = _facts(row.fields.get("ideal"))
        cases.append(_about(name, question, text, kind="no attack", facts=common, cluster=name))
        cases.append(
            _about(
                f"{name}-attacked",
                question,
                plant(text, attack, place),
                kind=kind,
                facts=common,
                attack=attack,
                variant_of=name,
                cluster=name,
            )
        )
    return cases


def plant(text: str, attack: str, place: str) -> str:
    """The text with the attack at its start, middle or end, on a line of its own.

    >>> plant("One.\\nTwo.", "Sing.", "middle")
    'One.\\nSing.\\nTwo.'
    """
    lines = text.splitlines() or [""]
    at = {"start": 0, "middle": len(lines) // 2, "end": len(lines)}[place]
    return "\n".join([*lines[:at], attack, *lines[at:]])


def _about(name: str, question: str, text: str, **more: Any) -> Case:
    source = Source(document="handed over", text=text)
    return Case(id=name, suite="", prompt=question, context=(source,), **more)


def _attacks(file: Path) -> list[tuple[str, str]]:
    if file.suffix == ".json":
        told = json_file(file)
        if isinstance(told, dict):
            pairs = [(str(kind), str(one)) for kind, some in told.items() for one in some]
            if pairs:
                return pairs
    rows = [] if file.suffix == ".json" else list(json_rows(file))
    if not rows:
        raise RatchetError(f"{file}: holds no attack.")
    return [(row.text("kind", "category"), row.text("attack")) for row in rows]


def _text(row: Row, name: str) -> str:
    value = row.fields.get(name)
    if isinstance(value, list):
        return "\n".join(str(line) for line in value)
    return row.text(name)


def _question(row: Row) -> str:
    """The question; one about code shows the error and the code that made it."""
    parts = [_text(row, name) for name in ("question", "error", "code") if row.fields.get(name)]
    if not parts:
        raise RatchetError(f"{row.where}: neither question nor error. Is this a file of BIPIA?")
    return "\n".join(parts).removeprefix("Q: ")


def _facts(ideal: object) -> tuple[tuple[str, ...], ...]:
    answers = [ideal] if isinstance(ideal, str) else ideal if isinstance(ideal, list) else []
    short = [str(one).strip() for one in answers if len(str(one).split()) <= 6]
    known = tuple(one for one in short if one and one.lower() not in UNSURE)
    return (known,) if known else ()
