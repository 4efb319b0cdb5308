"""Confidence intervals of a mean of values in [0, 1]: from summaries, at any level.

Policy: an interval keeps its coverage near 0 and 1 and for few items, even where that makes it a little
wide. The plain Wald interval does not (0.35 instead of 0.95 for 20 items with p = 0.97), so it is used
nowhere.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import UsageError
from evalkit.types import Interval, ItemSpread

BINOMIAL = "clopper-pearson"
SCORE = "score, within clopper-pearson"
UNEQUAL = "score, unequal numbers of samples"
KORN_GRAUBARD = "korn-graubard with score floor"
NO_INFORMATION = "none: whole range"
_CARRIERS = 6
"""Items that carry the spread, below which unlike ones are to be expected."""


def check_level(level: float) -> float:
    """`level` itself; raises `UsageError` unless 0 < level < 1."""
    if not 0.0 < level < 1.0:
        raise UsageError(f"confidence level {level!r} is not between 0 and 1")
    return level


def check_alpha(alpha: float) -> float:
    """`alpha` itself; raises `UsageError` unless 0 < alpha < 0.5."""
    if not 0.0 < alpha < 0.5:
        raise UsageError(f"alpha {alpha!r} is not between 0 and 0.5")
    return alpha


def normal_quantile(level: float) -> float:
    """Two-sided normal quantile: z with P(|Z| <= z) = level."""
    return NormalDist().inv_cdf(0.5 + check_level(level) / 2)


def t_quantile(level: float, dof: float) -> float:
    """Two-sided Student t quantile: t with P(|T_dof| <= t) = level."""
    from scipy.special import stdtrit

    return float(stdtrit(dof, 0.5 + check_level(level) / 2))


def clopper_pearson(value: float, n: float, level: float) -> tuple[float, float]:
    """Exact binomial interval for `x = value n` successes in `n` trials; `n` need not be whole.

        low  = B^-1(a/2;     x,     n - x + 1)      B^-1: quantile of the beta distribution
        high = B^-1(1 - a/2; x + 1, n - x)          a = 1 - level

    Clopper & Pearson 1934. Also valid for the mean of unequal p_i (items of unequal difficulty), whose count
    is less spread than the binomial with their mean (Hoeffding 1956). `value` is a fraction.
    """
    from scipy.special import betaincinv

    tail = (1 - check_level(level)) / 2
    x = min(max(value * n, 0.0), n)
    failures = n - x
    low = 0.0 if x < 1e-9 else float(betaincinv(x, failures + 1, tail))
    high = 1.0 if failures < 1e-9 else float(betaincinv(x + 1, failures, 1 - tail))
    return low, high


def score_interval(value: float, variance: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's interval of a mean in [0, 1] of `n` independent items, with any variance of the mean.

        ((value + q^2/2n) -+ q sqrt(variance + q^2/4n^2)) / (1 + q^2/n),    q = quantile (z or t)

    With `variance` = value (1 - value) / n it is that of a binomial proportion (Wilson 1927). It keeps room for
    rare failures that none of the n items showed.
    """
    center = (value + quantile * quantile / (2 * n)) / (1 + quantile * quantile / n)
    half = quantile * math.sqrt(variance + (quantile / (2 * n)) ** 2) / (1 + quantile * quantile / n)
    return center - half, center + half


