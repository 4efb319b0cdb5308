"""Reading the input of this package: arrays of sample values and cluster labels, checked once."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.errors import UsageError
from evalkit.types import Status

STATUSES = tuple(Status)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Clusters = Sequence[Hashable | None]
"""One label per item; `None` stands for a cluster of its own."""


def sample_values(values: ArrayLike) -> Floats:
    """`values` as a float array (n_items, k_max) in [0, 1] with NaN for absent samples.

    A 1-d array is one sample per item. Raises `UsageError` for any other shape or value.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as fault:
        raise UsageError(f"values must be numbers in an array (items, samples): {fault}") from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise UsageError(f"values must have shape (items, samples), not {array.shape}")
    bad = array[~np.isnan(array) & ~((array >= 0) & (array <= 1))]
    if bad.size:
        raise UsageError(f"sample value {bad[0]!s} is not between 0 and 1")
    return array


def status_codes(statuses: ArrayLike) -> NDArray[np.int8]:
    """Statuses as positions in `STATUSES`, -1 where a sample does not exist; names ('' for absent) or codes.

    A 1-d array is one sample per item. Raises `UsageError` for anything else.
    """
    array = np.asarray(statuses)
    if array.dtype.kind not in "iu":
        names, inverse = np.unique(array.astype(np.str_), return_inverse=True)
        unknown = [name for name in names.tolist() if name and name not in STATUSES]
        if unknown:
            raise UsageError(f"unknown status {unknown[0]!r}")
        codes = [STATUSES.index(Status(name)) if name else -1 for name in names.tolist()]
        array = np.array(codes, dtype=np.int8)[inverse].reshape(array.shape)
    if array.size and not (array.min() >= -1 and array.max() < len(STATUSES)):
        raise UsageError(f"status codes go from -1 to {len(STATUSES) - 1}, not {array.min()} to {array.max()}")
    return (array[:, None] if array.ndim == 1 else array).astype(np.int8)


def present_items(values: Floats) -> NDArray[np.bool_]:
    """Mask (n_items,) of items with at least one value; raises `UsageError` if there is none."""
    counts: Ints = (~np.isnan(values)).sum(axis=1)
    present: NDArray[np.bool_] = counts > 0
    if not present.any():
        raise UsageError(f"no items with a value (shape {values.shape})")
    return present


def item_means(values: Floats) -> tuple[Floats, Ints]:
    """Mean and number of values of each item; every item must have one."""
    counts = (~np.isnan(values)).sum(axis=1)
    return np.nansum(values, axis=1) / counts, counts


def cluster_codes(clusters: Clusters | None, n_items: int) -> Ints:
    """Labels as integers 0..G-1, shape (n_items,); without labels each item is its own cluster."""
    if clusters is None:
        return np.arange(n_items)
    if len(clusters) != n_items:
        raise UsageError(f"{len(clusters)} cluster labels for {n_items} items")
    for label in clusters:
        if not isinstance(label, Hashable):
            raise UsageError(f"cluster label {label!r} cannot be one: give a text or a number for each item")
        if label != label:
            raise UsageError(f"cluster label {label!r} names nothing; None is a cluster of its own")
    codes: dict[Hashable, int] = {}
    keys: list[Hashable] = [("item", i) if c is None else ("label", c) for i, c in enumerate(clusters)]
    return np.array([codes.setdefault(key, len(codes)) for key in keys], dtype=np.int64)


def clustered_se(x: Floats, codes: Ints) -> float:
    """Standard error of mean(x) with clusters; needs two clusters at least.

        sqrt(G / (G - 1) * sum_g (sum_{i in g} (x_i - mean))^2) / n

    Miller 2024, "Adding error bars to evals", with the factor G / (G - 1) of inspect_ai's `stderr(cluster=)`.
    With one item per cluster it is sd(x) / sqrt(n).
    """
    sums = np.bincount(codes, weights=x - x.mean())
    g = len(sums)
    return math.sqrt(g / (g - 1) * float(sums @ sums)) / len(x)


def clusters_worth(codes: Ints) -> float:
    """How many clusters of equal size these are worth: n^2 / sum_g n_g^2, from 1 to G."""
    sizes = np.bincount(codes).astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes @ sizes))


def jackknife_se(x: Floats, codes: Ints) -> float:
    """`clustered_se` where clusters may be of unequal size: each is left out once; needs two clusters at least.

        sqrt((G - 1) / G * sum_g (mean without g - mean)^2)

    The same for equal sizes; larger where a few clusters hold much of the data, as they pull the mean towards
    themselves and so hide how far off they are (CR3: MacKinnon & White 1985, Bell & McCaffrey 2002).
    """
    sums, sizes = np.bincount(codes, weights=x - x.mean()), np.bincount(codes)
    shifts, g = sums / (len(x) - sizes), len(sums)
    return math.sqrt((g - 1) / g * float(shifts @ shifts))


def independent_units(x: Floats, codes: Ints, se: float) -> float:
    """How many independent items the mean of `x` is worth: n / max(1, deff), deff = (se / se_iid)^2.

    If all `x` are equal the design effect is unknown and each cluster counts as one item
    (weighted by size: n^2 / sum n_g^2).
    """
    n = len(x)
    plain = float(x.var(ddof=1)) / n
    sizes = np.bincount(codes).astype(np.float64)
    if plain < 1e-18:
        return float(n * n / (sizes @ sizes))
    return n / max(1.0, se * se / plain)
