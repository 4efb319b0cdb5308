"""The bootstrap over items, for metrics that have no formula (a median, a ratio, a rank): resample, look.

Policy: no verdict uses it. Its percentile interval is too narrow for few items, and near 0 and 1, where
resampling cannot show failures that the data do not have: of all right answers every resample is all right.
`population_error` keeps its coverage there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from evalkit.errors import UsageError
from evalkit.stats.arrays import Clusters, Floats, cluster_codes, sample_values
from evalkit.stats.intervals import check_level, whole_range
from evalkit.types import Interval

METHOD = "percentile bootstrap over items"
DRAWS_AT_ONCE = 50_000
"""So many drawn values stay in the processor's cache while they are added."""


def bootstrap_means(
    values: ArrayLike, *, n_replicates: int = 10_000, clusters: Clusters | None = None, seed: int = 0
) -> Floats:
    """Means of resampled items, shape (n_replicates,).

        mean*_r = sum_{j = 1..G} s_{I(r, j)} / sum_{j = 1..G} m_{I(r, j)},    I(r, j) uniform on 1..G

    with s_g the sum and m_g the number of the items of cluster g; without clusters each item is one.
    Efron & Tibshirani 1993, "An introduction to the bootstrap". The same seed draws the same items, so metrics
    of the same items can be bootstrapped together, difference by difference.

    values: (n_items,) finite numbers; clusters: n_items labels. Raises `UsageError` for no items, other values,
    labels that do not fit, or a count of replicates below 1.
    """
    x = _item_values(values)
    if not isinstance(n_replicates, int | np.integer) or n_replicates < 1:
        raise UsageError(f"the number of replicates must be at least 1, not {n_replicates!r}")
    codes = cluster_codes(clusters, len(x))
    sums, sizes = np.bincount(codes, weights=x), np.bincount(codes).astype(np.float64)
    alike = bool((sizes == sizes[0]).all())
    g = len(sums)
    # Narrow integers are drawn several at a time; SFC64 is the fastest generator of numpy.
    narrow = np.uint16 if g <= 2**16 else np.uint32
    generator = np.random.Generator(np.random.SFC64(seed))
    means = np.empty(n_replicates)
    step = max(1, DRAWS_AT_ONCE // g)
    for start in range(0, n_replicates, step):
        drawn = generator.integers(0, g, size=(min(step, n_replicates - start), g), dtype=narrow)
        total = g * sizes[0] if alike else sizes[drawn].sum(axis=1)
        means[start : start + step] = sums[drawn].sum(axis=1) / total
    return means


def bootstrap_interval(
    values: ArrayLike,
    *,
    level: float = 0.95,
    n_replicates: int = 10_000,
    clusters: Clusters | None = None,
    seed: int = 0,
) -> Interval:
    """Percentile interval of the mean: the (1 - level)/2 and (1 + level)/2 quantiles of `bootstrap_means`.

    values: (n_items,) in [0, 1]. One item or cluster, or values that are all equal, show nothing of how far the
    mean could lie off: the interval is [0, 1] then. Raises `UsageError` as `bootstrap_means`, for values
    outside [0, 1] and for a level outside (0, 1).
    """
    check_level(level)
    x = sample_values(_item_values(values))[:, 0]
    means = bootstrap_means(x, n_replicates=n_replicates, clusters=clusters, seed=seed)
    if cluster_codes(clusters, len(x)).max() == 0 or float(np.ptp(x)) == 0.0:
        return whole_range(0.0, 1.0, level)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(low=float(low), high=float(high), level=level, method=METHOD)


def _item_values(values: ArrayLike) -> Floats:
    try:
        x = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as fault:
        raise UsageError(f"values must be a list of numbers, one per item: {fault}") from None
    if x.ndim != 1:
        raise UsageError(f"values must be one number per item, shape (items,), not {x.shape}")
    if not x.size:
        raise UsageError("a bootstrap needs items: no values given")
    bad = x[~np.isfinite(x)]
    if bad.size:
        raise UsageError(f"item value {bad[0]} is not finite; leave out items without a value")
    return x
