"""A run against published numbers: protocol first, then the difference, then the verdict.

Before any number is compared the protocols are compared field by field. `fatal`: another metric, item set or
benchmark, hence `not_comparable`. `major`: another (or an unstated) prompt, temperature, token limit, hence the verdict
is marked informal. `minor`: goes into the uncertainty and is only reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalkit import references
from evalkit.codec import builtins
from evalkit.stats import against_reference, not_comparable, verdict
from evalkit.store import RunStore
from evalkit.summary import summarize
from evalkit.tasks.protocol import prompt_digest
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Which items a run has, and how many of them have a sample yet."""

    digest: str
    n_stored: int
    n_asked: int
    n_corrected: int
    """Those that were graded against a corrected gold."""


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


def protocol_mismatches(task: TaskSpec, items: Items, reference: Reference) -> Iterable[Mismatch]:
    """Fields in which the run and the reference differ, or in which the reference says nothing."""
    if reference.measures != "mean_accuracy":
        yield _fatal("metric", f"avg@{task.samples}", reference.metric, "the reference is another metric")
    if reference.unit != "%":
        yield _fatal("unit", "%", reference.unit, "the reference has another unit")
    theirs = reference.n_items or reference.benchmark_items
    if theirs is not None and theirs != items.n_asked:
        yield _fatal("items", items.n_asked, theirs, f"the run has {items.n_asked} items, the reference {theirs}")
    elif items.n_asked < items.n_stored:
        note = f"the run has samples of {items.n_asked} of its {items.n_stored} items"
        yield _fatal("items", items.n_asked, items.n_stored, note)
    elif task.items_digest is None:
        yield _major("items", items.digest, None, "the task file does not pin which items the benchmark has")
    elif task.items_digest != items.digest:
        yield _fatal("items", items.digest, task.items_digest, "these are not the benchmark's items")
    if reference.exact:
        return
    yield from _sampling_mismatches(task, reference)
    if items.n_corrected:
        yield _errata_mismatch(task, items)
    if task.sampling.extra:
        yield _major("extra", builtins(task.sampling.extra), None, "the run sends further fields")
    if (window := task.sampling.max_repetition) is not None:
        yield _major("max_repetition", window, None, "the run ends answers that repeat themselves")
    ours = prompt_digest(task)
    if reference.prompt_digest is None:
        yield _major(
            "prompt", task.prompt.name, reference.protocol or None, "the source does not give its exact prompt"
        )
    elif reference.prompt_digest != ours:
        yield _major("prompt", ours, reference.prompt_digest, "another prompt")
    if reference.samples != task.samples:
        note = "k not stated: counted as 1" if reference.samples is None else "another k: enters the uncertainty"
        yield Mismatch(
            field="k",
            severity=Severity.MINOR,
            ours=task.samples,
            theirs=reference.samples_note or reference.samples,
            note=note,
        )


def _sampling_mismatches(task: TaskSpec, reference: Reference) -> Iterable[Mismatch]:
    for name, ours, theirs in (
        ("temperature", task.sampling.temperature, reference.temperature),
        ("top_p", task.sampling.top_p, reference.top_p),
    ):
        if theirs is None and ours is not None:
            yield _major(name, ours, None, f"the source does not state {name}")
        elif theirs is not None and ours != theirs:
            yield _major(name, ours, theirs, f"another {name}")
    ours, theirs = task.sampling.max_tokens, reference.max_tokens
    if theirs is None:
        yield _major("max_tokens", ours, None, "the source does not state its token limit")
    elif ours is None:
        yield _major("max_tokens", ours, theirs, "the run leaves the token limit to the endpoint")
    elif ours < theirs:
        yield _major("max_tokens", ours, theirs, "the run's token limit is below the reference's")
    elif ours != theirs:
        yield Mismatch(
            field="max_tokens", severity=Severity.MINOR, ours=ours, theirs=theirs, note="a higher token limit"
        )


def _errata_mismatch(task: TaskSpec, items: Items) -> Mismatch:
    """Published numbers are of published golds; how far that can move a score is known: it counts beside the margin."""
    share = items.n_corrected / items.n_asked
    note = f"{items.n_corrected} golds are corrected, which moves the score by at most {100 * share:.2g} points"
    severity = Severity.MAJOR if share > task.margin / 2 else Severity.MINOR
    return Mismatch(field="errata", severity=severity, ours="corrected golds", theirs="golds as published", note=note)


def _fatal(field: str, ours: object, theirs: object, note: str) -> Mismatch:
    return Mismatch(field=field, severity=Severity.FATAL, ours=ours, theirs=theirs, note=note)


def _major(field: str, ours: object, theirs: object, note: str) -> Mismatch:
    return Mismatch(field=field, severity=Severity.MAJOR, ours=ours, theirs=theirs, note=note)


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
