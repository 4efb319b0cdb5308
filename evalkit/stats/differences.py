"""Run minus reference, or run minus run, with the interval that a verdict is read from.

Policy: intervals have level 1 - 2 alpha, so that one end is a one-sided test at alpha. Two independent
sides are combined by the square-and-add rule (method of variance estimates recovery, Newcombe 1998; Zou &
Donner 2008):

    low  = d - sqrt((a - a_low)^2 + (b_high - b)^2)
    high = d + sqrt((a_high - a)^2 + (b - b_low)^2),    d = a - b

which inherits the coverage of the one-sample intervals near 0 and 1, where d -+ z se fails.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from evalkit.errors import UsageError
from evalkit.stats.arrays import (
    Clusters,
    Floats,
    Ints,
    cluster_codes,
    clustered_se,
    clusters_worth,
    independent_units,
    item_means,
    jackknife_se,
    sample_values,
)
from evalkit.stats.estimates import BENCHMARK, POPULATION, benchmark_error
from evalkit.stats.intervals import (
    NO_INFORMATION,
    UNEQUAL,
    benchmark_interval,
    check_alpha,
    clopper_pearson,
    difference_arm,
    population_interval,
    skewness_shift,
    whole_range,
)
from evalkit.types import Difference, Estimate, Interval, Published

MOVER = "square-and-add of one-sample intervals"


def against_reference(
    estimate: Estimate,
    *,
    value: float,
    n_items: int | None,
    samples: int | None,
    alpha: float,
    kind: str = BENCHMARK,
    exact: bool = False,
) -> Difference:
    """The run's estimate minus a published number `value` (fraction), with the uncertainty of both.

        se^2 = se_run^2 + q (1 - q) / (n k)     kind `benchmark`: both answered the same items
        se^2 = se_run^2 + q (1 - q) / n         kind `population`: each answered its own draw of items

    A published number has no per-item results, so q (1 - q) per sample is the upper bound of its sampling
    noise. `population` treats the two sides as independent draws of questions; that is too wide when both
    had the same items, and pairing is impossible without their results: verdicts use `benchmark`. Unknown
    `samples` (k) counts as 1 and unknown `n_items` as the run's own count; both are listed in
    `assumptions`. `exact=True`: the reference has no uncertainty (a chance level, a threshold).

    The reference's interval is Clopper-Pearson. Raises `UsageError` for a value outside [0, 1] (a percent?),
    counts below 1, alpha outside (0, 0.5), or an unknown kind.
    """
    check_kind(kind)
    level = 1 - 2 * check_alpha(alpha)
    check_published(Published(value=value, n_items=n_items, samples=samples), "reference")
    bar = estimate.benchmark if kind == BENCHMARK else estimate.population
    ours = at_level(estimate, kind, level)
    trials, assumptions = _reference_trials(estimate, n_items, samples, kind)
    if exact:
        theirs, variance, assumptions = (value, value), 0.0, ("reference taken as exact",)
    else:
        theirs, variance = clopper_pearson(value, trials, level), value * (1 - value) / trials
    return Difference(
        value=estimate.value - value,
        se=math.sqrt(bar.se**2 + variance),
        interval=_square_and_add(estimate.value, (ours.low, ours.high), value, theirs, level),
        kind=kind,
        method=f"{MOVER} ({bar.method}; reference {'exact' if exact else 'binomial bound'})",
        assumptions=assumptions,
    )


def published_difference(a: Published, b: Published, *, alpha: float) -> Difference:
    """One published number minus another, with the uncertainty of both, for the same items (kind `benchmark`).

        se^2 = p (1 - p) / (n_a k_a) + q (1 - q) / (n_b k_b)

    Without per-item results each side's sampling noise is at most that of independent samples, hence
    Clopper-Pearson on n k trials for both, combined by square-and-add. An unknown k counts as 1, an unknown number
    of items as the other side's; both are listed in `assumptions`. A side that is `exact` has no uncertainty. Raises
    `UsageError` for a value outside [0, 1] (a percent?), counts below 1, alpha outside (0, 0.5), or if neither side
    states its number of items and one is needed.
    """
    level = 1 - 2 * check_alpha(alpha)
    (ends_a, var_a, said_a), (ends_b, var_b, said_b) = (
        published_side(side, other.n_items, name, level) for side, other, name in ((a, b, "first"), (b, a, "second"))
    )
    return Difference(
        value=a.value - b.value,
        se=math.sqrt(var_a + var_b),
        interval=_square_and_add(a.value, ends_a, b.value, ends_b, level),
        kind=BENCHMARK,
        method=f"{MOVER} (binomial bounds)",
        assumptions=(*said_a, *said_b),
    )


def published_side(
    side: Published, fallback: int | None, name: str, level: float
) -> tuple[tuple[float, float], float, tuple[str, ...]]:
    """(interval ends, variance, assumptions) of one published number; `fallback` items if it states none."""
    check_published(side, f"{name} number")
    if side.exact:
        return (side.value, side.value), 0.0, (f"{name} number taken as exact",)
    n = side.n_items or fallback
    if n is None:
        raise UsageError(f"how many items the {name} number is a mean of is not known, nor for the other")
    assumptions = [] if side.n_items else [f"{name} item count unknown: the other's {n} assumed"]
    if side.samples is None:
        assumptions.append(f"{name} k unknown: counted as 1")
    trials = n * (side.samples or 1)
    return clopper_pearson(side.value, trials, level), side.value * (1 - side.value) / trials, tuple(assumptions)


def check_published(side: Published, name: str) -> None:
    """Raises `UsageError` for a value that is no fraction, or counts below 1."""
    if not 0.0 <= side.value <= 1.0:
        raise UsageError(f"{name} value {side.value!r} is not a fraction between 0 and 1 (percent?)")
    for field, count in (("n_items", side.n_items), ("samples", side.samples)):
        if count is not None and not count >= 1:
            raise UsageError(f"{name} {field} must be at least 1, not {count!r}")


def paired(
    a_values: ArrayLike,
    b_values: ArrayLike,
    clusters: Clusters | None = None,
    *,
    alpha: float,
    kind: str = POPULATION,
) -> Difference:
    """Mean over shared items of (item mean of a - item mean of b); rows of both arrays are the same items.

        population: d_i = a_i - b_i;  SE(d) clustered as in `arrays.clustered_se` (Miller 2024, paired);
                    interval d -+ `intervals.difference_arm`, widened by `intervals.skewness_shift`
        benchmark:  se^2 = Var_benchmark(a) + Var_benchmark(b);  square-and-add of both intervals

    a_values (n_items, k_a) and b_values (n_items, k_b) in [0, 1] with NaN where absent; items without a
    value on either side are left out. One shared item or cluster says nothing about other questions: se 1,
    interval [-1, 1]. Raises `UsageError` if the row counts differ, no item is shared, or alpha or kind are
    wrong.
    """
    check_kind(kind)
    level = 1 - 2 * check_alpha(alpha)
    a, b = sample_values(a_values), sample_values(b_values)
    if len(a) != len(b):
        raise UsageError(f"paired values need the same items: {len(a)} and {len(b)} rows")
    shared = ~(np.isnan(a).all(axis=1) | np.isnan(b).all(axis=1))
    if not shared.any():
        raise UsageError(f"no items with a value on both sides ({len(a)} rows)")
    left_out = int((~shared).sum())
    assumptions = (f"{left_out} items without a value on both sides left out",) if left_out else ()
    a_means, b_means = item_means(a[shared])[0], item_means(b[shared])[0]
    d = a_means - b_means
    if kind == BENCHMARK:
        bar_a, bar_b = benchmark_error(a[shared], level), benchmark_error(b[shared], level)
        ends_a, ends_b = (
            (bar_a.interval.low, bar_a.interval.high),
            (bar_b.interval.low, bar_b.interval.high),
        )
        interval = _square_and_add(float(a_means.mean()), ends_a, float(b_means.mean()), ends_b, level)
        se, method = math.hypot(bar_a.se, bar_b.se), f"{MOVER} ({bar_a.method})"
    else:
        codes = np.unique(cluster_codes(clusters, len(a))[shared], return_inverse=True)[1]
        se, interval, method = _item_differences(d, codes, level)
    return Difference(
        value=float(d.mean()), se=se, interval=interval, kind=kind, method=method, assumptions=assumptions
    )


def check_kind(kind: str) -> None:
    """Raises `UsageError` unless `kind` names one of the two uncertainties."""
    if kind not in (BENCHMARK, POPULATION):
        raise UsageError(f"unknown kind of uncertainty {kind!r}; it is {BENCHMARK!r} or {POPULATION!r}")


def _item_differences(d: Floats, codes: Ints, level: float) -> tuple[float, Interval, str]:
    """(se, interval, method) of the mean of per-item differences, clustered by `codes`."""
    g = int(codes.max()) + 1
    if g == 1:
        return 1.0, whole_range(-1.0, 1.0, level), "one item or cluster"
    se, value = clustered_se(d, codes), float(d.mean())
    unequal = jackknife_se(d, codes)
    arm = difference_arm(unequal, independent_units(d, codes, unequal), clusters_worth(codes) - 1, level)
    method = "paired by item" if g == len(d) else f"paired by item, clustered by {g} clusters"
    shift = skewness_shift(np.bincount(codes, weights=d - value).astype(np.float64), unequal, level)
    interval = Interval(
        low=max(-1.0, value - arm + min(0.0, shift)),
        high=min(1.0, value + arm + max(0.0, shift)),
        level=level,
        method="t with rule of three, widened for skewness",
    )
    return se, interval, method


def _square_and_add(
    a: float, a_ends: tuple[float, float], b: float, b_ends: tuple[float, float], level: float
) -> Interval:
    """Interval of a - b from the intervals of two independent sides (formula at the top of the module)."""
    return Interval(
        low=a - b - math.hypot(a - a_ends[0], b_ends[1] - b),
        high=a - b + math.hypot(a_ends[1] - a, b - b_ends[0]),
        level=level,
        method=MOVER,
    )


def _reference_trials(
    estimate: Estimate, n_items: int | None, samples: int | None, kind: str
) -> tuple[int, tuple[str, ...]]:
    """Independent trials behind the published number, and what had to be assumed for them."""
    assumptions = []
    if n_items is None:
        assumptions.append(f"reference item count unknown: the run's {estimate.n_items} assumed")
    n = n_items or estimate.n_items
    if kind == POPULATION:
        assumptions.append("both sides treated as independent draws of questions")
        return n, tuple(assumptions)
    if samples is None:
        assumptions.append("reference k unknown: counted as 1")
    return n * (samples or 1), tuple(assumptions)


def at_level(estimate: Estimate, kind: str, level: float) -> Interval:
    """The estimate's interval at another level.

    Made anew from what the error bar is made of. Where that is not kept (confidence sequences, macro averages), the
    arms grow with log(2 / (1 - level)), as those of a sequence do; to a lower level they stay as they are.
    """
    bar = estimate.benchmark if kind == BENCHMARK else estimate.population
    stored = bar.interval
    if math.isclose(stored.level, level, abs_tol=1e-9) or stored.method == NO_INFORMATION:
        return dataclasses.replace(stored, level=level)
    if bar.samples is not None:
        return benchmark_interval(estimate.value, bar.se, bar.samples, level, equal=stored.method != UNEQUAL)
    if bar.spread is not None:
        return population_interval(estimate.value, bar.spread, level)
    ratio = max(1.0, math.log((1 - level) / 2) / math.log((1 - stored.level) / 2))
    value = estimate.value
    return Interval(
        low=max(0.0, value - ratio * max(0.0, value - stored.low)),
        high=min(1.0, value + ratio * max(0.0, stored.high - value)),
        level=level,
        method=f"{stored.method}, rescaled",
    )
