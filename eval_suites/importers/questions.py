"""Questions with a key: MMLU, TruthfulQA, GSM8K, MT-bench."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from eval_suites.importers.files import bare_csv_rows, csv_rows, json_file, json_rows
from eval_suites.records import Case, Step
from eval_suites.scorers.choice import letter
from knowledge.errors import RatchetError

_FINAL = re.compile(r"####\s*([-\d.,]+)")
LETTERS = "ABCDEFGHIJ"


def read_mmlu(path: Path) -> list[Case]:
    """Multiple choices from CSV rows of question, choices, letter; a file, or a folder of them.

    Files have no header, as published; one that begins with "question" is taken for a header. The
    file's name is the subject, and each case's kind and cluster.

    Raises:
        RatchetError: A file cannot be read, or a row is not of that shape.

    Source: Hendrycks et al. 2021, MMLU.
    """
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise RatchetError(f"{path}: no CSV file in it. Name a file or folder of MMLU.")
    cases = []
    for file in files:
        subject = re.sub(r"_(test|val|dev)$", "", file.stem)
        for number, (where, fields) in enumerate(_answered_rows(file)):
            question, *choices, answer = (field.strip() for field in fields)
            correct = LETTERS.find(answer.upper()) if len(answer) == 1 else -1
            if len(choices) < 2 or not 0 <= correct < len(choices):
                raise RatchetError(
                    f"{where}: expected a question, its choices and the letter of the right one, "
                    f"found {len(fields)} fields that end with {answer!r}."
                )
            cases.append(
                multiple_choice(f"{subject}-{number:04d}", question, choices, correct, kind=subject)
            )
    return cases


def read_truthfulqa(path: Path) -> list[Case]:
    """TruthfulQA: its CSV gives questions to answer freely, its mc_task.json multiple choices.

    Of the multiple choices the one right answer (MC1) is asked for; where it stands among the
    others is fixed by the question.

    Raises:
        RatchetError: The file cannot be read, or lacks a field.

    Source: Lin, Hilton and Evans 2022.
    """
    if path.suffix == ".json":
        return _truthful_choices(path)
    cases = []
    for number, row in enumerate(csv_rows(path, ["Question", "Correct Answers"])):
        right = _answers(row.text("Correct Answers"))
        best = str(row.fields.get("Best Answer") or "").strip()
        category = str(row.fields.get("Category") or "")
        cases.append(
            Case(
                id=f"truthfulqa-{number:04d}",
                suite="",
                prompt=row.text("Question"),
                kind=category,
                right=tuple(dict.fromkeys([best, *right] if best else right)),
                wrong=_answers(row.text("Incorrect Answers")),
                cluster=f"truthfulqa-{number:04d}",
            )
        )
    return cases


def read_gsm8k(path: Path) -> list[Case]:
    """Word problems from JSON Lines of question and answer, the number after ####.

    Raises:
        RatchetError: The file cannot be read, or an answer has no final number.

    Source: Cobbe et al. 2021.
    """
    cases = []
    for number, row in enumerate(json_rows(path)):
        found = _FINAL.search(row.text("answer"))
        if found is None:
            raise RatchetError(f"{row.where}: answer has no number after ####.")
        cases.append(
            Case(
                id=f"gsm8k-{row.fields.get('id', number)}",
                suite="",
                prompt=row.text("question"),
                kind="word problem",
                number=float(found[1].replace(",", "")),
                cluster=f"gsm8k-{row.fields.get('id', number)}",
            )
        )
    return cases


def read_mt_bench(path: Path) -> list[Case]:
    """Conversations of two turns from question.jsonl: category, turns, at times a reference.

    Nothing tells a good reply from a poor one by rule here: a judge is needed for that.

    Raises:
        RatchetError: The file cannot be read, or lacks a field.

    Source: Zheng et al. 2023, MT-bench.
    """
    cases: list[Case] = []
    for row in json_rows(path):
        turns = row.fields.get("turns")
        if not isinstance(turns, list) or not turns or not all(isinstance(t, str) for t in turns):
            raise RatchetError(f"{row.where}: turns is {turns!r:.60}, expected a list of texts.")
        name = f"mt-bench-{row.fields.get('question_id', len(cases))}"
        given = row.fields.get("reference") or []
        cases.append(
            Case(
                id=name,
                suite="",
                prompt=turns[0],
                kind=str(row.fields.get("category", "")),
                right=tuple(str(one) for one in given if one),
                steps=tuple(Step(ask=turn) for turn in turns[1:]),
                patience=0,
                cluster=name,
            )
        )
    return cases


def multiple_choice(
    id: str, question: str, choices: Sequence[str], correct: int, *, kind: str = ""
) -> Case:
    """A case that asks for the letter of a choice; cases of one kind are one cluster."""
    listed = "\n".join(f"{letter(n)}. {choice}" for n, choice in enumerate(choices))
    return Case(
        id=id,
        suite="",
        prompt=f"{question}\n{listed}\nAnswer with the letter alone.",
        kind=kind,
        choices=tuple(choices),
        correct=correct,
        cluster=kind or id,
    )


def _answered_rows(file: Path) -> Iterator[tuple[str, list[str]]]:
    for number, (where, fields) in enumerate(bare_csv_rows(file)):
        if number or fields[0].strip().lower() != "question":
            yield where, fields


def _answers(text: str) -> tuple[str, ...]:
    return tuple(answer.strip() for answer in text.split(";") if answer.strip())


def _truthful_choices(path: Path) -> list[Case]:
    cases: list[Case] = []
    for number, row in enumerate(json_file(path)):
        targets = row.get("mc1_targets") if isinstance(row, dict) else None
        if not isinstance(targets, dict) or sum(bool(v) for v in targets.values()) != 1:
            raise RatchetError(
                f"{path}: item {number + 1} has no mc1_targets with one right choice. "
                "Name TruthfulQA's mc_task.json."
            )
        choices = sorted(targets)  # as published the right one stands first
        right = next(n for n, choice in enumerate(choices) if targets[choice])
        case = multiple_choice(f"truthfulqa-{number:04d}", str(row["question"]), choices, right)
        cases.append(case)
    return cases
