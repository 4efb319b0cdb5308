"""Results item by item: JSON Lines, `{"id": ..., "k": ..., "successes": ...}` for each item.

They make a comparison with a published number a paired one. Loading the registry never reads them. Samples that nobody
could grade are no successes and stand under a further key, `"undecided": n`: a verdict has to hold with all of them
wrong, as published means mostly count them, and with all of them right.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from evalkit import resources
from evalkit.codec import json_lines
from evalkit.errors import TaskError
from evalkit.types import Reference

if TYPE_CHECKING:
    import numpy as np

KEYS = ("id", "k", "successes")
UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PerItem:
    """How often each item was solved. Arrays cannot be written to."""

    ids: tuple[str, ...]
    """(n_items,), each once."""
    samples: np.ndarray
    """(n_items,) int, at least 1: k of the item."""
    successes: np.ndarray
    """(n_items,) int in [0, samples]."""
    undecided: np.ndarray
    """(n_items,) int in [0, samples - successes]: samples that nobody could grade."""

    @property
    def mean(self) -> float:
        """Mean over items of successes / samples, a fraction; undecided samples count as wrong."""
        return float((self.successes / self.samples).mean())

    @property
    def k(self) -> int | None:
        """Samples of every item; None if the items differ."""
        return int(self.samples[0]) if (self.samples == self.samples[0]).all() else None


def per_item(ref: Reference) -> PerItem | None:
    """The results behind a reference, or None if it has none; raises `TaskError` with file and line."""
    if ref.per_item is None:
        return None
    path = resources.folder("leaderboards") / "references" / ref.per_item
    return _cached(path, path.stat().st_mtime_ns if path.exists() else 0)


def item_results(rows: Sequence[tuple[str, int, int]], undecided: Mapping[str, int] | None = None) -> PerItem:
    """Results from (id, k, successes) that have been checked; `undecided`: id -> samples that nobody could grade."""
    import numpy as np

    open_ = undecided or {}
    table = np.array([(*row[1:], open_.get(row[0], 0)) for row in rows], dtype=np.int64).reshape(-1, 3)
    table.setflags(write=False)
    names = tuple(row[0] for row in rows)
    return PerItem(ids=names, samples=table[:, 0], successes=table[:, 1], undecided=table[:, 2])


def read_results(path: Path) -> PerItem:
    """Read and check one file; raises `TaskError` with the line of the first fault."""
    rows: list[tuple[str, int, int]] = []
    seen: dict[str, int] = {}
    undecided: dict[str, int] = {}
    for number, row in json_lines(path):
        open_ = row.pop(UNDECIDED, 0) if isinstance(row, dict) else 0
        item, k, successes = checked_row(row, path, number)
        if not isinstance(open_, int) or isinstance(open_, bool) or not 0 <= open_ <= k - successes:
            message = f"must be a whole number between 0 and {k - successes}, not {open_!r} (item {item!r})"
            raise TaskError(message, file=str(path), line=number, field=UNDECIDED)
        undecided[item] = open_
        if seen.setdefault(item, number) != number:
            raise TaskError(f"item {item!r} is on line {seen[item]} already", file=str(path), line=number, field="id")
        rows.append((item, k, successes))
    if not rows:
        raise TaskError("holds no results", file=str(path))
    return item_results(rows, undecided)


def checked_row(row: Any, path: Path, line: int) -> tuple[str, int, int]:
    """(id, k, successes) of one line; raises `TaskError`."""

    def fault(message: str, field: str | None = None) -> TaskError:
        return TaskError(message, file=str(path), line=line, field=field)

    if not isinstance(row, dict) or set(row) != set(KEYS):
        have = ", ".join(map(str, row)) if isinstance(row, dict) else repr(row)[:80]
        raise fault(f'must be {{"id": ..., "k": ..., "successes": ...}}, not {have}')
    item, k, successes = (row[key] for key in KEYS)
    if not isinstance(item, str) or not item:
        raise fault(f"must be text, not {item!r}", "id")
    for key, value, least in (("k", k, 1), ("successes", successes, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
            raise fault(f"must be a whole number of at least {least}, not {value!r} (item {item!r})", key)
    if successes > k:
        raise fault(f"{successes} successes in {k} samples of item {item!r}", "successes")
    return item, k, successes


def results_text(results: PerItem) -> str:
    """The file that holds these results."""
    columns = (results.samples, results.successes, results.undecided)
    lines = []
    for item, k, successes, open_ in zip(results.ids, *(column.tolist() for column in columns), strict=True):
        row = dict(zip(KEYS, (item, k, successes), strict=True)) | ({UNDECIDED: open_} if open_ else {})
        lines.append(msgspec.json.encode(row).decode() + "\n")
    return "".join(lines)


@functools.lru_cache(maxsize=256)
def _cached(path: Path, _changed_ns: int) -> PerItem:
    return read_results(path)
