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
class ItemSpread:
    """What the interval for other questions is made of, besides the mean."""

    se: float
    """Standard error of the mean (clustered if there are clusters)."""
    units: float
    """Independent items that the data are worth (items / design effect)."""
    samples: float
    """Independent samples, the most that `value (1 - value) / se^2` may claim."""
    dof: float
    """Degrees of freedom of `se` (clusters - 1)."""
    item_dof: float
    """The same without clusters (items - 1)."""
    kurtosis: float
    """Fourth moment of the items (clusters) over the squared second: how few of them carry the spread. 3 for a bell,
    about the number of items if one of them differs from all others."""


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
    samples: float | None = None
    """`benchmark`: independent samples it is worth; with `se`, what the interval is made of at any level."""
    spread: ItemSpread | None = None
    """`population`: the same."""


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


KIND_LABELS: Mapping[str, str] = {"benchmark": "same items", "population": "new items"}
"""Which uncertainty a number speaks of, in the words on screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published score as statistics see it. `None` = not stated."""

    value: float
    """Fraction."""
    n_items: int | None
    samples: int | None
    exact: bool = False
    """A property of the items without noise."""


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
    p_ahead: float | None = None
    """One-sided p of H0: difference <= 0, the largest over the readings of the samples without a score."""
    p_behind: float | None = None
    """One-sided p of H0: difference >= 0, likewise."""
    sentence: str
    informal: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteClaim:
    """What the verdicts of several tasks show together."""

    tasks: tuple[str, ...]
    alpha: float
    """Error rate of the claim over all tasks, and of each of the two Holm families."""
    on_all: bool
    """"On par or better on all of these": shown on each task (intersection-union)."""
    not_behind: tuple[str, ...]
    """Tasks on which parity or better is shown."""
    not_shown: tuple[str, ...]
    """Tasks on which it is not, though the numbers could be compared."""
    not_comparable: tuple[str, ...]
    ahead: tuple[str, ...]
    """Tasks with a lead of any size, after Holm's correction over all tasks."""
    behind: tuple[str, ...]
    macro: Difference | None
    """Mean of the differences; None unless all tasks can be compared, each at the same alpha."""
    informal: bool
    sentence: str
