"""Anyone's per-item table: rows in, arrays out, and complaints that name the value."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest

from evalkit.errors import UsageError
from evalkit.stats import ItemTable, aligned, estimate, item_table, paired

NAN = float("nan")


def test_rows_of_a_csv_file_become_a_table() -> None:
    text = "item_id,value,topic\na,1,algebra\nb,0.5,number\na,0,algebra\nc,1.0,algebra\n"
    table = item_table(csv.DictReader(io.StringIO(text)), cluster="topic")
    assert table.item_ids == ("a", "b", "c")
    assert table.clusters == ("algebra", "number", "algebra")
    np.testing.assert_array_equal(table.values, [[1, 0], [0.5, NAN], [1, NAN]])
    assert estimate(table.values, table.clusters).value == pytest.approx((0.5 + 0.5 + 1) / 3)


def test_other_names_of_keys_and_booleans() -> None:
    table = item_table([{"doc": 7, "acc": True}, {"doc": 8, "acc": False}], item="doc", value="acc")
    assert (table.item_ids, table.values.tolist(), table.clusters) == ((7, 8), [[1.0], [0.0]], None)


def test_an_item_without_cluster_is_its_own() -> None:
    table = item_table([{"item_id": i, "value": i % 2, "topic": None} for i in range(6)], cluster="topic")
    assert estimate(table.values, table.clusters) == estimate(table.values)


def test_shared_items_in_one_order_for_pairing() -> None:
    a = ItemTable(item_ids=["x", "y", "z", "w"], values=[[1, 1], [0, 1], [0, 0], [NAN, NAN]])
    b = ItemTable(item_ids=["v", "z", "y", "w"], values=[1, 0.5, 1, 1], clusters=["p", "q", "r", "s"])
    both = aligned(a, b)
    assert both.a.item_ids == both.b.item_ids == ("y", "z")
    assert both.a.clusters == both.b.clusters == ("r", "q")
    assert (both.n_left_out_a, both.n_left_out_b) == (2, 2)
    assert paired(both.a.values, both.b.values, both.a.clusters, alpha=0.05).value == pytest.approx(-0.5)


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    rows_a = [{"item_id": str(i), "value": float(rng.random())} for i in range(9) for _ in range(3)]
    rows_b = [{"item_id": str(i), "value": float(rng.random())} for i in range(4, 12)]
    straight = aligned(item_table(rows_a), item_table(rows_b))
    turned = aligned(item_table(rows_a), item_table(rows_b[::-1]))
    assert paired(straight.a.values, straight.b.values, alpha=0.05) == paired(
        turned.a.values, turned.b.values, alpha=0.05
    )


LONG: list[tuple[list[dict[str, Any]], str | None, str]] = [
    ([], None, "no rows"),
    ([{"item_id": "a"}], None, "row 1: unknown value key 'value'; the row has item_id"),
    ([{"value": 1}], None, "row 1: unknown item key 'item_id'; the row has value"),
    (
        [{"item_id": "a", "value": 1, "area": 2}],
        "topic",
        "unknown cluster key 'topic'; the row has item_id, value, area",
    ),
    (
        [{"item_id": "a", "value": 1, "t": 1}, {"item_id": "a", "value": 1, "t": 2}],
        "t",
        "'a' is in two clusters, 1 and 2",
    ),
    ([{"item_id": "a", "value": 1, "t": NAN}], "t", "row 1: cluster nan"),
    ([{"item_id": "a", "value": NAN}], None, "row 1: the value is NaN"),
    ([{"item_id": "a", "value": None}], None, "row 1: the value None"),
    ([{"item_id": "a", "value": ""}], None, "row 1: the value ''"),
    ([{"item_id": "a", "value": "right"}], None, "row 1: the value 'right'"),
    ([{"item_id": "a", "value": 1}, {"item_id": "a", "value": 87.5}], None, "row 2: the value 87.5 is not between"),
    ([{"item_id": "a", "value": float("inf")}], None, "row 1: the value inf"),
    ([{"item_id": None, "value": 1}], None, "row 1: item id None"),
    ([{"item_id": ["a"], "value": 1}], None, r"row 1: item id \['a'\]"),
]


@pytest.mark.parametrize(("rows", "cluster", "words"), LONG)
def test_rows_that_cannot_be_read(rows: list[dict[str, Any]], cluster: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        item_table(rows, cluster=cluster)


WIDE: list[tuple[list[Any], Any, list[Any] | None, str]] = [
    ([], [], None, "no items"),
    (["a", "a"], [1, 0], None, "item 'a' is in the table twice"),
    (["a"], [1, 0], None, "1 item ids for 2 rows"),
    (["a", "b"], np.empty((2, 0)), None, r"k = 0, values have shape \(2, 0\)"),
    (["a"], [1.5], None, "1.5 is not between 0 and 1"),
    (["a"], ["yes"], None, "'yes'"),
    (["a"], [[NAN, NAN]], None, "no items with a value"),
    (["a", "b"], [1, 0], ["p"], "1 cluster labels for 2 items"),
    (["a", "b"], [1, 0], ["p", NAN], "cluster label nan"),
    (["a", NAN], [1, 0], None, "item id nan"),
]


@pytest.mark.parametrize(("ids", "values", "clusters", "words"), WIDE)
def test_tables_that_cannot_be(ids: list[Any], values: Any, clusters: list[Any] | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ItemTable(item_ids=ids, values=values, clusters=clusters)


def test_tables_that_cannot_be_aligned() -> None:
    a = ItemTable(item_ids=["x", "y"], values=[1, 0], clusters=["p", "q"])
    with pytest.raises(UsageError, match=r"share no item .* 'x' and 1"):
        aligned(a, ItemTable(item_ids=[1, 2], values=[1, 0]))
    with pytest.raises(UsageError, match="'y' is in cluster 'q' of one table and in 'r'"):
        aligned(a, ItemTable(item_ids=["x", "y"], values=[1, 0], clusters=["p", "r"]))
