"""Run a prepared run directory to its end from synchronous code: event loop, signals, log, summary."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime

from evalkit.clients.build import build
from evalkit.errors import EvalkitError
from evalkit.protocols import Client
from evalkit.runner import Observer, execute
from evalkit.store import RunStore
from evalkit.summary import RunSummary, summarize


def run_to_end(store: RunStore, observer: Observer, client: Client | None = None) -> tuple[RunSummary, bool]:
    """Fill the run; returns its summary and whether it is complete (False after Ctrl-C or SIGTERM).

    Raises `EndpointError` when the endpoint cannot be used; what is stored stays stored and can be resumed.
    """
    client = client or build(store.record.spec.model)
    log(store, f"started: model {store.record.spec.model.kind}:{store.record.spec.model.name}")
    try:
        complete = asyncio.run(_with_signals(store, client, observer))
    except EvalkitError as fault:
        log(store, f"stopped: {fault}")
        raise
    summary = summarize(store)
    store.write_json("summary.json", summary)
    log(store, "complete" if complete else "interrupted")
    return summary, complete


async def _with_signals(store: RunStore, client: Client, observer: Observer) -> bool:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        return await execute(store, client, observer, stop)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def log(store: RunStore, message: str) -> None:
    """Append one line to run.log."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    with (store.folder / "run.log").open("a", encoding="utf-8") as handle:
        handle.write(f"{now} {message}\n")
