"""From what people said to a dataset version; nothing vanishes without a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop.curate import version
from loop.curate.balance import balance
from loop.curate.consent import (
    consent_problem,
    licence_problem,
    passage_problem,
    purpose_problem,
    retention_problem,
    simulated_problem,
    withdrawals,
    withdrawn_people,
)
from loop.curate.contamination import EvalCases
from loop.curate.duplicates import one_of_each
from loop.curate.feedback import Said, opinions, read
from loop.curate.funnel import Funnel
from loop.curate.pairs import make_pairs
from loop.curate.redact import redact
from loop.curate.rows import KINDS, Kind, Row, Sifted, no_answer, sift
from loop.curate.singles import make_kto, make_sft
from loop.curate.split import Side, parted, split
from loop.settings import CurateSettings, Settings
from loop.store.records import Dataset, DatasetRow, Interaction

if TYPE_CHECKING:
    from eval_suites.suites import Suite
    from loop.store.store import Store


class NothingToTrainOn(RatchetError):
    """No row is left; the message names where most were lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curated:
    """A dataset version, and how many items each step kept and dropped for which reason."""

    dataset: Dataset
    funnel: dict[str, dict[str, int]]


def curate(
    store: Store, settings: Settings, *, suites: Sequence[Suite], progress: bool = False
) -> Curated:
    """Make a dataset version of all that was said to the assistant and of its answers.

    The same content of the store, settings, seed and suites give the same version, byte for byte;
    one that exists is used again. Killed at any moment, it can simply be run again.

    Args:
        store: What people said; the version and its rows are recorded there.
        settings: `curate` says what may enter.
        suites: No case of these, nor a near-copy, gets in.
        progress: Show a bar on stderr.

    Raises:
        NothingToTrainOn: No row is left.
        RatchetError: A setting is out of range, or the disk cannot be written.
    """
    rules, name = settings.curate, settings.assistant.name
    check(rules)
    said = read(store, name)
    with Funnel(progress) as funnel:
        turns = allowed_turns(said, rules, funnel, withdrawn_people(store, name, rules))
        rows = make_rows(said, turns, rules, funnel)
        rows = funnel.kept("personal_data", redact(rows, rules.personal_data))
        once = one_of_each(rows, rules.near_duplicate)
        rows = funnel.kept("duplicates", Sifted(once.kept, once.dropped))
        cases = EvalCases(suites, rules.contamination)
        rows = funnel.kept("contamination", sift(rows, cases.problem))
        rows = funnel.kept("balance", balance(rows, rules.most_per_user))
        sides = split(rows, held_out=rules.held_out, seed=settings.seed, kin=once.kin)
        rows = funnel.kept("split", sift(rows, lambda row: parted(row, sides)))
        if not rows:
            raise NothingToTrainOn(f"{name}: {funnel.largest_drop()}")
    dataset = publish(store, settings, rows, sides, suites, said, funnel.counts)
    return Curated(dataset=dataset, funnel=funnel.counts)


def allowed_turns(
    said: Said,
    rules: CurateSettings,
    funnel: Funnel,
    recorded: Mapping[str, datetime] | None = None,
) -> list[Interaction]:
    """The turns that may be learnt from: by consent, by licence, by who was real."""
    bases, licences = frozenset(rules.consent), frozenset(rules.licences)
    purposes, now = frozenset(rules.purposes), datetime.now(UTC)
    withdrawn = {**withdrawals(said.turns), **(recorded or {})}
    turns = funnel.kept(
        "consent",
        sift(
            said.turns,
            lambda turn: consent_problem(turn, bases, withdrawn),
            lambda turn: purpose_problem(turn, purposes),
            lambda turn: retention_problem(turn, rules.retention_days, now),
        ),
    )
    turns = funnel.kept(
        "licence",
        sift(
            turns,
            lambda turn: licence_problem(turn, licences),
            lambda turn: passage_problem(turn, licences, rules.unknown_passages),
        ),
    )
    return funnel.kept(
        "simulated", sift(turns, lambda turn: simulated_problem(turn, rules.simulated))
    )


