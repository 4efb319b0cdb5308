"""The run directory: `run.json`, `samples.sqlite`, `summary.json`, `run.log`.

Items and samples are streamed: no reading holds more than a page of either, however long the run. The database also
holds the items with their messages and targets: a run directory can be re-graded and re-checked anywhere, without the
dataset, a model, or a network.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from evalkit.codec import convert, decode, encode, encode_pretty, read_json
from evalkit.errors import StoreError, WriteFailed
from evalkit.files import write_file
from evalkit.store.database import DATABASE, Writer, connect_reader, read_older, upgrade
from evalkit.store.files import lock
from evalkit.store.opinions import DROP_OPINIONS, Key, Opinions
from evalkit.store.packing import Packer, text_digest
from evalkit.store.statements import (
    PUT_FAILED_GENERATION,
    PUT_FAILED_SAMPLE,
    PUT_FAILED_SCORE,
    PUT_GENERATION,
    PUT_SAMPLE,
    PUT_SCORE,
    SCORE_COLUMNS,
    SPEND,
    score_columns,
    score_of,
)
from evalkit.store.totals import Totals, read_totals
from evalkit.types import EndpointSpec, Generation, Item, RunRecord, Sample, Score, Status

SCHEMA = 5
READABLE = (3, 4, SCHEMA)
RECORD = "run.json"
_PAGE = 512
"""Rows read at once: a cursor that stays open during a run would keep the write-ahead log from being folded in."""


class RunStore:
    """One run directory. Use `create` or `open`; a writer holds a lock that dies with its process."""

    def __init__(self, folder: Path, record: RunRecord, writer: bool) -> None:
        self.folder = folder
        self.record = record
        self._lock = lock(folder) if writer else None
        if writer and record.schema < SCHEMA:
            self._upgrade()
        self._writer = Writer(folder / DATABASE) if writer else None
        self._reader = connect_reader(folder)
        if self.record.schema < SCHEMA:
            read_older(self._reader, self.record.schema)
        self._packer = Packer(self._dictionary)
        if writer and (last := self._query("SELECT body FROM dictionaries ORDER BY rowid DESC LIMIT 1")):
            self._packer.use(last[0][0])
        self._tasks = {task.name: number for number, task in enumerate(record.spec.tasks)}
        self.opinions = Opinions(self._query, self._put, self._tasks)

    @classmethod
    def create(
        cls, folder: Path, items: Mapping[str, Iterable[Item]], describe: Callable[[Mapping[str, int]], RunRecord]
    ) -> RunStore:
        """Make the directory with the items and run.json, whole or not at all, and open it for writing.

        `describe` makes the record once it is known how many items each task has; its tasks are those of `items`, in
        the same order. Raises `StoreError` if the directory exists or cannot be made.
        """
        if folder.exists():
            raise StoreError(f"{folder} exists already; resume it with: evalkit run --resume {folder}")
        part = folder.with_name(f".{folder.name}.part")
        try:
            part.mkdir(parents=True)
            writer = Writer(part / DATABASE)
            try:
                counts = {name: _put_items(writer, task, 0, rows) for task, (name, rows) in enumerate(items.items())}
            finally:
                writer.close()
            record = describe(counts)
            write_file(part / RECORD, encode_pretty(record))
            part.rename(folder)
        except OSError as fault:
            raise WriteFailed(f"cannot make {folder}: {fault}") from fault
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return cls(folder, record, writer=True)

    @classmethod
    def open(cls, folder: Path, *, writer: bool = False) -> RunStore:
        """Open an existing run; raises `StoreError`."""
        if not (folder / RECORD).is_file():
            raise StoreError(f"{folder} is not a run directory (it has no run.json)")
        record = read_json(folder / RECORD, RunRecord)
        require_readable(folder, record)
        return cls(folder, record, writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is queued and release the lock; raises `StoreError` if a write failed."""
        self._reader.close()  # first: the last to close folds the write-ahead log in, and a reader cannot
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            if self._lock is not None:
                os.close(self._lock)
            self._writer = self._lock = None

    def use_endpoint(self, endpoint: EndpointSpec) -> None:
        """Ask in another way or at another address for the rest of the run; run.json keeps the last."""
        if endpoint == self.record.spec.model.endpoint:
            return
        model = dataclasses.replace(self.record.spec.model, endpoint=endpoint)
        spec = dataclasses.replace(self.record.spec, model=model)
        self.replace_record(dataclasses.replace(self.record, spec=spec))

    def replace_record(self, record: RunRecord) -> None:
        """Take over a record of the same samples."""
        self.write_json(RECORD, record)
        self.record = record

    def _upgrade(self) -> None:
        upgrade(self.folder / DATABASE)
        self.replace_record(dataclasses.replace(self.record, schema=SCHEMA))

    # writing -----------------------------------------------------------------------------------

    def put_generation(self, key: Key, generation: Generation) -> None:
        """Store what came back; an earlier generation of the same sample is replaced, its score with it.

        A failed request replaces no answer: a sample asked for again keeps what it has until there is something better.
        """
        task, item, sample = key
        at = self._tasks[task], sample, item
        usage, failed = generation.usage, generation.failure is not None
        text = msgspec.json.encode(generation)
        body = self._packer.pack(text)
        columns = (
            *at,
            int(failed),
            generation.finish_reason,
            generation.served_model,
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.reasoning_tokens,
            int(usage.reasoning_estimated),
            generation.latency_s,
            generation.ttft_s,
            None if generation.cached else time.time(),
            generation.attempts,
            int(generation.cached),
            ", ".join(generation.dropped) or None,
            None if failed else text_digest(generation),
        )
        self._require_writer().put(
            (PUT_FAILED_GENERATION if failed else PUT_GENERATION, (*at, body)),
            (PUT_FAILED_SAMPLE if failed else PUT_SAMPLE, columns),
            *(() if failed else ((DROP_OPINIONS, at),)),
        )
        if (dictionary := self._packer.learn(text)) is not None:
            self._put("INSERT INTO dictionaries VALUES(?,?)", (self._packer.use(dictionary), dictionary))

    def spend(self, requests: int, prompt_tokens: int, completion_tokens: int) -> None:
        """Add to what the run has paid for."""
        if requests:
            self._put(SPEND, (requests, prompt_tokens, completion_tokens))

    def put_score(self, key: Key, score: Score, *, failed: bool = False) -> None:
        """Store the grade of a stored generation; `failed` if the request was, see `put_generation`."""
        task, item, sample = key
        at = self._tasks[task], sample, item
        self._put(PUT_FAILED_SCORE if failed else PUT_SCORE, (*score_columns(score), *at))

    def owe(self, statuses: Collection[Status]) -> None:
        """Samples with these statuses are to be asked for again; what is stored stays until it is replaced."""
        marks = ",".join("?" * len(statuses))
        self._put(f"UPDATE samples SET owed=1 WHERE owed=0 AND status IN ({marks})", tuple(statuses))
        self.flush()

    def extend(self, record: RunRecord, items: Mapping[str, Iterable[Item]]) -> None:
        """Take over a record that asks for more, with the items that follow those of each task."""
        writer = self._require_writer()
        for name, rows in items.items():
            _put_items(writer, self._tasks[name], self.n_items(name), rows)
        self.flush()
        self.replace_record(record)

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
        for start in range(0, self.n_items(task), _PAGE):
            for row in self._page("position, id, cluster, body", task, start):
                yield self._item(*row[1:])

    def item(self, task: str, position: int) -> Item:
        """One item; raises `StoreError` if there is none."""
        sql = "SELECT id, cluster, body FROM items WHERE task=? AND position=?"
        rows = self._query(sql, (self._tasks[task], position))
        if not rows:
            raise StoreError(f"{self.folder} has no item {position} of {task}")
        return self._item(*rows[0])

    def item_names(self, task: str) -> Iterator[tuple[str, str | None]]:
        """(id, cluster) of the items of a task in dataset order."""
        for start in range(0, self.n_items(task), _PAGE):
            for _, name, cluster in self._page("position, id, cluster", task, start):
                yield name, cluster

    def n_items(self, task: str) -> int:
        """Number of items of a task."""
        return self.record.n_items[task]

    def n_finished(self, task: str) -> dict[int, int]:
        """Sample number -> how many items have it; samples that are owed again do not count."""
        sql = "SELECT sample, count(*) FROM samples WHERE task=? AND owed=0 GROUP BY sample"
        return dict(self._query(sql, (self._tasks[task],)))

    def missing(self, task: str, sample: int) -> Iterator[int]:
        """Positions of the items whose sample of this number is owed, in dataset order."""
        sql = "SELECT item FROM samples WHERE task=? AND sample=? AND owed=0 AND item>=? AND item<?"
        n_items = self.n_items(task)
        for start in range(0, n_items, _PAGE):
            stop = min(start + _PAGE, n_items)
            have = {item for (item,) in self._query(sql, (self._tasks[task], sample, start, stop))}
            yield from (position for position in range(start, stop) if position not in have)

    def unscored(self, task: str) -> list[tuple[int, int]]:
        """(position, sample) of every stored generation without a score."""
        return self._query("SELECT item, sample FROM samples WHERE task=? AND status IS NULL", (self._tasks[task],))

    def with_status(self, task: str, status: Status) -> list[tuple[int, int]]:
        """(position, sample) of every sample with this status."""
        sql = "SELECT item, sample FROM samples WHERE task=? AND status=? ORDER BY item, sample"
        return self._query(sql, (self._tasks[task], status))

    def corrected(self, task: str) -> list[tuple[int, int]]:
        """(position, sample) of every score against a corrected gold."""
        sql = "SELECT item, sample FROM samples WHERE task=? AND erratum NOT NULL ORDER BY item, sample"
        return self._query(sql, (self._tasks[task],))

    def score(self, key: Key) -> Score:
        """One stored score; raises `StoreError` if there is none."""
        task, item, sample = key
        sql = f"SELECT {SCORE_COLUMNS} FROM samples WHERE task=? AND sample=? AND item=? AND status NOT NULL"
        rows = self._query(sql, (self._tasks[task], sample, item))
        if not rows:
            raise StoreError(f"{self.folder} has no score of sample {key}")
        with self._reading(f"sample {sample} of item {item} of {task}"):
            return score_of(rows[0])

    def scores(self, task: str) -> Iterator[list[tuple[int, int, str, float | None, str | None]]]:
        """Every scored sample, page by page: rows of (sample, position, status, value, answer)."""
        sql = (
            "SELECT sample, item, status, value, answer FROM samples WHERE task=? AND status NOT NULL"
            " AND (sample, item) > (?, ?) ORDER BY sample, item LIMIT ?"
        )
        at = (-1, -1)
        while rows := self._query(sql, (self._tasks[task], *at, 16 * _PAGE)):
            at = rows[-1][:2]
            yield rows

    def samples(self, task: str) -> Iterator[Sample]:
        """Every stored sample of a task with its generation."""
        sql = (
            f"SELECT s.item, s.sample, i.id, g.body, {SCORE_COLUMNS} FROM samples s"
            " JOIN generations g USING(task, sample, item) JOIN items i ON i.task=s.task AND i.position=s.item"
            " WHERE s.task=? AND (s.sample, s.item) > (?, ?) ORDER BY s.sample, s.item LIMIT ?"
        )
        at = (-1, -1)
        while rows := self._query(sql, (self._tasks[task], *at, _PAGE)):
            for position, sample, item_id, body, *score in rows:
                at = sample, position
                with self._reading(f"sample {sample} of item {position} of {task}"):
                    found = Sample(
                        task=task,
                        item_id=item_id,
                        position=position,
                        sample=sample,
                        generation=convert(decode(self._packer.unpack(body)), Generation),
                        score=score_of(score) if score[0] is not None else None,
                    )
                yield found

    def generation(self, key: Key) -> Generation:
        """One stored generation; raises `StoreError` if there is none."""
        task, item, sample = key
        sql = "SELECT body FROM generations WHERE task=? AND sample=? AND item=?"
        rows = self._query(sql, (self._tasks[task], sample, item))
        if not rows:
            raise StoreError(f"{self.folder} has no sample {key}")
        with self._reading(f"sample {sample} of item {item} of {task}"):
            return convert(decode(self._packer.unpack(rows[0][0])), Generation)

    def spent(self) -> tuple[int, int, int]:
        """(answers, prompt tokens, completion tokens) that this run paid for, replaced ones included."""
        rows = self._query("SELECT requests, prompt, completion FROM spent")
        return rows[0] if rows else (0, 0, 0)

    def has_answer(self, key: Key) -> bool:
        """Whether an answer is stored, also if it is to be replaced."""
        task, item, sample = key
        sql = "SELECT 1 FROM samples WHERE task=? AND sample=? AND item=? AND text_digest NOT NULL"
        return bool(self._query(sql, (self._tasks[task], sample, item)))

    def n_asked_in_vain(self, task: str, rounds: int) -> int:
        """Samples of the first `rounds` that were to be asked for again and still have the answer from before."""
        sql = "SELECT count(*) FROM samples WHERE task=? AND sample<? AND owed=1 AND text_digest NOT NULL"
        n: int = self._query(sql, (self._tasks[task], rounds))[0][0]
        return n

    def totals(self, task: str) -> Totals:
        """What the samples of a task add up to."""
        limits = {t.name: t.sampling.max_tokens for t in self.record.spec.tasks}
        return read_totals(self._query, self._tasks[task], limits[task])

    def _item(self, item_id: str, cluster: str | None, body: bytes) -> Item:
        with self._reading(f"item {item_id}"):
            return convert({"id": item_id, "cluster": cluster, **decode(self._packer.unpack(body))}, Item)

    def _dictionary(self, number: int) -> bytes | None:
        rows = self._query("SELECT body FROM dictionaries WHERE number=?", (number,))
        return rows[0][0] if rows else None

    def _page(self, columns: str, task: str, start: int) -> list[tuple[Any, ...]]:
        sql = f"SELECT {columns} FROM items WHERE task=? AND position>=? AND position<? ORDER BY position"
        return self._query(sql, (self._tasks[task], start, start + _PAGE))

    def _query(self, sql: str, args: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._reader.execute(sql, args).fetchall()
        except sqlite3.DatabaseError as fault:
            raise StoreError(f"{self.folder / DATABASE}: {fault}") from fault

    @contextlib.contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except (StoreError, msgspec.MsgspecError, ValueError, TypeError) as fault:
            raise StoreError(f"{self.folder / DATABASE}: {what} is damaged: {fault}") from fault

    def _put(self, sql: str, args: tuple[Any, ...]) -> None:
        self._require_writer().put((sql, args))

    def _require_writer(self) -> Writer:
        if self._writer is None:
            raise StoreError(f"{self.folder} is open for reading only")
        return self._writer


def require_readable(where: Path, record: RunRecord) -> None:
    """Raises `StoreError` for a record of a version that is not known here."""
    if record.schema not in READABLE:
        raise StoreError(f"{where} was written by another version (schema {record.schema}, this is {SCHEMA})")


def _put_items(writer: Writer, task: int, start: int, items: Iterable[Item]) -> int:
    """Store items from position `start` on; returns the position after the last."""
    packer = Packer(lambda number: None)
    position = start
    for item in items:
        body = packer.pack(encode({"messages": item.messages, "target": item.target, "metadata": item.metadata}))
        row = (task, position, item.id, item.cluster, body)
        writer.put(("INSERT OR REPLACE INTO items VALUES(?,?,?,?,?)", row))
        position += 1
    return position
