"""Ranks of models with rank intervals that hold together.

Policy: no rank is certain because of how the estimates happen to be ordered. A model stands above another only if the
interval of their difference says so, after correction for all the pairs that were looked at; what is not known has
the whole range as its interval, so that it neither gets a certain rank nor gives one to others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from evalkit.errors import UsageError
from evalkit.stats.arrays import Floats
from evalkit.stats.differences import at_level
from evalkit.stats.estimates import BENCHMARK
from evalkit.stats.intervals import check_alpha, clopper_pearson
from evalkit.stats.macro import mean_interval
from evalkit.types import Estimate

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A model's score, a fraction in [0, 1], and the ends of its interval at any level asked for.

    Intervals are computed at each level from what the score was made of; scaling one of another level is a guess.
    """

    value: float
    ends: Callable[[float], Ends]
    """Level -> (low, high) with low <= value <= high."""


def published(value: float, trials: int | None) -> Contender:
    """A published fraction of `trials` = n k independent answers, None if unknown (whole range: 0 to 1).

    The interval is Clopper-Pearson. Raises `UsageError` for a value outside [0, 1] or trials below 1.
    """
    _check_value(value)
    if trials is None:
        return Contender(value=value, ends=lambda _level: (0.0, 1.0))
    if trials < 1:
        raise UsageError(f"a published score needs at least 1 trial, not {trials!r}")
    return Contender(value=value, ends=lambda level: clopper_pearson(value, trials, level))


def exact(value: float) -> Contender:
    """A number without noise, such as a chance level; raises `UsageError` for a value outside [0, 1]."""
    _check_value(value)
    return Contender(value=value, ends=lambda _level: (value, value))


def measured(estimate: Estimate) -> Contender:
    """A run's estimate with its `benchmark` interval: what a repeat on the same items would move."""

    def ends(level: float) -> Ends:
        interval = at_level(estimate, BENCHMARK, level)
        return interval.low, interval.high

    return Contender(value=estimate.value, ends=ends)


def average(contenders: Sequence[Contender]) -> Contender:
    """The macro average of one model's scores on several tasks; raises `UsageError` if there are none."""
    if not contenders:
        raise UsageError("an average over no tasks means nothing: no scores given")
    values = [c.value for c in contenders]
    return Contender(
        value=float(np.mean(values)),
        ends=lambda level: average_interval(values, [c.ends(level) for c in contenders]),
    )


def average_interval(values: ArrayLike, ends: ArrayLike) -> Ends:
    """Interval of the mean of T independent scores, see `macro.mean_interval`. values: (T,), ends: (T, 2).

    Raises `UsageError` for other shapes.
    """
    v, e = np.asarray(values, dtype=np.float64), np.asarray(ends, dtype=np.float64)
    if v.ndim != 1 or not v.size or e.shape != (v.size, 2):
        raise UsageError(f"an average needs T scores and T intervals, not shapes {v.shape} and {e.shape}")
    return mean_interval(v, e[:, 0], e[:, 1], np.full(v.size, 1 / v.size))


def rank_intervals(contenders: Sequence[Contender], alpha: float = 0.05) -> list[tuple[int, int]]:
    """(best, worst) rank of each of M models, 1 = highest score; all true ranks lie inside with 1 - alpha.

        best_i  = 1 + number of models shown to be better than i
        worst_i = M - number of models shown to be worse than i

    Model i is shown to be better than j if the square-and-add interval of v_i - v_j (`stats.differences`) lies above
    0. These are M (M - 1) one-sided tests, two for each pair; Holm's step-down keeps the chance of a single wrong
    one below alpha:

        with r claims made so far, each test has level alpha / (M (M - 1) - r); repeat until no new claim

    and without a wrong claim every interval is right (Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for Ranks",
    Review of Economic Studies 91; Holm 1979). Models that tie share all ranks of their group: an interval is right if
    it holds each of these. The scores must be independent of each other (no pairing by item: wider, never narrower).

    Raises `UsageError` for alpha outside (0, 0.5).
    """
    check_alpha(alpha)
    m = len(contenders)
    if m < 2:
        return [(1, 1)] * m
    values = np.array([c.value for c in contenders])
    shown = np.zeros((m, m), dtype=np.bool_)
    while True:
        level = 1 - 2 * alpha / (m * (m - 1) - int(shown.sum()))
        leads = shown | (_least_leads(values, np.array([c.ends(level) for c in contenders])) > 0)
        if leads.sum() == shown.sum():
            break
        shown = leads
    best, worst = 1 + shown.sum(axis=0), m - shown.sum(axis=1)
    return [(int(b), int(w)) for b, w in zip(best, worst, strict=True)]


def _least_leads(values: Floats, ends: Floats) -> Floats:
    """Lower ends of the intervals of v_i - v_j, shape (M, M); values: (M,), ends: (M, 2)."""
    below, above = values - ends[:, 0], ends[:, 1] - values
    return np.asarray(values[:, None] - values[None, :] - np.hypot(below[:, None], above[None, :]))


def _check_value(value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise UsageError(f"score {value!r} is not a fraction between 0 and 1 (percent?)")
