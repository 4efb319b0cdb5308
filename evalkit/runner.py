"""plan -> generate -> score: fills a run directory. Knows no provider and no benchmark.

Which sample is next is the agenda's to say. A generation is stored before it is graded; grading never holds up
requests, but for those that a stopping rule has not asked for yet. How many requests are in flight is the client's to
say, at every moment.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from evalkit.agenda import Agenda, Work, progress_of
from evalkit.budget import Budget, Spending
from evalkit.codec import digest
from evalkit.contracts import Client, Scorer, StoppingRule
from evalkit.errors import EndpointError
from evalkit.registry import build_scorers
from evalkit.scoring.errata import correcting
from evalkit.store import ResponseCache, RunStore
from evalkit.types import Event, EventKind, Generation, ModelSpec, Request, Rounds, SandboxChoice, Score, TaskSpec

_GRADERS = max(4, os.cpu_count() or 1)
_GRADING_QUEUE = 1024
_TICK_S = 0.5
_LAST_GRADES_S = 1.0
"""How long grading may go on after the user asked to stop."""
_CACHE_VERSION = 1
INTERRUPTED = "interrupted"


class Observer(Protocol):
    """Hears of progress; the command line draws it."""

    def started(self, total: int, done: int, spent: Spending) -> None:
        """`done` of `total` samples were stored by earlier runs; `spent` keeps up with what is spent."""

    def sample(self, task: str, generation: Generation, score: Score) -> None:
        """One more sample is stored and graded."""

    def event(self, event: Event) -> None:
        """Something changed at the endpoint."""

    def tick(self, in_flight: int) -> None:
        """Twice a second, whatever happens."""


class SilentObserver:
    """Says nothing."""

    def started(self, total: int, done: int, spent: Spending) -> None:
        """Ignored."""

    def sample(self, task: str, generation: Generation, score: Score) -> None:
        """Ignored."""

    def event(self, event: Event) -> None:
        """Ignored."""

    def tick(self, in_flight: int) -> None:
        """Ignored."""


async def execute(
    store: RunStore,
    client: Client,
    observer: Observer,
    stop: asyncio.Event,
    budget: Budget | None = None,
    cache: ResponseCache | None = None,
    rule: StoppingRule | None = None,
    sandbox: SandboxChoice = SandboxChoice(),  # noqa: B008  # immutable
) -> str | None:
    """Generate and grade everything owed; None if all is done, else why it ended before.

    With a `rule`, rounds of a task that it does not want are not owed.

    Raises `AuthError` or `EndpointError` when no further request can succeed; what is stored stays stored.
    """
    planned, finished = progress_of(store)
    spending = Spending(budget or Budget(), store.record.spec.model.endpoint.prices, store.spent())
    observer.started(planned, finished, spending)
    spec = store.record.spec
    job = _Job(store, client, correcting(build_scorers(spec, sandbox), spec.tasks), observer, spending, cache, rule)
    try:
        return await job.run(stop)
    finally:
        await client.close()
        for scorer in job.scorers.values():
            scorer.close()
        store.flush()


class _Job:
    """One execution: requesters and graders around a queue."""

    def __init__(
        self,
        store: RunStore,
        client: Client,
        scorers: Mapping[str, Scorer],
        observer: Observer,
        spending: Spending,
        cache: ResponseCache | None,
        rule: StoppingRule | None,
    ) -> None:
        self.store = store
        self.client = client
        self.scorers = scorers
        self.observer = observer
        self.spending = spending
        self.cache = cache
        self.rule = rule
        self._to_grade: asyncio.Queue[tuple[Work, Generation, bool]] = asyncio.Queue(_GRADING_QUEUE)
        self._requesters: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[Any]] = set()
        self._agenda = Agenda(store, gated=rule is not None)
        self._looking: set[str] = set()
        self._reason: str | None = None
        self._refused: EndpointError | None = None
        """Why no further request can succeed; what is under way is still waited for, since it may be answered."""
        self._identity = client.identity() if cache is not None else None
        self._opening = asyncio.Lock()
        self._is_open = False
        self._is_asking = False
        self._most_tokens = max(t.sampling.most_tokens for t in store.record.spec.tasks)
        loop = asyncio.get_running_loop()
        self._fault: asyncio.Future[None] = loop.create_future()
        self._no_more: asyncio.Future[None] = loop.create_future()
        """Set when no request is in flight and none will be sent."""

    async def run(self, stop: asyncio.Event) -> str | None:
        """Grade what an interrupted run left, then ask for what is owed and grade it; None if all was done."""
        for work in (*(self._grade() for _ in range(_GRADERS)), self._tick()):
            self._others.add(self._start(work))
        stopped = self._start(stop.wait())
        self._others.add(stopped)
        try:
            for phase in (self._grade_leftovers, self._ask, self._to_grade.join):
                if not await self._unless(stopped, phase()):
                    self._reason = INTERRUPTED
                    await self._cancel(self._requesters)
                    await asyncio.wait({self._start(self._to_grade.join())}, timeout=_LAST_GRADES_S)
                    return self._reason
            if self._refused is not None:
                raise self._refused
            return self._reason
        finally:
            await self._cancel(self._requesters | self._others)
            self._fault.cancel()

    async def _unless(self, stopped: asyncio.Task[Any], phase: Coroutine[Any, Any, None]) -> bool:
        """Wait for the end of a phase; False if the user asked to stop before, whatever it waits for."""
        task = asyncio.ensure_future(phase)
        self._others.add(task)
        waited: set[asyncio.Future[Any]] = {task, stopped, self._fault}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if self._fault.done():
            self._fault.result()
        if not task.done():
            return False
        task.result()
        return True

    async def _grade_leftovers(self) -> None:
        for task in self.store.record.spec.tasks:
            for position, sample in self.store.unscored(task.name):
                work = Work(task, position, self.store.item(task.name, position), sample)
                await self._to_grade.put((work, self.store.generation(work.key), False))

    async def _ask(self) -> None:
        if self.rule is None:
            self._agenda.begin({})
        else:  # which looks at all that is stored
            await self._to_grade.join()
            tasks = self.store.record.spec.tasks
            self._agenda.begin({t.name: await asyncio.to_thread(self.rule.resting, t.name) for t in tasks})
            await asyncio.gather(*(self._look(self.rule, task) for task in tasks))
        if self._agenda.n_left and self._reason is None:
            self._reason = self.spending.reached(0)
        if self._agenda.n_left and self._reason is None:
            if self.cache is None:  # else at the first request that it does not know
                await self._open()
            self._is_asking = True
            self._go_on()
            await self._no_more
            await self._cancel(self._requesters)

    # how many work ------------------------------------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._finished)
        return task

    def _staff(self) -> None:
        """As many requesters as the client has use for."""
        while self._may_ask and len(self._requesters) < min(self._room, self._agenda.n_open):
            self._requesters.add(self._start(self._request()))

    def _go_on(self) -> None:
        """What may be sent, or whether anything is left to wait for, may have changed."""
        self._staff()
        if self._is_asking and not self._requesters and not (self._may_ask and self._agenda.n_left):
            self._end_requests()

    @property
    def _may_ask(self) -> bool:
        return self._reason is None and self._is_asking

    @property
    def _room(self) -> int:
        return min(self.client.capacity, self.spending.room(self._most_tokens))

    def _finished(self, task: asyncio.Task[Any]) -> None:
        was_requester = task in self._requesters
        self._requesters.discard(task)
        if task.cancelled():
            return
        fault = task.exception()
        if was_requester and isinstance(fault, EndpointError):
            self._no_further(fault)
        elif fault is not None:
            if not self._fault.done():
                self._fault.set_exception(fault)
            return
        if was_requester:
            self._go_on()

    def _no_further(self, fault: EndpointError) -> None:
        if self._refused is None:
            self._refused, self._reason = fault, str(fault)
            if n := self.client.in_flight:
                message = f"no further request can succeed ({fault}); {n} under way are waited for"
                self.observer.event(Event(kind=EventKind.ENDPOINT, message=message))

    def _end_requests(self) -> None:
        if not self._no_more.done():
            self._no_more.set_result(None)

    async def _tick(self) -> None:
        started_s = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(_TICK_S)
            self._staff()
            self.observer.tick(self.client.in_flight)
            if self._refused is not None and not self.client.in_flight:  # the others wait to send, in vain
                self._end_requests()
            late = self.spending.out_of_time(asyncio.get_running_loop().time() - started_s)
            if late is not None and (self._agenda.n_left or self._requesters):
                self._reason = self._reason or late
                self._end_requests()

    @staticmethod
    async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # what they do -------------------------------------------------------------------------------

    async def _request(self) -> None:
        while self._reason is None and self._agenda.n_open and len(self._requesters) <= self._room:
            self._reason = self.spending.reached(len(self._requesters) - 1)
            work = self._agenda.next() if self._reason is None else None
            if work is None:
                return
            request = request_for(work, self.store.record.spec.seed)
            generation = await self._generate(work, request)
            self.store.spend(*self.spending.add(request, generation))
            self.store.put_generation(work.key, generation)
            score = self.scorers[work.task.name].score_at_once(work.item, generation)
            if score is not None:
                self._graded(work, generation, score)
            else:
                await self._to_grade.put((work, generation, True))
            self._staff()

    async def _generate(self, work: Work, request: Request) -> Generation:
        if self.cache is None or self._identity is None:
            return await self.client.generate(request)
        key = request_key(self.store.record.spec.model, self._identity, request)
        found = self.cache.get(key)
        if found is not None and not self.store.has_answer(work.key):  # else it is asked again, to get another
            await asyncio.sleep(0)  # a run that is wholly cached must still hear Ctrl-C
            return found
        async with self._opening:
            await self._open()
        generation = await self.client.generate(request)
        self.cache.put(key, generation)
        return generation

    async def _open(self) -> None:
        if not self._is_open:
            await self.client.open(self.observer.event)
            self._is_open = True

    async def _grade(self) -> None:
        while True:
            work, generation, tell = await self._to_grade.get()
            try:
                await self._grade_one(work, generation, tell)
            finally:
                self._to_grade.task_done()

    async def _grade_one(self, work: Work, generation: Generation, tell: bool) -> None:
        scorer = self.scorers[work.task.name]
        score = await asyncio.to_thread(scorer.score, work.item, generation)
        self._graded(work, generation, score, tell)

    def _graded(self, work: Work, generation: Generation, score: Score, tell: bool = True) -> None:
        self.store.put_score(work.key, score, failed=generation.failure is not None)
        if not tell:
            return
        self.observer.sample(work.task.name, generation, score)
        if self.rule is not None:
            self._agenda.settle(work)
            if self._agenda.to_look_at(work.task.name) and work.task.name not in self._looking:
                self._looking.add(work.task.name)
                self._others.add(self._start(self._look(self.rule, work.task)))

    async def _look(self, rule: StoppingRule, task: TaskSpec) -> None:
        """Ask the rule after each complete round; in a thread, since it reads the samples so far."""
        while n_complete := self._agenda.to_look_at(task.name):
            look = await asyncio.to_thread(rule.look, task.name, n_complete)
            n_spared = self._agenda.looked(task.name, n_complete, look)
            if look.wanted <= n_complete:
                rounds = Rounds(complete=n_complete, most=task.samples, decided_after=look.wanted)
                message = f"{task.name}: {rounds.in_words}"
                self.observer.event(Event(kind=EventKind.DECIDED, message=message, what=task.name, value=n_spared))
            elif n_spared:
                message = f"{task.name}: settled items left out of round {n_complete + 2}: {n_spared:,}"
                self.observer.event(Event(kind=EventKind.ROUND, message=message, what=task.name, value=n_spared))
            self._go_on()
        self._looking.discard(task.name)


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


def request_key(model: ModelSpec, identity: Mapping[str, Any], request: Request) -> str:
    """Digest of everything that defines an answer: the model, what is asked of it, and which draw it is.

    The version counts how an answer is split from its reasoning, which is kept with it.
    """
    what = [model.kind, model.name, identity, request.messages, request.sampling, request.sample]
    return digest([_CACHE_VERSION, *what])
