"""What the samples amount to: estimates, differences, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBar:
    """One of the two uncertainties of an estimate.

    `kind` is `benchmark` (repeat the run on the same items) or `population` (questions like these).
    """

    kind: str
    se: float
    interval: Interval
    method: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric with its two error bars."""

    metric: str
    value: float
    n_items: int
    n_samples: int
    benchmark: ErrorBar
    population: ErrorBar


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEstimate:
    """The headline estimate of a task and its two bounds.

    headline: the model's own failures (unparsed, truncated, refused) count as wrong, as published scores do;
              errored samples are left out, since they say nothing about the model.
    as_wrong: every sample without a score counts as wrong.
    excluded: every sample without a score is left out.
    """

    task: str
    headline: Estimate
    as_wrong: Estimate
    excluded: Estimate | None
    """None if not a single sample was scored."""
    secondary: Mapping[str, float]
    """Further metrics by name, for example `pass@4`, `maj@4`."""
    statuses: Mapping[str, int]
    samples_owed: int
    """Samples of the plan that are not stored yet."""


class Outcome(StrEnum):
    """Outcome of comparing an estimate with a reference or another run."""

    SUPERIOR = "superior"
    EQUIVALENT = "equivalent"
    NON_INFERIOR = "non_inferior"
    INFERIOR = "inferior"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not_comparable"


OUTCOME_LABELS: Mapping[Outcome, str] = {
    Outcome.SUPERIOR: "ahead",
    Outcome.EQUIVALENT: "parity",
    Outcome.NON_INFERIOR: "not behind",
    Outcome.INFERIOR: "behind",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.NOT_COMPARABLE: "not comparable",
}
"""The words on screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Run minus reference, as a fraction, with the interval that the verdict is read from."""

    value: float
    se: float
    interval: Interval
    """Level 1 - 2 alpha: what two one-sided tests at alpha read."""
    kind: str
    """`benchmark` or `population`: which uncertainty it speaks about."""
    method: str
    assumptions: tuple[str, ...] = ()
    """What had to be assumed, for example `reference k unknown: counted as 1`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Outcome with the numbers that led there."""

    outcome: Outcome
    margin: float
    alpha: float
    difference: Difference | None
    p_lower: float | None
    """One-sided p of H0: difference <= -margin."""
    p_upper: float | None
    """One-sided p of H0: difference >= +margin."""
    sentence: str
    informal: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published accuracy as statistics see it."""

    value: float
    """Fraction."""
    n_items: int | None
    samples: int | None
    """None if it is not stated."""
    exact: bool = False
    """Without any noise."""
