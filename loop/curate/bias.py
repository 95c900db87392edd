"""What a dataset leans to: tasks it has too few or too many of, long answers, refusals."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_suites.stats.intervals import two_proportions, wilson
from eval_suites.stats.multiplicity import benjamini_hochberg
from knowledge.text import words
from loop.answer.handover import is_abstention
from loop.curate.clusters import Cluster

ALPHA = 0.05
APART = 1.5  # times the live share, or its inverse, from which a cluster is flagged
FEWEST = 5  # rated answers of a group that is compared with the others
COVERED = 0.6  # cosine to the nearest row from which a live question is covered


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """A row of the dataset, as far as balance goes."""

    kind: str  # pair, sft or kto
    answer: str  # of a pair: the preferred one
    rejected: str | None = None  # pairs only
    label: bool | None = None  # KTO only
    simulated: bool = False
    synthetic: bool = False  # no person asked it


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """A live answer that people found good or bad, and the groups it belongs to."""

    good: bool
    groups: dict[str, Hashable]  # kind of group (cluster, adapter, …) → which


def balance_report(
    clusters: Sequence[Cluster],
    rows: Sequence[Learnt],
    clusters_n: NDArray[np.int64],
    live_m: NDArray[np.int64],
    nearest_m: NDArray[np.float32],
    rated: Sequence[Rated],
) -> dict[str, Any]:
    """How a dataset is made up, as JSON for its manifest. Intervals are at 95 percent.

    Args:
        clusters: The tasks, by number.
        rows: Of the dataset, n.
        clusters_n: The task of each row, shape (n,).
        live_m: The task of each of the newest live questions, shape (m,).
        nearest_m: Cosine of each live question to the row nearest to it, shape (m,).
        rated: Live answers that people judged.
    """
    simulated = sum(row.simulated for row in rows)
    synthetic = sum(row.synthetic for row in rows)
    covered = int((nearest_m >= COVERED).sum())
    return {
        "rows": len(rows),
        "clusters": shares(clusters, clusters_n, live_m),
        "coverage": share(covered, len(nearest_m)),
        "length": length_bias(rows),
        "refusals": refusal_bias(rows),
        "groups": by_group(rated),
        "simulated": share(simulated, len(rows)),
        "synthetic": share(synthetic, len(rows)),
    }


def shares(
    clusters: Sequence[Cluster], clusters_n: NDArray[np.int64], live_m: NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Of each cluster its share of the dataset and of live traffic, and a flag where they differ.

    "gap": the dataset has much less of it than people ask for, "over": much more. Flagged is what
    differs by half at least and by more than chance (Benjamini and Hochberg over the clusters).
    """
    counts_k = np.bincount(clusters_n, minlength=len(clusters)).tolist()
    live_k = np.bincount(live_m, minlength=len(clusters)).tolist()
    n, m = len(clusters_n), len(live_m)
    compared = bool(n and m)
    tests = [two_proportions(a, n, b, m) for a, b in zip(counts_k, live_k, strict=True) if compared]
    adjusted = benjamini_hochberg([test.p_value for test in tests]) if tests else []
    found = []
    for number, cluster in enumerate(clusters):
        one: dict[str, Any] = {
            **asdict(cluster),
            "prompts": list(cluster.prompts),
            "words": list(cluster.words),
            "rows": counts_k[number],
            "dataset": share(counts_k[number], n),
            "live": share(live_k[number], m),
            "difference": None,
            "flag": None,
        }
        if compared:
            test, ours, theirs = tests[number], counts_k[number] / n, live_k[number] / m
            one["difference"] = {
                "mean": test.difference, "low": test.low, "high": test.high,
                "p_value": adjusted[number],
            }  # fmt: skip
            if adjusted[number] < ALPHA and theirs >= APART * ours:
                one["flag"] = "gap"
            elif adjusted[number] < ALPHA and ours >= APART * theirs:
                one["flag"] = "over"
        found.append(one)
    return found


def length_bias(rows: Sequence[Learnt]) -> dict[str, Any]:
    """How often the preferred answer is the longer one, and how long answers are, in words.

    Pairs with answers of one length are left out of the share.
    """
    pairs = [
        (len(words(row.answer)), len(words(row.rejected)))
        for row in rows
        if row.rejected is not None
    ]
    longer = sum(chosen > rejected for chosen, rejected in pairs)
    unequal = sum(chosen != rejected for chosen, rejected in pairs)
    lengths = {name: [len(words(text)) for text in texts] for name, texts in _answers(rows).items()}
    return {
        "chosen_longer": share(longer, unequal),
        "words": {
            name: {
                "median": float(np.median(found)),
                "p90": float(np.quantile(found, 0.9)),
                "n": len(found),
            }
            for name, found in lengths.items()
            if found
        },
    }


def refusal_bias(rows: Sequence[Learnt]) -> dict[str, Any]:
    """Share of answers that decline to answer: among preferred, rejected, SFT, good and bad."""
    known: dict[str, bool] = {}
    found = {}
    for name, texts in _answers(rows).items():
        for text in texts:
            if text not in known:
                known[text] = is_abstention(text)
        found[name] = share(sum(known[text] for text in texts), len(texts))
    return found


def by_group(rated: Sequence[Rated]) -> dict[str, list[dict[str, Any]]]:
    """Share of good answers of each group, and how it differs from all the others'.

    p-values are adjusted within a kind of group (Benjamini and Hochberg); `worse` and `better`
    are those below 5 percent. Groups with fewer than 5 rated answers are only counted.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    good, total = sum(one.good for one in rated), len(rated)
    for kind in sorted({kind for one in rated for kind in one.groups}):
        counts: dict[Hashable, list[int]] = {}
        for one in rated:
            if kind in one.groups:
                of_group = counts.setdefault(one.groups[kind], [0, 0])
                of_group[0] += one.good
                of_group[1] += 1
        tests = {
            group: two_proportions(g, n, good - g, total - n)
            for group, (g, n) in counts.items()
            if FEWEST <= n <= total - FEWEST
        }
        adjusted = benjamini_hochberg([test.p_value for test in tests.values()])
        p_values = dict(zip(tests, adjusted, strict=True))
        found[kind] = [
            {
                "group": group,
                "good": share(g, n),
                "p_value": p_values.get(group),
                "flag": None
                if p_values.get(group, 1.0) >= ALPHA
                else ("worse" if tests[group].difference < 0 else "better"),
            }
            for group, (g, n) in sorted(counts.items(), key=lambda item: (-item[1][1], str(item)))
        ]
    return found


def share(count: int, n: int) -> dict[str, Any]:
    """A share with its Wilson interval; none without anything to count.

    >>> share(0, 0)
    {'mean': None, 'low': None, 'high': None, 'n': 0}
    """
    if not n:
        return {"mean": None, "low": None, "high": None, "n": 0}
    low, high = wilson(count, n, ALPHA)
    return {"mean": count / n, "low": low, "high": high, "n": n}


def _answers(rows: Sequence[Learnt]) -> dict[str, list[str]]:
    """Answers by what they stand for."""
    return {
        "chosen": [row.answer for row in rows if row.kind == "pair"],
        "rejected": [row.rejected for row in rows if row.rejected is not None],
        "sft": [row.answer for row in rows if row.kind == "sft"],
        "kto_good": [row.answer for row in rows if row.kind == "kto" and row.label],
        "kto_bad": [row.answer for row in rows if row.kind == "kto" and not row.label],
    }
