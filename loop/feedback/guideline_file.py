"""A guideline as a file that people write, Markdown or TOML, with the place of each mistake."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.errors import RatchetError
from loop.feedback.rubric import SCALE, Criterion, Draft, Example, criteria_of, examples_of
from loop.store.records import Guideline

_HEADING = re.compile(r"(#{1,3})\s+(.*\S)\s*")
_SCORE = re.compile(r"[-*]\s+(.+?):\s*(.*\S)\s*")


class Line(NamedTuple):
    """A line and where it stands, from 1."""

    number: int
    text: str


class Section(NamedTuple):
    """A heading with the lines below it."""

    number: int
    level: int
    title: str
    lines: list[Line]


def read_file(path: Path) -> Draft:
    """The guideline in a file.

    Markdown: `# name`, the text, `## Criteria` with a `### name` each (what it asks, then anchors
    like `- 1: a claim is wrong`), `## Examples` with a `### question` each (the answer as a quote,
    scores like `- correct: 1`, then `Why: …`). TOML: name, text, `[[criteria]]` with name, asks
    and anchors, `[[examples]]` with question, answer, scores and why.

    Raises:
        RatchetError: The file cannot be read, is neither, or a line in it is wrong.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise RatchetError(f"{path}: cannot be read: {problem.strerror}. Name a file.") from None
    except UnicodeDecodeError as problem:
        raise RatchetError(f"{path}: not UTF-8 at byte {problem.start + 1}. Save it so.") from None
    if path.suffix.lower() == ".toml":
        return _from_toml(path, content)
    if path.suffix.lower() in (".md", ".markdown"):
        return _from_markdown(path, content)
    raise RatchetError(f"{path}: the file ends in {path.suffix!r}, expected .md or .toml.")


def written(guideline: Guideline) -> str:
    """A guideline as the Markdown that `read_file` reads."""
    lines = [f"# {guideline.name}", "", guideline.text.strip()]
    if guideline.criteria:
        lines += ["", "## Criteria"]
    for one in criteria_of(guideline):
        lines += ["", f"### {one.name}", *([one.asks] if one.asks else []), ""]
        lines += [f"- {score}: {meaning}" for score, meaning in one.anchors.items()]
    examples = examples_of(guideline)
    if examples:
        lines += ["", "## Examples"]
    for example in examples:
        lines += ["", f"### {' '.join(example.question.split())}", ""]
        lines += [f"> {line}".rstrip() for line in example.answer.splitlines()]
        lines += ["", *[f"- {name}: {score}" for name, score in example.scores.items()]]
        lines += ["", f"Why: {' '.join(example.why.split())}"]
    return "\n".join(lines) + "\n"


def _from_markdown(path: Path, content: str) -> Draft:
    sections = _sections(content)
    tops = [one for one in sections if one.level == 1]
    if len(tops) != 1 or sections[0].level != 1:
        raise _wrong(path, 1, "expected one heading `# name` at the start")
    part = ""
    criteria: list[Criterion] = []
    examples: list[Example] = []
    text = [_joined(tops[0].lines)]
    for one in sections[1:]:
        if one.level == 2:
            part = one.title.casefold() if one.title.casefold() in ("criteria", "examples") else ""
        if one.level == 3 and part == "criteria":
            criteria.append(_criterion(path, one))
        elif one.level == 3 and part == "examples":
            examples.append(_example(path, one))
        elif not part:  # the rubric's own words, with their headings
            text.append(f"{'#' * one.level} {one.title}\n\n{_joined(one.lines)}")
        elif one.level == 2 and _joined(one.lines):
            raise _wrong(path, one.lines[0].number, f"text below {one.title!r} belongs under a ###")
    return Draft(
        name=tops[0].title, text="\n\n".join(text).strip(), criteria=criteria, examples=examples
    )


def _sections(content: str) -> list[Section]:
    found: list[Section] = []
    for number, text in enumerate(content.splitlines(), start=1):
        heading = _HEADING.fullmatch(text)
        if heading:
            found.append(Section(number, len(heading[1]), heading[2], []))
        elif found:
            found[-1].lines.append(Line(number, text))
        elif text.strip():
            found.append(Section(number, 0, "", [Line(number, text)]))
    return found or [Section(1, 0, "", [])]


def _criterion(path: Path, section: Section) -> Criterion:
    anchors: dict[int, str] = {}
    asks = []
    for line in section.lines:
        scored = _SCORE.fullmatch(line.text.strip())
        if scored:
            score = _score(path, line, scored[1])
            if score in anchors:
                raise _wrong(path, line.number, f"anchor {score} stands twice")
            anchors[score] = scored[2]
        elif line.text.strip().startswith(("- ", "* ")):
            raise _wrong(path, line.number, "expected an anchor like `- 1: what that score means`")
        else:
            asks.append(line)
    if len(anchors) == 1:
        raise _wrong(
            path, section.number, f"{section.title!r} has one anchor, expected two or more"
        )
    return Criterion(
        name=section.title, asks=" ".join(_joined(asks).split()), anchors=anchors or dict(SCALE)
    )


