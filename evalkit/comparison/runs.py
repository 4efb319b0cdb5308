"""A run against other runs, task by task, paired by item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.comparison.matching import RunScores, SharedItems, run_scores, select, shared_items
from evalkit.comparison.results import Comparison, Declared
from evalkit.errors import UsageError
from evalkit.protocols import run_and_run
from evalkit.stats import Readings, not_comparable, paired, readings, task_estimate, verdict
from evalkit.store import RunStore
from evalkit.tasks.protocol import prompt_digest
from evalkit.types import Difference, Mismatch, Reference, Severity, TaskEstimate, TaskSpec, Verdict

_STARTED = len("20250131-235959")
"""The part of a run's id that says when it was made: enough to tell runs of one model apart, mostly."""


def compare_runs(store: RunStore, others: Sequence[RunStore], declared: Declared | None = None) -> list[Comparison]:
    """Every task of a run against every other run, paired by item.

    Raises `UsageError` if a run is compared with itself.
    """
    if any(other.folder.resolve() == store.folder.resolve() for other in others):
        raise UsageError(f"{store.folder} would be compared with itself: name another run directory")
    sides = (store, *others)
    names = [side.record.spec.model.name for side in sides]
    started = [side.record.id[:_STARTED] for side in sides]
    ours = run_scores(store)
    found = []
    for other, name in zip(others, names[1:], strict=True):
        when = other.record.id[:_STARTED]
        run = when if started.count(when) == 1 else other.record.id
        label = name if names.count(name) == 1 else f"{name} (run {run})"
        theirs, specs = run_scores(other), {task.name: task for task in other.record.spec.tasks}
        for task in store.record.spec.tasks:
            pair = _Pair(store, other, task, specs.get(task.name), label, declared or Declared())
            found.append(pair.compare(ours[task.name], theirs.get(task.name)))
    return sorted(found, key=lambda c: list(ours).index(c.task))


