"""A run against published numbers.

Policy: a published number is one of the same items (`benchmark`), since nothing else is known of it. Where its results
were published item by item, both sides are paired, and the verdict speaks of questions like these (`population`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

from evalkit import references
from evalkit.comparison.per_item import Pairs, pairs_of
from evalkit.comparison.results import Comparison, Declared
from evalkit.protocols import run_and_reference
from evalkit.scores import TaskScores, first_rounds, task_scores
from evalkit.stats import BETTING, against_reference, not_comparable, verdict
from evalkit.stopping import UntilDecided, published
from evalkit.store import RunStore
from evalkit.summary import TaskSummary, items_of, summarize
from evalkit.types import Difference, Mismatch, Reference, Rounds, Severity, TaskSpec, Verdict

_LOOKED = (
    "the intervals hold however often one looks; of the difference, the ends are those of the run less those of the "
    "reference, each at its part of alpha"
)


def compare_store(
    store: RunStore, models: Sequence[str], refs: Sequence[Reference], declared: Declared | None = None
) -> list[Comparison]:
    """Every task of a run against every reference model; an unknown model raises `UnknownName` first."""
    as_declared = references.declared(refs, store.record.references)
    names = [references.resolve_model(as_declared, m) for m in models]
    summaries = {s.task: s for s in summarize(store).tasks}
    compared = []
    for task in store.record.spec.tasks:
        side = _Measured(store, task, summaries[task.name], as_declared, refs, declared or Declared())
        compared += [side.against(name) for name in names]
    return compared


class _Measured:
    """One task of a run, to be compared with published numbers."""

    def __init__(
        self,
        store: RunStore,
        task: TaskSpec,
        summary: TaskSummary,
        refs: Sequence[Reference],
        registry: Sequence[Reference],
        declared: Declared,
    ) -> None:
        self._store = store
        self._task = task
        self._summary = summary
        self._refs = refs
        self._registry = registry
        self._declared = declared
        self._model = store.record.spec.model
        self._known_as = references.known_model(refs, self._model.name)
        self._items = items_of(store, summary)

    def against(self, model: str) -> Comparison:
        """With the default record of one reference model."""
        task, estimate = self._task, self._summary.estimate
        reference = references.default(self._refs, model, task.name)
        margin, alpha, _ = self._declared.of(task)
        mismatches: tuple[Mismatch, ...] = ()
        if reference is not None:
            rounds = self._looked_at("benchmark")
            asked = dataclasses.replace(task, samples=rounds.counted) if rounds else task
            mismatches = run_and_reference(asked, self._items, reference, model=self._model, known_as=self._known_as)
        if estimate is None:
            result = not_comparable("the run has no sample that can be counted", margin=margin, alpha=alpha)
        elif reference is None:
            result = not_comparable(_no_record(self._refs, model, task.name), margin=margin, alpha=alpha)
        else:
            result, mismatches = self._verdict(model, reference, mismatches)
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

    def _verdict(
        self, model: str, reference: Reference, mismatches: tuple[Mismatch, ...]
    ) -> tuple[Verdict, tuple[Mismatch, ...]]:
        margin, alpha, notes = self._declared.of(self._task)
        pairs = self._pairs(reference)
        kind = self._declared.kind or ("population" if pairs else "benchmark")
        rounds = self._looked_at(kind)
        differ = self._differ(reference, kind, margin, pairs)
        headline, *bounds = differ(alpha)
        if pairs and not self._is_another_set:  # which of the items count is settled item by item
            mismatches = (*pairs.coverage, *(m for m in mismatches if m.field != "items"))
        if fatal := [m.note for m in mismatches if m.severity is Severity.FATAL]:
            return not_comparable("; ".join(fatal), margin=margin, alpha=alpha, difference=headline), mismatches
        n_owed = 0 if rounds else self._summary.samples_owed
        owed = [f"{n_owed} samples are still owed"] if n_owed else []
        looked = [f"{rounds.in_words}: {_LOOKED}"] if rounds else []
        differing = ["the protocols differ"] if any(m.severity is Severity.MAJOR for m in mismatches) else []
        result = verdict(
            headline,
            bounds,
            margin=margin,
            alpha=alpha,
            subject=self._model.name,
            reference=f"{model}{f' ({reference.variant})' if reference.variant else ''} on {self._task.title}",
            at=differ,
            informal=(*differing, *notes, *owed),
            notes=(*notes, *owed, *looked, *(pairs.notes if pairs else ()), *self._changed(model, reference)),
        )
        return result, mismatches

    @property
    def _is_another_set(self) -> bool:
        """As many items as the benchmark has, and others than it has: not a part of it that could be paired."""
        pinned = self._task.items_digest
        return self._items.n_stored == self._task.n_items and pinned not in (None, self._items.digest)

    def _changed(self, model: str, reference: Reference) -> list[str]:
        """A run is compared with the number that it declared; that the registry has another one now is said."""
        now = references.default(self._registry, model, self._task.name)
        if reference not in self._store.record.references or (now is not None and now.value == reference.value):
            return []
        has = "no default number any more" if now is None else f"{now.value:g} ({now.id})"
        return [f"compared with {reference.value:g}, the number when the run was made; the registry now has {has}"]

    def _looked_at(self, kind: str) -> Rounds | None:
        """The rounds, if the comparison is by what was known after each of them."""
        found = self._summary.estimate
        by_rounds = found is not None and found.headline.benchmark.method == BETTING and kind == "benchmark"
        return self._summary.rounds if by_rounds else None

    def _pairs(self, reference: Reference) -> Pairs | None:
        """The items that both sides have results of; a run that chose what to ask is not paired."""
        if self._store.record.spec.until_decided or self._declared.kind == "benchmark":
            return None
        found = references.per_item(reference)
        return None if found is None else pairs_of(self._task.name, self._scores, reference, found)

    @functools.cached_property
    def _scores(self) -> TaskScores:
        """Read once for all references, and only if one of them needs them."""
        return task_scores(self._store, self._task)

    @functools.cached_property
    def _looks(self) -> Callable[[Reference, float, float], Sequence[Difference]]:
        """What was known after each round; its allocation is made once for all references."""
        rounds = self._summary.rounds
        scores = first_rounds(self._scores, rounds.counted) if rounds else self._scores
        return UntilDecided(self._store).differ(self._task, scores)

    def _differ(
        self, reference: Reference, kind: str, margin: float, pairs: Pairs | None
    ) -> Callable[[float], Sequence[Difference]]:
        """Level -> run minus reference: the headline, then its bounds."""
        if pairs is not None:
            return lambda level: pairs.differences(level, kind)
        if self._looked_at(kind):
            return lambda level: self._looks(reference, margin, level)
        return lambda level: self._unpaired(reference, kind, level)

    def _unpaired(self, reference: Reference, kind: str, alpha: float) -> list[Difference]:
        found = self._summary.estimate
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
            for ours in ((found.headline, found.as_wrong, found.excluded) if found else ())
            if ours is not None
        ]


def reference_se(reference: Reference | None) -> float | None:
    """Binomial bound on the reference's sampling error; None where the number of questions is unknown."""
    if reference is None or reference.unit != "%":
        return None
    if reference.exact:
        return 0.0
    n = reference.size
    if n is None:
        return None
    q = reference.value / 100
    return float((q * (1 - q) / (n * (reference.samples or 1))) ** 0.5)


def _no_record(refs: Sequence[Reference], model: str, task: str) -> str:
    others = sorted({r.metric for r in references.find(refs, model=model, task=task)})
    if others:
        return f"{model} has no mean accuracy on {task}, only: {', '.join(others)}"
    return f"no published score of {model} on {task}"
