"""plan -> generate -> score: fills a run directory. Knows no provider and no benchmark.

Samples are issued round by round (sample 0 of every item first), so that an interrupted run is a smaller run and not a
run of some items only. A generation is stored before it is graded; grading never holds up requests.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from evalkit.protocols import Client, Scorer
from evalkit.registry import build_scorers
from evalkit.store import Key, RunStore
from evalkit.types import Generation, Item, Request, Score, TaskSpec

_GRADERS = 4
_GRADING_QUEUE = 1024
_CACHED_ITEMS = 4096


class Observer(Protocol):
    """Hears of progress; the command line draws it."""

    def started(self, total: int, done: int) -> None:
        """`done` of `total` samples were stored by earlier runs."""

    def sample(self, task: str, generation: Generation, score: Score) -> None:
        """One more sample is stored and graded."""


class SilentObserver:
    """Says nothing."""

    def started(self, total: int, done: int) -> None:
        """Ignored."""

    def sample(self, task: str, generation: Generation, score: Score) -> None:
        """Ignored."""


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


def owed(store: RunStore) -> Iterator[Work]:
    """Samples of the plan without a finished generation, round by round; read as they are asked for."""
    tasks = store.record.spec.tasks
    item_at = functools.lru_cache(maxsize=_CACHED_ITEMS)(store.item)
    finished = {task.name: store.n_finished(task.name) for task in tasks}
    for sample in range(max(task.samples for task in tasks)):
        for task in tasks:
            if sample >= task.samples or finished[task.name].get(sample, 0) == store.n_items(task.name):
                continue
            for position in store.missing(task.name, sample):
                yield Work(task, position, item_at(task.name, position), sample)


def progress_of(store: RunStore) -> tuple[int, int]:
    """(samples of the whole plan, those of them that are finished)."""
    tasks = store.record.spec.tasks
    planned = sum(task.samples * store.n_items(task.name) for task in tasks)
    return planned, sum(sum(store.n_finished(task.name).values()) for task in tasks)


async def execute(store: RunStore, client: Client, observer: Observer, stop: asyncio.Event) -> bool:
    """Generate and grade everything owed; False if `stop` was set before the end.

    Raises `AuthError` or `EndpointError` when no further request can succeed; what is stored stays stored.
    """
    planned, finished = progress_of(store)
    observer.started(planned, finished)
    job = _Job(store, client, build_scorers(store.record.spec), observer)
    try:
        await job.grade_leftovers()
        if finished == planned:
            return True
        await client.open()
        try:
            return await job.run(owed(store), planned - finished, stop)
        finally:
            await client.close()
    finally:
        for scorer in job.scorers.values():
            scorer.close()
        store.flush()


class _Job:
    """One execution: request workers and graders around two queues."""

    def __init__(self, store: RunStore, client: Client, scorers: Mapping[str, Scorer], observer: Observer) -> None:
        self.store = store
        self.client = client
        self.scorers = scorers
        self.observer = observer
        self.to_grade: asyncio.Queue[tuple[Work, Generation]] = asyncio.Queue(_GRADING_QUEUE)

    async def run(self, pending: Iterator[Work], n_pending: int, stop: asyncio.Event) -> bool:
        concurrency = min(self.store.record.spec.model.concurrency, n_pending)
        requesters = [asyncio.create_task(self._request(pending)) for _ in range(concurrency)]
        graders = [asyncio.create_task(self._grade()) for _ in range(_GRADERS)]
        stopper = asyncio.create_task(stop.wait())
        try:
            fault = await _first_fault(requesters, graders, stopper)
            if fault is None and not stop.is_set():
                await self.to_grade.join()
            if fault is not None:
                raise fault
            return not stop.is_set()
        finally:
            for task in (*requesters, *graders, stopper):
                task.cancel()
            await asyncio.gather(*requesters, *graders, stopper, return_exceptions=True)

    async def grade_leftovers(self) -> None:
        """Grade generations that an interrupted run stored and did not grade."""
        for task in self.store.record.spec.tasks:
            missing = self.store.unscored(task.name)
            if not missing:
                continue
            for position, sample in missing:
                work = Work(task, position, self.store.item(task.name, position), sample)
                await self._grade_one(work, self.store.generation(work.key), tell=False)

    async def _request(self, pending: Iterator[Work]) -> None:
        for work in pending:
            generation = await self.client.generate(request_for(work, self.store.record.spec.seed))
            self.store.put_generation(work.key, generation)
            await self.to_grade.put((work, generation))

    async def _grade(self) -> None:
        while True:
            work, generation = await self.to_grade.get()
            try:
                await self._grade_one(work, generation, tell=True)
            finally:
                self.to_grade.task_done()

    async def _grade_one(self, work: Work, generation: Generation, tell: bool) -> None:
        scorer = self.scorers[work.task.name]
        score = await asyncio.to_thread(scorer.score, work.item, generation)
        self.store.put_score(work.key, score, failed=generation.failure is not None)
        if tell:
            self.observer.sample(work.task.name, generation, score)


def request_for(work: Work, seed: int | None) -> Request:
    """The request of one sample: each sample has its own seed, or none has."""
    sampling = work.task.sampling
    if seed is not None:
        sampling = dataclasses.replace(sampling, seed=seed + work.sample)
    return Request(
        messages=work.item.messages,
        sampling=sampling,
        task=work.task.name,
        item_id=work.item.id,
        sample=work.sample,
    )


async def _first_fault(
    requesters: list[asyncio.Task[None]], graders: list[asyncio.Task[None]], stopper: asyncio.Task[bool]
) -> BaseException | None:
    """Wait until all requesters are done, one task fails, or the run is stopped."""
    waiting: set[asyncio.Task[None]] = set(requesters)
    while waiting:
        done, _ = await asyncio.wait({*waiting, *graders, stopper}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task is stopper:
                return None
            fault = task.exception()
            if fault is not None:
                return fault
        waiting -= done
    return None