def make_rows(
    said: Said, turns: Sequence[Interaction], rules: CurateSettings, funnel: Funnel
) -> list[Row]:
    """What can be learnt from the feedback on these turns."""
    by_id = {turn.id: turn for turn in turns}
    ratings = [one for one in said.ratings if rules.simulated or not one.simulated]
    compared = [one for one in said.comparisons if rules.simulated or not one.simulated]
    thought = opinions(ratings)
    built = [
        make_pairs(by_id, compared, thought), make_sft(by_id, thought), make_kto(by_id, thought),
    ]  # fmt: skip
    sifted = sift([row for one in built for row in one.rows], no_answer)
    used = {id for row in sifted.kept for id in row.interactions}
    unused = Counter(reason for one in built for reason in one.unused)
    unused["nothing_said"] = len(by_id.keys() - used)
    unused["simulated_rater"] = (
        len(said.ratings) + len(said.comparisons) - len(ratings) - len(compared)
    )
    return funnel.kept("feedback", sifted, also=+unused)


def publish(
    store: Store,
    settings: Settings,
    rows: Sequence[Row],
    sides: dict[str, Side],
    suites: Sequence[Suite],
    said: Said,
    funnel: dict[str, dict[str, int]],
) -> Dataset:
    """Write the version's files, then record it and where each of its rows came from."""
    content = version.lines(rows, sides)
    basis: dict[str, Any] = {
        "assistant": settings.assistant.name,
        "settings": asdict(settings.curate),
        "seed": settings.seed,
        "suites": {suite.name: suite.version for suite in suites},
    }
    id = version.name_of(content, basis)
    folder = settings.datasets / id
    manifest = version.write(
        folder,
        content,
        {
            "dataset": id,
            "format": version.FORMAT,
            **basis,
            "rows": len(rows),
            "counts": _counts(content),
            "people": dict(Counter(sides[user] for user in {u for r in rows for u in r.users})),
            "guidelines": sorted({row.guideline for row in rows}),
            "sources": {
                "interactions": len(said.turns),
                "ratings": len(said.ratings),
                "comparisons": len(said.comparisons),
            },
            "funnel": funnel,
        },
    )
    dataset = Dataset(
        id=id,
        at=datetime.now(UTC),
        assistant=settings.assistant.name,
        rows=len(rows),
        path=str(folder),
        manifest=manifest,
    )
    store.append([dataset, *_lineage(id, content)])
    [kept] = store.query("dataset", id=id)
    return Dataset(**{**kept, "path": str(folder)})


def check(rules: CurateSettings) -> None:
    """Raises RatchetError for a setting out of range."""
    for name in ("near_duplicate", "contamination"):
        value = getattr(rules, name)
        if not 0 < value <= 1:
            raise _out_of_range(name, value, "more than 0 and at most 1")
    if not 0 <= rules.held_out < 1:
        raise _out_of_range("held_out", rules.held_out, "0 or more and less than 1")
    if rules.most_per_user < 1:
        raise _out_of_range("most_per_user", rules.most_per_user, "at least 1")


def _out_of_range(name: str, value: object, expected: str) -> RatchetError:
    return RatchetError(
        f"curate.{name} is {value!r}, expected {expected}. Mend it in ratchet.toml."
    )


def _counts(content: dict[Kind, list[version.Line]]) -> dict[str, dict[str, int]]:
    """Rows by kind and side."""
    return {
        kind: {
            side: sum(line["split"] == side for line in content[kind])
            for side in ("train", "held_out")
        }
        for kind in KINDS
    }


def _lineage(dataset: str, content: dict[Kind, list[version.Line]]) -> list[DatasetRow]:
    return [
        DatasetRow(
            dataset=dataset,
            row=line["row"],
            kind=kind,
            split=line["split"],
            interactions=line["interactions"],
            ratings=line["ratings"],
            guideline=line["guideline"],
            consent=line["consent"],
            users=line["users"],
        )
        for kind in KINDS
        for line in content[kind]
    ]
