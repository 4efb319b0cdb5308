"""Run a prepared run directory to its end from synchronous code: event loop, signals, log, summary."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.budget import Budget, Spending
from evalkit.clients.build import build
from evalkit.contracts import Client
from evalkit.errors import EvalkitError
from evalkit.runner import INTERRUPTED, Observer, SilentObserver, execute
from evalkit.stopping import UntilDecided
from evalkit.store import ResponseCache, RunStore
from evalkit.types import Event, EventKind, Generation, SandboxChoice, Score

if TYPE_CHECKING:
    from evalkit.summary import RunSummary

_OPEN_FILES = 65_536


def run_to_end(
    store: RunStore,
    observer: Observer,
    client: Client | None = None,
    *,
    budget: Budget | None = None,
    cache: Path | None = None,
    sandbox: SandboxChoice = SandboxChoice(),  # noqa: B008  # immutable
) -> tuple[RunSummary, str | None]:
    """Fill the run; returns its summary, and why it is not complete (None if it is).

    Raises `EndpointError` when the endpoint cannot be used; what is stored stays stored and can be resumed.
    """
    client = client or build(store.record.spec.model)
    logged = _Logged(store, observer)
    log(store, f"started: model {store.record.spec.model.kind}:{store.record.spec.model.name}")
    _allow_many_connections()
    try:
        with ResponseCache(cache) if cache else contextlib.nullcontext() as responses:
            reason = asyncio.run(_with_signals(store, client, logged, budget, responses, sandbox))
    except EvalkitError as fault:
        log(store, f"stopped: {fault}")
        raise
    finally:
        logged.log_retries()
    from evalkit.summary import summarize  # here, since numpy would hold up the first request

    summary = summarize(store)
    if store.record.spec.until_decided and reason != INTERRUPTED and not summary.samples_owed:
        reason = None  # the last answers under way when a budget was reached decided it
    store.write_json("summary.json", summary)
    log(store, "complete" if reason is None else f"stopped: {reason}")
    return summary, reason


async def _with_signals(
    store: RunStore,
    client: Client,
    observer: Observer,
    budget: Budget | None,
    cache: ResponseCache | None,
    sandbox: SandboxChoice,
) -> str | None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        rule = UntilDecided(store) if store.record.spec.until_decided else None
        return await execute(store, client, observer, stop, budget, cache, rule, sandbox)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


class _Logged:
    """Writes what changes to run.log, and tells the display."""

    def __init__(self, store: RunStore, shown: Observer) -> None:
        self._store = store
        self._shown: Observer = shown
        self._retries: Counter[str] = Counter()

    def started(self, total: int, done: int, spent: Spending) -> None:
        self._show(lambda shown: shown.started(total, done, spent))

    def sample(self, task: str, generation: Generation, score: Score) -> None:
        self._show(lambda shown: shown.sample(task, generation, score))

    def tick(self, in_flight: int) -> None:
        self._show(lambda shown: shown.tick(in_flight))

    def _show(self, what: Callable[[Observer], None]) -> None:
        """A display whose terminal went away stops no run."""
        try:
            what(self._shown)
        except OSError as fault:
            log(self._store, f"the progress display ended: {fault}")
            self._shown = SilentObserver()

    def event(self, event: Event) -> None:
        if event.kind is EventKind.RETRY:
            self._retries[event.what] += 1
        else:
            log(self._store, event.message)
        self._show(lambda shown: shown.event(event))

    def log_retries(self) -> None:
        if self._retries:
            parts = [f"{kind} {n:,}" for kind, n in self._retries.most_common()]
            log(self._store, f"requests tried again: {', '.join(parts)}")


def _allow_many_connections() -> None:
    """The usual limit of 1,024 open files is less than what several endpoints may be asked at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def log(store: RunStore, message: str) -> None:
    """Append one line to run.log; a log that cannot be written stops no run."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    with contextlib.suppress(OSError), (store.folder / "run.log").open("a", encoding="utf-8") as handle:
        handle.write(f"{now} {message}\n")
