"""The metrics: avg@k, pass@k and maj@k. Each docstring is the formula."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from evalkit.errors import UsageError
from evalkit.stats.arrays import Floats, Ints, item_means, present_items, sample_values

ENUMERATION_LIMIT = 20_000
MONTE_CARLO_SUBSETS = 20_000


def avg_at_k(values: ArrayLike) -> float:
    """Mean over items of the mean over their samples: (1/n) sum_i (1/k_i) sum_j v_ij. A fraction.

    values: (n_items, k_max) in [0, 1], NaN where a sample does not exist; items without a value are left out.
    Raises `UsageError` if no item has a value.
    """
    array = sample_values(values)
    means, _ = item_means(array[present_items(array)])
    return float(means.mean())


def pass_at_k(n_correct: ArrayLike, n_samples: ArrayLike, k: int) -> Floats:
    """Chance that at least one of k samples is right, per item, shape (n_items,), unbiased.

        1 - C(n - c, k) / C(n, k) = 1 - prod_{i = n-c+1..n} (1 - k/i)

    for c right of n samples. Chen et al. 2021, "Evaluating large language models trained on code".
    Raises `UsageError` if k < 1 or an item has fewer than k samples.
    """
    if k < 1:
        raise UsageError(f"pass@k needs k >= 1, not {k}")
    correct = np.atleast_1d(np.asarray(n_correct))
    samples = np.broadcast_to(np.atleast_1d(np.asarray(n_samples)), correct.shape)
    for c, n in zip(correct, samples, strict=True):
        if c != int(c) or n != int(n) or not 0 <= c <= n:
            raise UsageError(f"pass@{k}: {c!s} right of {n!s} samples is impossible")
        if n < k:
            raise UsageError(f"pass@{k} needs {k} samples per item; an item has {n!s}")
    return np.array([_pass(int(c), int(n), k) for c, n in zip(correct, samples, strict=True)])


def _pass(c: int, n: int, k: int) -> float:
    if n - c < k:
        return 1.0
    return float(1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))


def maj_at_k(labels: ArrayLike, right: Mapping[int, float], k: int, seed: int = 0) -> tuple[float, float]:
    """Expected value of the majority answer among k of the item's n samples: (value, Monte Carlo se).

        mean over k-subsets S of mean over the most frequent labels l in S of right[l]

    labels: (n,) integers, equal = same answer, -1 = no answer, which never wins (a subset without any answer
    is worth 0). right: value in [0, 1] per label. Ties split evenly. All C(n, k) subsets are enumerated up to
    20000 (se = 0); beyond, 20000 random ones, drawn with `seed`. Raises `UsageError` if k < 1 or k > n,
    or a label has no value. Self-consistency: Wang et al. 2023.
    """
    array: Ints = np.asarray(labels, dtype=np.int64)
    if array.ndim != 1 or not 1 <= k <= len(array):
        raise UsageError(f"maj@{k} needs 1 <= k <= samples; the item has labels of shape {array.shape}")
    kinds, codes = np.unique(array[array >= 0], return_inverse=True)
    missing = [int(kind) for kind in kinds if int(kind) not in right]
    if missing:
        raise UsageError(f"maj@{k}: no value given for answer label {missing[0]}")
    worth = np.array([right[int(kind)] for kind in kinds], dtype=np.float64)
    if np.isnan(worth).any() or (worth < 0).any() or (worth > 1).any():
        raise UsageError(f"maj@{k}: values of labels must be between 0 and 1, not {worth.tolist()}")
    if not len(kinds):
        return 0.0, 0.0
    if math.comb(len(array), k) <= ENUMERATION_LIMIT:
        onehot = (array[:, None] == kinds[None, :]).astype(np.int64)
        subsets = np.array(list(combinations(range(len(array)), k)))
        return float(_majority_values(onehot[subsets].sum(axis=1), worth).mean()), 0.0
    sizes = np.append(np.bincount(codes), (array < 0).sum())
    rng = np.random.default_rng(seed)
    drawn = rng.multivariate_hypergeometric(sizes, k, size=MONTE_CARLO_SUBSETS, method="marginals")
    found = _majority_values(drawn[:, :-1], worth)
    return float(found.mean()), float(found.std(ddof=1) / math.sqrt(len(found)))


def _majority_values(counts: Ints, worth: Floats) -> Floats:
    """Value of each row of label counts (subsets, labels)."""
    top = counts.max(axis=1, keepdims=True)
    winners = (counts == top) & (top > 0)
    values: Floats = winners @ worth / np.maximum(winners.sum(axis=1), 1)
    return values
