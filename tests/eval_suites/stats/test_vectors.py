"""Every reference value of other statistics programs that we have a function for is met."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval_suites.stats.agreement import krippendorff_alpha
from eval_suites.stats.bradley_terry import bradley_terry, win_probability
from eval_suites.stats.cuped import cuped, cuped_effect, variance_left
from eval_suites.stats.drift import homogeneity, js_distance, psi
from eval_suites.stats.group_sequential import obrien_fleming, pocock
from eval_suites.stats.intervals import (
    clopper_pearson,
    clustered_se,
    two_proportions,
    wilson,
)
from eval_suites.stats.kappa import cohen_kappa, fleiss_kappa, weighted_kappa
from eval_suites.stats.means import bca, cluster_bootstrap, log_ratio, mann_whitney, welch
from eval_suites.stats.mixtures import msprt, normal_mixture
from eval_suites.stats.multiplicity import (
    benjamini_hochberg,
    benjamini_yekutieli,
    bonferroni,
    holm,
)
from eval_suites.stats.paired import clustered_difference, equivalence, mcnemar_midp, sign_flip
from eval_suites.stats.power import (
    detectable_difference,
    pairs_for_means,
    people_per_arm,
    per_arm_for_means,
)
from eval_suites.stats.ppi import ppi_mean
from eval_suites.stats.proportions import inferiority, miettinen_nurminen, wald
from eval_suites.stats.ratio import PerUser, arm_mean, delta_se, effect
from eval_suites.stats.sequential import (
    asymptotic_cs,
    obf_bounds,
    preference_e_value,
    spending_bounds,
)
from eval_suites.stats.srm import DISTRUST, srm_e_value, srm_pvalue
from knowledge.gain import dcg, ndcg

Given = dict[str, Any]
VECTORS = [
    vector
    for path in sorted((Path(__file__).parent / "vectors").glob("*.json"))
    for vector in json.loads(path.read_text(encoding="utf-8"))
]


def _wilson(given: Given) -> Given:
    return {"ci": wilson(given["successes"], given["n"], 1 - given["confidence"])}


def _clopper_pearson(given: Given) -> Given:
    return {"ci": clopper_pearson(given["successes"], given["n"], 1 - given["confidence"])}


def _two_proportions(given: Given) -> Given:
    counts = given["x1"], given["n1"], given["x2"], given["n2"]
    difference, low, high, p_value = two_proportions(*counts, 1 - given["confidence"])
    return {"diff": difference, "ci_newcombe": (low, high), "p_value_pooled": p_value}


def _mcnemar(given: Given) -> Given:
    return {"p_midp": mcnemar_midp(given["only_a"], given["only_b"])}


def _wins(given: Given) -> Given:
    decided = given["wins"] + given["losses"]
    return {"ci_wilson_no_ties": wilson(given["wins"], decided)}


def _sign_flip(given: Given) -> Given:
    return {"p_value": sign_flip(np.array(given["a"]) - np.array(given["b"]))}


def _mann_whitney(given: Given) -> Given:
    found = mann_whitney(given["a"], given["b"])
    return {"prob_superiority": found.probability, "p_value": found.p_value}


def _log_ratio(given: Given) -> Given:
    ratio, low, high, p_value = log_ratio(
        given["treatment"], given["control"], 1 - given["confidence"]
    )
    return {"geo_mean_ratio": ratio, "ci": (low, high), "p_value": p_value}


def _correlation(given: Given) -> Given:
    def r_b(sample_bnc: np.ndarray) -> np.ndarray:
        apart_bnc = sample_bnc - sample_bnc.mean(axis=1, keepdims=True)
        spread_bc = np.sqrt((apart_bnc**2).sum(axis=1))
        return apart_bnc.prod(axis=2).sum(axis=1) / spread_bc.prod(axis=1)

    rows = np.column_stack((given["LSAT"], given["GPA"]))
    low, high = bca(rows, r_b, draws=given["n_resamples"], seed=1)
    return {"estimate": float(r_b(rows[None])[0]), "lo": low, "hi": high}


def _paired_bca(given: Given) -> Given:
    differences = np.array(given["b"]) - np.array(given["a"])
    low, high = bca(differences, lambda sample_bn: sample_bn.mean(axis=1), seed=1)
    return {"diff": float(differences.mean()), "lo": low, "hi": high}


def _cluster_bootstrap(given: Given) -> Given:
    values = [value for cluster in given["clusters"] for value in cluster]
    clusters = [n for n, cluster in enumerate(given["clusters"]) for _ in cluster]
    low, high = cluster_bootstrap(values, clusters, np.mean, draws=given["n_resamples"], seed=1)
    return {"estimate": float(np.mean(values)), "lo": low, "hi": high}


def _clustered_se(given: Given) -> Given:
    found = clustered_se(np.array(given["values"]), given["clusters"])
    return {
        "mean": float(np.mean(given["values"])),
        "se_cr0": found.se * math.sqrt((found.clusters - 1) / found.clusters),
        "se_cr1": found.se,
        "n_clusters": found.clusters,
    }


def _paired(given: Given) -> Given:
    n = len(given["a"])
    found = clustered_difference(given["b"], given["a"], range(n))
    return {"diff": found.difference, "se_paired": clustered_se(
        np.array(given["b"]) - np.array(given["a"]), range(n)
    ).se}  # fmt: skip


def _anytime(given: Given) -> Given:
    arms = []
    for arm in ("treatment", "control"):
        hits, n = given[f"x_{arm}"], given[f"n_{arm}"]
        arms.append(arm_mean(PerUser(np.repeat([1.0, 0.0], [hits, n - hits]), np.ones(n))))
    difference, low, high, p_value = asymptotic_cs(
        arms[0].mean - arms[1].mean,
        math.hypot(arms[0].se, arms[1].se),
        given["n_treatment"] + given["n_control"],
        n_star=given["n_star"],
        alpha=given["alpha"],
    )
    significant = p_value < given["alpha"]
    return {"diff": difference, "ci": (low, high), "p_value": p_value, "significant": significant}


def _obf(given: Given) -> Given:
    return {"z_bounds": obf_bounds(given["fractions"], given["alpha"])}


def _power_spending(given: Given) -> Given:
    def spent(fraction: float) -> float:
        return float(given["alpha"] * fraction ** given["phi"])

    return {"z_bounds": spending_bounds(given["fractions"], spent)}


def _votes(given: Given) -> Given:
    found = preference_e_value(
        given["successes"],
        given["n"] - given["successes"],
        null=given["p0"],
        prior=tuple(given["prior"]),
    )
    return {"e_value": math.exp(found.log_e), "p_value": found.p_value}


def _srm(given: Given) -> Given:
    p_value = srm_pvalue(given["observed"], given["weights"])
    return {"p_value": p_value, "srm_at_0_001": p_value < DISTRUST}


def _srm_anytime(given: Given) -> Given:
    found = srm_e_value(given["observed"], given["weights"], weight=sum(given["dirichlet"]))
    return {"log_e": found.log_e, "p_value": found.p_value}


def _psi(given: Given) -> Given:
    sides = given["expected"], given["actual"]
    return {"psi": psi(*sides), "js_distance_base2": js_distance(*sides)}


def _cuped(given: Given) -> Given:
    found = cuped(given["post"], given["pre"], given["arm"])
    treated = np.array(given["arm"]) == 1
    post, pre = np.array(given["post"]), np.array(given["pre"])
    arms = [PerUser(post[side], np.ones(side.sum())) for side in (treated, ~treated)]
    by_jackknife = cuped_effect(arms[0], arms[1], pre[treated], pre[~treated])
    assert by_jackknife.effect.difference == pytest.approx(found.difference, abs=1e-9)
    assert by_jackknife.variance_reduction == pytest.approx(found.variance_reduction, abs=1e-9)
    return {
        "theta": found.theta,
        "diff_raw": welch(post[treated], post[~treated]).difference,
        "diff": found.difference,
        "se": by_jackknife.effect.se,
        "variance_reduction": found.variance_reduction,
        "ci": (found.low, found.high),
        "p_value": found.p_value,
    }


def _ratio(given: Given) -> Given:
    sums, counts = np.array(given["numerator"], float), np.array(given["denominator"], float)
    treated = np.array(given["arm"]) == 1
    new, old = (PerUser(sums[side], counts[side]) for side in (treated, ~treated))
    found, se = effect(new, old), math.hypot(delta_se(new), delta_se(old))
    assert se < found.se < 1.05 * se  # the jackknife is a little wider than the delta method
    return {
        "control": arm_mean(old).mean,
        "treatment": arm_mean(new).mean,
        "diff": found.difference,
        "se": se,
    }


def _kappa_of_table(given: Given) -> Given:
    found = cohen_kappa(given["table"])
    assert found is not None
    return {"kappa": found.kappa, "se_null": found.se_null}


def _kappa(given: Given) -> Given:
    sides = given["a"], given["b"]
    return {
        "kappa": weighted_kappa(*sides),
        "linear": weighted_kappa(*sides, weights="linear"),
        "unweighted": weighted_kappa(*sides, weights="none"),
    }


def _krippendorff(given: Given) -> Given:
    ratings = given["reliability_data"]
    return {
        level: krippendorff_alpha(ratings, level)
        for level in ("nominal", "ordinal", "interval", "ratio")
    }


def _fleiss(given: Given) -> Given:
    found = fleiss_kappa(given["counts"])
    assert found is not None
    return {"kappa": found.kappa}


def _elo(given: Given) -> Given:
    one, other = (given[f"rating_{name}"] * math.log(10) / 400 for name in "ab")
    return {"expected_a": win_probability(one, other)}


def _bradley_terry(given: Given) -> Given:
    names, wins_cc = given["items"], np.array(given["wins"])
    winner_n, loser_n = wins_cc.nonzero()
    reference = names.index(given["reference"].removesuffix("=0"))
    found = bradley_terry(winner_n, loser_n, wins_cc[winner_n, loser_n], reference=reference)
    strengths = dict(zip(names, map(float, found.strength_c), strict=True))
    errors = dict(zip(names, map(float, found.se_c), strict=True))
    del errors[names[reference]]
    return {
        "log_strength": strengths,
        "se": errors,
        "p_milwaukee_beats_boston": win_probability(strengths["Milwaukee"], strengths["Boston"]),
    }


def _bh(given: Given) -> Given:
    return {"adjusted": benjamini_hochberg(given["p"])}


def _holm(given: Given) -> Given:
    return {"adjusted": holm(given["p"])}


def _people(given: Given) -> Given:
    rates = given["p1"], given["p2"]
    return {"n_per_arm": people_per_arm(*rates, power=given["power"], alpha=given["alpha"])}


def _per_arm(given: Given) -> Given:
    asked = {"power": given["power"], "alpha": given["alpha"]}
    return {"n_per_arm": per_arm_for_means(given["effect_size"], **asked)}


def _pairs(given: Given) -> Given:
    asked = {"power": given["power"], "alpha": given["alpha"]}
    return {"n_pairs": pairs_for_means(given["effect_size"], **asked)}


def _detectable(given: Given) -> Given:
    asked = {"power": given["power"], "alpha": given["alpha"]}
    return {"mde": detectable_difference(given["p"], given["n_per_arm"], **asked)}


def _ppi(given: Given) -> Given:
    scores = given["human"], given["judge_on_labelled"], given["judge_on_unlabelled"]
    mean, low, high = ppi_mean(*scores, given["alpha"])
    return {"estimate": mean, "ci": (low, high)}


def _wald(given: Given) -> Given:
    counts = given["x1"], given["n1"], given["x2"], given["n2"]
    difference = given["x1"] / given["n1"] - given["x2"] / given["n2"]
    return {"diff": difference, "ci": wald(*counts, 1 - given["confidence"])}


def _score(given: Given) -> Given:
    counts = given["x1"], given["n1"], given["x2"], given["n2"]
    return {**_wald(given), "ci": miettinen_nurminen(*counts, 1 - given["confidence"])}


def _inferiority(given: Given) -> Given:
    counts = given["x1"], given["n1"], given["x2"], given["n2"]
    return inferiority(*counts, given["margin"])._asdict()


def _equivalence(given: Given) -> Given:
    sides = given["a"], given["b"]
    return {"p_value": equivalence(*sides, low=given["low"], high=given["high"])}


def _by(given: Given) -> Given:
    return _rejecting(benjamini_yekutieli(given["p"]))


def _bonferroni(given: Given) -> Given:
    return _rejecting(bonferroni(given["p"]))


def _rejecting(adjusted: list[float]) -> Given:
    return {"adjusted": adjusted, "n_rejected_at_05": sum(p <= 0.05 for p in adjusted)}


def _mixture(given: Given) -> Given:
    found = normal_mixture(given["v"], optimal=given["v_opt"], alpha=given["alpha"])
    return {"rho": found.rho, "boundary": found.bounds}


def _msprt(given: Given) -> Given:
    spread = {"variance": given["sigma2"], "mixing": given["tau2"], "null": given["theta0"]}
    return msprt(given["mean"], given["n"], **spread)._asdict()


def _classic_obf(given: Given) -> Given:
    bounds = obrien_fleming(given["looks"], given["alpha"])
    return {"constant": bounds[-1], "z_bounds": bounds}


def _pocock(given: Given) -> Given:
    bounds = pocock(given["looks"], given["alpha"])
    return {"constant": bounds[0], "z_bounds": bounds}


def _homogeneity(given: Given) -> Given:
    return homogeneity(given["table"])._asdict()


def _variance_left(given: Given) -> Given:
    left = variance_left(given["correlation"])
    return {"variance_ratio": left, "sample_size_ratio": left}


def _ndcg(given: Given) -> Given:
    relevances = given["relevance_in_rank_order"]
    gain: Any = {"linear": "linear", "exp2": "exponential"}[given["gain"]]
    names = [str(n) for n in range(len(relevances))]
    grades = dict(zip(names, relevances, strict=True))
    found: Given = {
        "dcg": dcg(relevances, gain=gain),
        "ndcg": ndcg(names, grades, len(names), gain=gain),
    }
    if pool := given.get("pool_relevances"):  # with a document that was not found
        best = dcg(pool, gain=gain)
        found |= {"idcg": dcg(sorted(relevances)[::-1], gain=gain), "idcg6": best}
        found["ndcg6"] = found["dcg"] / best
    return found


def _mrr(given: Given) -> Given:
    ranks = given["first_relevant_rank"]
    return {"mrr": sum(1 / rank for rank in ranks) / len(ranks)}


OURS: dict[str, Callable[[Given], Given]] = {
    "asymptotic_confidence_sequence": _anytime,
    "chi_square_homogeneity": _homogeneity,
    "cuped_variance_reduction": _variance_left,
    "group_sequential_obf": _classic_obf,
    "group_sequential_pocock": _pocock,
    "mrr": _mrr,
    "msprt_normal": _msprt,
    "ndcg": _ndcg,
    "noninferiority_z": _inferiority,
    "p_adjust_bonf": _bonferroni,
    "p_adjust_by": _by,
    "robbins_normal_mixture": _mixture,
    "tost_paired": _equivalence,
    "two_proportion_diff_ci_score": _score,
    "two_proportion_diff_ci_wald": _wald,
    "beta_binomial_e_value": _votes,
    "bradley_terry": _bradley_terry,
    "bootstrap_bca": _correlation,
    "clopper_pearson": _clopper_pearson,
    "cluster_bootstrap_percentile": _cluster_bootstrap,
    "cluster_robust_se_mean": _clustered_se,
    "cohen_kappa": _kappa_of_table,
    "cohen_kappa_quadratic": _kappa,
    "cuped": _cuped,
    "elo": _elo,
    "fleiss_kappa": _fleiss,
    "krippendorff_alpha": _krippendorff,
    "lan_demets_obf": _obf,
    "lan_demets_power": _power_spending,
    "log_welch_ratio": _log_ratio,
    "mann_whitney": _mann_whitney,
    "mcnemar": _mcnemar,
    "mde_two_proportions": _detectable,
    "p_adjust_bh": _bh,
    "p_adjust_holm": _holm,
    "paired_bootstrap_bca": _paired_bca,
    "paired_difference_se": _paired,
    "paired_permutation_exact": _sign_flip,
    "ppi_mean": _ppi,
    "psi": _psi,
    "ratio_delta_method": _ratio,
    "sample_size_paired_t": _pairs,
    "sample_size_t": _per_arm,
    "sample_size_two_proportions": _people,
    "srm_chi_square": _srm,
    "srm_sequential_e_value": _srm_anytime,
    "two_proportion_all": _two_proportions,
    "win_rate_sign_test": _wins,
    "wilson_interval": _wilson,
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_reference_value_is_met(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    for name, value in OURS[vector["method"]](vector["input"]).items():
        if f"{name}_range" in expected:
            low, high = expected[f"{name}_range"]
            assert low <= value <= high, name
        else:
            tolerance = vector["tolerance"] or 1e-6
            assert value == pytest.approx(expected[name], abs=tolerance, rel=0), name


def test_every_method_has_a_reference_value() -> None:
    assert {vector["method"] for vector in VECTORS} == set(OURS)
