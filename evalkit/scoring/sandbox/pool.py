"""A sandbox: a number of zygotes that any thread may give jobs to."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from evalkit.errors import SandboxUnavailable, UnknownName
from evalkit.scoring.sandbox.backends import BACKENDS, Setup, interpreter
from evalkit.scoring.sandbox.jobs import Examination, Failed, Limits, Outcome, Programs, Run, Suite
from evalkit.scoring.sandbox.worker import Worker, WorkerDied
from evalkit.types import SandboxChoice

AUTO = "auto"
NONE = "none"
_JOBS_PER_WORKER = 20_000
_HELP = (
    "Install bubblewrap (Debian, Ubuntu: apt install bubblewrap), allow user namespaces, use a kernel with Landlock "
    "(5.13 or later), or start Docker or Podman; docs/sandbox.md says which is which"
)


class Sandbox:
    """Runs model-written code. Thread-safe; workers start when they are first needed, the first one at once."""

    def __init__(
        self,
        choice: SandboxChoice = SandboxChoice(),  # noqa: B008  # immutable
        *,
        libraries: tuple[str, ...] = (),
        processes: bool = False,
        memory_bytes: int = Limits().memory_bytes,  # immutable
        workers: int | None = None,
        without: frozenset[str] = frozenset(),
    ) -> None:
        """Raises `SandboxUnavailable` or `UnknownName`; `libraries` are imported before the first job; with
        `processes`, answers find the programs of this machine. `memory_bytes` is the most that a job's limits say.

        `without` leaves layers out, to show that they are needed.
        """
        setup = Setup(interpreter(), libraries, processes, memory_bytes, without)
        self.backend, first = _first_worker(choice, setup)
        self._launch = functools.partial(BACKENDS[self.backend], setup)
        self.layers = first.layers
        self.python = first.python
        self.missing = first.missing
        self._idle = [first]
        self._n_free = (workers or os.cpu_count() or 1) - 1
        """Workers that may still be started."""
        self._busy: set[Worker] = set()
        self._changed = threading.Condition()
        self._closed = False

    @property
    def tier(self) -> str:
        """What is recorded with a score, for example `namespaces (landlock 7, seccomp, rlimits)`."""
        return f"{self.backend} ({', '.join(name for name in reversed(self.layers) if name not in self.backend)})"

    def examine(self, job: Examination) -> Outcome:
        """Run tests against an answer; raises `Failed`."""
        return job.outcome(self._run(job))

    def suite(self, job: Suite) -> Outcome:
        """Run tests with an answer in one process; raises `Failed`."""
        return job.outcome(self._run(job))

    def programs(self, job: Programs) -> list[Run]:
        """Run a program on its inputs; raises `Failed`."""
        return job.runs(self._run(job))

    def pids(self) -> list[int]:
        """Of the workers that run now."""
        with self._changed:
            return [worker.pid for worker in (*self._idle, *self._busy)]

    def close(self) -> None:
        """Kill the workers, for good."""
        with self._changed:
            self._closed = True
            for worker in (*self._idle, *self._busy):
                worker.kill()
            self._idle.clear()
            self._changed.notify_all()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, job: Examination | Suite | Programs) -> Mapping[str, Any]:
        """A job whose worker dies is given to another one, once: it may have been the worker's fault."""
        message = job.message()
        for last in (False, True):
            try:
                with self._worker() as worker:
                    return worker.run(message, job.within_s)
            except WorkerDied as fault:
                if self._closed:
                    raise Failed("grading was stopped") from None
                if last:
                    raise Failed(str(fault)) from None
            except SandboxUnavailable as fault:
                raise Failed(f"no further worker can be started: {fault}") from None
        raise AssertionError

    @contextmanager
    def _worker(self) -> Iterator[Worker]:
        worker = self._take()
        try:
            yield worker
        except BaseException:
            self._give_back(worker, dead=True)
            raise
        self._give_back(worker, dead=worker.n_jobs >= _JOBS_PER_WORKER)

    def _take(self) -> Worker:
        with self._changed:
            while not (self._idle or self._n_free or self._closed):
                self._changed.wait()
            if self._closed:
                raise Failed("grading was stopped")
            if self._idle:
                worker = self._idle.pop()
                self._busy.add(worker)
                return worker
            self._n_free -= 1
        try:
            worker = Worker(self._launch())
        except BaseException:
            with self._changed:
                self._n_free += 1
                self._changed.notify()
            raise
        with self._changed:
            self._busy.add(worker)
            if self._closed:
                worker.kill()
        return worker

    def _give_back(self, worker: Worker, dead: bool) -> None:
        if dead:
            worker.kill()
        with self._changed:
            self._busy.discard(worker)
            if dead:
                self._n_free += 1
            elif self._closed:
                worker.kill()
            else:
                self._idle.append(worker)
            self._changed.notify()


def _first_worker(choice: SandboxChoice, setup: Setup) -> tuple[str, Worker]:
    """The backend that was chosen, or the strongest that works here, with a worker of it."""
    if choice.backend not in (AUTO, *BACKENDS):
        raise UnknownName("sandbox", choice.backend, [AUTO, *BACKENDS], "known: " + ", ".join([AUTO, *BACKENDS]))
    if choice.backend == NONE and not choice.allow_unsafe:
        raise SandboxUnavailable(
            "--sandbox none runs what a model wrote with all your rights, next to your keys and files; "
            "add --allow-unsafe-code if that is what you want. Scores are marked"
        )
    reasons = []
    for name in BACKENDS if choice.backend == AUTO else [choice.backend]:
        if name == NONE and choice.backend == AUTO:
            continue
        try:
            return name, Worker(BACKENDS[name](setup))
        except SandboxUnavailable as fault:
            reasons.append(f"{name}: {fault}")
    what = "no sandbox works here" if choice.backend == AUTO else f"the sandbox {choice.backend} does not work here"
    raise SandboxUnavailable(
        f"{what}, and model-written code is not run without one ({'; '.join(reasons)}). {_HELP}",
        reason="; ".join(reason.partition(": ")[2] for reason in reasons),
    )
