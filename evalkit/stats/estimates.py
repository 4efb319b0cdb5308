"""An estimate with its two error bars: repeat the run on these items, or ask questions like these.

Policy: every error bar says which of the two it is and by which method; no result is ever NaN or infinite.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import (
    Clusters,
    Floats,
    cluster_codes,
    clustered_se,
    clusters_worth,
    independent_units,
    item_means,
    jackknife_se,
    present_items,
    sample_values,
)
from evalkit.stats.intervals import (
    benchmark_interval,
    check_level,
    population_interval,
    whole_range,
)
from evalkit.types import ErrorBar, Estimate, ItemSpread

BENCHMARK = "benchmark"
POPULATION = "population"


def benchmark_error(values: ArrayLike, level: float = 0.95) -> ErrorBar:
    """Sampling noise: how the mean moves when the run is repeated on the same items.

        Var = (1/n^2) sum_i s_i^2 / k_i,   s_i^2 = sum_j (v_ij - v_i)^2 / (k_i - 1)

    An item with a single sample shows no s_i^2; p (1 - p) takes its place, with p the mean of the items with a single
    sample, (sum + 1) / (count + 2) if there are others. Over these items that is an upper bound, since within +
    between variance <= p (1 - p). Interval: `intervals.benchmark_interval` with n^2 / sum(1/k_i) samples (= n k for
    equal k).

    values: (n_items, k_max) in [0, 1], NaN where absent. Raises `UsageError` if no item has a value.
    """
    array = sample_values(values)
    array = array[present_items(array)]
    means, counts = item_means(array)
    n, value = len(means), float(means.mean())
    squares = np.nansum((array - means[:, None]) ** 2, axis=1)
    single = counts == 1
    m = int(single.sum())
    alone = value if m in (0, n) else (float(means[single].sum()) + 1) / (m + 2)
    within = np.where(single, alone * (1 - alone), squares / np.maximum(counts - 1, 1))
    se = math.sqrt(float((within / counts).sum())) / n
    samples = n * n / float((1 / counts).sum())
    method, note = "(1/n^2) sum s_i^2/k_i", ""
    if single.any():
        method += " with p(1-p) for single samples"
        note = (
            f"{int(single.sum())} of {n} items have one sample: their sampling noise is not identified, "
            "and the upper bound p(1-p) stands in"
        )
    return ErrorBar(
        kind=BENCHMARK,
        se=se,
        interval=benchmark_interval(value, se, samples, level, equal=bool((counts == counts[0]).all())),
        method=method,
        note=note,
        samples=samples,
    )


def population_error(
    values: ArrayLike, clusters: Clusters | None = None, level: float = 0.95, value: float | None = None
) -> ErrorBar:
    """Items are a sample too: how the mean moves over other questions like these.

        SE = sd(item means) / sqrt(n)                                                     without clusters
        SE = sqrt(G/(G-1) sum_g (sum_{i in g} (v_i - mean))^2) / n                        with G clusters

    Miller 2024, "Adding error bars to evals". It contains the sampling noise. Interval:
    `intervals.population_interval` with t quantiles of G* - 1 degrees of freedom, G* = n^2 / sum n_g^2 (G for equal
    sizes; after Carter, Schnepel & Steigerwald 2017), and the standard error of `jackknife_se`.

    values: (n_items, k_max) in [0, 1], NaN where absent; clusters: n_items labels; value: the estimate, where it is
    not the mean of the item means. One item or one cluster
    says nothing about other questions: se 0.5 (the largest possible sd of a value in [0, 1]), interval [0,
    1]. Raises `UsageError` if no item has a value or the labels do not fit.
    """
    check_level(level)
    array = sample_values(values)
    present = present_items(array)
    codes = cluster_codes(clusters, len(array))[present]
    codes = np.unique(codes, return_inverse=True)[1]
    means, counts = item_means(array[present])
    n, g = len(means), int(codes.max()) + 1
    value = float(means.mean()) if value is None else value
    method = "sd/sqrt(n)" if g == n else f"clustered by {g} clusters"
    if g == 1:
        what = "item" if n == 1 else "cluster"
        note = f"one {what} only: nothing can be said about other questions"
        return ErrorBar(kind=POPULATION, se=0.5, interval=whole_range(0.0, 1.0, level), method=method, note=note)
    se = clustered_se(means, codes)
    worth, spread_se = clusters_worth(codes), jackknife_se(means, codes)
    spread = ItemSpread(
        se=spread_se,
        units=independent_units(means, codes, spread_se),
        samples=n * n / float((1 / counts).sum()),
        dof=worth - 1,
        item_dof=n - 1,
        kurtosis=_kurtosis(np.bincount(codes, weights=means - means.mean()).astype(np.float64)),
    )
    return ErrorBar(
        kind=POPULATION,
        se=se,
        interval=population_interval(value, spread, level),
        method=method,
        note=_population_note(means, n, g, worth),
        spread=spread,
    )


def _kurtosis(deviations: Floats) -> float:
    """Fourth moment over the squared second, at least 1; 3 if there is no spread."""
    second = float(np.mean(deviations**2))
    return 3.0 if second < 1e-18 else float(np.mean(deviations**4)) / second**2


def _population_note(means: Floats, n: int, g: int, worth: float) -> str:
    if g < n and float(np.ptp(means)) == 0.0:
        return "all items agree: the design effect is unknown, so each cluster counts as one item"
    if worth < g / 2:
        return f"{g} clusters of very unequal size, worth {worth:.1f} equal ones: the standard error itself is rough"
    if g < min(n, 10):
        return f"only {g} clusters: the standard error itself is rough"
    return ""


def estimate(
    values: ArrayLike, clusters: Clusters | None = None, metric: str | None = None, level: float = 0.95
) -> Estimate:
    """avg@k with both error bars; `metric` is its name, by default `avg@<k>` with the largest k present.

    values: (n_items, k_max) in [0, 1], NaN where absent; clusters: n_items labels or None.
    Raises `UsageError` if no item has a value or the labels do not fit.
    """
    array = sample_values(values)
    means, counts = item_means(array[present_items(array)])
    return Estimate(
        metric=metric or f"avg@{int(counts.max())}",
        value=float(means.mean()),
        n_items=len(means),
        n_samples=int(counts.sum()),
        benchmark=benchmark_error(array, level),
        population=population_error(array, clusters, level),
    )
