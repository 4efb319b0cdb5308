"""The headline of a task with its two bounds: statuses are not zeros, so all three readings are kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.errors import UsageError
from evalkit.stats.arrays import Clusters, Floats, sample_values
from evalkit.stats.estimates import estimate
from evalkit.stats.metrics import maj_at_k, pass_at_k
from evalkit.types import Status, TaskEstimate

ABSENT = ""

Answers = Sequence[Sequence[str | None]]


def task_estimate(
    task: str,
    values: ArrayLike,
    statuses: ArrayLike,
    *,
    clusters: Clusters | None = None,
    answers: Answers | None = None,
    metric: str | None = None,
    samples_owed: int = 0,
    level: float = 0.95,
) -> TaskEstimate:
    """Estimates of one task under three readings of the samples without a score.

        headline: unparsed, truncated, refused = 0; errored left out
        as_wrong: every stored sample without a score = 0
        excluded: scored samples only (None if there are none)

    values: (n_items, k_max), the value in [0, 1] where the status is `scored` (ignored elsewhere).
    statuses: (n_items, k_max) of `Status` values, '' where the sample does not exist.
    answers: (n_items, k_max) extracted answers as compared, None for no answer; gives maj@k.
    Secondary metrics are given where every item has k_max counted samples, k_max > 1: pass@k (0/1 values
    only) and maj@k. Raises `UsageError` for unknown statuses, unfitting shapes, a scored sample without
    value, or if no sample can be counted.
    """
    kinds = np.asarray(statuses, dtype=np.str_)
    kinds = kinds[:, None] if kinds.ndim == 1 else kinds
    raw = np.asarray(values, dtype=np.float64)
    raw = raw[:, None] if raw.ndim == 1 else raw
    if raw.shape != kinds.shape:
        raise UsageError(f"task {task}: values {raw.shape} and statuses {kinds.shape} differ in shape")
    unknown = set(np.unique(kinds).tolist()) - {ABSENT, *Status}
    if unknown:
        raise UsageError(f"task {task}: unknown status {min(unknown)!r}")
    is_scored = kinds == Status.SCORED
    if np.isnan(raw[is_scored]).any():
        raise UsageError(f"task {task}: a sample with status 'scored' has the value NaN")
    scored = sample_values(np.where(is_scored, raw, np.nan))
    stored = kinds != ABSENT
    as_wrong = np.where(stored & ~is_scored, 0.0, scored)
    headline = np.where(kinds == Status.ERRORED, np.nan, as_wrong)
    if np.isnan(headline).all():
        counted = f"{int(stored.sum())} stored, all errored"
        raise UsageError(f"task {task}: no sample has a status that can be counted ({counted})")
    return TaskEstimate(
        task=task,
        headline=estimate(headline, clusters, metric, level),
        as_wrong=estimate(as_wrong, clusters, metric, level),
        excluded=estimate(scored, clusters, metric, level) if is_scored.any() else None,
        secondary=_secondary(headline, stored, answers),
        statuses={str(s): int((kinds == s).sum()) for s in Status},
        samples_owed=samples_owed,
    )


def _secondary(headline: Floats, stored: NDArray[np.bool_], answers: Answers | None) -> dict[str, float]:
    """pass@k and maj@k (k = k_max) over items with a stored sample, if each has all k counted."""
    k = headline.shape[1]
    if answers is not None and [len(row) for row in answers] != [k] * len(headline):
        raise UsageError(f"answers must have shape {headline.shape}, like the values")
    rows = [row for row in range(len(stored)) if stored[row].any()]
    counted = headline[rows]
    if k < 2 or np.isnan(counted).any():
        return {}
    found: dict[str, float] = {}
    if np.isin(counted, (0.0, 1.0)).all():
        found[f"pass@{k}"] = float(pass_at_k(counted.sum(axis=1), np.full(len(rows), k), k).mean())
    if answers is not None:
        votes = [_vote(answers[row], headline[row], k) for row in rows]
        found[f"maj@{k}"] = float(np.mean(votes))
    return found


def _vote(answers: Sequence[str | None], values: Floats, k: int) -> float:
    """maj@k of one item; an answer is worth the mean value of the samples that gave it."""
    codes: dict[str, int] = {}
    labels = np.array([-1 if a is None else codes.setdefault(a, len(codes)) for a in answers])
    right = {code: float(values[labels == code].mean()) for code in codes.values()}
    return maj_at_k(labels, right, k)[0]
