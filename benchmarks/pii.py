"""Personal data found by Ratchet's rules and by presidio-analyzer's, on the same rows in one run.

Rows are JSON objects, one a line, with `text` and `spans` (each `type`, `start`, `end`), as in
presidio-research's synthetic data. Presidio runs without a language model, so its pattern
recognisers alone: its analyzer on a blank English pipeline that splits words for its context rule;
once with its default of any score, once with scores from 0.4 up (presidio4).

A marked span is found when a finding of the same kind overlaps it, and whole when such findings
cover all of it. A finding is right when it overlaps a marked span of the same kind; other findings
of that kind are wrong. Kinds join types: see KINDS. Names and addresses stand beside the patterned
kinds: no pattern finds most of them.

    pip install presidio-analyzer
    python benchmarks/pii.py FILE.jsonl [--without-presidio]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.pii import find_personal_data

Place = tuple[str, int, int]  # kind, start, end
Finder = Callable[[str], list[Place]]

NATIONAL = (
    "US_SSN US_ITIN UK_NINO UK_NHS DE_TAX_ID ES_NIF ES_NIE IT_FISCAL_CODE FR_NIR IN_AADHAAR IN_PAN "
    "AU_TFN AU_ABN AU_MEDICARE SG_NRIC SG_NRIC_FIN FI_HETU FI_PERSONAL_IDENTITY_CODE PL_PESEL "
    "KR_RRN BE_NN CH_AHV BR_CPF SE_PERSONNUMMER DK_CPR CN_RIC CA_SIN NL_BSN NO_FNR PT_NIF TR_TCKN "
    "ZA_ID IL_ID RO_CNP BG_EGN MX_CURP NATIONAL_ID US_DRIVER_LICENSE DRIVER_LICENSE US_PASSPORT "
    "PASSPORT"
)
KINDS = {  # type as marked or found → kind
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "IP_ADDRESS": "ip",
    "URL": "url",
    "DOMAIN_NAME": "url",
    **dict.fromkeys(NATIONAL.split(), "national id"),
    "PERSON": "name",
    "STREET_ADDRESS": "address",
}
BESIDE = ("name", "address")  # reported, not part of the patterned kinds


class Row(NamedTuple):
    text: str
    marked: list[Place]


class Tally(NamedTuple):
    """Counts over all rows of one kind."""

    marked: int
    found: int
    whole: int
    findings: int
    right: int


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--without-presidio", action="store_true")
    parser.add_argument("--show", metavar="KIND", help="print what Ratchet missed or got wrong")
    args = parser.parse_args(arguments)
    rows = list(read(args.file))
    finders: dict[str, Finder] = {"ratchet": ours}
    if not args.without_presidio:
        finders["presidio"] = presidio(0.0)  # its default
        finders["presidio4"] = presidio(0.4)
    print(f"{len(rows)} rows of {args.file.name}, {sum(len(r.text) for r in rows) / 1024:.0f} KB\n")
    print(
        f"{'finder':10}{'kind':13}{'marked':>7}{'recall':>8}{'whole':>8}{'findings':>10}{'precision':>11}"
    )
    kilobytes = sum(len(row.text) for row in rows) / 1024
    seconds = {}
    for name, find in finders.items():
        find(rows[0].text)  # loads what it needs
        started = time.perf_counter()
        found = [find(row.text) for row in rows]
        seconds[name] = time.perf_counter() - started
        report(name, rows, found)
    for name, taken in seconds.items():
        print(f"{name}: {1000 * taken / kilobytes:.3f} ms per KB")
    if "presidio" in seconds:
        print(f"presidio / ratchet: {seconds['presidio'] / seconds['ratchet']:.1f}")
    if args.show:
        show(rows, args.show)


def read(file: Path) -> Iterator[Row]:
    for line in file.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        marked = [
            (KINDS[span["type"]], span["start"], span["end"])
            for span in row["spans"]
            if span["type"] in KINDS
        ]
        yield Row(row["text"], marked)


def ours(text: str) -> list[Place]:
    return [
        (KINDS[span.type], span.start, span.end)
        for span in find_personal_data(text, links=True)
        if span.type in KINDS
    ]


def presidio(least_score: float) -> Finder:
    """Presidio's findings of at least this score: a pattern alone, without context, has less."""
    from knowledge.pii_presidio import analyzer

    engine = analyzer()
    wanted = [entity for entity in engine.get_supported_entities("en") if entity in KINDS]

    def find(text: str) -> list[Place]:
        results = engine.analyze(
            text=text, language="en", entities=wanted, score_threshold=least_score
        )
        return [(KINDS[one.entity_type], one.start, one.end) for one in results]

    return find


def report(name: str, rows: Sequence[Row], found: Sequence[list[Place]]) -> None:
    tallies = {kind: tally(rows, found, kind) for kind in dict.fromkeys(KINDS.values())}
    for kind, one in tallies.items():
        line(name, kind, one)
    patterned = [one for kind, one in tallies.items() if kind not in BESIDE]
    line(name, "patterned", Tally(*(sum(counts) for counts in zip(*patterned, strict=True))))
    print()


def tally(rows: Sequence[Row], found: Sequence[list[Place]], kind: str) -> Tally:
    """Counts of one kind; see the module's text for what counts as found and right."""
    marked = hits = whole = findings = right = 0
    for row, places in zip(rows, found, strict=True):
        wanted = [(start, end) for one, start, end in row.marked if one == kind]
        given = [(start, end) for one, start, end in places if one == kind]
        covered = {at for start, end in given for at in range(start, end)}
        marked += len(wanted)
        findings += len(given)
        hits += sum(any(at in covered for at in range(*span)) for span in wanted)
        whole += sum(all(at in covered for at in range(*span)) for span in wanted)
        right += sum(any(s < end and start < e for s, e in wanted) for start, end in given)
    return Tally(marked, hits, whole, findings, right)


def line(name: str, kind: str, one: Tally) -> None:
    recall, whole = share(one.found, one.marked), share(one.whole, one.marked)
    precision = share(one.right, one.findings)
    print(f"{name:10}{kind:13}{one.marked:7}{recall:>8}{whole:>8}{one.findings:10}{precision:>11}")


def share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


def show(rows: Sequence[Row], kind: str) -> None:
    for row in rows:
        given = [place for place in ours(row.text) if place[0] == kind]
        wanted = [place for place in row.marked if place[0] == kind]
        for label, some, others in (("missed", wanted, given), ("wrong", given, wanted)):
            for _, start, end in some:
                if not any(s < end and start < e for _, s, e in others):
                    print(label, repr(row.text[max(0, start - 30) : end + 20]), row.text[start:end])


if __name__ == "__main__":
    main()