def _example(path: Path, section: Section) -> Example:
    answer: list[str] = []
    scores: dict[str, int] = {}
    why: list[str] = []
    for line in section.lines:
        text = line.text.strip()
        scored = _SCORE.fullmatch(text)
        if text.startswith(">"):
            answer.append(text[1:].removeprefix(" "))
        elif scored and not why:
            scores[scored[1].strip()] = _score(path, line, scored[2])
        elif text.casefold().startswith("why:"):
            why.append(text[4:].strip())
        elif text and why:
            why.append(text)
        elif text:
            raise _wrong(
                path, line.number, "expected the answer (> …), a score (- name: 1) or Why: …"
            )
    for there, what in ((answer, "answer, quoted with >"), (why, "line `Why: …`")):
        if not there:
            raise _wrong(path, section.number, f"the example has no {what}")
    return Example(
        question=section.title, answer="\n".join(answer).strip(), scores=scores, why=" ".join(why)
    )


def _score(path: Path, line: Line, given: str) -> int:
    if not re.fullmatch(r"-?\d{1,3}", given.strip()):
        raise _wrong(path, line.number, f"{given.strip()!r} is no score, expected a whole number")
    return int(given)


def _joined(lines: Sequence[Line]) -> str:
    return "\n".join(line.text.rstrip() for line in lines).strip()


def _wrong(path: Path, number: int, what: str) -> RatchetError:
    return RatchetError(f"{path}:{number}: {what}. Nothing was published; mend that line.")


def _from_toml(path: Path, content: str) -> Draft:
    try:
        data = tomllib.loads(content)
    except tomllib.TOMLDecodeError as problem:
        raise RatchetError(f"{path}: not valid TOML: {problem}. Mend that line.") from None
    _only(path, "", data, {"name", "text", "criteria", "examples"})
    return Draft(
        name=_text(path, "name", data.get("name")),
        text=_text(path, "text", data.get("text")).strip(),
        criteria=[
            _toml_criterion(path, f"criteria[{at}]", row)
            for at, row in enumerate(_tables(path, "criteria", data.get("criteria", [])), start=1)
        ],
        examples=[
            _toml_example(path, f"examples[{at}]", row)
            for at, row in enumerate(_tables(path, "examples", data.get("examples", [])), start=1)
        ],
    )


def _toml_criterion(path: Path, place: str, row: Mapping[str, Any]) -> Criterion:
    _only(path, place, row, {"name", "asks", "anchors"})
    anchors = row.get("anchors", {str(score): said for score, said in SCALE.items()})
    if not isinstance(anchors, dict):
        raise _misplaced(path, f"{place}.anchors", anchors, 'a table like { 1 = "wrong" }')
    for score in anchors:
        if not re.fullmatch(r"-?\d{1,3}", score):
            raise _misplaced(path, f"{place}.anchors", score, "whole numbers as keys")
    return Criterion(
        name=_text(path, f"{place}.name", row.get("name")),
        asks=_text(path, f"{place}.asks", row["asks"]) if "asks" in row else "",
        anchors={
            int(score): _text(path, f"{place}.anchors.{score}", said)
            for score, said in sorted(anchors.items(), key=lambda item: int(item[0]))
        },
    )


def _toml_example(path: Path, place: str, row: Mapping[str, Any]) -> Example:
    _only(path, place, row, {"question", "answer", "scores", "why"})
    scores = row.get("scores", {})
    if not isinstance(scores, dict) or any(type(one) is not int for one in scores.values()):
        raise _misplaced(path, f"{place}.scores", scores, "a table like { correct = 1 }")
    return Example(
        question=_text(path, f"{place}.question", row.get("question")),
        answer=_text(path, f"{place}.answer", row.get("answer")).strip(),
        scores=scores,
        why=_text(path, f"{place}.why", row.get("why")),
    )


def _only(path: Path, place: str, row: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(row.keys() - known):
        where = f"{place}." if place else ""
        raise _misplaced(
            path, f"{where}{unknown[0]}", row[unknown[0]], f"one of {', '.join(sorted(known))}"
        )


def _tables(path: Path, name: str, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise _misplaced(path, name, value, f"tables [[{name}]]")
    return value


def _text(path: Path, place: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _misplaced(path, place, value, "a text that is not blank")
    return value


def _misplaced(path: Path, place: str, value: Any, expected: str) -> RatchetError:
    return RatchetError(
        f"{path}: {place} is {str(value)[:80]!r}, expected {expected}. Nothing was published."
    )
