"""A run against published numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from evalkit import references
from evalkit.comparison.results import Comparison, Declared
from evalkit.mismatches import Items, protocol_mismatches
from evalkit.scores import first_rounds, task_scores
from evalkit.stats import BETTING, against_reference, not_comparable, verdict
from evalkit.stopping import UntilDecided, published
from evalkit.store import RunStore
from evalkit.summary import TaskSummary, summarize
from evalkit.types import Difference, Reference, Rounds, Severity, TaskEstimate, TaskSpec

_LOOKED = (
    "the intervals hold however often one looks; of the difference, the ends are those of the run less those of the "
    "reference, each at its part of alpha"
)
Differ = Callable[[Reference, float, float], Sequence[Difference]]
"""(reference, margin, alpha) -> run minus reference: the headline, then its bounds."""


def compare_task(
    task: TaskSpec,
    estimate: TaskEstimate | None,
    items: Items,
    subject: str,
    model: str,
    refs: Sequence[Reference],
    declared: Declared,
    differ: Differ,
    rounds: Rounds | None = None,
) -> Comparison:
    """Compare one task with the default record of one reference model; `rounds` if it was looked at after each."""
    reference = references.default(refs, model, task.name)
    margin, alpha, notes = declared.of(task)
    asked = dataclasses.replace(task, samples=rounds.counted) if rounds else task
    mismatches = tuple(protocol_mismatches(asked, items, reference)) if reference else ()
    fatal = [m for m in mismatches if m.severity is Severity.FATAL]
    if estimate is None:
        result = not_comparable("the run has no sample that can be counted", margin=margin, alpha=alpha)
    elif reference is None:
        result = not_comparable(_no_record(refs, model, task.name), margin=margin, alpha=alpha)
    else:
        headline, *bounds = differ(reference, margin, alpha)
        if fatal:
            why = "; ".join(m.note for m in fatal)
            result = not_comparable(why, margin=margin, alpha=alpha, difference=headline)
        else:
            owed = [f"{estimate.samples_owed} samples are still owed"] if estimate.samples_owed and not rounds else []
            looked = [f"{rounds.in_words}: {_LOOKED}"] if rounds else []
            differing = ["the protocols differ"] if any(m.severity is Severity.MAJOR for m in mismatches) else []
            result = verdict(
                headline,
                bounds,
                margin=margin,
                alpha=alpha,
                subject=subject,
                reference=f"{model} on {task.title}",
                at=lambda level: differ(reference, margin, level),
                informal=(*differing, *notes, *owed),
                notes=(*notes, *owed, *looked),
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
    declared = declared or Declared()
    names = [references.resolve_model(refs, m) for m in models]
    spec = store.record.spec
    summaries = {s.task: s for s in summarize(store).tasks}
    compared = []
    for task in spec.tasks:
        summary, kind = summaries[task.name], declared.kind or "benchmark"
        differ = _differ(store, task, summary, kind)
        items = Items(
            digest=store.record.items_digests[task.name],
            n_stored=store.n_items(task.name),
            n_asked=summary.n_items_asked,
            n_corrected=summary.totals.n_corrected_items,
        )
        compared += [
            compare_task(
                task,
                summary.estimate,
                items,
                spec.model.name,
                name,
                refs,
                declared,
                differ,
                _looked_at(summary, kind),
            )
            for name in names
        ]
    return compared


def _looked_at(summary: TaskSummary, kind: str) -> Rounds | None:
    """The rounds, if the comparison is by what was known after each of them."""
    found = summary.estimate
    by_rounds = found is not None and found.headline.benchmark.method == BETTING and kind == "benchmark"
    return summary.rounds if by_rounds else None


def _differ(store: RunStore, task: TaskSpec, summary: TaskSummary, kind: str) -> Differ:
    """How a task is compared: with the number of samples fixed beforehand, or looked at after every round."""
    estimate, rounds = summary.estimate, _looked_at(summary, kind)
    if rounds:
        scores = first_rounds(task_scores(store, task), rounds.counted)
        return UntilDecided(store).differ(task, scores)

    def fixed(reference: Reference, margin: float, alpha: float) -> list[Difference]:
        """For a task with an estimate."""
        readings = [estimate.headline, estimate.as_wrong, estimate.excluded] if estimate else []
        other = published(reference)
        return [
            against_reference(
                ours,
                value=other.value,
                n_items=other.n_items,
                samples=other.samples,
                alpha=alpha,
                kind=kind,
                exact=other.exact,
            )
            for ours in readings
            if ours is not None
        ]

    return fixed


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
