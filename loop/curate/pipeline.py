"""From what people said to a dataset version; nothing vanishes without a reason.

Texts are never all in memory. They are divided into buckets by what the model was asked, so that
everything said of one prompt is together; each bucket is worked on alone, on any core; then all
rows are held against each other by their keys, a few bytes each.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop.curate import source, split, synthetic, version
from loop.curate.choose import choose
from loop.curate.consent import withdrawn_people
from loop.curate.contamination import EvalCases
from loop.curate.funnel import Funnel
from loop.curate.meaning import Meaning
from loop.curate.paraphrase import Embed
from loop.curate.publish import publish
from loop.curate.redact import redactor
from loop.curate.work import Bench, work
from loop.feedback.gold import gold_items
from loop.settings import CurateSettings, Settings
from loop.store.records import Dataset

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
    store: Store,
    settings: Settings,
    *,
    suites: Sequence[Suite],
    embed: Embed | None = None,
    progress: bool = False,
    workers: int = 0,
) -> Curated:
    """Make a dataset version of all that was said to the assistant and of its answers.

    The same content of the store, settings, seed and suites give the same version, byte for byte,
    on any number of cores; one that exists is used again. Killed at any moment, it can simply be
    run again.

    Args:
        store: What people said; the version and its rows are recorded there.
        settings: `curate` says what may enter.
        suites: No case of these, nor a near-copy, gets in.
        embed: Texts to unit vectors, for what words do not tell; None leaves that out.
        progress: Show a bar on stderr.
        workers: Processes; 0 takes a core each, and only this one for a few turns.

    Raises:
        NothingToTrainOn: No row is left.
        RatchetError: A setting is out of range, or the disk cannot be written.
    """
    rules, name = settings.curate, settings.assistant.name
    check(rules)
    synthetic.check_share(settings.synthesize.share)
    redacts = redactor(rules)
    with closing(Funnel(progress)) as funnel, _scratch(settings.datasets) as folder:
        funnel.stage("Reading")
        said = source.read_judgements(store, name)
        sources = _sources(said)
        gold = gold_items(store, name)
        standings = source.standings(said, settings.raters, gold)
        held = {r: f"rater_{one.held_back}" for r, one in standings.items() if one.held_back}
        said, drops = source.without(said, held, gold, simulated=rules.simulated)
        funnel.note("feedback", 0, [drop.reason for drop in drops])
        withdrawn = withdrawn_people(store, name, rules)
        spool, turns = source.spool_turns(
            store,
            name,
            said,
            rules,
            folder,
            funnel,
            withdrawn=withdrawn,
            cases={case.interaction for suite in suites for case in suite.cases} - {""},
        )
        del said
        made_up, unwanted = synthetic.admit(synthetic.read(store, name), rules)
        funnel.note(synthetic.SYNTHETIC, len(made_up), [drop.reason for drop in unwanted])
        synthetic.spool_rows(spool, made_up)
        drops += unwanted
        sources |= {"interactions": turns, "synthetics": len(made_up)}
        del made_up
        cases = EvalCases(
            suites, rules.contamination, embed=embed, cosine=rules.contamination_cosine
        )
        meaning = Meaning(embed, cases, rules.semantic_duplicate) if embed else None
        bench = Bench(
            folder=folder,
            buckets=spool.count,
            weights={rater: one.weight for rater, one in standings.items()},
            least=settings.raters.margin,
            redactor=redacts,
            cases=cases,
        )
        funnel.stage("Making rows", spool.count)
        for counts in work(bench, workers=workers):
            funnel.add(counts)
            funnel.advance()
        funnel.stage("Comparing rows")
        chosen = choose(
            spool,
            rules,
            seed=settings.seed,
            share=settings.synthesize.share,
            funnel=funnel,
            meaning=meaning,
        )
        if not any(chosen.sides):
            raise NothingToTrainOn(f"{name}: {funnel.largest_drop()}")
        funnel.stage("Writing", spool.count)
        dataset = publish(
            store, settings, suites, spool, chosen, drops, funnel,
            by_meaning=embed is not None,
            sources=sources,
            raters={"heard": len(standings) - len(held), "held_back": dict(Counter(held.values()))},
        )  # fmt: skip
    return Curated(dataset=dataset, funnel=funnel.counts)


def check(rules: CurateSettings) -> None:
    """Raises RatchetError for a setting out of range."""
    for name in (
        "near_duplicate", "contamination", "contamination_cosine", "semantic_duplicate",
    ):  # fmt: skip
        value = getattr(rules, name)
        if not 0 < value <= 1:
            raise _out_of_range(name, value, "more than 0 and at most 1")
    if not 0 <= rules.held_out < 1:
        raise _out_of_range("held_out", rules.held_out, "0 or more and less than 1")
    if not 0 <= rules.most_per_cluster <= 1:
        raise _out_of_range("most_per_cluster", rules.most_per_cluster, "0 to 1")
    if rules.most_per_user < 1:
        raise _out_of_range("most_per_user", rules.most_per_user, "at least 1")
    if rules.split not in split.ORDERS:
        raise _out_of_range("split", rules.split, " or ".join(split.ORDERS))


def _out_of_range(name: str, value: object, expected: str) -> RatchetError:
    return RatchetError(
        f"curate.{name} is {value!r}, expected {expected}. Mend it in ratchet.toml."
    )


@contextmanager
def _scratch(datasets: Path) -> Iterator[Path]:
    """A folder for texts as they were said: it goes with this run."""
    folder = version.scratch(datasets)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sources(said: source.Judgements) -> dict[str, Any]:
    """How much was said, and a hash of its ids."""
    digest = hashlib.sha256()
    for table in (said.ratings, said.comparisons):
        for id in sorted(table["id"].to_pylist()):
            digest.update(f"{id}\n".encode())
    return {
        "ratings": said.ratings.num_rows,
        "comparisons": said.comparisons.num_rows,
        "sha256": digest.hexdigest(),
    }
