"""From documents to questions with answers: pick passages, write, send there and back, keep all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count as numbers
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from knowledge.errors import RatchetError
from loop.curate.contamination import EvalCases
from loop.settings import Settings
from loop.store.ids import id_of
from loop.store.synthetics import Synthetic, SyntheticKind
from loop.synthesize.drafts import KINDS, Draft, Variation, Writer
from loop.synthesize.judge import SYNTHETIC, Judge, Pending
from loop.synthesize.seen import Seen
from loop.synthesize.targets import Target, targets

if TYPE_CHECKING:
    from eval_suites.suites import Suite
    from loop.answer.assistant import Desk
    from loop.store.store import Store

BATCH = 16  # questions that are written, asked and kept together

Funnel = dict[str, dict[str, int]]  # kind → {"kept": n, reason: n, …}


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesized:
    """What a run came to, rows that were there from an earlier one included."""

    rows: list[Synthetic]
    fresh: int  # of the rows, made by this run
    left_out: dict[str, int]  # documents nothing was made from, by reason

    @property
    def accepted(self) -> list[Synthetic]:
        return [row for row in self.rows if row.accepted]

    @property
    def funnel(self) -> Funnel:
        """What became of each kind."""
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for row in self.rows:
            counts[row.kind][row.reason or "kept"] += 1
        return {
            kind: {"kept": counts[kind]["kept"], **dict(sorted((+counts[kind]).items()))}
            for kind in KINDS
            if kind in counts
        }


def synthesize(
    store: Store,
    settings: Settings,
    desk: Desk,
    writer: Writer,
    *,
    suites: Sequence[Suite],
    count: int,
    kinds: Sequence[SyntheticKind] = KINDS,
    seed: int = 7,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: bool = False,
) -> Synthesized:
    """Make up so many questions, and of each accepted one a variant, kinds in turn.

    The same documents, settings, writer and seed make the same questions. Killed at any moment, it
    goes on where it was: what is in the store is not made again, and a larger `count` adds to it.

    Args:
        store: Every row goes there, refused ones too, a batch at a time.
        desk: Asks the questions, as the assistant is now.
        writer: Writes them.
        suites: No near copy of their cases is accepted.
        count: Questions to try, variants not counted.
        kinds: Of variants, beside "question".
        seed: Decides what is asked of a passage and how variants differ.
        now: The time of day.
        progress: Show a bar.

    Raises:
        RatchetError: There is no such kind, or no document that questions may be made from.
    """
    check(kinds, count)
    name, restricted = settings.assistant.name, settings.synthesize.restricted
    used = store.query("knowledge_used", assistant=name)
    shown: Counter[str] = Counter()
    for row in used:
        shown[row["document"]] += row["shown"]
    found = targets(
        desk.collection.documents(),
        desk.collection.chunks,
        licences=settings.curate.licences,
        on=now().date(),
        restricted=restricted,
        shown=shown,
        seed=seed,
    )
    if not found.order:
        raise RatchetError(
            f"{settings.knowledge.collection}: no document that questions may be made from "
            f"({_told(found.left_out)}). Add documents with a licence of curate.licences that "
            "everyone may read, or set synthesize.restricted."
        )
    known = _known(store, name)
    judge = Judge(
        desk=desk, writer=writer, cases=EvalCases(suites, settings.curate.contamination),
        seen=Seen(known.values()), seed=seed, now=now, restricted=restricted,
    )  # fmt: skip
    run = _Run(
        store, judge, known, [kind for kind in KINDS if kind in kinds and kind != "question"]
    )
    rows: list[Synthetic] = []
    with _Bar(count, progress) as bar:
        for batch in _batches(found.order, run, count):
            made = run.questions(batch)
            rows += [*made, *run.variants(made)]
            bar.update(len(made))
    return Synthesized(rows=rows, fresh=run.fresh, left_out=found.left_out)


def check(kinds: Sequence[str], count: int) -> None:
    """Raises RatchetError for a kind that there is not, or a count below 1."""
    for kind in kinds:
        if kind not in KINDS:
            raise RatchetError(f"--kinds: {kind!r} is none of {', '.join(KINDS)}.")
    if count < 1:
        raise RatchetError(f"--count is {count}, expected at least 1.")


class _Wanted(NamedTuple):
    """A question to write, or one that was written before."""

    id: str
    target: Target
    number: int
    draft: Draft | None  # None where the row is known


class _Run:
    """A run under way: what is known, what is new, and whose turn it is."""

    def __init__(
        self,
        store: Store,
        judge: Judge,
        known: dict[str, Synthetic],
        kinds: Sequence[SyntheticKind],
    ) -> None:
        self._store, self._judge, self._known, self._kinds = store, judge, known, kinds
        self._latest: dict[str, Synthetic] = {}  # per document the last accepted question
        self._targets: dict[str, Target] = {}
        self._turn = 0
        self.fresh = 0

    def drafts(self, wanted: Sequence[tuple[Target, int]]) -> list[_Wanted]:
        """Those of the questions that are known or can be written."""
        ids = [self._id(target, "question", number) for target, number in wanted]
        missing = [n for n, id in enumerate(ids) if id not in self._known]
        made = self._judge.writer.questions([wanted[n] for n in missing], self._judge.seed)
        drafts = dict(zip(missing, made, strict=True))
        return [
            _Wanted(id, target, number, drafts.get(n))
            for n, (id, (target, number)) in enumerate(zip(ids, wanted, strict=True))
            if id in self._known or drafts[n] is not None
        ]

    def questions(self, wanted: Sequence[_Wanted]) -> list[Synthetic]:
        """A row for each, the new ones judged and kept."""
        pending = [
            Pending(id=one.id, draft=one.draft, target=one.target, number=one.number)
            for one in wanted
            if one.draft is not None
        ]
        self._keep(pending)
        self._targets |= {one.id: one.target for one in wanted}
        return [self._known[one.id] for one in wanted]

    def variants(self, questions: Sequence[Synthetic]) -> list[Synthetic]:
        """A variant of each accepted question, of the kind whose turn it is."""
        chosen = [one for row in questions if row.accepted and (one := self._choose(row))]
        ids = [self._id(v.target, v.kind, v.of.number, v.of.id) for v in chosen]
        fresh = [(id, v) for id, v in zip(ids, chosen, strict=True) if id not in self._known]
        drafts = self._judge.writer.variants([v for _, v in fresh], self._judge.seed)
        pending = [
            Pending(
                id=id,
                draft=draft,
                target=v.target,
                number=v.of.number,
                of=v.of,
                partner=v.partner if v.kind == "two_in_one" else None,
            )
            for (id, v), draft in zip(fresh, drafts, strict=True)
            if draft is not None
        ]
        self._keep(pending)
        return [self._known[id] for id in ids if id in self._known]

    def _choose(self, of: Synthetic) -> Variation | None:
        partner, self._latest[of.document] = self._latest.get(of.document), of
        kinds = self._kinds
        turn, self._turn = self._turn, self._turn + 1
        for step in range(len(kinds)):
            kind = kinds[(turn + step) % len(kinds)]
            one = Variation(kind=kind, of=of, target=self._targets[of.id], partner=partner)
            if one.is_possible():
                return one
        return None

    def _keep(self, pending: Sequence[Pending]) -> None:
        if not pending:
            return
        rows = self._judge(pending)
        self._store.append(rows)
        self._known |= {row.id: row for row in rows}
        self.fresh += len(rows)

    def _id(self, target: Target, kind: str, number: int, parent: str = "") -> str:
        chunk, judge = target.chunk, self._judge
        span = (chunk.document, chunk.version, str(chunk.start), str(chunk.end))
        assistant = judge.desk.settings.assistant.name
        return id_of(
            SYNTHETIC,
            assistant,
            judge.writer.told,
            *span,
            kind,
            str(judge.seed),
            str(number),
            parent,
        )


def _batches(order: Sequence[Target], run: _Run, count: int) -> Iterator[list[_Wanted]]:
    """So many questions in batches: of every passage its first, then of each its second."""
    left = count
    for number in numbers():
        pairs = iter([(target, number) for target in order])
        any_made = False
        while left and (wanted := list(islice(pairs, min(BATCH, left)))):
            if made := run.drafts(wanted):
                any_made = True
                left -= len(made)
                yield made
        if not left or not any_made:
            return


def _known(store: Store, assistant: str) -> dict[str, Synthetic]:
    from loop.store.tables import from_row

    rows = store.query("synthesized", assistant=assistant)
    return {row["id"]: from_row(Synthetic, row) for row in rows}


def _told(left_out: dict[str, int]) -> str:
    return ", ".join(f"{reason}: {n}" for reason, n in left_out.items()) or "it is empty"


class _Bar:
    """A progress bar, or nothing."""

    def __init__(self, total: int, progress: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=total, desc="Synthesizing", unit="question", leave=False, disable=not progress
        )

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def update(self, made: int) -> None:
        self._bar.update(made)
