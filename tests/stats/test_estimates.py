"""Error bars: hand examples, agreement with scipy, edges, and a seeded slice of the coverage simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from evalkit.errors import UsageError
from evalkit.stats import benchmark_error, clopper_pearson, estimate, population_error
from evalkit.types import ErrorBar

NAN = float("nan")


@pytest.mark.parametrize(("x", "n"), [(0, 20), (1, 20), (10, 20), (19, 20), (20, 20), (150, 198)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_clopper_pearson_is_scipys(x: int, n: int, level: float) -> None:
    theirs = binomtest(x, n).proportion_ci(level, method="exact")
    assert clopper_pearson(x / n, n, level) == pytest.approx((theirs.low, theirs.high))


def test_one_sample_per_item_is_the_exact_binomial_interval() -> None:
    bar = benchmark_error([1] * 15 + [0] * 5)
    theirs = binomtest(15, 20).proportion_ci(0.95, method="exact")
    assert (bar.interval.low, bar.interval.high) == pytest.approx((theirs.low, theirs.high))
    assert bar.se == pytest.approx(math.sqrt(0.75 * 0.25 / 20))
    assert "upper bound" in bar.note


def test_benchmark_se_by_hand_with_unequal_k() -> None:
    # s^2: item 1 of {1, 0} = 1/2, item 2 of {1, 1, 0} = 1/3  ->  Var = (1/4) (1/4 + 1/9)
    bar = benchmark_error([[1, 0, NAN], [1, 1, 0], [NAN, NAN, NAN]])
    assert bar.se == pytest.approx(math.sqrt((1 / 4 + 1 / 9) / 4))
    assert bar.note == ""


def test_easy_or_hopeless_items_have_little_benchmark_noise() -> None:
    split = [[1] * 8] * 50 + [[0] * 8] * 50
    bar, wider = benchmark_error(split), population_error(split)
    assert bar.se == 0
    assert 0 < bar.interval.high - bar.interval.low < 0.02
    assert wider.interval.high - wider.interval.low > 0.15


def test_population_se_is_sd_over_root_n() -> None:
    values = np.random.default_rng(0).random((40, 3))
    means = values.mean(axis=1)
    assert population_error(values).se == pytest.approx(means.std(ddof=1) / math.sqrt(40))


def test_clustered_se_by_hand() -> None:
    # item means 1, 1, 0, 0.5; mean 0.625; residuals 0.375, 0.375, -0.625, -0.125
    # clusters {1, 2}: 0.75, {3}: -0.625, {4}: -0.125 -> sqrt(3/2 * (0.5625 + 0.390625 + 0.015625)) / 4
    bar = population_error([[1, 1], [1, 1], [0, 0], [1, 0]], ["a", "a", "b", "c"])
    assert bar.se == pytest.approx(math.sqrt(1.5 * 0.96875) / 4)
    assert "3 clusters" in bar.method


def test_own_cluster_for_each_item_changes_nothing() -> None:
    values = [1, 0, 1, 1, 0, 1]
    plain = population_error(values)
    assert population_error(values, range(6)) == plain
    assert population_error(values, [None] * 6) == plain


def test_copies_of_items_do_not_narrow_the_clustered_interval() -> None:
    values = np.array([1] * 14 + [0] * 6)
    once = population_error(values)
    copied = population_error(np.repeat(values, 5), np.repeat(np.arange(20), 5).tolist())
    naive = population_error(np.repeat(values, 5))
    assert copied.se == pytest.approx(once.se)
    assert copied.interval.high - copied.interval.low == pytest.approx(once.interval.high - once.interval.low, rel=0.1)
    assert naive.interval.high - naive.interval.low < 0.6 * (once.interval.high - once.interval.low)


EDGES = {
    "all right": [[1.0] * 4] * 10,
    "all wrong": [[0.0] * 4] * 10,
    "one item": [[1.0, 0.0, 1.0]],
    "one sample": [[1.0]],
    "one sample per item": [[1.0], [0.0], [1.0]],
    "unequal k": [[1.0, 0.0, 1.0], [0.0, NAN, NAN], [NAN, NAN, NAN]],
    "fractions": [[0.3, 0.4], [0.9, 1.0], [0.0, 0.1]],
    "all one half": [[0.5, 0.5]] * 5,
}


@pytest.mark.parametrize("values", EDGES.values(), ids=EDGES.keys())
@pytest.mark.parametrize("clustered", [False, True])
def test_edges_stay_finite_and_contain_the_value(values: list[list[float]], clustered: bool) -> None:
    result = estimate(values, ["c"] * len(values) if clustered else None)
    for bar in (result.benchmark, result.population):
        assert 0 <= bar.se <= 0.5
        assert 0 <= bar.interval.low <= result.value <= bar.interval.high <= 1
        assert bar.interval.low < bar.interval.high


def test_nothing_is_claimed_about_other_questions_from_one_item_or_cluster() -> None:
    for bar in (population_error([[1, 0, 1]]), population_error([1, 0, 1], ["x"] * 3)):
        assert (bar.interval.low, bar.interval.high, bar.se) == (0.0, 1.0, 0.5)
        assert bar.note


def test_unanimous_clusters_count_as_one_item_each() -> None:
    bar = population_error([1] * 40, [i // 10 for i in range(40)])
    assert bar.interval.low < clopper_pearson(1.0, 4, 0.95)[0] + 0.01
    assert "design effect" in bar.note


def test_estimate_counts_and_names() -> None:
    result = estimate([[1, 0, NAN], [1, 1, 1], [NAN, NAN, NAN]])
    assert (result.metric, result.n_items, result.n_samples) == ("avg@3", 2, 5)
    assert result.value == 0.75
    assert estimate([1, 0], metric="accuracy").metric == "accuracy"


def test_a_higher_level_is_wider() -> None:
    values = np.random.default_rng(1).integers(0, 2, (30, 4))
    for error in (benchmark_error, population_error):
        narrow, wide = error(values, level=0.9).interval, error(values, level=0.99).interval
        assert wide.low < narrow.low < narrow.high < wide.high


def test_refusals_name_the_value() -> None:
    with pytest.raises(UsageError, match="2 cluster labels for 3 items"):
        population_error([1, 0, 1], ["a", "b"])
    with pytest.raises(UsageError, match="no items"):
        benchmark_error([[NAN]])
    with pytest.raises(UsageError, match=r"1\.2"):
        benchmark_error([1, 0], level=1.2)


COVERAGE = [
    (20, 1, 0.97, None),
    (20, 4, 0.97, 0.3),
    (30, 16, 0.05, 0.3),
    (30, 4, 0.8, 10.0),
    (198, 4, 0.5, 0.3),
]


@pytest.mark.parametrize(("n", "k", "p", "spread"), COVERAGE)
def test_intervals_keep_their_coverage(n: int, k: int, p: float, spread: float | None) -> None:
    """A slice of the simulation behind `intervals`: nominal 0.95, standard error of the simulation 0.006."""
    rng = np.random.default_rng(20)
    hits = np.zeros(2)
    repeats = 1500
    for _ in range(repeats):
        truth = np.full(n, p) if spread is None else rng.beta(p * spread, (1 - p) * spread, n)
        values = rng.random((n, k)) < truth[:, None]
        hits += [covers(benchmark_error(values), truth.mean()), covers(population_error(values), p)]
    assert (hits / repeats >= 0.935).all(), hits / repeats


def covers(bar: ErrorBar, truth: float) -> bool:
    return bar.interval.low - 1e-9 <= truth <= bar.interval.high + 1e-9
