"""The three readings of samples without a score, as arrays of values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.errors import UsageError
from evalkit.stats.arrays import STATUSES, Floats, sample_values, status_codes
from evalkit.types import Status

_SCORED = STATUSES.index(Status.SCORED)
_ERRORED = STATUSES.index(Status.ERRORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Values (n_items, k_max) with NaN for what is left out, see `types.TaskEstimate`."""

    headline: Floats
    as_wrong: Floats
    excluded: Floats
    codes: NDArray[np.int8]
    """Statuses as positions in `STATUSES`, -1 where a sample does not exist."""


def readings(values: ArrayLike, statuses: ArrayLike, task: str) -> Readings:
    """The three readings of the samples of a task.

        headline: unparsed, truncated, refused = 0; errored left out
        as_wrong: every stored sample without a score = 0
        excluded: scored samples only

    values: (n_items, k_max), the value in [0, 1] where the status is `scored` (ignored elsewhere). statuses: the same
    shape, see `arrays.status_codes`. Raises `UsageError` for unfitting shapes or a scored sample without a value,
    naming the `task`.
    """
    codes = status_codes(statuses)
    try:
        raw = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as fault:
        raise UsageError(f"task {task}: values must be numbers: {fault}") from None
    raw = raw[:, None] if raw.ndim == 1 else raw
    if raw.shape != codes.shape:
        raise UsageError(f"task {task}: values {raw.shape} and statuses {codes.shape} differ in shape")
    is_scored = codes == _SCORED
    if np.isnan(raw[is_scored]).any():
        raise UsageError(f"task {task}: a sample with status 'scored' has the value NaN")
    scored = sample_values(np.where(is_scored, raw, np.nan))
    as_wrong = np.where((codes >= 0) & ~is_scored, 0.0, scored)
    headline = np.where(codes == _ERRORED, np.nan, as_wrong)
    return Readings(headline=headline, as_wrong=as_wrong, excluded=scored, codes=codes)
