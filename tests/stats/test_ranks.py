"""Rank intervals: hand examples, agreement with an independent computation, and coverage of all ranks at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.stats import binomtest

from evalkit.errors import UsageError
from evalkit.stats import estimate, rank_intervals
from evalkit.stats.ranks import Contender, average, average_interval, exact, measured, published


def counts(*pairs: tuple[int, int]) -> list[Contender]:
    """Contenders from (right, answers)."""
    return [published(right / n, n) for right, n in pairs]


def lead(a: tuple[int, int], b: tuple[int, int], level: float) -> float:
    """Lower end of the square-and-add interval of a - b, from scipy's intervals."""
    ends = [binomtest(k, n).proportion_ci(level, method="exact") for k, n in (a, b)]
    p, q = a[0] / a[1], b[0] / b[1]
    return p - q - math.hypot(p - ends[0].low, ends[1].high - q)


def test_far_apart_is_certain_whatever_the_order_of_the_rows() -> None:
    assert rank_intervals(counts((500, 1000), (900, 1000), (700, 1000))) == [(3, 3), (1, 1), (2, 2)]
    n = 10**8
    values = [0.5 + 0.001 * i for i in range(20)]
    assert rank_intervals([published(v, n) for v in values]) == [(20 - i, 20 - i) for i in range(20)]


def test_equal_scores_on_30_questions_say_nothing() -> None:
    assert rank_intervals(counts(*[(24, 30)] * 9)) == [(1, 9)] * 9
    assert rank_intervals([published(0.5, 10**8)] * 4) == [(1, 4)] * 4


def test_one_row_has_its_rank_and_no_rows_have_none() -> None:
    assert rank_intervals(counts((3, 30))) == [(1, 1)]
    assert rank_intervals([]) == []


def test_two_rows_are_told_apart_by_a_two_sided_test() -> None:
    """Two one-sided tests at alpha / 2 each: the interval of the difference has level 1 - alpha."""
    for right in range(300, 400):
        shown = lead((right, 500), (300, 500), 0.95) > 0
        assert rank_intervals(counts((right, 500), (300, 500))) == ([(1, 1), (2, 2)] if shown else [(1, 2)] * 2)


def test_claims_already_made_lighten_the_others() -> None:
    """With the third row told from both, the first pair is tested at 0.05 / (6 - 2), not at 0.05 / 6."""
    third = (50, 1000)
    close = next(
        right
        for right in range(700, 800)
        if lead((right, 1000), (700, 1000), 1 - 0.1 / 4) > 0 >= lead((right, 1000), (700, 1000), 1 - 0.1 / 6)
    )
    assert rank_intervals(counts((close, 1000), (700, 1000), third)) == [(1, 1), (2, 2), (3, 3)]
    assert rank_intervals(counts((close, 1000), (700, 1000), (700, 1000)))[0] == (1, 3), "nothing else was shown"


def test_unknown_uncertainty_gives_no_rank_and_takes_none() -> None:
    known = counts((950, 1000), (500, 1000))
    for value in (0.0, 0.3, 1.0):
        assert rank_intervals([*known, published(value, None)]) == [(1, 2), (2, 3), (1, 3)]


def test_numbers_without_noise_are_ranked_by_their_values() -> None:
    assert rank_intervals([exact(0.2), exact(0.7), exact(0.2)]) == [(2, 3), (1, 1), (2, 3)]
    assert rank_intervals([exact(0.25), *counts((240, 1000), (900, 1000))]) == [(2, 3), (2, 3), (1, 1)]


def test_more_certainty_asked_for_never_narrows() -> None:
    rng = np.random.default_rng(1)
    rows = [published(v, 200) for v in rng.uniform(0.3, 0.9, 10)]
    spans = [rank_intervals(rows, alpha) for alpha in (0.2, 0.05, 0.001)]
    for narrow, wide in itertools.pairwise(spans):
        assert all(w[0] <= n[0] <= n[1] <= w[1] for n, w in zip(narrow, wide, strict=True))
    assert spans[0] != spans[-1]


