"""A run directory -> estimates per task. `summary.json` holds the result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.errors import StoreError, UsageError
from evalkit.stats import STATUSES, task_estimate
from evalkit.store import RunStore, Totals
from evalkit.types import Status, TaskEstimate, TaskSpec

GREEDY = "all samples of each item are identical, as they should be at temperature 0"
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
    totals = {task.name: store.totals(task.name) for task in spec.tasks}
    copied = _copied(spec.tasks, totals)
    tasks = tuple(_task_summary(store, task, totals[task.name], copied.get(task.name)) for task in spec.tasks)
    return RunSummary(run=store.record.id, model=spec.model.name, tasks=tasks)


def _copied(tasks: Sequence[TaskSpec], totals: Mapping[str, Totals]) -> dict[str, str]:
    """Tasks whose samples are copies of one text an item, and why that is so.

    At temperature 0 that is how it should be. Above it, it is judged over the whole run: short answers are often
    identical in one task without any fault.
    """
    repeated = [task for task in tasks if totals[task.name].n_repeated_items]
    same = [task for task in repeated if totals[task.name].n_varied_items == 0]
    greedy = {task.name for task in same if task.sampling.temperature == 0}
    sampled = [task for task in repeated if task.sampling.temperature != 0]
    ignored = {task.name for task in sampled} if all(task in same for task in sampled) else set()
    return dict.fromkeys(greedy, GREEDY) | dict.fromkeys(ignored, IDENTICAL)


def task_scores(store: RunStore, task: TaskSpec) -> TaskScores:
    """Read the scores of a task into arrays."""
    names = list(store.item_names(task.name))
    shape = (len(names), task.samples)
    values = np.full(shape, np.nan)
    statuses = np.full(shape, -1, dtype=np.int8)
    labels = np.full(shape, -1, dtype=np.int64)
    code = {status: number for number, status in enumerate(STATUSES)}
    for position, sample, status, value, answer in store.scores(task.name):
        if position >= shape[0] or sample >= shape[1]:
            raise StoreError(f"{store.folder}: sample {sample} of item {position} of {task.name} is not of this run")
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


def _task_summary(store: RunStore, task: TaskSpec, totals: Totals, copied: str | None) -> TaskSummary:
    """The summary; `copied` says why copies of one text are one observation, if they are."""
    scores = task_scores(store, task)
    counts = {str(s): int((scores.statuses == number).sum()) for number, s in enumerate(STATUSES)}
    counts = {name: n for name, n in counts.items() if n}
    owed = scores.values.size - sum(counts.values())
    n_asked = int((scores.statuses >= 0).any(axis=1).sum())
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
    warnings = _warnings(store, task, totals.served_models)
    if copied:
        warnings.append(f"{copied}; they count as one sample an item")
    return TaskSummary(
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
