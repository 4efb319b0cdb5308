"""The metrics: avg@k, pass@k, G-Pass@k, mG-Pass@k, and maj@k = cons@k. Each docstring is the formula.

Policy: k samples are drawn without replacement from the n that an item has, and the expectation over all
C(n, k) draws is computed exactly: there is no seed, and no Monte Carlo error. All items are computed at once;
items that look alike are computed once.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from evalkit.errors import UsageError
from evalkit.stats.arrays import Floats, Ints, item_means, present_items, sample_values

CELLS_AT_ONCE = 1_000_000
"""Bounds the memory of maj@k: a few arrays of so many floats."""


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

        1 - C(n - c, k) / C(n, k)

    for c right of n samples. Chen et al. 2021, "Evaluating large language models trained on code".
    Raises `UsageError` if k < 1, an item has fewer than k samples, or c and n are no counts.
    """
    return _per_item(f"pass@{k}", n_correct, n_samples, k, lambda drawn: float(drawn[1:].sum()))


def g_pass_at_k(n_correct: ArrayLike, n_samples: ArrayLike, k: int, tau: float) -> Floats:
    """Chance that at least the share `tau` of k samples is right, per item, shape (n_items,), unbiased.

        sum_{j = max(1, ceil(tau k))}^{k}  C(c, j) C(n - c, k - j) / C(n, k)

    for c right of n samples. tau = 1 asks for all k (also called pass^k), tau <= 1/k is pass@k. Liu et al.
    2024, "Are your LLMs capable of stable reasoning?". Raises `UsageError` as `pass_at_k` and for tau
    outside [0, 1].
    """
    if not 0.0 <= tau <= 1.0:
        raise UsageError(f"g-pass@{k}: tau {tau!r} is not between 0 and 1")
    least = max(1, math.ceil(tau * k - 1e-9))  # 0.07 * 100 is 7.000000000000001 in floats
    return _per_item(f"g-pass@{k}", n_correct, n_samples, k, lambda drawn: float(drawn[least:].sum()))


def mg_pass_at_k(n_correct: ArrayLike, n_samples: ArrayLike, k: int) -> Floats:
    """G-Pass@k averaged over tau from 1/2 to 1, per item, shape (n_items,).

        (2 / k) sum_{i = ceil(k/2) + 1}^{k}  G-Pass@k(tau = i/k)

    Liu et al. 2024. The sum has floor(k/2) terms: for odd k it reaches (k - 1) / k at most, and is 0 for
    k = 1. Raises `UsageError` as `pass_at_k`.
    """
    beyond_half = np.maximum(np.arange(k + 1) - math.ceil(k / 2), 0) if k >= 1 else np.zeros(1)
    return _per_item(f"mg-pass@{k}", n_correct, n_samples, k, lambda drawn: float(2 / k * (drawn @ beyond_half)))


def _per_item(
    metric: str, n_correct: ArrayLike, n_samples: ArrayLike, k: int, worth: Callable[[Floats], float]
) -> Floats:
    """`worth` of the distribution of right samples among k drawn, for each item; each (c, n) is computed once."""
    _check_k(metric, k)
    correct, samples = _counts(metric, n_correct), _counts(metric, n_samples)
    try:
        correct, samples = np.broadcast_arrays(correct, samples)
    except ValueError:
        raise UsageError(f"{metric}: {len(correct)} counts of right samples, {len(samples)} of samples") from None
    if not correct.size:
        raise UsageError(f"{metric}: no items given")
    pairs, inverse = np.unique(np.column_stack([correct, samples]), axis=0, return_inverse=True)
    for c, n in pairs:
        if c != np.floor(c) or n != np.floor(n) or not 0 <= c <= n:
            raise UsageError(f"{metric}: {c:g} right of {n:g} samples is impossible")
        if n < k:
            raise UsageError(f"{metric} needs {k} samples per item; an item has {n:g}")
    found = np.array([worth(_right_among_drawn(int(c), int(n), k)) for c, n in pairs])
    per_item: Floats = np.clip(found, 0.0, 1.0)[inverse.ravel()]
    return per_item


