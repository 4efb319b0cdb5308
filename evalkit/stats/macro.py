"""Several tasks as one number: the macro average, each task with its weight whatever its number of items.

Policy: tasks are independent (other items, other samples), so their errors add as squares. The interval is
made of the tasks' own intervals, not of a normal approximation of their sum: method of variance estimates
recovery for a linear combination (Zou & Donner 2008, "Construction of confidence limits about effect
measures"), with weights w_t >= 0 that sum to 1 and the estimates x_t with their intervals [l_t, u_t]:

    value = sum_t w_t x_t
    se    = sqrt(sum_t w_t^2 se_t^2)
    low   = value - sqrt(sum_t w_t^2 (x_t - l_t)^2)
    high  = value + sqrt(sum_t w_t^2 (u_t - x_t)^2)

It never leaves the range of the single intervals, and keeps their coverage near 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from evalkit.errors import UsageError
from evalkit.stats.arrays import Floats
from evalkit.types import Difference, ErrorBar, Estimate, Interval

METHOD = "square-and-add over tasks"

T = TypeVar("T", float, str)


def macro_difference(differences: Sequence[Difference], weights: Sequence[float] | None = None) -> Difference:
    """The weighted mean of the differences on independent tasks, with the interval at the top of the module.

    weights: one per task, not negative; they are divided by their sum. Without weights each task counts the
    same. Raises `UsageError` for no tasks, weights that do not fit, intervals of different levels, different
    kinds of uncertainty, or a number that is not finite.
    """
    shares = _shares(len(differences), weights)
    kind = _common("kinds of uncertainty", [d.kind for d in differences])
    value, se, interval = _combined(
        [d.value for d in differences], [d.se for d in differences], [d.interval for d in differences], shares
    )
    return Difference(
        value=value,
        se=se,
        interval=interval,
        kind=kind,
        method=_method([d.method for d in differences]),
        assumptions=tuple(dict.fromkeys(text for d in differences for text in d.assumptions)),
    )


def macro_average(estimates: Sequence[Estimate], weights: Sequence[float] | None = None) -> Estimate:
    """The weighted mean of the estimates of independent tasks; both error bars as at the top of the module.

    weights and errors: as for `macro_difference`. `n_items` and `n_samples` are sums. The population bar
    speaks of other questions for these tasks, not of other tasks.
    """
    shares = _shares(len(estimates), weights)
    values = [e.value for e in estimates]
    value = _mean(values, shares)
    names = list(dict.fromkeys(e.metric for e in estimates))
    return Estimate(
        metric=f"macro {names[0]}" if len(names) == 1 else "macro average",
        value=value,
        n_items=sum(e.n_items for e in estimates),
        n_samples=sum(e.n_samples for e in estimates),
        benchmark=_error_bar(values, [e.benchmark for e in estimates], shares),
        population=_error_bar(values, [e.population for e in estimates], shares),
    )


def _error_bar(values: Sequence[float], bars: Sequence[ErrorBar], shares: Floats) -> ErrorBar:
    _, se, interval = _combined(values, [bar.se for bar in bars], [bar.interval for bar in bars], shares)
    return ErrorBar(
        kind=_common("kinds of uncertainty", [bar.kind for bar in bars]),
        se=se,
        interval=interval,
        method=_method([bar.method for bar in bars]),
        note="; ".join(dict.fromkeys(bar.note for bar in bars if bar.note)),
    )


def _combined(
    values: Sequence[float], ses: Sequence[float], intervals: Sequence[Interval], shares: Floats
) -> tuple[float, float, Interval]:
    """(value, se, interval) of the weighted mean."""
    level = _common("levels of the intervals", [round(i.level, 9) for i in intervals])
    x, low, high = np.array(values), np.array([i.low for i in intervals]), np.array([i.high for i in intervals])
    for numbers in (x, np.array(ses), low, high):
        bad = np.flatnonzero(~np.isfinite(numbers))
        if bad.size:
            raise UsageError(f"task {bad[0] + 1} of {len(values)} has a number that is not finite: {numbers[bad[0]]}")
    value = _mean(values, shares)
    ends = mean_interval(x, low, high, shares)
    interval = Interval(low=ends[0], high=ends[1], level=level, method=METHOD)
    return value, _length(shares * np.array(ses)), interval


def mean_interval(values: Floats, low: Floats, high: Floats, shares: Floats) -> tuple[float, float]:
    """Interval of a weighted mean of independent scores or differences from their own intervals, of the same level.

        low  = mean - sqrt(sum_t (w_t (v_t - low_t))^2),   high = mean + sqrt(sum_t (w_t (high_t - v_t))^2)

    The square-and-add rule for a linear combination (Zou, Huang & Zhang 2009). It holds for noise, which partly
    cancels. What is not known at all does not: an interval that is the whole range (of a score, or of a difference)
    adds its arms in full. All arrays have shape (T,); the shares sum to 1.
    """
    mean = float(shares @ values)
    unknown = ((low <= 0) & (high >= 1) & (low > -1)) | ((low <= -1) & (high >= 1))
    below, above = shares * np.maximum(values - low, 0), shares * np.maximum(high - values, 0)
    return (
        mean - _length(below[~unknown]) - float(below[unknown].sum()),
        mean + _length(above[~unknown]) + float(above[unknown].sum()),
    )


def _mean(values: Sequence[float], shares: Floats) -> float:
    return math.fsum(float(w) * x for w, x in zip(shares, values, strict=True))


def _length(vector: Floats) -> float:
    return float(np.linalg.norm(vector))


def _shares(n_tasks: int, weights: Sequence[float] | None) -> Floats:
    """Weights that sum to 1."""
    if n_tasks == 0:
        raise UsageError("an average over no tasks means nothing: no tasks given")
    if weights is None:
        return np.full(n_tasks, 1 / n_tasks)
    if len(weights) != n_tasks:
        raise UsageError(f"{len(weights)} weights for {n_tasks} tasks")
    for weight in weights:
        if not (isinstance(weight, int | float | np.number) and math.isfinite(weight) and weight >= 0):
            raise UsageError(f"weight {weight!r} is not a number of 0 or more")
    total = math.fsum(weights)
    if total == 0:
        raise UsageError(f"weights {list(weights)} sum to 0: no task would count")
    return np.array([weight / total for weight in weights])


def _common(what: str, values: Sequence[T]) -> T:
    """The one value that all share."""
    found = list(dict.fromkeys(values))
    if len(found) > 1:
        raise UsageError(f"different {what} cannot be averaged: {', '.join(str(v) for v in found)}")
    return found[0]


def _method(methods: Sequence[str]) -> str:
    return f"{METHOD} ({'; '.join(dict.fromkeys(methods))})"
