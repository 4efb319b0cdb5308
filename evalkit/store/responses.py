"""Answers kept across runs, so that the same request is not paid for twice. Opt-in.

Addressed by everything that defines a request and its model, with the number of the sample: the draws of one item stay
different draws. Only answers are kept, never failures. Several runs may share one folder at the same time.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import zstandard

from evalkit.codec import convert, decode
from evalkit.errors import StoreError, WriteFailed
from evalkit.store.database import Writer, connect_reader
from evalkit.types import Generation

FILE = "responses.sqlite"
_TABLES = "CREATE TABLE IF NOT EXISTS responses(key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID"


class ResponseCache:
    """A folder with one database. Raises `StoreError` for what cannot be opened, read or written."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise WriteFailed(f"cannot make the response cache {folder}: {fault}") from fault
        self._file = folder / FILE
        self._writer = Writer(self._file, _TABLES)
        self._reader = connect_reader(folder, FILE)
        self._compressor = zstandard.ZstdCompressor()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is queued."""
        self._reader.close()
        self._writer.close()

    def get(self, key: str) -> Generation | None:
        """The answer to an identical request, marked as cached; None if there is none."""
        try:
            row = self._reader.execute("SELECT body FROM responses WHERE key=?", (key,)).fetchone()
            if row is None:
                return None
            found = convert(decode(zstandard.decompress(row[0])), Generation)
        except (sqlite3.DatabaseError, zstandard.ZstdError, msgspec.MsgspecError) as fault:
            raise StoreError(f"{self._file} is damaged: {fault}; delete it to go on without") from fault
        return dataclasses.replace(found, cached=True)

    def put(self, key: str, generation: Generation) -> None:
        """Keep an answer; a failure is not kept."""
        if generation.failure is None and not generation.cached:
            body = self._compressor.compress(msgspec.json.encode(generation))
            self._writer.put(("INSERT OR REPLACE INTO responses VALUES(?,?)", (key, body)))
