"""avg@k, pass@k, G-Pass@k and maj@k against brute force, hand examples and closed forms."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest

from evalkit.errors import UsageError
from evalkit.stats import (
    avg_at_k,
    g_pass_at_k,
    maj_at_k,
    metric_value,
    mg_pass_at_k,
    parse_metric,
    pass_at_k,
    population_error,
    usual_metrics,
)

NAN = float("nan")
CASES = [(c, n, k) for n in (1, 3, 6) for c in range(n + 1) for k in range(1, n + 1)]


@pytest.mark.parametrize(("c", "n", "k"), CASES)
def test_pass_metrics_are_means_over_all_subsets(c: int, n: int, k: int) -> None:
    right = np.array([sum(s) for s in combinations([1] * c + [0] * (n - c), k)])
    assert pass_at_k([c], [n], k)[0] == pytest.approx((right >= 1).mean())
    for tau in (0.0, 0.25, 0.5, 2 / 3, 1.0):
        enough = (right >= 1) & (right / k >= tau - 1e-12)
        assert g_pass_at_k([c], [n], k, tau)[0] == pytest.approx(enough.mean())
    above_half = [(right >= i).mean() for i in range(-(-k // 2) + 1, k + 1)]
    assert mg_pass_at_k([c], [n], k)[0] == pytest.approx(2 / k * sum(above_half))


def test_thousands_of_samples() -> None:
    assert pass_at_k([1], [100_000], 50_000)[0] == pytest.approx(0.5)
    all_right = comb(2900, 1000) / comb(3000, 1000)
    assert g_pass_at_k([2900], [3000], 1000, 1.0)[0] == pytest.approx(all_right, rel=1e-9)
    assert 0 < all_right < 1e-17


def test_items_are_independent_of_each_other() -> None:
    c, n = [0, 3, 8, 3, 1], [8, 8, 8, 4, 8]
    together = g_pass_at_k(c, n, 4, 0.5)
    assert together.tolist() == [float(g_pass_at_k([x], [m], 4, 0.5)[0]) for x, m in zip(c, n, strict=True)]
    assert together[0] == 0 and together[2] == 1


def test_a_share_of_k_is_counted_without_rounding_noise() -> None:
    # 0.07 * 100 is above 7 in floats; 7 right of 100 are the share 0.07
    assert g_pass_at_k([7], [100], 100, 0.07)[0] == 1.0


REFUSED: list[tuple[Any, Any, Any, str]] = [
    ([1], [4], 0, "k >= 1, not 0"),
    ([1], [4], 1.5, "k >= 1, not 1.5"),
    ([1], [3], 4, "needs 4 samples per item; an item has 3"),
    ([5], [4], 1, "5 right of 4"),
    ([-1], [4], 1, "-1 right of 4"),
    ([0.5], [4], 1, "0.5 right of 4"),
    ([NAN], [4], 1, "nan"),
    ([1], [np.inf], 1, "inf"),
    (["one"], [4], 1, "'one'"),
    ([], [], 1, "no items"),
    ([1, 1], [4, 4, 4], 1, "2 counts of right samples, 3"),
]


@pytest.mark.parametrize(("c", "n", "k", "words"), REFUSED)
def test_pass_metrics_refuse(c: Any, n: Any, k: Any, words: str) -> None:
    for metric in (pass_at_k, mg_pass_at_k, lambda *args: g_pass_at_k(*args, 0.5)):
        with pytest.raises(UsageError, match=words):
            metric(c, n, k)


def test_tau_is_a_share() -> None:
    for tau in (-0.1, 1.1, NAN):
        with pytest.raises(UsageError, match=f"tau {tau}"):
            g_pass_at_k([1], [4], 2, tau)


def test_avg_at_k_weighs_items_equally() -> None:
    assert avg_at_k([[1, 1, 1, 1], [0, NAN, NAN, NAN], [NAN] * 4]) == 0.5


@pytest.mark.parametrize("values", [[], [[NAN, NAN]], [[1.5]], [[-0.1]], [[[1.0]]], [[float("inf")]], [["x"]]])
def test_avg_at_k_refuses(values: Any) -> None:
    with pytest.raises(UsageError):
        avg_at_k(values)


@pytest.mark.parametrize(
    ("labels", "values", "expected"),
    [
        ([0, 0, 1], [1, 1, 0], 1.0),
        ([0, 1, 1], [1, 0, 0], 0.0),
        ([0, 0, 1, 1], [1, 1, 0, 0], 0.5),
        ([0, 1, 2], [1, 0, 0], 1 / 3),
        ([-1, -1, -1, 0], [0, 0, 0, 1], 1.0),
        ([-1, -1], [0, 0], 0.0),
        ([7], [0.25], 0.25),
        ([2**61, 2**61, 5], [0.5, 1, 0], 0.75),
    ],
)
def test_majority_of_all_samples(labels: list[int], values: list[float], expected: float) -> None:
    assert maj_at_k([labels], [values], len(labels)).tolist() == [pytest.approx(expected)]


def test_majority_of_subsets_by_hand() -> None:
    # right, right, wrong; pairs: RR -> 1, RW -> 1/2, RW -> 1/2
    assert maj_at_k([[0, 0, 1]], [[1, 1, 0]], 2)[0] == pytest.approx(2 / 3)
    assert maj_at_k([[0, 0, 1]], [[1, 1, 0]], 1)[0] == pytest.approx(2 / 3)


def majority_by_listing(labels: list[int], values: list[float], k: int) -> float:
    worth = {a: np.mean([v for b, v in zip(labels, values, strict=True) if a == b]) for a in labels if a >= 0}
    found = []
    for subset in combinations(labels, k):
        counts = {a: subset.count(a) for a in subset if a >= 0}
        winners = [a for a, n in counts.items() if n == max(counts.values())]
        found.append(np.mean([worth[a] for a in winners]) if winners else 0.0)
    return float(np.mean(found))


@pytest.mark.parametrize("seed", range(8))
def test_majority_is_the_mean_over_all_subsets(seed: int) -> None:
    """Unequal numbers of samples, absent ones in any place, answers of fractional value."""
    rng = np.random.default_rng(seed)
    labels, values = rng.integers(-1, 4, (6, 8)), rng.random((6, 8))
    values[rng.random((6, 8)) < 0.3] = NAN
    present = ~np.isnan(values)
    for k in range(1, int(present.sum(axis=1).min()) + 1):
        expected = [
            majority_by_listing(labels[i][present[i]].tolist(), values[i][present[i]].tolist(), k) for i in range(6)
        ]
        assert maj_at_k(labels, values, k) == pytest.approx(expected, abs=1e-12)


def test_majority_of_many_samples_is_exact() -> None:
    """Two answers and silence have a closed form; C(40, 15) = 40 billion subsets cannot be listed."""
    labels = [0] * 18 + [1] * 12 + [-1] * 10
    expected = sum(
        comb(18, a) * comb(12, b) * comb(10, 15 - a - b) / comb(40, 15) * (1.0 if a > b else 0.5 if a == b else 0.0)
        for a in range(16)
        for b in range(13)
        if 0 <= 15 - a - b <= 10
    )
    assert maj_at_k([labels], [[float(a == 0) for a in labels]], 15)[0] == pytest.approx(expected, abs=1e-12)


MAJORITY_REFUSED: list[tuple[Any, Any, Any, str]] = [
    ([[0, 1]], [[1, 0]], 0, "k >= 1, not 0"),
    ([[0]], [[1]], 2, "needs 2 samples per item; an item has 1"),
    ([[0, 1]], [[1, NAN]], 2, "needs 2 samples per item; an item has 1"),
    ([[0, 1]], [[1]], 1, r"shape \(1, 1\), like the values, not \(1, 2\)"),
    ([["a"]], [[1]], 1, "integers"),
    ([[0]], [[2]], 1, "2.0"),
    (np.zeros((0, 2), dtype=int), np.zeros((0, 2)), 1, "no items"),
]


@pytest.mark.parametrize(("labels", "values", "k", "words"), MAJORITY_REFUSED)
def test_majority_refuses(labels: Any, values: Any, k: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        maj_at_k(labels, values, k)


def test_names_of_metrics() -> None:
    for name in ("pass@8", "maj@16", "g-pass@16:0.5", "g-pass@4:1", "mg-pass@2"):
        assert parse_metric(name).name == name
    assert parse_metric(" CONS@4 ") == parse_metric("maj@4")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("accuracy", "unknown metric 'accuracy'; metrics are pass@K"),
        ("pass@k", "'pass@k'"),
        ("g-pass@4", "unknown metric 'g-pass@4'"),
        ("pass@4:0.5", "unknown metric"),
        ("pass@0", "k must be at least 1, not 0"),
        ("g-pass@4:1.5", "tau 1.5"),
        ("g-pass@4:1.5.1", "tau '1.5.1'"),
    ],
)
def test_names_that_mean_nothing(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_metric(name)


def test_a_metric_over_items_leaves_out_what_has_too_few_samples() -> None:
    values = [[1, 1, 0, 0], [0, 0, 0, 1], [1, NAN, NAN, 1], [NAN] * 4, [1, NAN, NAN, NAN]]
    got = metric_value(parse_metric("pass@2"), values)
    per_item = [5 / 6, 1 / 2, 1.0]
    assert got.value == pytest.approx(np.mean(per_item))
    assert (got.metric, got.n_items, got.n_left_out) == ("pass@2", 3, 1)
    assert got.population.se == pytest.approx(population_error(per_item).se)
    assert got.population.kind == "population"


def test_metrics_without_a_meaning_say_why() -> None:
    with pytest.raises(UsageError, match=r"pass@2 counts right samples; a value of 0\.5"):
        metric_value(parse_metric("pass@2"), [[0.5, 1]])
    with pytest.raises(UsageError, match="pass@4 needs 4 samples of an item; no item has more than 2"):
        metric_value(parse_metric("pass@4"), [[0, 1]])
    with pytest.raises(UsageError, match="maj@2 needs the answers"):
        metric_value(parse_metric("maj@2"), [[0, 1]])
    with pytest.raises(UsageError, match=r"labels must have shape \(1, 2\)"):
        metric_value(parse_metric("maj@2"), [[0, 1]], [[0, 1], [0, 1]])


def test_usual_metrics() -> None:
    assert [m.name for m in usual_metrics([[1, 0, 1], [0, 0, 0]])] == [
        *("pass@2", "pass@3", "g-pass@2:1", "g-pass@3:1", "maj@2", "maj@3")
    ]
    assert [m.name for m in usual_metrics([[0.5, 1], [NAN, NAN]])] == ["maj@2"]
    assert usual_metrics([[1], [0]]) == []