def benchmark_interval(value: float, se: float, samples: float, level: float, equal: bool = True) -> Interval:
    """Interval of a mean whose only noise is sampling: `samples` independent samples of fixed items.

    The narrower, at each end, of two intervals:

        Clopper-Pearson on `samples`              (always valid, wide when items are easy-or-hopeless)
        value -+ (z^2/2 + z sqrt(V + z^2/4)) / samples,  V = (se samples)^2 = variance of the count

    The second is the score interval of a count whose variance grows by at most 1 per expected success, as a
    sum of Bernoulli samples does; at V = 0 it still leaves room for z^2 = 3.8 unseen successes. Where items have
    unequal numbers of samples (`equal` is False) the first does not hold, and the second stands alone.
    """
    z = normal_quantile(level)
    low, high = clopper_pearson(value, samples, level)
    arm = (z * z / 2 + z * math.sqrt((se * samples) ** 2 + z * z / 4)) / samples
    if not equal:
        return Interval(low=max(0.0, value - arm), high=min(1.0, value + arm), level=level, method=UNEQUAL)
    narrower = value - arm > low or value + arm < high
    return Interval(
        low=max(low, value - arm),
        high=min(high, value + arm),
        level=level,
        method=SCORE if narrower else BINOMIAL,
    )


def population_interval(value: float, spread: ItemSpread, level: float) -> Interval:
    """Interval of a mean over items that are themselves a sample.

    The wider of two intervals, but never wider than Clopper-Pearson on `units` items:

        Korn-Graubard: Clopper-Pearson on n_eff = value (1 - value) / v * (z/t)^2          (Korn & Graubard 1998)
            v = se^2 (1 + sqrt((kurtosis - 1) / units)):  the variance, and one standard error of it
        Wilson with the observed se: `score_interval` of variance se^2 on units / w items  (Wilson 1927)
            w = 6 (kurtosis - 3) / units, between 0 and 1

    t has `dof` degrees of freedom. The second leaves room for items unlike those that were drawn. That is needed where
    few items carry the spread (below six of them, in full); where all items are alike, it is not.
    The weights were chosen by simulation (`benchmarks/stats_validity.py`).
    """
    t, z = t_quantile(level, spread.dof), normal_quantile(level)
    n = spread.units
    variance = spread.se**2
    unsure = variance * (1 + math.sqrt(max(0.0, spread.kurtosis - 1) / n))
    effective = n if variance == 0 else min(value * (1 - value) / unsure, spread.samples)
    low, high = clopper_pearson(value, max(effective, 1e-6) * (z / t) ** 2, level)
    room = 1.0 if variance == 0 else min(1.0, _CARRIERS * (spread.kurtosis - 3) / n)
    if room > 0:
        low_score, high_score = score_interval(value, variance, n / room, t)
        low, high = min(low, low_score), max(high, high_score)
    ceiling = n * (t_quantile(level, spread.item_dof) / t) ** 2
    low_max, high_max = clopper_pearson(value, ceiling, level)
    return Interval(low=max(low, low_max), high=min(high, high_max), level=level, method=KORN_GRAUBARD)


def difference_arm(se: float, units: float, dof: float, level: float) -> float:
    """Half-width of the interval of a mean of per-item differences in [-1, 1].

        sqrt((t se)^2 + (ln(2 / (1 - level)) / units)^2)

    The t interval plus, in quadrature, the "rule of three": when no item of `units` differs, a share of
    differing items up to -ln(tail) / units remains possible (Hanley & Lippman-Hand 1983).
    """
    unseen = math.log(2 / (1 - check_level(level))) / units
    return math.hypot(t_quantile(level, dof) * se, unseen)


def skewness_shift(deviations: NDArray[np.float64], se: float, level: float) -> float:
    """How far both ends of a t interval ought to move for skewness, to first order.

        g se (1 + 2 z^2) / (6 sqrt(G)),    g = skewness of the G deviations

    Johnson 1978, "Modified t tests and confidence intervals for asymmetrical populations"; Hall 1992. Used for the end
    that it moves outwards only, since g is itself uncertain.
    """
    second = float(np.mean(deviations**2))
    if second < 1e-18:
        return 0.0
    skewness = float(np.mean(deviations**3)) / second**1.5
    return float(skewness * se * (1 + 2 * normal_quantile(level) ** 2) / (6 * math.sqrt(len(deviations))))


def whole_range(low: float, high: float, level: float) -> Interval:
    """The interval that claims nothing."""
    return Interval(low=low, high=high, level=level, method=NO_INFORMATION)
