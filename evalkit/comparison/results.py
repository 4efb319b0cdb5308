"""What comparing gives: one row per task and reference, and what the rows show together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.stats import check_alpha, check_margin, suite_claim
from evalkit.types import Mismatch, Reference, SuiteClaim, TaskEstimate, TaskSpec, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One task of a run against one reference model or another run."""

    task: str
    title: str
    model: str
    """The reference's short name, or the other run's model."""
    estimate: TaskEstimate | None
    """Against another run: on the items that count on both sides."""
    reference: Reference | None
    """The published record, or what another run amounts to, written as one."""
    reference_se: float | None
    """Standard error of the reference (fraction): assumed for a published number, measured for a run (same items)."""
    mismatches: tuple[Mismatch, ...]
    verdict: Verdict
    run: str | None = None
    """Directory of the other run, if it is one."""
    other: TaskEstimate | None = None
    """The other run on the items that count on both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a run shows over all its tasks against one reference model or run."""

    model: str
    run: str | None
    claim: SuiteClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Margin and alpha of a task; `None` keeps what the task declares."""

    margin: float | None = None
    alpha: float | None = None
    kind: str | None = None
    """`benchmark` or `population`; None is what the kind of reference calls for."""

    def of(self, task: TaskSpec) -> tuple[float, float, list[str]]:
        """(margin, alpha, notes); a margin chosen now, after the run, is said to be so."""
        notes = []
        margin = task.margin if self.margin is None else check_margin(self.margin)
        alpha = task.alpha if self.alpha is None else check_alpha(self.alpha)
        if self.margin is not None and self.margin != task.margin:
            notes.append(f"margin {self.margin:g} chosen after the run (declared: {task.margin:g})")
        if self.alpha is not None and self.alpha != task.alpha:
            notes.append(f"alpha {self.alpha:g} chosen after the run (declared: {task.alpha:g})")
        return margin, alpha, notes


def without_record(comparisons: Sequence[Comparison]) -> list[str]:
    """Models that have no published record on any of the tasks: nothing to show row by row."""
    known = {c.model for c in comparisons if c.reference is not None or c.run is not None}
    return list(dict.fromkeys(c.model for c in comparisons if c.model not in known))


def suite_claims(comparisons: Sequence[Comparison]) -> list[Claim]:
    """The claims over all tasks, if two or more, against each reference that has a number on one of them."""
    unknown = without_record(comparisons)
    sides: dict[tuple[str, str | None], dict[str, Verdict]] = {}
    for c in comparisons:
        if c.model not in unknown:
            sides.setdefault((c.model, c.run), {})[c.task] = c.verdict
    return [
        Claim(model=model, run=run, claim=suite_claim(verdicts))
        for (model, run), verdicts in sides.items()
        if len(verdicts) > 1
    ]
