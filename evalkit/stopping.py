"""When a task of a run needs no further round: as soon as its verdict against every declared reference is decided.

What is looked at are whole rounds (one sample of every item that is asked in it), in order, and the same rounds give
the same answer whenever they are looked at: while the run goes on, when it is resumed, and when it is compared. A
reference that no number of rounds can be compared with (no record, or a fatal difference of the protocols) is none to
wait for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from evalkit import references
from evalkit.errors import UsageError
from evalkit.protocols import Items, run_and_reference
from evalkit.store import RunStore
from evalkit.types import Difference, Look, Published, Reference, Rounds, RunRecord, RunSpec, Severity, TaskSpec

if TYPE_CHECKING:  # numpy would hold up the first request
    import numpy as np

    from evalkit.scores import TaskScores


class UntilDecided:
    """The stopping rule of a run with `until_decided`."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._tasks = {task.name: task for task in store.record.spec.tasks}

    def look(self, task: str, n_complete: int) -> Look:
        """See `StoppingRule`. Reads through a connection of its own, since it is called from a thread of its own."""
        from evalkit.scores import first_rounds

        scores = first_rounds(self._stored(task), n_complete)
        after = self._decided_after(self._tasks[task], scores)
        resting = self._resting(self._tasks[task], scores)
        return Look(wanted=after or self._tasks[task].samples, resting=resting)

    def resting(self, task: str) -> Mapping[int, frozenset[int]]:
        """See `StoppingRule`."""
        if not self._store.n_finished(task):
            return {}
        from evalkit.scores import first_rounds

        scores = self._stored(task)
        return self._resting(self._tasks[task], first_rounds(scores, self.rounds(self._tasks[task], scores).complete))

    def rounds(self, task: TaskSpec, scores: TaskScores) -> Rounds:
        """Where a task stands by what is stored: a round is complete if all that it asks is graded, errored or not."""
        from evalkit.scores import first_rounds

        asked, complete = self.asked(task, scores), 0
        while complete < task.samples and (scores.statuses[:, complete] >= 0)[asked[:, complete]].all():
            complete += 1
        after = self._decided_after(task, first_rounds(scores, complete))
        return Rounds(complete=complete, most=task.samples, decided_after=after)

    def asked(self, task: TaskSpec, scores: TaskScores) -> np.ndarray:
        """Who is asked in which round (n_items, rounds): settled for the complete rounds and the next two."""
        return _asked(task, scores)[:, : scores.statuses.shape[1]]

    def full_rounds(self, task: TaskSpec, scores: TaskScores) -> int:
        """First rounds, of those that count, in which every item was asked: the same number of samples for all."""
        rounds = self.rounds(task, scores)
        all_asked = self.asked(task, scores)[:, : rounds.counted].all(axis=0)
        return int(all_asked.argmin()) if not all_asked.all() else rounds.counted

    def differ(self, task: TaskSpec, scores: TaskScores) -> Callable[[Reference, float, float], list[Difference]]:
        """(reference, margin, alpha) -> run minus reference, the headline and its bounds.

        After the round that decided it, else after the last of `scores`.
        """
        from evalkit import stats

        read = stats.readings(scores.values, scores.statuses, task.name)
        allotted = stats.allocation(read.headline, task.samples)

        def differences(reference: Reference, margin: float, alpha: float) -> list[Difference]:
            other = published(reference)
            tracks = stats.sequential_differences(
                read, allotted, other, margin=margin, alpha=alpha, max_rounds=task.samples
            )
            after = stats.first_decided(tracks, margin=margin, alpha=alpha)
            return [track[(after or len(track)) - 1] for track in tracks]

        return differences

    def _stored(self, task: str) -> TaskScores:
        from evalkit.scores import task_scores

        self._store.flush()
        with RunStore.open(self._store.folder) as stored:
            return task_scores(stored, self._tasks[task])

    def _resting(self, task: TaskSpec, scores: TaskScores) -> Mapping[int, frozenset[int]]:
        """Of the rounds of `scores` and the next two."""
        asked = _asked(task, scores)
        return {j: frozenset((~asked[:, j]).nonzero()[0].tolist()) for j in range(min(asked.shape[1], task.samples))}

    def _decided_after(self, task: TaskSpec, scores: TaskScores) -> int | None:
        from evalkit import stats

        found = self._published(task)
        if not scores.statuses.shape[1] or not found:
            return None
        return stats.decided_after(
            scores.values,
            scores.statuses,
            references=found,
            margin=task.margin,
            alpha=task.alpha,
            max_rounds=task.samples,
            task=task.name,
        )

    def _published(self, task: TaskSpec) -> list[Published]:
        record = self._store.record
        found, _ = _comparable(self._references, record.spec.references, task, all_items(record)[task.name])
        return [published(reference) for reference in found]

    @functools.cached_property
    def _references(self) -> list[Reference]:
        return references.declared(references.load_references(), self._store.record.references)


def _asked(task: TaskSpec, scores: TaskScores) -> np.ndarray:
    from evalkit import stats

    read = stats.readings(scores.values, scores.statuses, task.name)
    return stats.allocation(read.headline, task.samples).asked


def published(reference: Reference) -> Published:
    """The record as statistics see it."""
    return Published(
        value=reference.value / 100,
        n_items=reference.size,
        samples=reference.samples,
        exact=reference.exact,
    )


def all_items(record: RunRecord) -> Mapping[str, Items]:
    """Task -> the items of a run once each of them has a sample."""
    return {task.name: Items.of_record(record, task.name) for task in record.spec.tasks}


def require_decidable(spec: RunSpec, refs: Sequence[Reference], items: Mapping[str, Items] | None = None) -> None:
    """Raises `UsageError` for a task that has no reference to be decided against.

    Without `items`, which are known when the run directory is made, only whether there are records is looked at.
    """
    if not spec.references:
        raise UsageError(
            "--until-decided: decided against whom? Give --against o1,deepseek-r1, or a --suite that has some"
        )
    for task in spec.tasks:
        if task.sampling.temperature == 0:
            raise UsageError(
                f"--until-decided: {task.name} is asked at temperature 0, where every round repeats the first; "
                "give --temperature, or leave --until-decided out"
            )
        found, reasons = _comparable(refs, spec.references, task, items[task.name] if items else None)
        if not found:
            raise UsageError(
                f"--until-decided: {task.name} can never be decided: {'; '.join(reasons)}. "
                "Leave this task out, or name other models with --against"
            )


def _comparable(
    refs: Sequence[Reference], models: Sequence[str], task: TaskSpec, items: Items | None
) -> tuple[list[Reference], list[str]]:
    """The records that a task can be compared with, and why not with those of the other models."""
    found, reasons = [], []
    for model in models:
        reference = references.default(refs, model, task.name)
        mismatches = run_and_reference(task, items, reference) if reference and items else ()
        fatal = [m.note for m in mismatches if m.severity is Severity.FATAL]
        if reference is None:
            reasons.append(f"{model}: no published score")
        elif fatal:
            reasons.append(f"{model}: {', '.join(fatal)}")
        else:
            found.append(reference)
    return found, reasons