@dataclass(frozen=True, slots=True)
class _Pair:
    """One task of two runs."""

    store: RunStore
    other: RunStore
    task: TaskSpec
    other_task: TaskSpec | None
    label: str
    declared: Declared

    def compare(self, ours: RunScores, theirs: RunScores | None) -> Comparison:
        if self.other_task is None or theirs is None:
            return self._not_comparable(f"the other run has no task {self.task.name}")
        shared = shared_items(self.store, self.other, self.task.name, ours.scores, theirs.scores)
        mismatches = run_and_run(
            (self.task, self.store.record.spec.model),
            (self.other_task, self.other.record.spec.model),
            (ours.n_corrected, theirs.n_corrected),
        )
        if not shared.n:
            changed = f" ({shared.n_other_targets} have other targets)" if shared.n_other_targets else ""
            note = f"the two runs have no item of {self.task.name} in common{changed}"
            fatal = Mismatch(
                field="items", severity=Severity.FATAL, ours=shared.n_ours, theirs=shared.n_theirs, note=note
            )
            return self._not_comparable(note, (fatal, *mismatches))
        a, b = (readings(s.values, s.statuses, self.task.name) for s in (shared.ours, shared.theirs))
        counted = _has_value(a.headline) & _has_value(b.headline)
        if not counted.any():
            return self._not_comparable("no item has a sample that can be counted in both runs", mismatches)
        estimates = [
            task_estimate(
                self.task.name,
                s.values,
                s.statuses,
                clusters=s.clusters,
                labels=s.labels,
                samples_owed=side.samples_owed,
            )
            for s, side in ((select(shared.ours, counted), ours), (select(shared.theirs, counted), theirs))
        ]
        return Comparison(
            task=self.task.name,
            title=self.task.title,
            model=self.label,
            run=str(self.other.folder),
            estimate=estimates[0],
            other=estimates[1],
            reference=_as_reference(self.other, self.other_task, self.label, estimates[1]),
            reference_se=estimates[1].headline.benchmark.se,
            mismatches=(*_coverage(shared), *mismatches),
            verdict=self._verdict(shared, a, b, mismatches, (ours.samples_owed, theirs.samples_owed)),
        )

    def _verdict(
        self, shared: SharedItems, a: Readings, b: Readings, mismatches: Sequence[Mismatch], owed: tuple[int, int]
    ) -> Verdict:
        margin, alpha, notes = self.declared.of(self.task)
        kind = self.declared.kind or "population"

        sides = [(a.headline, b.headline), (a.as_wrong, b.as_wrong)]
        if (_has_value(a.excluded) & _has_value(b.excluded)).any():
            sides.append((a.excluded, b.excluded))

        def differences(level: float) -> list[Difference]:
            return [paired(x, y, shared.ours.clusters, alpha=level, kind=kind) for x, y in sides]

        headline, *bounds = differences(alpha)
        reasons = [m.note for m in _coverage(shared)]
        reasons += ["the protocols differ"] if any(m.severity is Severity.MAJOR for m in mismatches) else []
        both = ("the run", self.store, owed[0]), ("the other run", self.other, owed[1])
        reasons += [
            f"{who} was looked at after every round, so only its first full rounds count"
            for who, side, _ in both
            if side.record.spec.until_decided
        ]
        reasons += notes + [f"{who} owes {n} samples" for who, _, n in both if n]
        return verdict(
            headline,
            bounds,
            at=differences,
            margin=margin,
            alpha=alpha,
            subject=self.store.record.spec.model.name,
            reference=f"{self.label} on {self.task.title}",
            informal=reasons,
            notes=(*notes, *self._other_declaration()),
        )

    def _other_declaration(self) -> list[str]:
        """The margin is the first run's; that the other declared another is said."""
        other = self.other_task
        if other is None or other.margin == self.task.margin:
            return []
        return [f"the other run declared a margin of {other.margin:g}, this one {self.task.margin:g}"]

    def _not_comparable(self, why: str, mismatches: Sequence[Mismatch] = ()) -> Comparison:
        margin, alpha, _ = self.declared.of(self.task)
        return Comparison(
            task=self.task.name,
            title=self.task.title,
            model=self.label,
            run=str(self.other.folder),
            estimate=None,
            reference=None,
            reference_se=None,
            mismatches=tuple(mismatches),
            verdict=not_comparable(why, margin=margin, alpha=alpha),
        )


def _has_value(values: np.ndarray) -> np.ndarray:
    mask: np.ndarray = ~np.isnan(values).all(axis=1)
    return mask


def _coverage(shared: SharedItems) -> list[Mismatch]:
    """What is left out because only one side has it."""
    if shared.n == shared.n_ours == shared.n_theirs:
        return []
    changed = f", {shared.n_other_targets} with other targets" if shared.n_other_targets else ""
    note = (
        f"only the {shared.n} items that both runs have are compared ({shared.n_ours} and {shared.n_theirs}{changed})"
    )
    return [Mismatch(field="items", severity=Severity.MAJOR, ours=shared.n_ours, theirs=shared.n_theirs, note=note)]


def _as_reference(other: RunStore, task: TaskSpec, label: str, estimate: TaskEstimate) -> Reference:
    """What another run amounts to, written as a published record is."""
    return Reference(
        id=f"run/{other.record.id}",
        benchmark=task.title,
        task=task.name,
        model=label,
        model_title=other.record.spec.model.name,
        version=None,
        metric=estimate.headline.metric,
        measures="mean_accuracy",
        value=100 * estimate.headline.value,
        unit="%",
        n_items=estimate.headline.n_items,
        benchmark_items=task.n_items,
        samples=task.samples,
        samples_note=None,
        temperature=task.sampling.temperature,
        top_p=task.sampling.top_p,
        max_tokens=task.sampling.max_tokens,
        protocol=None,
        prompt_digest=prompt_digest(task),
        reported_by="evalkit",
        source=f"run {other.record.id}",
        tier="primary",
        date=other.record.created[:10],
    )
