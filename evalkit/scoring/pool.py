"""A pool of worker processes for grading that may not come back.

A symbolic comparison of hostile input can run for ever or fill the memory. Each job has a limit of CPU seconds, so that
a grade does not depend on how busy the machine is, and a far longer one of wall-clock time; the worker that exceeds
one is killed and replaced. Workers live under an address-space limit and are renewed after many jobs. Thread-safe: any
thread may call `run`.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from pebble import ProcessExpired, ProcessPool

_MEMORY_BYTES = 2 * 2**30
_JOBS_PER_WORKER = 5_000
_LOOK_UP_S = 0.2
_MAX_START_S = 120.0


class JobFailed(Exception):
    """A job timed out, crashed its worker, or raised; the message says which."""


class WorkerPool:
    """Started on first use; `limit_s` is CPU seconds a job. `libraries` are imported before a worker's first job."""

    def __init__(self, limit_s: float, workers: int | None = None, libraries: tuple[str, ...] = ()) -> None:
        self._limit_s = limit_s
        self._wall_s = 10 * limit_s + 10
        self._libraries = libraries
        self._workers = workers or min(4, os.cpu_count() or 1)
        self._pool: ProcessPool | None = None
        self._closed = False
        self._last_result_s = 0.0
        self._lock = threading.Lock()

    def run(self, job: Callable[..., Any], *args: Any) -> Any:
        """Run `job(*args)` in a worker and wait; raises `JobFailed`. `job` must be a module-level function."""
        try:
            return self._result(
                self._started().schedule(_limited, args=(self._limit_s, job, *args), timeout=self._wall_s)
            )
        except concurrent.futures.TimeoutError:
            raise JobFailed(f"no result within {self._wall_s:g} s") from None
        except ProcessExpired as fault:
            if fault.exitcode == -signal.SIGPROF:
                raise JobFailed(f"no result within {self._limit_s:g} s of CPU") from None
            raise JobFailed(f"the worker died (exit code {fault.exitcode})") from None
        except (concurrent.futures.CancelledError, RuntimeError):
            raise JobFailed("grading was stopped") from None
        except (MemoryError, RecursionError) as fault:
            raise JobFailed(type(fault).__name__) from None

    def _result(self, future: Any) -> Any:
        """Wait for a job; a pool that is stopped, or whose workers cannot start, never says so to those who wait."""
        asked_s = time.monotonic()
        while True:
            try:
                return future.result(timeout=_LOOK_UP_S)
            except concurrent.futures.TimeoutError:
                if future.done():
                    raise
                if self._closed:
                    raise JobFailed("grading was stopped") from None
                if time.monotonic() - max(asked_s, self._last_result_s) > self._wall_s + _MAX_START_S:
                    raise JobFailed("no worker process answers") from None
            finally:
                if future.done():
                    self._last_result_s = time.monotonic()

    def close(self) -> None:
        """Kill the workers, for good."""
        with self._lock:
            self._closed = True  # a thread that is still grading must not start another one
            if self._pool is not None:
                self._pool.stop()  # type: ignore[no-untyped-call]
                self._pool.join()
                self._pool = None

    def _started(self) -> ProcessPool:
        with self._lock:
            if self._closed:
                raise JobFailed("grading was stopped")
            if self._pool is None:
                self._pool = ProcessPool(
                    max_workers=self._workers,
                    max_tasks=_JOBS_PER_WORKER,
                    context=multiprocessing.get_context("spawn"),
                    initializer=_prepare_worker,
                    initargs=(self._libraries,),
                )
            return self._pool


def _limited(limit_s: float, job: Callable[..., Any], *args: Any) -> Any:
    """Run a job in a worker; the timer kills the process, also from within a library's C code."""
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        return job(*args)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _prepare_worker(libraries: tuple[str, ...]) -> None:
    """Keep a worker small, quiet, and free of the harness's secrets."""
    import logging
    import resource

    os.environ.clear()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    for library in libraries:
        importlib.import_module(library)
