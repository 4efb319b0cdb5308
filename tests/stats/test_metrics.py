"""avg@k, pass@k and maj@k against brute force and hand examples."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from evalkit.errors import UsageError
from evalkit.stats import avg_at_k, maj_at_k, pass_at_k

NAN = float("nan")


@pytest.mark.parametrize(("c", "n", "k"), [(c, n, k) for n in (1, 3, 6) for c in range(n + 1) for k in range(1, n + 1)])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_sample(c: int, n: int, k: int) -> None:
    samples = [1] * c + [0] * (n - c)
    subsets = [max(s) for s in combinations(samples, k)]
    assert pass_at_k([c], [n], k)[0] == pytest.approx(sum(subsets) / len(subsets))


def test_pass_at_k_stays_finite_for_many_samples() -> None:
    assert pass_at_k([1], [100_000], 50_000)[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("c", "n", "k", "named"), [([1], [4], 0, "not 0"), ([1], [3], 4, "has 3"), ([5], [4], 1, "5 right of 4")]
)
def test_pass_at_k_refuses(c: list[int], n: list[int], k: int, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        pass_at_k(c, n, k)


def test_avg_at_k_weighs_items_equally() -> None:
    assert avg_at_k([[1, 1, 1, 1], [0, NAN, NAN, NAN], [NAN] * 4]) == 0.5


@pytest.mark.parametrize("values", [[], [[NAN, NAN]], [[1.5]], [[-0.1]], [[[1.0]]], [[float("inf")]]])
def test_avg_at_k_refuses(values: object) -> None:
    with pytest.raises(UsageError):
        avg_at_k(values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "right", "expected"),
    [
        ([0, 0, 1], {0: 1.0, 1: 0.0}, 1.0),
        ([0, 1, 1], {0: 1.0, 1: 0.0}, 0.0),
        ([0, 0, 1, 1], {0: 1.0, 1: 0.0}, 0.5),
        ([0, 1, 2], {0: 1.0, 1: 0.0, 2: 0.0}, 1 / 3),
        ([-1, -1, -1, 0], {0: 1.0}, 1.0),
        ([-1, -1], {}, 0.0),
        ([7], {7: 0.25}, 0.25),
    ],
)
def test_majority_of_all_samples(labels: list[int], right: dict[int, float], expected: float) -> None:
    assert maj_at_k(labels, right, len(labels)) == (pytest.approx(expected), 0.0)


def test_majority_of_subsets_by_hand() -> None:
    # right, right, wrong; pairs: RR -> 1, RW -> 1/2, RW -> 1/2
    assert maj_at_k([0, 0, 1], {0: 1.0, 1: 0.0}, 2) == (pytest.approx(2 / 3), 0.0)
    assert maj_at_k([0, 0, 1], {0: 1.0, 1: 0.0}, 1)[0] == pytest.approx(2 / 3)


def test_monte_carlo_agrees_with_the_closed_form_and_repeats() -> None:
    labels = [0] * 18 + [1] * 12 + [-1] * 10
    value, se = maj_at_k(labels, {0: 1.0, 1: 0.0}, 15, seed=3)
    expected = 0.0
    from math import comb

    for a, b in product(range(19), range(13)):
        c = 15 - a - b
        if 0 <= c <= 10:
            share = comb(18, a) * comb(12, b) * comb(10, c) / comb(40, 15)
            expected += share * (1.0 if a > b else 0.5 if a == b else 0.0)
    assert 0 < se < 0.01
    assert abs(value - expected) < 4 * se
    assert (value, se) == maj_at_k(labels, {0: 1.0, 1: 0.0}, 15, seed=3)


@pytest.mark.parametrize(
    ("labels", "right", "k"),
    [([0, 1], {0: 1.0, 1: 0.0}, 0), ([0], {0: 1.0}, 2), ([0, 1], {0: 1.0}, 2), ([0], {0: NAN}, 1)],
)
def test_majority_refuses(labels: list[int], right: dict[int, float], k: int) -> None:
    with pytest.raises(UsageError, match="maj@"):
        maj_at_k(np.array(labels), right, k)
