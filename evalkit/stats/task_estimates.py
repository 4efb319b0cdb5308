"""The headline of a task with its two bounds: statuses are not zeros, so all three readings are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.errors import UsageError
from evalkit.stats.arrays import STATUSES, Clusters, Floats, Ints, sample_values, status_codes
from evalkit.stats.estimates import estimate
from evalkit.stats.metrics import maj_at_k, pass_at_k
from evalkit.types import Status, TaskEstimate

_SCORED = STATUSES.index(Status.SCORED)
_ERRORED = STATUSES.index(Status.ERRORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Sample values (n_items, k_max) under the three readings of the samples without a score; NaN where left out."""

    headline: Floats
    as_wrong: Floats
    excluded: Floats


def readings(values: ArrayLike, statuses: ArrayLike, task: str) -> Readings:
    """The three readings, as `task_estimate` defines them; raises `UsageError` as it does, naming the task."""
    kinds = status_codes(statuses)
    raw = np.asarray(values, dtype=np.float64)
    raw = raw[:, None] if raw.ndim == 1 else raw
    if raw.shape != kinds.shape:
        raise UsageError(f"task {task}: values {raw.shape} and statuses {kinds.shape} differ in shape")
    is_scored = kinds == _SCORED
    if np.isnan(raw[is_scored]).any():
        raise UsageError(f"task {task}: a sample with status 'scored' has the value NaN")
    scored = sample_values(np.where(is_scored, raw, np.nan))
    as_wrong = np.where((kinds >= 0) & ~is_scored, 0.0, scored)
    return Readings(headline=np.where(kinds == _ERRORED, np.nan, as_wrong), as_wrong=as_wrong, excluded=scored)


def task_estimate(
    task: str,
    values: ArrayLike,
    statuses: ArrayLike,
    *,
    clusters: Clusters | None = None,
    labels: ArrayLike | None = None,
    metric: str | None = None,
    samples_owed: int = 0,
    level: float = 0.95,
) -> TaskEstimate:
    """Estimates of one task under three readings of the samples without a score.

        headline: unparsed, truncated, refused = 0; errored left out
        as_wrong: every stored sample without a score = 0
        excluded: scored samples only (None if there are none)

    values: (n_items, k_max), the value in [0, 1] where the status is `scored` (ignored elsewhere).
    statuses: (n_items, k_max) of `Status` values ('' where the sample does not exist) or their codes, see
    `status_codes`.
    labels: (n_items, k_max) integers, equal = same answer of an item, -1 = no answer; gives maj@k.
    Secondary metrics are given where every item has k_max counted samples, k_max > 1: pass@k (0/1 values
    only) and maj@k. Raises `UsageError` for unknown statuses, unfitting shapes, a scored sample without
    value, or if no sample can be counted.
    """
    kinds = status_codes(statuses)
    read = readings(values, kinds, task)
    stored = kinds >= 0
    if np.isnan(read.headline).all():
        counted = f"{int(stored.sum())} stored, all errored"
        raise UsageError(f"task {task}: no sample has a status that can be counted ({counted})")
    return TaskEstimate(
        task=task,
        headline=estimate(read.headline, clusters, metric, level),
        as_wrong=estimate(read.as_wrong, clusters, metric, level),
        excluded=estimate(read.excluded, clusters, metric, level) if (kinds == _SCORED).any() else None,
        secondary=_secondary(read.headline, stored, labels),
        statuses={str(s): int((kinds == code).sum()) for code, s in enumerate(STATUSES)},
        samples_owed=samples_owed,
    )


def _secondary(headline: Floats, stored: NDArray[np.bool_], labels: ArrayLike | None) -> dict[str, float]:
    """pass@k and maj@k (k = k_max) over items with a stored sample, if each has all k counted."""
    k = headline.shape[1]
    votes = None if labels is None else np.asarray(labels, dtype=np.int64)
    if votes is not None and votes.shape != headline.shape:
        raise UsageError(f"labels must have shape {headline.shape}, like the values, not {votes.shape}")
    rows = np.flatnonzero(stored.any(axis=1))
    counted = headline[rows]
    if k < 2 or np.isnan(counted).any():
        return {}
    found: dict[str, float] = {}
    if np.isin(counted, (0.0, 1.0)).all():
        found[f"pass@{k}"] = float(pass_at_k(counted.sum(axis=1), np.full(len(rows), k), k).mean())
    if votes is not None:
        found[f"maj@{k}"] = float(np.mean([_vote(votes[row], headline[row], k) for row in rows]))
    return found


def _vote(labels: Ints, values: Floats, k: int) -> float:
    """maj@k of one item; an answer is worth the mean value of the samples that gave it."""
    right = {int(label): float(values[labels == label].mean()) for label in np.unique(labels[labels >= 0])}
    return maj_at_k(labels, right, k)[0]
