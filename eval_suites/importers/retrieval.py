"""Queries with graded documents, in BEIR's folder format."""

from __future__ import annotations

from pathlib import Path

from eval_suites.importers.files import bare_tsv_rows, json_rows
from eval_suites.records import Case, Gold
from knowledge.errors import RatchetError


def read_beir(path: Path) -> list[Case]:
    """Queries whose relevant documents must be among what the assistant was shown.

    The documents of corpus.jsonl have to be in the collection under their own ids
    (`ratchet knowledge eval` measures the ranking itself, without a collection of yours).

    Args:
        path: Folder with queries.jsonl and qrels/test.tsv.

    Raises:
        RatchetError: A file is missing, or lacks a field, or no query has a relevant document.

    Source: Thakur et al. 2021, BEIR.
    """
    relevant: dict[str, list[str]] = {}
    qrels = path / "qrels" / "test.tsv"
    for number, (where, fields) in enumerate(bare_tsv_rows(qrels)):
        if number == 0 and not fields[-1].strip().lstrip("-").isdigit():
            continue  # the header
        if len(fields) < 3 or not fields[-1].strip().lstrip("-").isdigit():
            raise RatchetError(f"{where}: expected query, document and grade, found {fields}.")
        if int(fields[-1]) > 0:
            relevant.setdefault(fields[0], []).append(fields[-2])
    cases = [
        Case(
            id=f"beir-{query}",
            suite="",
            prompt=row.text("text"),
            kind="query",
            gold=tuple(Gold(document=document, quote="") for document in relevant[query]),
            cluster=f"beir-{query}",
        )
        for row in json_rows(path / "queries.jsonl")
        if (query := str(row.fields.get("_id"))) in relevant
    ]
    if not cases:
        raise RatchetError(f"{path}: no query has a relevant document in {qrels.name}.")
    return cases
