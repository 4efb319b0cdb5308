"""The run directory: `run.json`, `samples.sqlite`, `summary.json`, `run.log`.

Nothing is ever lost: a generation is on its way to disk as soon as it exists, and a commit follows at most 50 ms later,
so a SIGKILL loses only requests in flight. One writer thread owns the write connection; readers open their own.
The database also holds the items with their messages and targets: a run directory can be re-graded and re-checked
anywhere, without the dataset, a model, or a network.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import zstandard

from evalkit.codec import convert, decode, encode, encode_pretty, read_json
from evalkit.errors import StoreError, WriteFailed
from evalkit.types import Generation, Item, ModelSpec, RunRecord, Sample, Score, Status

SCHEMA = 1
COMMIT_EVERY_S = 0.05

_TABLES = """
CREATE TABLE IF NOT EXISTS items(
  task TEXT NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL, cluster TEXT, body BLOB NOT NULL,
  PRIMARY KEY(task, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples(
  task TEXT NOT NULL, item_id TEXT NOT NULL, sample INTEGER NOT NULL,
  status TEXT, value REAL, answer TEXT, step TEXT, reason TEXT, scorer TEXT,
  finish_reason TEXT, completion_tokens INTEGER, latency_s REAL, failed INTEGER NOT NULL,
  generation BLOB NOT NULL,
  PRIMARY KEY(task, item_id, sample)) WITHOUT ROWID;
"""
_PUT_SAMPLE = """
INSERT INTO samples(task, item_id, sample, failed, finish_reason, completion_tokens, latency_s, generation)
VALUES(?,?,?,?,?,?,?,?)
ON CONFLICT(task, item_id, sample) DO UPDATE SET
  failed=excluded.failed, finish_reason=excluded.finish_reason, completion_tokens=excluded.completion_tokens,
  latency_s=excluded.latency_s, generation=excluded.generation,
  status=NULL, value=NULL, answer=NULL, step=NULL, reason=NULL, scorer=NULL
"""
_PUT_SCORE = """
UPDATE samples SET status=?, value=?, answer=?, step=?, reason=?, scorer=? WHERE task=? AND item_id=? AND sample=?
"""
_SCORE_COLUMNS = "status, value, answer, step, reason, scorer"

Key = tuple[str, str, int]
"""Task, item id, sample number."""


class RunStore:
    """One run directory. Use `create` or `open`; a writer holds a lock that dies with its process."""

    def __init__(self, folder: Path, record: RunRecord, writer: bool) -> None:
        self.folder = folder
        self.record = record
        self._lock = _lock(folder) if writer else None
        self._reader = self._connect() if writer else self._connect_reader()
        self._writer = _Writer(self._connect) if writer else None

    @classmethod
    def create(cls, folder: Path, record: RunRecord, items: Mapping[str, Iterable[Item]]) -> RunStore:
        """Make the directory with run.json and the items, whole or not at all, and open it for writing.

        Raises `StoreError` if it exists or cannot be made.
        """
        if folder.exists():
            raise StoreError(f"{folder} exists already; resume it with: evalkit run --resume {folder}")
        part = folder.with_name(f".{folder.name}.part")
        try:
            part.mkdir(parents=True)
            write_file(part / "run.json", encode_pretty(record))
            with cls(part, record, writer=True) as store:
                for task, rows in items.items():
                    store._put_items(task, rows)
            part.rename(folder)
        except OSError as fault:
            raise WriteFailed(f"cannot make {folder}: {fault}") from fault
        return cls(folder, record, writer=True)

    @classmethod
    def open(cls, folder: Path, *, writer: bool = False) -> RunStore:
        """Open an existing run; raises `StoreError`."""
        if not (folder / "run.json").is_file():
            raise StoreError(f"{folder} is not a run directory (it has no run.json)")
        record = read_json(folder / "run.json", RunRecord)
        if record.schema != SCHEMA:
            raise StoreError(f"{folder} was written by another version (schema {record.schema}, this is {SCHEMA})")
        return cls(folder, record, writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is queued and release the lock; raises `StoreError` if a write failed."""
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            self._reader.close()
            if self._lock is not None:
                os.close(self._lock)
            self._writer = self._lock = None

    def use_model(self, model: ModelSpec) -> None:
        """Ask another address for the rest of the run; run.json keeps the first."""
        spec = dataclasses.replace(self.record.spec, model=model)
        self.record = dataclasses.replace(self.record, spec=spec)

    # writing -----------------------------------------------------------------------------------

    def put_generation(self, key: Key, generation: Generation) -> None:
        """Store what came back; an earlier generation of the same sample is replaced and its score cleared."""
        self._put(
            _PUT_SAMPLE,
            (
                *key,
                int(generation.failure is not None),
                generation.finish_reason,
                generation.usage.completion_tokens,
                generation.latency_s,
                _pack(msgspec.json.encode(generation)),
            ),
        )

    def put_score(self, key: Key, score: Score) -> None:
        """Store the grade of a stored generation."""
        self._put(_PUT_SCORE, (score.status, score.value, score.answer, score.step, score.reason, score.scorer, *key))

    def flush(self) -> None:
        """Wait until everything queued is committed; raises `StoreError` if it could not be."""
        if self._writer is not None:
            self._writer.flush()

    def write_json(self, name: str, value: Any) -> Path:
        """Write another file of the run directory, whole or not at all."""
        return write_file(self.folder / name, encode_pretty(value))

    # reading -----------------------------------------------------------------------------------

    def items(self, task: str) -> Iterator[Item]:
        """Items of a task in dataset order."""
        rows = self._query("SELECT id, cluster, body FROM items WHERE task=? ORDER BY position", (task,))
        for item_id, cluster, body in rows:
            data = decode(_unpack(body))
            yield convert({"id": item_id, "cluster": cluster, **data}, Item)

    def n_items(self, task: str) -> int:
        """Number of stored items of a task."""
        return int(next(self._query("SELECT count(*) FROM items WHERE task=?", (task,)))[0])

    def finished(self, task: str) -> set[tuple[str, int]]:
        """(item id, sample) of every sample that has a generation; failed requests are not finished."""
        return set(self._query("SELECT item_id, sample FROM samples WHERE task=? AND failed=0", (task,)))

    def unscored(self, task: str) -> list[tuple[str, int]]:
        """(item id, sample) of every stored generation without a score."""
        return list(self._query("SELECT item_id, sample FROM samples WHERE task=? AND status IS NULL", (task,)))

    def scores(self, task: str) -> Iterator[tuple[str, int, Score]]:
        """(item id, sample, score) of every scored sample; needs no generation, so it is cheap."""
        rows = self._query(
            f"SELECT item_id, sample, {_SCORE_COLUMNS} FROM samples WHERE task=? AND status NOT NULL", (task,)
        )
        for item_id, sample, *score in rows:
            yield item_id, sample, _score(score)

    def samples(self, task: str) -> Iterator[Sample]:
        """Every stored sample of a task with its generation."""
        rows = self._query(f"SELECT item_id, sample, generation, {_SCORE_COLUMNS} FROM samples WHERE task=?", (task,))
        for item_id, sample, blob, *score in rows:
            generation = convert(decode(_unpack(blob)), Generation)
            grade = _score(score) if score[0] is not None else None
            yield Sample(task=task, item_id=item_id, sample=sample, generation=generation, score=grade)

    def generation(self, key: Key) -> Generation:
        """One stored generation; raises `StoreError` if there is none."""
        rows = list(self._query("SELECT generation FROM samples WHERE task=? AND item_id=? AND sample=?", key))
        if not rows:
            raise StoreError(f"{self.folder} has no sample {key}")
        return convert(decode(_unpack(rows[0][0])), Generation)

    def _query(self, sql: str, args: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._reader.execute(sql, args)
        except sqlite3.DatabaseError as fault:
            raise StoreError(f"{self.folder / 'samples.sqlite'}: {fault}") from fault

    def _put_items(self, task: str, items: Iterable[Item]) -> None:
        for position, item in enumerate(items):
            body = _pack(encode({"messages": item.messages, "target": item.target, "metadata": item.metadata}))
            self._put("INSERT INTO items VALUES(?,?,?,?,?)", (task, item.id, position, item.cluster, body))

    def _put(self, sql: str, args: tuple[Any, ...]) -> None:
        if self._writer is None:
            raise StoreError(f"{self.folder} is open for reading only")
        self._writer.put(sql, args)

    def _connect(self) -> sqlite3.Connection:
        file = self.folder / "samples.sqlite"
        try:
            connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=30)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(_TABLES)
        except sqlite3.DatabaseError as fault:
            raise StoreError(f"{file}: {fault}") from fault
        return connection

    def _connect_reader(self) -> sqlite3.Connection:
        """Also from a read-only folder, where SQLite cannot make the shared-memory file that WAL needs."""
        file = self.folder / "samples.sqlite"
        settled = not os.access(self.folder, os.W_OK) and not file.with_name(file.name + "-wal").exists()
        address = f"{file.absolute().as_uri()}?mode=ro{'&immutable=1' if settled else ''}"
        try:
            return sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None, timeout=30)
        except sqlite3.DatabaseError as fault:
            raise StoreError(f"{file}: {fault}") from fault


class _Writer(threading.Thread):
    """Group commit: statements queue up and are committed together, at most `COMMIT_EVERY_S` late."""

    def __init__(self, connect: Any) -> None:
        super().__init__(name="store-writer", daemon=True)
        self._queue: queue.SimpleQueue[tuple[str, tuple[Any, ...]] | threading.Event | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection = connect()
        self._fault: Exception | None = None
        self.start()

    def put(self, sql: str, args: tuple[Any, ...]) -> None:
        self._raise_fault()
        self._queue.put((sql, args))

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
        except (sqlite3.Error, OSError) as fault:
            self._fault = fault
            while (entry := self._queue.get()) is not None:
                if isinstance(entry, threading.Event):
                    entry.set()

    def _batch(self, entry: tuple[str, tuple[Any, ...]] | threading.Event | None) -> bool:
        """Write until the window closes, someone waits, or the end is told; False at the end."""
        waiting: threading.Event | None = None
        deadline = time.monotonic() + COMMIT_EVERY_S
        self._connection.execute("BEGIN IMMEDIATE")
        while True:
            if entry is None or isinstance(entry, threading.Event):
                waiting = entry
                break
            self._connection.execute(*entry)
            try:
                entry = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self._connection.execute("COMMIT")
                return True
        self._connection.execute("COMMIT")
        if waiting is not None:
            waiting.set()
        return waiting is not None

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise WriteFailed(
                f"writing the run failed: {self._fault}; mend the cause, then resume the run: "
                f"what was committed is kept"
            ) from self._fault


def write_file(path: Path, text: str) -> Path:
    """Replace a file atomically."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(path)
    except OSError as fault:
        raise WriteFailed(f"cannot write {path}: {fault}") from fault
    return path


def _lock(folder: Path) -> int:
    try:
        handle = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as fault:
        raise WriteFailed(f"cannot write to {folder}: {fault.strerror}") from fault
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StoreError(f"another evalkit process is writing to {folder}") from None
    return handle


def _score(row: list[Any]) -> Score:
    status, value, answer, step, reason, scorer = row
    return Score(status=Status(status), value=value, answer=answer, step=step, reason=reason, scorer=scorer or "")


_local = threading.local()


def _pack(data: bytes) -> bytes:
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=3)
    packed: bytes = _local.compressor.compress(data)
    return packed


def _unpack(data: bytes) -> bytes:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    text: bytes = _local.decompressor.decompress(data)
    return text
