"""Two runs of one task, brought to the same rows: only what both have can be compared item by item.

Policy: items are the same if their ids and targets are. An item that only one run has, or whose target was
another, is left out and counted. Copies of one text count as one sample of an item, as in a run's summary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit import audit
from evalkit.codec import digest
from evalkit.scores import TaskScores, first_rounds, one_sample_each, task_scores
from evalkit.stopping import UntilDecided
from evalkit.store import RunStore
from evalkit.summary import summarize


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScores:
    """What a run has of one task."""

    scores: TaskScores
    samples_owed: int
    """Not stored, not graded, or to be asked for again."""
    n_corrected: int
    """Items that were graded against a corrected gold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedItems:
    """The items that two runs have in common; row i of both sides is the same item."""

    ours: TaskScores
    theirs: TaskScores
    n_ours: int
    """Items of our run, shared or not."""
    n_theirs: int
    n_other_targets: int
    """Items whose id both runs have, with different targets: not shared."""

    @property
    def n(self) -> int:
        return len(self.ours.item_ids)


def run_scores(store: RunStore) -> dict[str, RunScores]:
    """Scores of every task of a run by task name."""
    tasks = store.record.spec.tasks
    summaries = {summary.task: summary for summary in summarize(store).tasks}
    copied = audit.copied(tasks, {name: summary.totals for name, summary in summaries.items()})
    found = {}
    for task in tasks:
        scores = task_scores(store, task)
        if store.record.spec.until_decided:  # later rounds ask the items that varied, and stop where they please
            scores = first_rounds(scores, UntilDecided(store).full_rounds(task, scores))
        found[task.name] = RunScores(
            scores=one_sample_each(scores) if task.name in copied else scores,
            samples_owed=summaries[task.name].samples_owed,
            n_corrected=summaries[task.name].totals.n_corrected_items,
        )
    return found


def shared_items(store: RunStore, other: RunStore, task: str, ours: TaskScores, theirs: TaskScores) -> SharedItems:
    """The rows of both sides that are the same item, in the order of our run."""
    place = {name: row for row, name in enumerate(theirs.item_ids)}
    pairs = [(row, place[name]) for row, name in enumerate(ours.item_ids) if name in place]
    n_same_id = len(pairs)
    if store.record.items_digests[task] != other.record.items_digests[task]:
        our_targets, their_targets = _targets(store, task), _targets(other, task)
        pairs = [(a, b) for a, b in pairs if our_targets[a] == their_targets[b]]
    return SharedItems(
        ours=_rows(ours, [a for a, _ in pairs]),
        theirs=_rows(theirs, [b for _, b in pairs]),
        n_ours=len(ours.item_ids),
        n_theirs=len(theirs.item_ids),
        n_other_targets=n_same_id - len(pairs),
    )


def _targets(store: RunStore, task: str) -> list[str]:
    return [digest(str(item.target)) for item in store.items(task)]


def _rows(scores: TaskScores, rows: Sequence[int]) -> TaskScores:
    at = np.array(rows, dtype=np.int64)
    return dataclasses.replace(
        scores,
        item_ids=tuple(scores.item_ids[row] for row in rows),
        clusters=None if scores.clusters is None else tuple(scores.clusters[row] for row in rows),
        values=scores.values[at],
        statuses=scores.statuses[at],
        labels=scores.labels[at],
    )


def select(scores: TaskScores, keep: np.ndarray) -> TaskScores:
    """The items of the mask `keep` (n_items,)."""
    return _rows(scores, np.flatnonzero(keep).tolist())
