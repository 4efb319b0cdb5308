"""A run against published numbers."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit import references
from evalkit.comparison.results import Comparison, Declared
from evalkit.mismatches import Items, protocol_mismatches
from evalkit.stats import against_reference, not_comparable, verdict
from evalkit.store import RunStore
from evalkit.summary import summarize
from evalkit.types import Difference, Estimate, Reference, Severity, TaskEstimate, TaskSpec


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
        headline, bounds = _differences(estimate, reference, alpha, declared.kind or "benchmark")
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


def _differences(
    estimate: TaskEstimate, reference: Reference, alpha: float, kind: str
) -> tuple[Difference, list[Difference]]:
    def against(ours: Estimate) -> Difference:
        return against_reference(
            ours,
            value=reference.value / 100,
            n_items=reference.n_items or reference.benchmark_items,
            samples=reference.samples,
            alpha=alpha,
            kind=kind,
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
