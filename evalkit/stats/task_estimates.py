"""The headline of a task with its two bounds: statuses are not zeros, so all three readings are kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.errors import UsageError
from evalkit.stats.arrays import STATUSES, Clusters, Floats
from evalkit.stats.estimates import estimate
from evalkit.stats.metrics import maj_at_k
from evalkit.stats.readings import readings
from evalkit.types import TaskEstimate


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
    Secondary metrics are given where every item has k = k_max > 1 counted samples: pass@k (one of them is right)
    and g-pass@k:1 (all are right), where values are 0 or 1, and maj@k. For other k: `metric_value`.
    Raises `UsageError` for unknown statuses, unfitting shapes, a scored sample without value, or if no sample
    can be counted.
    """
    read = readings(values, statuses, task)
    if np.isnan(read.headline).all():
        counted = f"{int((read.codes >= 0).sum())} stored, all errored"
        raise UsageError(f"task {task}: no sample has a status that can be counted ({counted})")
    scored = not np.isnan(read.excluded).all()
    return TaskEstimate(
        task=task,
        headline=estimate(read.headline, clusters, metric, level),
        as_wrong=estimate(read.as_wrong, clusters, metric, level),
        excluded=estimate(read.excluded, clusters, metric, level) if scored else None,
        secondary=_secondary(read.headline, read.codes >= 0, labels),
        statuses={str(s): int((read.codes == code).sum()) for code, s in enumerate(STATUSES)},
        samples_owed=samples_owed,
    )


def _secondary(headline: Floats, stored: NDArray[np.bool_], labels: ArrayLike | None) -> dict[str, float]:
    """Metrics of k = k_max samples over items with a stored sample, if each has all k counted."""
    k = headline.shape[1]
    votes = None if labels is None else np.asarray(labels)
    if votes is not None and votes.shape != headline.shape:
        raise UsageError(f"labels must have shape {headline.shape}, like the values, not {votes.shape}")
    asked = stored.any(axis=1)
    counted = headline[asked]
    if k < 2 or np.isnan(counted).any():
        return {}
    found: dict[str, float] = {}
    right = counted == 1.0
    if (right | (counted == 0.0)).all():
        found[f"pass@{k}"] = float(right.any(axis=1).mean())
        found[f"g-pass@{k}:1"] = float(right.all(axis=1).mean())
    if votes is not None:
        found[f"maj@{k}"] = float(maj_at_k(votes[asked], counted, k).mean())
    return found
