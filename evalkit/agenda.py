"""Which samples are owed, and which of them may be sent now.

Round by round (sample 0 of every item first), so that an interrupted run is a smaller run and not a run of some items
only. Without a stopping rule every round is open at once. With one, a task is looked at whenever one more of its rounds
is complete and graded, and a round opens when the round two before it was looked at: one round ahead, so that
slow answers leave no endpoint idle, and not more, since a round that is not wanted is paid for. The rule may leave
items out of a round.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evalkit.store import Key, RunStore
from evalkit.types import Item, Look, TaskSpec

_CACHED_ITEMS = 4096
_AHEAD = 2
"""Rounds that may be sent beside those that were looked at: the one under way and the one after it."""


@dataclass(frozen=True, slots=True)
class Work:
    """One sample that is owed."""

    task: TaskSpec
    position: int
    item: Item
    sample: int

    @property
    def key(self) -> Key:
        return self.task.name, self.position, self.sample


def progress_of(store: RunStore) -> tuple[int, int]:
    """(samples of the whole plan, those of them that are finished)."""
    tasks = store.record.spec.tasks
    planned = sum(task.samples * store.n_items(task.name) for task in tasks)
    return planned, sum(sum(store.n_finished(task.name).values()) for task in tasks)


class Agenda:
    """Hands out the samples of a run without a finished generation; read from the store as they are asked for."""

    def __init__(self, store: RunStore, *, gated: bool = False) -> None:
        """`gated` if a stopping rule says, task by task, how many rounds are wanted."""
        self._store = store
        self._gated = gated
        self._tasks: dict[str, _Task] = {}
        self._round: Iterator[Work] = iter(())
        self._item = functools.lru_cache(maxsize=_CACHED_ITEMS)(store.item)
        self.n_left = 0
        """Samples that are not handed out yet, as far as it is known that they are wanted."""
        self.n_open = 0
        """Those of them that may be sent now."""

    def begin(self, resting: Mapping[str, Mapping[int, frozenset[int]]]) -> None:
        """Take what the store has as done: from now on there are samples to hand out.

        `resting`: by task, the items that are left out of the rounds so far, see `StoppingRule`.
        """
        for task in self._store.record.spec.tasks:
            finished, n_items = self._store.n_finished(task.name), self._store.n_items(task.name)
            missing = [max(0, n_items - finished.get(sample, 0)) for sample in range(task.samples)]
            self._tasks[task.name] = _Task(task, missing, self._gated)
            self._leave_out(self._tasks[task.name], resting.get(task.name, {}))
        self._count()

    def next(self) -> Work | None:
        """A sample that may be sent now, if there is one."""
        while (work := next(self._round, None)) is None:
            ready = [task for task in self._tasks.values() if task.at < task.n_open]
            if not ready:
                self._count()
                return None
            task = min(ready, key=lambda task: task.at)
            self._round = self._works(task, task.at)
            task.at += 1
        self._tasks[work.task.name].unsent[work.sample] -= 1
        self.n_left -= 1
        self.n_open -= 1
        return work

    def _works(self, task: _Task, sample: int) -> Iterator[Work]:
        name = task.spec.name
        for position in self._store.missing(name, sample) if task.unsent[sample] else ():
            if sample >= task.wanted:  # decided while this round was being sent
                return
            if position in task.resting.get(sample, ()):
                continue
            yield Work(task.spec, position, self._item(name, position), sample)
        task.unsent[sample] = 0

    def settle(self, work: Work) -> None:
        """A sample is graded, or finished as errored: nothing more comes of it in this execution."""
        self._tasks[work.task.name].ungraded[work.sample] -= 1

    def to_look_at(self, task: str) -> int:
        """After how many complete rounds the rule is to look at a task now; 0 if it is not to."""
        return self._tasks[task].to_look_at()

    def looked(self, task: str, n_complete: int, look: Look) -> int:
        """The rule's answer; returns how many samples less are wanted than before."""
        found = self._tasks[task]
        before = self.n_left
        found.n_looked, found.wanted = n_complete, min(look.wanted, found.spec.samples)
        self._leave_out(found, look.resting)
        self._count()
        return before - self.n_left

    def _leave_out(self, task: _Task, resting: Mapping[int, frozenset[int]]) -> None:
        """Take note of who rests in rounds that are not begun."""
        for sample, positions in resting.items():
            if positions and sample not in task.resting and task.at <= sample < task.spec.samples:
                missing = sum(p not in positions for p in self._store.missing(task.spec.name, sample))
                task.resting[sample] = positions
                task.unsent[sample] = task.ungraded[sample] = missing

    def _count(self) -> None:
        tasks = self._tasks.values()
        self.n_left = sum(sum(task.unsent[: task.wanted]) for task in tasks)
        self.n_open = sum(sum(task.unsent[: task.n_open]) for task in tasks)


class _Task:
    """Where one task stands."""

    def __init__(self, spec: TaskSpec, missing: list[int], gated: bool) -> None:
        self.spec = spec
        self.at = 0
        """The next round to hand out."""
        self.wanted = spec.samples
        self.unsent = missing
        self.ungraded = list(missing)
        self.resting: dict[int, frozenset[int]] = {}
        self.n_looked = 0
        self._gated = gated
        self._n_complete = 0

    @property
    def n_open(self) -> int:
        """Rounds that may be sent."""
        return min(self.wanted, self.n_looked + _AHEAD) if self._gated else self.wanted

    def to_look_at(self) -> int:
        while self._n_complete < self.spec.samples and self.ungraded[self._n_complete] <= 0:
            self._n_complete += 1
        n = self._n_complete
        is_over = n >= self.wanted  # decided, or the last round: there is nothing left to stop
        return 0 if is_over or n == self.n_looked else n
