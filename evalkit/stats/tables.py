"""Per-item tables of anyone: results of another harness, a spreadsheet, a run.

Policy: a table is checked once, when it is made, and each complaint names the row, item or value. After that its
`values` and `clusters` go into any function of this package.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.errors import UsageError
from evalkit.stats.arrays import Clusters, Floats, cluster_codes, present_items, sample_values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemTable:
    """Sample values of items, one row an item. Made with anything array-like; holds what is said here.

    Raises `UsageError` for no items, no samples, an item id twice, a value that is no number in [0, 1], no
    value at all, or labels that do not fit.
    """

    item_ids: Sequence[Hashable]
    """(n_items,), each once."""
    values: Floats
    """(n_items, k_max) in [0, 1]; NaN where a sample does not exist. An item may be without any."""
    clusters: Clusters | None = None
    """(n_items,) labels, or None: each item is its own cluster."""

    def __post_init__(self) -> None:
        ids, values = tuple(self.item_ids), sample_values(self.values)
        if not ids:
            raise UsageError("the table has no items")
        if len(ids) != len(values):
            raise UsageError(f"{len(ids)} item ids for {len(values)} rows of values")
        seen: set[Hashable] = set()
        for item in ids:
            if _label(item, "item id") in seen:
                raise UsageError(f"item {item!r} is in the table twice; samples of one item belong in one row")
            seen.add(item)
        if values.shape[1] == 0:
            raise UsageError(f"the table has no samples: k = 0, values have shape {values.shape}")
        present_items(values)
        cluster_codes(self.clusters, len(ids))
        object.__setattr__(self, "item_ids", ids)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "clusters", None if self.clusters is None else tuple(self.clusters))

    def __len__(self) -> int:
        return len(self.item_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """Two tables with the same items in the same order, and how many items were left out of each for that."""

    a: ItemTable
    b: ItemTable
    n_left_out_a: int
    n_left_out_b: int


def item_table(
    rows: Iterable[Mapping[str, Any]], *, item: str = "item_id", value: str = "value", cluster: str | None = None
) -> ItemTable:
    """A table from rows in long format, one row a sample, as `csv.DictReader` or `DataFrame.to_dict("records")` give.

    item, value, cluster: keys of a row. Rows of one item are its samples, in their order; items come in the
    order of their first row; numbers may be text. Raises `UsageError` for no rows, a row without a key, a value
    that is no number in [0, 1], an item in two clusters, or a cluster key that no row has.
    """
    samples: dict[Hashable, list[float]] = {}
    labels: dict[Hashable, Hashable] = {}
    for number, row in enumerate(rows, 1):
        where = f"row {number}"
        name = _label(_field(row, item, "item", where), f"{where}: item id")
        samples.setdefault(name, []).append(_number(_field(row, value, "value", where), where))
        if cluster is not None:
            label = _field(row, cluster, "cluster", where)
            if label is not None:
                _label(label, f"{where}: cluster")
            if labels.setdefault(name, label) != label:
                raise UsageError(f"{where}: item {name!r} is in two clusters, {labels[name]!r} and {label!r}")
    if not samples:
        raise UsageError("the table has no items: no rows given")
    values = np.full((len(samples), max(map(len, samples.values()))), np.nan)
    for place, found in enumerate(samples.values()):
        values[place, : len(found)] = found
    return ItemTable(
        item_ids=list(samples), values=values, clusters=list(labels.values()) if cluster is not None else None
    )


def aligned(a: ItemTable, b: ItemTable) -> Aligned:
    """The items that have a value in both tables, in the order of `a`: what `stats.paired` compares.

    The clusters are those of the table that has them. Raises `UsageError` if no item is shared, or if both
    tables have clusters and put a shared item into different ones.
    """
    rows_a, rows_b = _rows_with_values(a), _rows_with_values(b)
    shared = [item for item in rows_a if item in rows_b]
    if not shared:
        raise UsageError(
            f"the tables share no item with a value: {len(a)} and {len(b)} items, "
            f"the first ones are {a.item_ids[0]!r} and {b.item_ids[0]!r}"
        )
    picked_a, picked_b = [rows_a[item] for item in shared], [rows_b[item] for item in shared]
    clusters = None
    for table, picked in ((b, picked_b), (a, picked_a)):
        if table.clusters is not None:
            found = [table.clusters[row] for row in picked]
            for item, ours, theirs in zip(shared, found, clusters or found, strict=True):
                if ours != theirs:
                    raise UsageError(
                        f"item {item!r} is in cluster {ours!r} of one table and in {theirs!r} of the other"
                    )
            clusters = found
    return Aligned(
        a=ItemTable(item_ids=shared, values=a.values[picked_a], clusters=clusters),
        b=ItemTable(item_ids=shared, values=b.values[picked_b], clusters=clusters),
        n_left_out_a=len(a) - len(shared),
        n_left_out_b=len(b) - len(shared),
    )


def _rows_with_values(table: ItemTable) -> dict[Hashable, int]:
    return {table.item_ids[row]: row for row in np.flatnonzero(present_items(table.values)).tolist()}


def _field(row: Mapping[str, Any], key: str, what: str, where: str) -> Any:
    if key not in row:
        raise UsageError(f"{where}: unknown {what} key {key!r}; the row has {', '.join(map(str, row)) or 'no keys'}")
    return row[key]


def _number(raw: Any, where: str) -> float:
    try:
        number = float(raw)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: the value {raw!r} is not a number") from None
    if math.isnan(number):
        raise UsageError(f"{where}: the value is NaN; leave out the row of a sample that does not exist")
    if not 0.0 <= number <= 1.0:
        raise UsageError(f"{where}: the value {raw!r} is not between 0 and 1")
    return number


def _label(raw: Any, what: str) -> Hashable:
    """`raw` if it can name something."""
    if raw is None or raw != raw:
        raise UsageError(f"{what} {raw!r} names nothing")
    try:
        hash(raw)
    except TypeError:
        raise UsageError(f"{what} {raw!r} cannot be compared with others: give text or a number") from None
    name: Hashable = raw
    return name
