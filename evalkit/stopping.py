"""When a task of a run needs no further round: as soon as its verdict against every declared reference is decided.

What is looked at are whole rounds (one sample of every item), in order, and the same rounds give the same answer
whenever they are looked at: while the run goes on, when it is resumed, and when it is estimated. A reference that no
number of rounds can be compared with (no record, or a fatal difference of the protocols) is none to wait for.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evalkit import references
from evalkit.errors import UsageError
from evalkit.mismatches import Items, protocol_mismatches
from evalkit.store import RunStore
from evalkit.types import Published, Reference, Rounds, RunRecord, RunSpec, Severity, TaskSpec

if TYPE_CHECKING:  # numpy would hold up the first request
    from evalkit.scores import TaskScores


class UntilDecided:
    """The stopping rule of a run with `until_decided`."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._tasks = {task.name: task for task in store.record.spec.tasks}

    def wanted(self, task: str, n_complete: int) -> int:
        """See `StoppingRule`. Reads through a connection of its own, since it is called from a thread of its own."""
        from evalkit.scores import task_scores

        spec = self._tasks[task]
        self._store.flush()
        with RunStore.open(self._store.folder) as stored:
            scores = task_scores(stored, spec)
        return self._decided_after(spec, scores, n_complete) or spec.samples

    def rounds(self, task: TaskSpec, scores: TaskScores) -> Rounds:
        """Where a task stands by what is stored: a round is complete if all of it is graded, errored or not."""
        complete = 0
        while complete < task.samples and (scores.statuses[:, complete] >= 0).all():
            complete += 1
        after = self._decided_after(task, scores, complete)
        return Rounds(complete=complete, most=task.samples, decided_after=after)

    def _decided_after(self, task: TaskSpec, scores: TaskScores, n_complete: int) -> int | None:
        from evalkit import stats

        found = self._published(task)
        if not n_complete or not found:
            return None
        return stats.decided_after(
            scores.values[:, :n_complete],
            scores.statuses[:, :n_complete],
            references=found,
            margin=task.margin,
            alpha=task.alpha,
            max_rounds=task.samples,
        )

    def _published(self, task: TaskSpec) -> list[Published]:
        record = self._store.record
        found, _ = _comparable(self._references, record.spec.references, task, all_items(record)[task.name])
        return [
            Published(
                value=reference.value / 100,
                n_items=reference.n_items or reference.benchmark_items,
                samples=reference.samples,
                exact=reference.exact,
            )
            for reference in found
        ]

    @functools.cached_property
    def _references(self) -> list[Reference]:
        return references.load_references()


def all_items(record: RunRecord) -> Mapping[str, Items]:
    """Task -> the items of a run once each of them has a sample."""
    digests, counts = record.items_digests, record.n_items
    return {
        task.name: Items(
            digest=digests[task.name], n_stored=counts[task.name], n_asked=counts[task.name], n_corrected=0
        )
        for task in record.spec.tasks
    }


def require_decidable(spec: RunSpec, refs: Sequence[Reference], items: Mapping[str, Items] | None = None) -> None:
    """Raises `UsageError` for a task that has no reference to be decided against.

    Without `items`, which are known when the run directory is made, only whether there are records is looked at.
    """
    if not spec.references:
        raise UsageError(
            "--until-decided: decided against whom? Give --against o1,deepseek-r1, or a --suite that has some"
        )
    for task in spec.tasks:
        found, reasons = _comparable(refs, spec.references, task, items[task.name] if items else None)
        if not found:
            raise UsageError(f"--until-decided: {task.name} can never be decided: {'; '.join(reasons)}")


def _comparable(
    refs: Sequence[Reference], models: Sequence[str], task: TaskSpec, items: Items | None
) -> tuple[list[Reference], list[str]]:
    """The records that a task can be compared with, and why not with those of the other models."""
    found, reasons = [], []
    for model in models:
        reference = references.default(refs, model, task.name)
        mismatches = protocol_mismatches(task, items, reference) if reference and items else ()
        fatal = [m.note for m in mismatches if m.severity is Severity.FATAL]
        if reference is None:
            reasons.append(f"{model}: no published score")
        elif fatal:
            reasons.append(f"{model}: {', '.join(fatal)}")
        else:
            found.append(reference)
    return found, reasons
