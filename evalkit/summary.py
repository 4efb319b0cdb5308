"""A run directory -> estimates per task. `summary.json` holds the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalkit.errors import UsageError
from evalkit.stats import STATUSES, task_estimate
from evalkit.store import RunStore, Totals
from evalkit.types import Status, TaskEstimate, TaskSpec

COUNTED_ONCE = "all samples of each item are the same text, and count as one sample an item in the error bars"
IDENTICAL = "all samples of each item are identical: the endpoint seems to ignore temperature or seed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScores:
    """Per-item scores of one task as arrays; rows are items in dataset order."""

    item_ids: tuple[str, ...]
    clusters: tuple[str, ...] | None
    values: np.ndarray
    """(n_items, k) float; NaN where a sample has no value."""
    statuses: np.ndarray
    """(n_items, k) positions in `STATUSES`; -1 where a sample is not stored."""
    labels: np.ndarray
    """(n_items, k) integers, equal for equal extracted answers; -1 where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSummary:
    """One task of a run."""

    task: str
    title: str
    estimate: TaskEstimate | None
    """None if no sample has a status that can be counted."""
    statuses: Mapping[str, int]
    n_items: int
    n_items_asked: int
    """Items with at least one stored sample."""
    samples_owed: int
    totals: Totals
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """`summary.json`."""

    run: str
    model: str
    tasks: tuple[TaskSummary, ...]

    @property
    def n_samples(self) -> int:
        return sum(sum(task.statuses.values()) for task in self.tasks)

    @property
    def n_errored(self) -> int:
        return sum(task.statuses.get(Status.ERRORED, 0) for task in self.tasks)

    @property
    def samples_owed(self) -> int:
        return sum(task.samples_owed for task in self.tasks)


def summarize(store: RunStore) -> RunSummary:
    """Estimates and totals of every task."""
    spec = store.record.spec
    found = [_task_summary(store, task) for task in spec.tasks]
    tasks = [summary for summary, _ in found]
    if (repeats := [same for _, same in found if same is not None]) and all(repeats):
        # Judged over the whole run: short answers are often identical in one task without any fault.
        tasks = [dataclasses.replace(t, warnings=(*t.warnings, IDENTICAL)) for t in tasks]
    return RunSummary(run=store.record.id, model=spec.model.name, tasks=tuple(tasks))


def task_scores(store: RunStore, task: TaskSpec) -> TaskScores:
    """Read the scores of a task into arrays."""
    names = list(store.item_names(task.name))
    shape = (len(names), task.samples)
    values = np.full(shape, np.nan)
    statuses = np.full(shape, -1, dtype=np.int8)
    labels = np.full(shape, -1, dtype=np.int64)
    code = {status: number for number, status in enumerate(STATUSES)}
    for position, sample, status, value, answer in store.scores(task.name):
        at = position, sample
        statuses[at] = code[status]
        if answer is not None:
            labels[at] = hash(answer) & (2**62 - 1)
        if value is not None:
            values[at] = value
    return TaskScores(
        item_ids=tuple(name for name, _ in names),
        clusters=tuple(str(cluster) for _, cluster in names) if task.cluster else None,
        values=values,
        statuses=statuses,
        labels=labels,
    )


def _task_summary(store: RunStore, task: TaskSpec) -> tuple[TaskSummary, bool | None]:
    """The summary, and whether the samples of each item are identical (None where they may be)."""
    scores = task_scores(store, task)
    counts = {str(s): int((scores.statuses == number).sum()) for number, s in enumerate(STATUSES)}
    counts = {name: n for name, n in counts.items() if n}
    owed = scores.values.size - sum(counts.values())
    n_asked = int((scores.statuses >= 0).any(axis=1).sum())
    totals = store.totals(task.name)
    same_text = totals.n_repeated_items > 0 and totals.n_varied_items == 0
    if same_text:
        scores = _one_sample_each(scores)
    try:
        estimate = task_estimate(
            task.name,
            scores.values,
            scores.statuses,
            clusters=scores.clusters,
            labels=scores.labels,
            samples_owed=owed,
        )
    except UsageError:
        estimate = None
    warnings = _warnings(store, task, totals.served_models)
    if same_text:
        warnings.append(COUNTED_ONCE)
    identical = same_text if totals.n_repeated_items and task.sampling.temperature != 0 else None
    summary = TaskSummary(
        task=task.name,
        title=task.title,
        estimate=estimate,
        statuses=counts,
        n_items=len(scores.item_ids),
        n_items_asked=n_asked,
        samples_owed=owed,
        totals=totals,
        warnings=tuple(warnings),
    )
    return summary, identical


def _one_sample_each(scores: TaskScores) -> TaskScores:
    """The first sample of each item that is not errored: copies of one text are one observation."""
    absent = (scores.statuses < 0) | (scores.statuses == STATUSES.index(Status.ERRORED))
    first = (np.arange(len(scores.item_ids)), absent.argmin(axis=1))
    return dataclasses.replace(
        scores,
        values=scores.values[first][:, None],
        statuses=scores.statuses[first][:, None],
        labels=scores.labels[first][:, None],
    )


def _warnings(store: RunStore, task: TaskSpec, served: tuple[str, ...]) -> list[str]:
    found = []
    if len(served) > 1:
        found.append(f"several model ids were served: {', '.join(served)}")
    elif served and served != (store.record.spec.model.name,):
        found.append(f"asked for {store.record.spec.model.name}, served by {served[0]}")
    if task.n_items is not None and store.n_items(task.name) != task.n_items:
        found.append(f"{store.n_items(task.name)} of the benchmark's {task.n_items} items were run")
    return found