def _check_k(metric: str, k: int) -> None:
    if not isinstance(k, int | np.integer) or k < 1:
        raise UsageError(f"{metric} needs a whole k >= 1, not {k!r}")


def _counts(metric: str, raw: ArrayLike) -> Floats:
    try:
        counts = np.atleast_1d(np.asarray(raw, dtype=np.float64))
    except (TypeError, ValueError):
        raise UsageError(f"{metric}: counts of samples must be numbers, not {raw!r}") from None
    if counts.ndim != 1 or not np.isfinite(counts).all():
        raise UsageError(f"{metric}: counts of samples must be a list of numbers, not {counts.tolist()}")
    return counts


def _right_among_drawn(c: int, n: int, k: int) -> Floats:
    """Hypergeometric P(j of k drawn are right), j = 0..k, for c right of n.

    From ratios of neighbours, relative to the most likely j: all terms are positive and nothing overflows,
    so thousands of samples are as precise as ten.
    """
    low, high = max(0, k - (n - c)), min(c, k)
    found = np.zeros(k + 1)
    j = np.arange(low, high)
    steps = np.log((c - j) * (k - j) / ((j + 1) * (n - c - k + j + 1)))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    weights = np.exp(logs - logs.max())
    found[low : high + 1] = weights / weights.sum()
    return found


