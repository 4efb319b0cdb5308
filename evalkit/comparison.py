"""A run against published numbers: protocol first, then the difference, then the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit import references
from evalkit.mismatches import Items, protocol_mismatches
from evalkit.stats import against_reference, not_comparable, verdict
from evalkit.store import RunStore
from evalkit.summary import summarize
from evalkit.types import (
    Difference,
    Estimate,
    Mismatch,
    Reference,
    Severity,
    TaskEstimate,
    TaskSpec,
    Verdict,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One task of a run against one reference model."""

    task: str
    title: str
    model: str
    """The reference's short name."""
    estimate: TaskEstimate | None
    reference: Reference | None
    reference_se: float | None
    """Sampling standard error assumed for the reference (fraction)."""
    mismatches: tuple[Mismatch, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Margin and alpha of a task; `None` keeps what the task declares."""

    margin: float | None = None
    alpha: float | None = None

    def of(self, task: TaskSpec) -> tuple[float, float, list[str]]:
        """(margin, alpha, notes); a margin chosen now, after the run, is said to be so."""
        notes = []
        if self.margin is not None and self.margin != task.margin:
            notes.append(f"margin {self.margin:g} chosen after the run (declared: {task.margin:g})")
        if self.alpha is not None and self.alpha != task.alpha:
            notes.append(f"alpha {self.alpha:g} chosen after the run (declared: {task.alpha:g})")
        return self.margin or task.margin, self.alpha or task.alpha, notes


def compare_task(
    task: TaskSpec,
    estimate: TaskEstimate | None,
    items: Items,
    subject: str,
    model: str,
    refs: Sequence[Reference],
    declared: Declared,
) -> Comparison:
    """Compare one task with the default record of one reference model."""
    reference = references.default(refs, model, task.name)
    margin, alpha, notes = declared.of(task)
    mismatches = tuple(protocol_mismatches(task, items, reference)) if reference else ()
    fatal = [m for m in mismatches if m.severity is Severity.FATAL]
    if estimate is None:
        result = not_comparable("the run has no sample that can be counted", margin=margin, alpha=alpha)
    elif reference is None:
        result = not_comparable(_no_record(refs, model, task.name), margin=margin, alpha=alpha)
    else:
        headline, bounds = _differences(estimate, reference, alpha)
        if fatal:
            why = "; ".join(m.note for m in fatal)
            result = not_comparable(why, margin=margin, alpha=alpha, difference=headline)
        else:
            owed = [f"{estimate.samples_owed} samples are still owed"] if estimate.samples_owed else []
            differ = ["the protocols differ"] if any(m.severity is Severity.MAJOR for m in mismatches) else []
            result = verdict(
                headline,
                bounds,
                margin=margin,
                alpha=alpha,
                subject=subject,
                reference=f"{model} on {task.title}",
                informal=(*differ, *notes, *owed),
                notes=(*notes, *owed),
            )
    return Comparison(
        task=task.name,
        title=task.title,
        model=model,
        estimate=estimate,
        reference=reference,
        reference_se=reference_se(reference),
        mismatches=mismatches,
        verdict=result,
    )


def compare_store(
    store: RunStore, models: Sequence[str], refs: Sequence[Reference], declared: Declared | None = None
) -> list[Comparison]:
    """Every task of a run against every reference model; an unknown model raises `UnknownName` first."""
    names = [references.resolve_model(refs, m) for m in models]
    spec = store.record.spec
    summaries = {s.task: s for s in summarize(store).tasks}
    return [
        compare_task(
            task,
            summaries[task.name].estimate,
            Items(
                digest=store.record.items_digests[task.name],
                n_stored=store.n_items(task.name),
                n_asked=summaries[task.name].n_items_asked,
                n_corrected=summaries[task.name].totals.n_corrected_items,
            ),
            spec.model.name,
            name,
            refs,
            declared or Declared(),
        )
        for task in spec.tasks
        for name in names
    ]


def without_record(comparisons: Sequence[Comparison]) -> list[str]:
    """Models that have no published record on any of the tasks: nothing to show row by row."""
    known = {c.model for c in comparisons if c.reference is not None}
    return list(dict.fromkeys(c.model for c in comparisons if c.model not in known))


def _differences(estimate: TaskEstimate, reference: Reference, alpha: float) -> tuple[Difference, list[Difference]]:
    def against(ours: Estimate) -> Difference:
        return against_reference(
            ours,
            value=reference.value / 100,
            n_items=reference.n_items or reference.benchmark_items,
            samples=reference.samples,
            alpha=alpha,
            exact=reference.exact,
        )

    bounds = [b for b in (estimate.as_wrong, estimate.excluded) if b is not None]
    return against(estimate.headline), [against(b) for b in bounds]


def reference_se(reference: Reference | None) -> float | None:
    """Binomial bound on the reference's sampling error; None where the number of questions is unknown."""
    if reference is None or reference.unit != "%":
        return None
    if reference.exact:
        return 0.0
    n = reference.n_items or reference.benchmark_items
    if n is None:
        return None
    q = reference.value / 100
    return float((q * (1 - q) / (n * (reference.samples or 1))) ** 0.5)


def _no_record(refs: Sequence[Reference], model: str, task: str) -> str:
    others = sorted({r.metric for r in references.find(refs, model=model, task=task)})
    if others:
        return f"{model} has no mean accuracy on {task}, only: {', '.join(others)}"
    return f"no published score of {model} on {task}"
