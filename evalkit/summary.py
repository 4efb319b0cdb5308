"""A run directory -> estimates per task. `summary.json` holds the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evalkit import agreement, audit
from evalkit.errors import StoreError, UsageError
from evalkit.stats import STATUSES, task_estimate
from evalkit.store import RunStore, Totals
from evalkit.types import Prices, Status, TaskEstimate, TaskSpec


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
    """Not stored, not graded, or to be asked for again."""
    n_in_vain: int
    """Those of them that were asked for again without success and keep their earlier answer."""
    totals: Totals
    audit: tuple[str, ...]
    """What deserves a second look, in sentences (`evalkit.audit`)."""
    opinions: tuple[agreement.GraderSummary, ...] = ()
    """What other graders make of the same answers: beside the estimate, never in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """`summary.json`."""

    run: str
    model: str
    tasks: tuple[TaskSummary, ...]
    cost: float | None = None
    """Of all answers that were paid for, replaced ones included, in the currency of `prices`; None without prices."""
    prices: Prices | None = None

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
    totals = {task.name: store.totals(task.name) for task in spec.tasks}
    copied = audit.copied(spec.tasks, totals)
    tasks = tuple(_task_summary(store, task, totals[task.name], copied.get(task.name)) for task in spec.tasks)
    prices = spec.model.endpoint.prices
    _, *tokens = store.spent()
    return RunSummary(
        run=store.record.id,
        model=spec.model.name,
        tasks=tasks,
        cost=None if prices is None else prices.cost(*tokens),
        prices=prices,
    )


def task_scores(store: RunStore, task: TaskSpec) -> TaskScores:
    """Read the scores of a task into arrays."""
    names = list(store.item_names(task.name))
    shape = (len(names), task.samples)
    values = np.full(shape, np.nan)
    statuses = np.full(shape, -1, dtype=np.int8)
    labels = np.full(shape, -1, dtype=np.int64)
    code = {str(status): number for number, status in enumerate(STATUSES)}
    for rows in store.scores(task.name):
        samples, positions, found, marks, answers = zip(*rows, strict=True)
        at = np.array(positions), np.array(samples)
        if at[0].max() >= shape[0] or at[1].max() >= shape[1]:
            sample, position = next(r[:2] for r in rows if r[1] >= shape[0] or r[0] >= shape[1])
            raise StoreError(f"{store.folder}: sample {sample} of item {position} of {task.name} is not of this run")
        if not code.keys() >= set(found):
            sample, position, status, *_ = next(r for r in rows if r[2] not in code)
            raise StoreError(
                f"{store.folder}/samples.sqlite: sample {sample} of item {position} of {task.name} is damaged: "
                f"{status!r} is no status"
            )
        statuses[at] = [code[status] for status in found]
        labels[at] = [-1 if answer is None else hash(answer) & (2**62 - 1) for answer in answers]
        values[at] = np.array(marks, dtype=float)  # None becomes NaN
    return TaskScores(
        item_ids=tuple(name for name, _ in names),
        clusters=tuple(str(cluster) for _, cluster in names) if task.cluster else None,
        values=values,
        statuses=statuses,
        labels=labels,
    )


def _task_summary(store: RunStore, task: TaskSpec, totals: Totals, copied: str | None) -> TaskSummary:
    """The summary; `copied` says why copies of one text are one observation, if they are."""
    scores = task_scores(store, task)
    counts = {str(s): int((scores.statuses == number).sum()) for number, s in enumerate(STATUSES)}
    counts = {name: n for name, n in counts.items() if n}
    n_in_vain = store.n_asked_in_vain(task.name)
    owed = scores.values.size - sum(counts.values()) + n_in_vain
    n_asked = int((scores.statuses >= 0).any(axis=1).sum())
    opinions = agreement.summaries(store, task, scores.values, scores.statuses)
    if copied:
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
    model = store.record.spec.model.name
    found = audit.findings(
        task,
        totals,
        counts,
        model=model,
        items=store.items(task.name),
        n_items=store.n_items(task.name),
        copies=copied,
    )
    return TaskSummary(
        task=task.name,
        title=task.title,
        estimate=estimate,
        statuses=counts,
        n_items=len(scores.item_ids),
        n_items_asked=n_asked,
        samples_owed=owed,
        n_in_vain=n_in_vain,
        totals=totals,
        audit=tuple(found),
        opinions=opinions,
    )


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