def maj_at_k(labels: ArrayLike, values: ArrayLike, k: int) -> Floats:
    """Expected value of the majority answer of k samples, per item, shape (n_items,). The same as cons@k.

        mean over all k-subsets S of an item's samples of
            mean over the most frequent answers a in S of (mean value of the item's samples that answered a)

    Ties are split evenly. A sample without an answer never wins; a subset without any answer is worth 0.
    Self-consistency: Wang et al. 2023. Computed without listing the subsets, see `_expected_majority`.

    labels: (n_items, n) integers, equal = same answer of an item, negative = no answer. values: (n_items, n) in
    [0, 1], NaN where a sample does not exist. Raises `UsageError` if the shapes differ, k < 1, or an item has
    fewer than k samples.
    """
    metric = f"maj@{k}"
    _check_k(metric, k)
    worth, answers = sample_values(values), np.asarray(labels)
    answers = answers[:, None] if answers.ndim == 1 else answers
    if answers.shape != worth.shape:
        raise UsageError(f"{metric}: labels must have shape {worth.shape}, like the values, not {answers.shape}")
    if answers.dtype.kind not in "iu":
        raise UsageError(f"{metric}: labels must be integers, not {answers.dtype}")
    n_present: Ints = (~np.isnan(worth)).sum(axis=1)
    if not len(worth):
        raise UsageError(f"{metric}: no items given")
    if n_present.min() < k:
        raise UsageError(f"{metric} needs {k} samples per item; an item has {n_present.min()}")
    counts, means = _answers_by_item(answers, worth)
    if (n_present == k).all():
        return _majority(counts, means)
    looks, inverse = np.unique(np.column_stack([n_present, counts, means]), axis=0, return_inverse=True)
    width = counts.shape[1]
    parts = np.array_split(looks, -(-len(looks) * (k + 1) ** 2 // CELLS_AT_ONCE))
    found = [_expected_majority(p[:, 0], p[:, 1 : 1 + width].astype(np.int64), p[:, 1 + width :], k) for p in parts]
    return np.concatenate(found)[inverse.ravel()]


def _answers_by_item(labels: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Counts and mean values (n_items, width) of the different answers of each item, frequent ones first."""
    n_items, n = values.shape
    given = (labels >= 0) & ~np.isnan(values)
    order = np.argsort(labels, axis=1)
    row = np.repeat(np.arange(n_items), n)
    label, value, kept = (np.take_along_axis(a, order, axis=1).ravel() for a in (labels, values, given))
    row, label, value = row[kept], label[kept], value[kept]
    if not row.size:
        return np.zeros((n_items, 1), dtype=np.int64), np.zeros((n_items, 1))
    starts = np.flatnonzero(np.concatenate([[True], (row[1:] != row[:-1]) | (label[1:] != label[:-1])]))
    count = np.diff(np.append(starts, len(row)))
    mean = np.add.reduceat(value, starts) / count
    owner = row[starts]
    by_count = np.lexsort((mean, -count, owner))
    owner, count, mean = owner[by_count], count[by_count], mean[by_count]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    counts = np.zeros((n_items, int(place.max()) + 1), dtype=np.int64)
    means = np.zeros(counts.shape)
    counts[owner, place], means[owner, place] = count, mean
    return counts, means


def _majority(counts: Ints, means: Floats) -> Floats:
    """Value of the majority answer of each row; ties are split."""
    wins = (counts == counts.max(axis=1, keepdims=True)) & (counts > 0)
    values: Floats = (wins * means).sum(axis=1) / np.maximum(wins.sum(axis=1), 1)
    return values


def _expected_majority(n: Floats, counts: Ints, means: Floats, k: int) -> Floats:
    """`_majority` of k samples drawn from each row, in expectation; n: (rows,) samples of each, answers or not.

    How often k draws without replacement give each answer is distributed as independent binomials
    X_a ~ Bin(counts_a, k/n) on the condition that all of them sum to k. So, for each height t of the winner,
    answers are added one by one to

        chance[s, w] = P(s samples so far, w answers with X_a = t, none above)
        total[s, w]  = the same, times the sum of the values of those w answers

    and the expectation is sum_t sum_w total[k, w] / w, over P(all sum to k).
    """
    rows, width = counts.shape
    silent = (n - counts.sum(axis=1)).astype(np.int64)
    share = k / n
    alike = [_binomials(counts[:, a], share, k) for a in range(width)]
    others = _binomials(silent, share, k)
    expected = np.zeros(rows)
    for t in range(1, min(k, int(counts.max())) + 1):
        shape = (rows, k + 1, k // t + 1)
        chance, total = np.zeros(shape), np.zeros(shape)
        chance[:, :, 0] = others
        for a in range(width):
            chance, total = _with_answer(chance, total, alike[a], means[:, a], t)
        expected += (total[:, k, 1:] / np.arange(1, shape[2])).sum(axis=1)
    certain = _binomials(n.astype(np.int64), share, k)[:, k]
    return np.clip(expected / certain, 0.0, 1.0)


def _with_answer(chance: Floats, total: Floats, drawn: Floats, mean: Floats, t: int) -> tuple[Floats, Floats]:
    """One more answer, drawn j < t times, or t times as one more winner; drawn: (rows, k + 1) chances."""
    most = int(np.flatnonzero(drawn.any(axis=0))[-1])
    chance_after, total_after = np.zeros_like(chance), np.zeros_like(total)
    for j in range(min(most, t - 1) + 1):
        p = drawn[:, j, None, None]
        stop = chance.shape[1] - j
        chance_after[:, j:] += p * chance[:, :stop]
        total_after[:, j:] += p * total[:, :stop]
    if most >= t:
        p = drawn[:, t, None, None]
        stop = chance.shape[1] - t
        chance_after[:, t:, 1:] += p * chance[:, :stop, :-1]
        total_after[:, t:, 1:] += p * (total[:, :stop, :-1] + mean[:, None, None] * chance[:, :stop, :-1])
    return chance_after, total_after


def _binomials(trials: Ints, share: Floats, k: int) -> Floats:
    """P(Bin(trials, share) = j), shape (rows, k + 1); share < 1 or all trials are drawn."""
    from scipy.special import gammaln, xlog1py, xlogy

    j = np.arange(k + 1)
    m = trials[:, None]
    rest = np.maximum(m - j, 0)
    logs = (
        gammaln(m + 1) - gammaln(j + 1) - gammaln(rest + 1) + xlogy(j, share[:, None]) + xlog1py(rest, -share[:, None])
    )
    return np.where(j <= m, np.exp(logs), 0.0)
