"""An answer that went wrong becomes a case: asked again of every candidate, never trained on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval_suites.cases import ROLES, write_cases
from eval_suites.importers.formats import write_suite
from eval_suites.records import Case, Expect, Gold, Message
from eval_suites.scorers.match import tokens
from eval_suites.suites import CASES, load_suite
from knowledge.errors import RatchetError
from knowledge.pii import mask
from knowledge.records import passage_of
from knowledge.support import support
from loop.answer.handover import is_abstention
from loop.settings import Settings

if TYPE_CHECKING:
    from loop.store.store import Store

LIVE = "live"  # the suite they go to unless another is named
METRICS = ("served", "facts_present", "truthful", "grounded", "abstained_rightly", "refused")
REFUSE = ("safety", "privacy")  # flags that say the answer should not have been given


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A case with the suite it was added to."""

    case: Case
    suite: str
    cases: int  # the suite holds now
    measured: bool  # whether `suites` in ratchet.toml names it


def add_case(
    store: Store,
    settings: Settings,
    interaction: str,
    *,
    suite: str = LIVE,
    expect: Expect | None = None,
    facts: Sequence[str] = (),
    forbidden: Sequence[str] = (),
    better: str = "",
) -> Added:
    """Make an interaction a case of one of the project's own suites.

    What a good reply holds is told by whoever adds it or by the newest correction: its numbers
    are facts, what it cites or is borne out by is the gold. A correction that holds back, or a
    flag for safety or privacy, says that holding back is right. Personal data is masked.

    Args:
        store: Holds the interaction and what was said of it.
        settings: Say where the suites lie.
        interaction: Its id.
        suite: A folder below the project's `suites`; made if missing.
        expect: Whether to answer, abstain or refuse; None goes by what was said.
        facts: What a good reply states; spellings of one fact parted by "|".
        forbidden: What it must not state.
        better: A better answer, in place of the newest correction.

    Raises:
        RatchetError: There is no such interaction, nothing says what a good reply is, it is a
            case already, or the suite cannot be read.
    """
    rows = store.query("interaction", id=interaction)
    if not rows:
        raise RatchetError(f"No interaction {interaction!r}. See the Review page for ids.")
    said = sorted(store.query("ratings", interaction=interaction), key=lambda row: str(row["at"]))
    corrections = [str(row["text"]) for row in said if row["kind"] == "correction" and row["text"]]
    flags = [str(row["text"]) for row in said if row["kind"] == "flag"]
    right = better.strip() or (corrections[-1] if corrections else "")
    case = case_of(
        rows[0],
        right=right,
        expect=expect or _expected(right, flags),
        facts=facts,
        forbidden=forbidden,
    )
    folder = settings.suite_folder / suite
    with _alone(settings.suite_folder):
        cases = _cases(folder)
        if any(one.interaction == interaction for one in cases):
            raise RatchetError(f"{interaction} is a case of {suite} already.")
        _write(folder, [*cases, replace(case, suite=suite)])
    named = {suite, str(folder), str(folder.relative_to(settings.root))}
    return Added(
        case=replace(case, suite=suite),
        suite=suite,
        cases=len(cases) + 1,
        measured=bool(named & set(settings.suites)),
    )


def case_of(
    interaction: Mapping[str, Any],
    *,
    right: str,
    expect: Expect,
    facts: Sequence[str] = (),
    forbidden: Sequence[str] = (),
) -> Case:
    """The case an interaction makes.

    Args:
        interaction: Its row.
        right: What should have been said; "" if nobody said.
        expect: Whether a good reply answers, abstains or refuses.
        facts: As `add_case`.
        forbidden: As `add_case`.

    Raises:
        RatchetError: An answer is expected and nothing says what it holds.
    """
    id, question = str(interaction["id"]), mask(str(interaction["question"]))
    if expect == "answer" and not right and not facts:
        raise RatchetError(
            f"{id}: nothing says what a good reply is. Correct the answer first, name a fact it "
            "must state (--fact), or say that holding back is right (--expect abstain)."
        )
    case = Case(
        id=f"live-{id}",
        suite="",
        prompt=question,
        kind="from life",
        expect=expect,
        forbidden=tuple(forbidden),
        history=_history(interaction),
        cluster=f"live-{interaction['conversation']}",
        interaction=id,
    )
    if expect != "answer":
        return case
    named = tuple(tuple(one.strip() for one in fact.split("|")) for fact in facts)
    numbers = [word for word in dict.fromkeys(tokens(right)) if word[0].isdigit()]
    wrong = mask(str(interaction["answer"]))
    return replace(
        case,
        facts=named or tuple((number,) for number in numbers),
        gold=_gold(right, interaction["passages"]),
        right=(mask(right),) if right else (),
        wrong=(wrong,) if right and wrong.strip() else (),
    )


def own_suites(settings: Settings) -> list[Path]:
    """Folders of the project's own suites."""
    return sorted(file.parent for file in settings.suite_folder.glob("*/suite.toml"))


def forget_cases(settings: Settings, interactions: Collection[str]) -> list[str]:
    """Take the cases made from these interactions out of the project's suites; their ids.

    A suite that loses its last case is removed. Can be done again.
    """
    gone = []
    with _alone(settings.suite_folder):
        for folder in own_suites(settings):
            cases = _cases(folder)
            kept = [case for case in cases if case.interaction not in interactions]
            if len(kept) < len(cases):
                gone += [case.id for case in cases if case.interaction in interactions]
                _write(folder, kept)
    return gone


def _expected(right: str, flags: Sequence[str]) -> Expect:
    if right:
        return "abstain" if is_abstention(right) else "answer"
    return "refuse" if set(flags) & set(REFUSE) else "answer"


def _history(interaction: Mapping[str, Any]) -> tuple[Message, ...]:
    """The turns before the question, as the model saw them."""
    earlier = list(interaction["messages"])[:-1]
    return tuple(
        Message(role=turn["role"], content=mask(turn["content"]))
        for turn in earlier
        if turn["role"] in ROLES
    )


def _gold(right: str, passages: Sequence[Mapping[str, Any]]) -> tuple[Gold, ...]:
    """What was shown that bears the better answer out."""
    shown = [passage_of(row) for row in passages]
    found = []
    for one in support(right, shown) if right else []:
        if one.passage_number is not None and one.span is not None:
            passage = shown[one.passage_number - 1]
            start, end = (place - passage.start for place in one.span)
            quote = passage.text[max(0, start) : max(0, end)].strip()
            if quote:
                found.append(Gold(document=passage.document, quote=quote))
    return tuple(dict.fromkeys(found))


def _cases(folder: Path) -> list[Case]:
    return list(load_suite(folder).cases) if (folder / "suite.toml").is_file() else []


def _write(folder: Path, cases: list[Case]) -> None:
    """The suite with these cases, whole or not at all."""
    file = folder / CASES
    if not cases:
        (folder / "suite.toml").unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    elif file.is_file():
        new = file.with_suffix(".new")
        write_cases(new, cases)
        os.replace(new, file)
    else:
        about = {
            "name": folder.name,
            "version": "1.0.0",
            "owner": "this project",
            "licence": "proprietary",
            "description": "Answers that went wrong in production, asked again.",
            "primary": METRICS[0],
            "metrics": list(METRICS),
        }
        write_suite(folder, about, cases)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else changes the project's suites meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go of it if the process dies
        yield
