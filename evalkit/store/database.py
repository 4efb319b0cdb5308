"""The database of a run directory: its tables, connections, and the one thread that writes.

Nothing is ever lost: what is put is committed at most `COMMIT_EVERY_S` later, so a SIGKILL loses only requests in
flight. Readers open connections of their own.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from evalkit.errors import StoreError, WriteFailed

DATABASE = "samples.sqlite"
COMMIT_EVERY_S = 0.05
_MAX_QUEUED = 20_000

Change = tuple[tuple[str, tuple[Any, ...]], ...]
"""Statements with their arguments that are written together or not at all."""

# Samples are keyed in the order in which they are issued, so writing is appending; texts stand in a table of their own,
# so that counting and estimating never read them.
TABLES = """
CREATE TABLE IF NOT EXISTS items(
  task INTEGER NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL, cluster TEXT, body BLOB NOT NULL,
  PRIMARY KEY(task, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples(
  task INTEGER NOT NULL, sample INTEGER NOT NULL, item INTEGER NOT NULL, owed INTEGER NOT NULL,
  status TEXT, value REAL, answer TEXT, step TEXT, reason TEXT, scorer TEXT, erratum TEXT, detail TEXT,
  finish_reason TEXT, served_model TEXT, prompt_tokens INTEGER, completion_tokens INTEGER, reasoning_tokens INTEGER,
  reasoning_estimated INTEGER NOT NULL, latency_s REAL, ttft_s REAL, finished_s REAL, attempts INTEGER NOT NULL,
  cached INTEGER NOT NULL, dropped TEXT, text_digest INTEGER,
  PRIMARY KEY(task, sample, item)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS progress ON samples(task, sample, owed);
CREATE INDEX IF NOT EXISTS unscored ON samples(task, sample, item) WHERE status IS NULL;
CREATE TABLE IF NOT EXISTS spent(
  id INTEGER PRIMARY KEY CHECK (id = 0),
  requests INTEGER NOT NULL, prompt INTEGER NOT NULL, completion INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS dictionaries(number INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS generations(
  task INTEGER NOT NULL, sample INTEGER NOT NULL, item INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(task, sample, item)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS opinions(
  task INTEGER NOT NULL, sample INTEGER NOT NULL, item INTEGER NOT NULL, grader TEXT NOT NULL,
  status TEXT NOT NULL, value REAL, answer TEXT, reason TEXT,
  PRIMARY KEY(task, sample, item, grader)) WITHOUT ROWID;
"""

# What later schemas have more, for a file that is only read: temporary names hide those of the file.
_READ_AS_5 = {
    4: """
PRAGMA temp_store=MEMORY;
CREATE TEMP VIEW samples AS SELECT *, NULL AS detail FROM main.samples;
""",
    3: """
PRAGMA temp_store=MEMORY;
CREATE TEMP VIEW samples AS SELECT *, NULL AS erratum, NULL AS detail FROM main.samples;
CREATE TEMP TABLE opinions(task, sample, item, grader, status, value, answer, reason);
""",
}
_LATER_COLUMNS = ("erratum", "detail")


def connect(file: Path, tables: str = TABLES) -> sqlite3.Connection:
    """For writing; raises `StoreError`."""
    try:
        connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=30)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # what is committed also survives a power loss
        connection.executescript(tables)
    except sqlite3.DatabaseError as fault:
        raise StoreError(f"{file}: {fault}") from fault
    return connection


def upgrade(file: Path) -> None:
    """Add what later schemas have more; safe to repeat. Raises `StoreError`."""
    connection = connect(file)
    try:
        there = {name for _, name, *_ in connection.execute("PRAGMA table_info(samples)")}
        for name in _LATER_COLUMNS:
            if name not in there:
                connection.execute(f"ALTER TABLE samples ADD COLUMN {name} TEXT")
    except sqlite3.DatabaseError as fault:
        raise StoreError(f"{file}: {fault}") from fault
    finally:
        connection.close()


def read_older(connection: sqlite3.Connection, schema: int) -> None:
    """Let a reader see a file of an older schema as one of this; raises `StoreError`."""
    try:
        connection.executescript(_READ_AS_5[schema])
    except sqlite3.DatabaseError as fault:
        raise StoreError(f"the run's {DATABASE}: {fault}") from fault


def connect_reader(folder: Path, name: str = DATABASE) -> sqlite3.Connection:
    """For reading, also from a read-only folder, where SQLite cannot make the shared-memory file that WAL needs."""
    file = folder / name
    settled = not os.access(folder, os.W_OK) and not file.with_name(file.name + "-wal").exists()
    address = f"{file.absolute().as_uri()}?mode=ro{'&immutable=1' if settled else ''}"
    try:
        return sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None, timeout=30)
    except sqlite3.DatabaseError as fault:
        raise StoreError(f"{file}: {fault}") from fault


class Writer(threading.Thread):
    """Group commit: changes queue up and are committed together, at most `COMMIT_EVERY_S` late.

    Where a group does not fit on the disk any more, its changes are written one by one as far as they do.
    """

    def __init__(self, file: Path, tables: str = TABLES) -> None:
        super().__init__(name="store-writer", daemon=True)
        self._queue: queue.SimpleQueue[Change | threading.Event | None] = queue.SimpleQueue()
        self._connection = connect(file, tables)
        self._fault: Exception | None = None
        self.start()

    def put(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        self._raise_fault()
        self._queue.put(statements)
        if self._queue.qsize() > _MAX_QUEUED:  # the disk is slower than the endpoint: wait for it
            self.flush()

    def flush(self) -> None:
        done = threading.Event()
        self._queue.put(done)
        while not done.wait(0.5):
            if not self.is_alive():
                break
        self._raise_fault()

    def close(self) -> None:
        self._queue.put(None)
        self.join()
        self._connection.close()
        self._raise_fault()

    def run(self) -> None:
        try:
            while self._batch(self._queue.get()):
                pass
        except Exception as fault:  # whatever it is, what is put from now on would be lost: tell whoever puts
            self._fault = fault
            while (entry := self._queue.get()) is not None:
                if isinstance(entry, threading.Event):
                    entry.set()

    def _batch(self, entry: Change | threading.Event | None) -> bool:
        """Write until the window closes, someone waits, or the end is told; False at the end."""
        group: list[Change] = []
        deadline = time.monotonic() + COMMIT_EVERY_S
        more = True
        while more and isinstance(entry, tuple):
            group.append(entry)
            try:
                entry = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                more = False
        try:
            self._write_what_fits(group)
        except Exception as fault:
            self._fault = fault  # known before anybody who waits goes on
            raise
        finally:
            if isinstance(entry, threading.Event):
                entry.set()
        return entry is not None

    def _write_what_fits(self, group: list[Change]) -> None:
        try:
            self._write(group)
        except sqlite3.OperationalError:
            for change in group:
                self._write([change])

    def _write(self, group: list[Change]) -> None:
        if not group:
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for change in group:
                for statement in change:
                    self._connection.execute(*statement)
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise WriteFailed(
                f"writing the run failed: {self._fault}; mend the cause, then resume the run: "
                f"what was committed is kept"
            ) from self._fault
