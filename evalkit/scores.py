"""The scores of a run as arrays: what statistics are computed from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from evalkit.errors import StoreError
from evalkit.stats import STATUSES
from evalkit.store import RunStore
from evalkit.types import Status, TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScores:
    """Per-item scores of one task as arrays; rows are items in dataset order."""

    item_ids: tuple[str, ...]
    clusters: tuple[str | None, ...] | None
    values: np.ndarray
    """(n_items, k) float; NaN where a sample has no value."""
    statuses: np.ndarray
    """(n_items, k) positions in `STATUSES`; -1 where a sample is not stored."""
    labels: np.ndarray
    """(n_items, k) integers, equal for equal extracted answers; -1 where there is none."""


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
        clusters=tuple(cluster for _, cluster in names) if task.cluster else None,
        values=values,
        statuses=statuses,
        labels=labels,
    )


def first_rounds(scores: TaskScores, rounds: int) -> TaskScores:
    """The first samples of each item, so many of them."""
    return dataclasses.replace(
        scores,
        values=scores.values[:, :rounds],
        statuses=scores.statuses[:, :rounds],
        labels=scores.labels[:, :rounds],
    )


def one_sample_each(scores: TaskScores) -> TaskScores:
    """The first sample of each item that is not errored: copies of one text are one observation."""
    absent = (scores.statuses < 0) | (scores.statuses == STATUSES.index(Status.ERRORED))
    first = (np.arange(len(scores.item_ids)), absent.argmin(axis=1))
    return dataclasses.replace(
        scores,
        values=scores.values[first][:, None],
        statuses=scores.statuses[first][:, None],
        labels=scores.labels[first][:, None],
    )
