"""Metrics by the name that a user types: `pass@8`, `maj@16`, `cons@16`, `g-pass@16:0.5`, `mg-pass@16`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from evalkit.errors import UsageError
from evalkit.stats.arrays import Clusters, Floats, sample_values
from evalkit.stats.estimates import population_error
from evalkit.stats.metrics import g_pass_at_k, maj_at_k, mg_pass_at_k, pass_at_k
from evalkit.types import ErrorBar

FORMS = "pass@K, g-pass@K:TAU, mg-pass@K, maj@K (also called cons@K)"
_NAME = re.compile(r"(pass|g-pass|mg-pass|maj|cons)@([0-9]+)(?::([0-9.]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric of k samples."""

    family: str
    """`pass`, `g-pass`, `mg-pass` or `maj`."""
    k: int
    tau: float | None = None
    """The share of k that must be right: `g-pass` only."""

    @property
    def name(self) -> str:
        """As it is typed and printed."""
        return f"{self.family}@{self.k}" + ("" if self.tau is None else f":{self.tau:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """A metric over the items of a task."""

    metric: str
    value: float
    population: ErrorBar
    """Over other questions like these. A benchmark bar has no formula here."""
    n_items: int
    n_left_out: int
    """Items with fewer than k samples, at least one."""


def parse_metric(name: str) -> Metric:
    """The metric called `name`. Raises `UsageError` for another form, k = 0, or tau outside [0, 1]."""
    match = _NAME.fullmatch(name.strip().lower())
    if match is None or (match[1] == "g-pass") != (match[3] is not None):
        raise UsageError(f"unknown metric {name!r}; metrics are {FORMS}")
    family, k = "maj" if match[1] == "cons" else match[1], int(match[2])
    if k < 1:
        raise UsageError(f"metric {name!r}: k must be at least 1, not {k}")
    try:
        tau = None if match[3] is None else float(match[3])
    except ValueError:
        raise UsageError(f"metric {name!r}: tau {match[3]!r} is not a number") from None
    if tau is not None and tau > 1:
        raise UsageError(f"metric {name!r}: tau {match[3]} is not between 0 and 1")
    return Metric(family=family, k=k, tau=tau)


def metric_value(
    metric: Metric,
    values: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    clusters: Clusters | None = None,
    level: float = 0.95,
) -> MetricValue:
    """The mean of the metric over items, with the population interval of its per-item values.

    values: (n_items, k_max) in [0, 1], NaN where absent; labels: as for `maj_at_k`, needed for `maj` only.
    Items with fewer than k samples are left out and counted. Raises `UsageError` if no item has k samples, if
    right samples cannot be counted because values are not 0 or 1, or if labels are missing or do not fit.
    """
    array = sample_values(values)
    answers = None if labels is None else np.asarray(labels)
    if answers is not None and answers.reshape(len(answers), -1).shape != array.shape:
        raise UsageError(f"labels must have shape {array.shape}, like the values, not {answers.shape}")
    n_samples = (~np.isnan(array)).sum(axis=1)
    enough = n_samples >= metric.k
    if not enough.any():
        most = int(n_samples.max()) if len(n_samples) else 0
        raise UsageError(f"{metric.name} needs {metric.k} samples of an item; no item has more than {most}")
    per_item = np.full(len(array), np.nan)
    per_item[enough] = _item_values(metric, array[enough], None if answers is None else answers[enough])
    return MetricValue(
        metric=metric.name,
        value=float(np.nanmean(per_item)),
        population=population_error(per_item, clusters, level),
        n_items=int(enough.sum()),
        n_left_out=int(((n_samples > 0) & ~enough).sum()),
    )


def usual_metrics(values: ArrayLike) -> list[Metric]:
    """What is worth a look where nothing was asked for: k = 2, 4, 8, ... and the most that every item has.

    values: as for `metric_value`. Items without a sample do not count; where values are not all 0 or 1, only
    `maj` has a meaning.
    """
    array = sample_values(values)
    counts = (~np.isnan(array)).sum(axis=1)
    most = int(counts[counts > 0].min()) if counts.any() else 0
    ks = sorted({2**i for i in range(1, most.bit_length())} | ({most} if most > 1 else set()))
    families: list[tuple[str, float | None]] = [("pass", None), ("g-pass", 1.0), ("maj", None)]
    if ((array > 0) & (array < 1)).any():
        families = families[-1:]
    return [Metric(family=family, k=k, tau=tau) for family, tau in families for k in ks]


def _item_values(metric: Metric, values: Floats, labels: ArrayLike | None) -> Floats:
    if metric.family == "maj":
        if labels is None:
            raise UsageError(f"{metric.name} needs the answers that samples gave, as labels")
        return maj_at_k(labels, values, metric.k)
    partial = values[(values > 0) & (values < 1)]
    if partial.size:
        raise UsageError(f"{metric.name} counts right samples; a value of {partial[0]:g} is neither right nor wrong")
    right, n_samples = np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1)
    if metric.family == "g-pass":
        return g_pass_at_k(right, n_samples, metric.k, 1.0 if metric.tau is None else metric.tau)
    return (pass_at_k if metric.family == "pass" else mg_pass_at_k)(right, n_samples, metric.k)
