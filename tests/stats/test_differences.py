"""Differences: hand examples, agreement with independent formulas, and coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_rel

from evalkit.errors import UsageError
from evalkit.stats import against_reference, estimate, paired, published_difference
from evalkit.types import Published

NAN = float("nan")


def test_square_and_add_by_hand() -> None:
    ours = binomtest(56, 70).proportion_ci(0.9, method="exact")
    theirs = binomtest(48, 80).proportion_ci(0.9, method="exact")
    got = against_reference(estimate([1] * 56 + [0] * 14), value=0.6, n_items=80, samples=1, alpha=0.05)
    assert got.value == pytest.approx(0.2)
    assert got.se == pytest.approx(math.sqrt(0.8 * 0.2 / 70 + 0.6 * 0.4 / 80))
    assert got.interval.low == pytest.approx(0.2 - math.hypot(0.8 - ours.low, theirs.high - 0.6))
    assert got.interval.high == pytest.approx(0.2 + math.hypot(ours.high - 0.8, 0.6 - theirs.low))
    assert got.interval.level == pytest.approx(0.9)
    assert got.assumptions == ()


@pytest.mark.parametrize("kind", ["benchmark", "population"])
def test_level_of_the_stored_interval_does_not_matter(kind: str) -> None:
    values = np.random.default_rng(2).integers(0, 2, (30, 4))
    from_95, from_90 = (
        against_reference(estimate(values, level=level), value=0.5, n_items=30, samples=4, alpha=0.05, kind=kind)
        for level in (0.95, 0.9)
    )
    assert (from_95.interval.low, from_95.interval.high) == pytest.approx((from_90.interval.low, from_90.interval.high))


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_rescaled_intervals_of_clustered_items_are_not_too_narrow(alpha: float) -> None:
    values = np.random.default_rng(3).integers(0, 2, (60, 2))
    labels = [i // 6 for i in range(60)]
    stored, fitting = (
        against_reference(
            estimate(values, labels, level=level),
            value=0.5,
            n_items=60,
            samples=None,
            alpha=alpha,
            kind="population",
        ).interval
        for level in (0.95, 1 - 2 * alpha)
    )
    assert stored.low <= fitting.low + 1e-9
    assert stored.high >= fitting.high - 1e-9


def test_unknown_counts_are_assumed_and_said() -> None:
    run = estimate([[1, 0]] * 30)
    got = against_reference(run, value=0.5, n_items=None, samples=None, alpha=0.05)
    assert any("k unknown" in a for a in got.assumptions)
    assert any("run's 30" in a for a in got.assumptions)
    known = against_reference(run, value=0.5, n_items=30, samples=64, alpha=0.05)
    assert known.assumptions == ()
    assert known.interval.high - known.interval.low < got.interval.high - got.interval.low


def test_exact_reference_adds_no_uncertainty() -> None:
    run = estimate([1] * 30 + [0] * 10, level=0.9)
    got = against_reference(run, value=0.25, n_items=None, samples=None, alpha=0.05, exact=True)
    assert got.se == pytest.approx(run.benchmark.se)
    assert got.interval.low == pytest.approx(run.benchmark.interval.low - 0.25)
    assert "exact" in got.assumptions[0]


def test_both_sides_perfect_still_leaves_room() -> None:
    got = against_reference(estimate([1] * 30), value=1.0, n_items=30, samples=1, alpha=0.05)
    assert got.interval.low < -0.05 and got.interval.high > 0.05


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"value": 79.8}, "79.8"),
        ({"n_items": 0}, "n_items"),
        ({"samples": 0}, "samples"),
        ({"alpha": 0.5}, "alpha 0.5"),
        ({"kind": "both"}, "'both'"),
    ],
)
def test_reference_refusals(change: dict[str, object], named: str) -> None:
    settings: dict[str, object] = {"value": 0.8, "n_items": 30, "samples": 1, "alpha": 0.05} | change
    with pytest.raises(UsageError, match=named):
        against_reference(estimate([1, 0]), **settings)  # type: ignore[arg-type]


def test_paired_se_is_the_paired_t_tests() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.random((200, 3)), rng.random((200, 2))
    got = paired(a, b, alpha=0.05)
    theirs = ttest_rel(a.mean(axis=1), b.mean(axis=1))
    ends = theirs.confidence_interval(0.9)
    assert got.value / got.se == pytest.approx(theirs.statistic)
    assert got.interval.low <= ends.low and ends.high <= got.interval.high
    assert got.interval.high - got.interval.low == pytest.approx(ends.high - ends.low, rel=0.15)


def test_paired_clusters_by_hand() -> None:
    # d = 1, 1, -1, 0; mean 0.25; residuals 0.75, 0.75, -1.25, -0.25; cluster sums 1.5, -1.5
    got = paired([1, 1, 0, 1], [0, 0, 1, 1], ["x", "x", "y", "y"], alpha=0.05)
    assert got.se == pytest.approx(math.sqrt(2 * (1.5**2 + 1.5**2)) / 4)


def test_identical_runs_are_not_proof_of_no_difference() -> None:
    values = [1] * 15 + [0] * 5
    got = paired(values, values, alpha=0.05)
    assert got.value == 0 and got.se == 0
    assert got.interval.high == pytest.approx(3.0 / 20, rel=0.01)  # the rule of three at one-sided 5 %
    assert got.interval.low == -got.interval.high


def test_paired_leaves_out_items_of_one_side_and_says_so() -> None:
    got = paired([[1, 0], [1, 1], [NAN, NAN]], [[0, 0], [NAN, NAN], [1, 1]], alpha=0.05)
    assert got.value == 0.5
    assert "2 items" in got.assumptions[0]
    assert (got.interval.low, got.interval.high) == (-1.0, 1.0)


def test_paired_benchmark_noise_adds_both_runs() -> None:
    rng = np.random.default_rng(6)
    a, b = (rng.integers(0, 2, (50, 4)) for _ in range(2))
    got = paired(a, b, alpha=0.05, kind="benchmark")
    assert got.se == pytest.approx(math.hypot(estimate(a).benchmark.se, estimate(b).benchmark.se))
    assert got.kind == "benchmark"


def test_pairing_removes_the_shared_difficulty() -> None:
    easy_or_hopeless = np.repeat([1, 0], 100)
    a = easy_or_hopeless.copy()
    a[:3] = 0
    got = paired(easy_or_hopeless, a, alpha=0.05)
    assert got.interval.high - got.interval.low < 0.06


def test_paired_refusals() -> None:
    with pytest.raises(UsageError, match="2 and 3 rows"):
        paired([1, 0], [1, 0, 1], alpha=0.05)
    with pytest.raises(UsageError, match="no items"):
        paired([[1.0], [NAN]], [[NAN], [1.0]], alpha=0.05)


@pytest.mark.parametrize(("p", "q", "n", "k"), [(0.97, 0.95, 30, 1), (0.8, 0.75, 198, 4), (0.5, 0.5, 30, 4)])
def test_difference_coverage(p: float, q: float, n: int, k: int) -> None:
    """90 % intervals of the difference of two independent runs on the same items."""
    rng = np.random.default_rng(9)
    repeats, hits = 1500, 0
    for _ in range(repeats):
        run = estimate(rng.random((n, k)) < p)
        published = float((rng.random((n, k)) < q).mean())
        got = against_reference(run, value=published, n_items=n, samples=k, alpha=0.05).interval
        hits += got.low <= p - q <= got.high
    assert hits / repeats >= 0.885


def test_two_published_numbers_by_hand() -> None:
    a, b = binomtest(48, 60).proportion_ci(0.9, method="exact"), binomtest(15, 30).proportion_ci(0.9, method="exact")
    got = published_difference(
        Published(value=0.8, n_items=30, samples=2), Published(value=0.5, n_items=30, samples=1), alpha=0.05
    )
    assert got.value == pytest.approx(0.3) and got.kind == "benchmark" and got.assumptions == ()
    assert got.se == pytest.approx(math.sqrt(0.16 / 60 + 0.25 / 30))
    assert got.interval.low == pytest.approx(0.3 - math.hypot(0.8 - a.low, b.high - 0.5))
    assert got.interval.high == pytest.approx(0.3 + math.hypot(a.high - 0.8, 0.5 - b.low))


def test_two_published_numbers_with_unknown_counts() -> None:
    known, unknown = Published(value=0.8, n_items=30, samples=4), Published(value=0.8, n_items=None, samples=None)
    got = published_difference(unknown, known, alpha=0.05)
    assert got.assumptions == ("first item count unknown: the other's 30 assumed", "first k unknown: counted as 1")
    exact = published_difference(known, Published(value=0.8, n_items=None, samples=None, exact=True), alpha=0.05)
    assert exact.interval.high - exact.interval.low < got.interval.high - got.interval.low
    assert exact.se == pytest.approx(math.sqrt(0.16 / 120))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"value": 79.8}, "percent"),
        ({"value": NAN}, "nan"),
        ({"n_items": 0}, "n_items must be at least 1"),
        ({"samples": 0}, "samples must be at least 1"),
        ({"n_items": None}, "how many items the first number"),
    ],
)
def test_published_numbers_are_checked(change: dict[str, object], part: str) -> None:
    given = {"value": 0.5, "n_items": 30, "samples": 1} | change
    other = Published(value=0.5, n_items=None, samples=1)
    with pytest.raises(UsageError, match=part):
        published_difference(Published(**given), other, alpha=0.05)  # type: ignore[arg-type]
