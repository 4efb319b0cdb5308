"""When a verdict is decided although it was looked at after every round. A crude stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from evalkit.stats.arrays import STATUSES
from evalkit.types import Published, Status


def decided_after(
    values: ArrayLike,
    statuses: ArrayLike,
    *,
    references: Sequence[Published],
    margin: float,
    alpha: float,
    max_rounds: int,
) -> int | None:
    """The number of rounds after which the verdict against every reference is decided, or None."""
    marks, codes = np.asarray(values, dtype=float), np.asarray(statuses)
    n_items = marks.shape[0]
    for n in range(3, marks.shape[1] + 1):
        kept = codes[:, :n] != STATUSES.index(Status.ERRORED)
        if not kept.any():
            continue
        count = kept.sum()
        p = (np.nansum(np.where(kept, marks[:, :n], 0)) + 2) / (count + 4)
        z = NormalDist().inv_cdf(1 - alpha / max_rounds)
        if all(_decided(p, p * (1 - p) / count, n_items, r, margin, z) for r in references):
            return n
    return None


def _decided(p: float, variance: float, n_items: int, r: Published, margin: float, z: float) -> bool:
    noise = 0.0 if r.exact else r.value * (1 - r.value) / ((r.n_items or n_items) * (r.samples or 1))
    half = z * (variance + noise) ** 0.5
    low, high = p - r.value - half, p - r.value + half
    return bool(low > 0 or high < -margin or (low > -margin and high < margin))