def test_average_by_hand() -> None:
    a, b = (binomtest(k, n).proportion_ci(0.9, method="exact") for k, n in ((80, 100), (30, 40)))
    got = average(counts((80, 100), (30, 40)))
    assert got.value == pytest.approx(0.775)
    low, high = got.ends(0.9)
    assert low == pytest.approx(0.775 - math.hypot(0.8 - a.low, 0.75 - b.low) / 2)
    assert high == pytest.approx(0.775 + math.hypot(a.high - 0.8, b.high - 0.75) / 2)
    assert average([exact(0.2), exact(0.4)]).ends(0.99) == pytest.approx((0.3, 0.3))
    assert average(counts((80, 100))).ends(0.9) == pytest.approx(tuple(a))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: published(79.2, 30), "79.2"),
        (lambda: published(float("nan"), 30), "nan"),
        (lambda: published(0.5, 0), "at least 1 trial, not 0"),
        (lambda: exact(-0.1), "-0.1"),
        (lambda: average([]), "no tasks"),
        (lambda: average_interval([0.5], [(0.4, 0.6), (0.4, 0.6)]), r"\(1,\) and \(2, 2\)"),
        (lambda: rank_intervals([exact(0.5)], alpha=0.5), "alpha 0.5"),
        (lambda: rank_intervals([], alpha=0.0), "alpha 0.0"),
    ],
)
def test_wrong_input_is_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call()


def all_inside(spans: Sequence[tuple[int, int]], truth: Sequence[float]) -> bool:
    """Each interval holds every rank that its model may have; tied models share the ranks of their group."""
    return all(
        best <= 1 + sum(other > own for other in truth) and worst >= sum(other >= own for other in truth)
        for (best, worst), own in zip(spans, truth, strict=True)
    )


def covered(draw: Callable[[np.random.Generator], list[Contender]], truth: Sequence[float], repeats: int) -> float:
    rng = np.random.default_rng(7)
    return sum(all_inside(rank_intervals(draw(rng)), truth) for _ in range(repeats)) / repeats


def floor(repeats: int) -> float:
    """0.95 less three Monte Carlo standard errors."""
    return 0.95 - 3 * math.sqrt(0.95 * 0.05 / repeats)


@pytest.mark.parametrize(
    ("truth", "n"),
    [
        ([0.8] * 8, 30),
        ([0.5] * 3, 500),
        ([0.97] * 8, 30),
        ([0.97] * 8, 500),
        ([0.03, 0.03, 0.04, 0.5, 0.5, 0.9], 100),
        ([0.5, 0.51, 0.52, 0.53, 0.7, 0.7, 0.71], 1319),
        ([0.5, 0.5, 0.9, 0.9, 0.99, 0.99], 5000),
    ],
)
def test_all_published_ranks_are_covered_at_once(truth: list[float], n: int) -> None:
    def draw(rng: np.random.Generator) -> list[Contender]:
        return [published(k / n, n) for k in rng.binomial(n, truth)]

    assert covered(draw, truth, 400) >= floor(400)


@pytest.mark.parametrize(("n", "k", "spread"), [(30, 4, 0.5), (30, 16, 0.5), (198, 2, 4.0), (100, 1, 4.0)])
def test_all_measured_ranks_are_covered_at_once(n: int, k: int, spread: float) -> None:
    """Six runs on the same items, of which three have the same chances on every item."""
    setup = np.random.default_rng(11)
    base = setup.beta(0.8 * spread, 0.2 * spread, n)
    chances = [base, base, base, np.clip(base + 0.02, 0, 1), base * 0.9, base * 0.5]

    def draw(rng: np.random.Generator) -> list[Contender]:
        return [measured(estimate(rng.random((n, k)) < p[:, None])) for p in chances]

    assert covered(draw, [float(p.mean()) for p in chances], 150) >= floor(150)


def test_average_ranks_are_covered_at_once() -> None:
    sizes = (30, 500, 1319)
    truth = np.array([[0.8, 0.97, 0.95], [0.83, 0.96, 0.93], [0.8, 0.97, 0.95], [0.3, 0.7, 0.9]])

    def model(rng: np.random.Generator, row: Sequence[float]) -> Contender:
        return average([published(rng.binomial(n, p) / n, n) for n, p in zip(sizes, row, strict=True)])

    def draw(rng: np.random.Generator) -> list[Contender]:
        return [model(rng, row) for row in truth.tolist()]

    means = [round(float(row.mean()), 9) for row in truth]
    assert len(set(means)) == 2, "three of the four tie"
    assert covered(draw, means, 400) >= floor(400)
