"""Bad input names the value; extreme input has a finite, honest result; nothing is ever NaN."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evalkit import stats
from evalkit.errors import UsageError
from evalkit.types import Difference, Interval, Published

NAN, INF = float("nan"), float("inf")
GOOD = [[1, 0], [1, 1], [0, 0]]


def difference(**changes: Any) -> Difference:
    interval = Interval(low=-0.01, high=0.01, level=0.9, method="given")
    given = Difference(value=0.0, se=0.005, interval=interval, kind="benchmark", method="given")
    return dataclasses.replace(given, **changes)


def published(**changes: Any) -> Published:
    return Published(**({"value": 0.5, "n_items": 30, "samples": 4} | changes))


def reference(**changes: Any) -> Difference:
    given: dict[str, Any] = {"value": 0.5, "n_items": 30, "samples": 4, "alpha": 0.05}
    return stats.against_reference(stats.estimate(GOOD), **(given | changes))


def row(**fields: Any) -> dict[str, Any]:
    return {"item_id": "a", "value": 1, "area": "x"} | fields


ROWS: list[tuple[str, Callable[[], Any], str]] = [
    # k = 0
    ("pass@0", lambda: stats.pass_at_k([1], [4], 0), "not 0"),
    ("g-pass@0", lambda: stats.g_pass_at_k([1], [4], 0, 0.5), "not 0"),
    ("maj@0", lambda: stats.maj_at_k([[0, 1]], [[1, 0]], 0), "not 0"),
    ("pass@0 by name", lambda: stats.parse_metric("pass@0"), "k must be at least 1, not 0"),
    ("no samples", lambda: stats.estimate(np.zeros((3, 0))), "(3, 0)"),
    ("table without samples", lambda: stats.ItemTable(item_ids=["a"], values=np.zeros((1, 0))), "k = 0"),
    ("reference with k = 0", lambda: reference(samples=0), "samples must be at least 1, not 0"),
    ("reference without items", lambda: reference(n_items=0), "n_items must be at least 1, not 0"),
    # empty
    ("estimate of nothing", lambda: stats.estimate([]), "no items"),
    ("paired nothing", lambda: stats.paired([], [], alpha=0.05), "no items"),
    ("bootstrap of nothing", lambda: stats.bootstrap_means([]), "no values"),
    ("table of nothing", lambda: stats.item_table([]), "no rows"),
    ("macro average of nothing", lambda: stats.macro_average([]), "no tasks"),
    ("claim over nothing", lambda: stats.on_all([]), "no outcomes"),
    # NaN, infinity, text, out of range
    ("all NaN", lambda: stats.estimate([[NAN]]), "no items with a value"),
    ("infinite value", lambda: stats.estimate([1, INF]), "inf"),
    ("text", lambda: stats.estimate(["right"]), "'right'"),
    ("ragged rows", lambda: stats.estimate([[1, 0], [1]]), "array (items, samples)"),
    ("percent", lambda: stats.population_error([87.5]), "87.5"),
    ("negative", lambda: stats.benchmark_error([-0.1]), "-0.1"),
    ("scored without value", lambda: stats.task_estimate("t", [[NAN]], [["scored"]]), "NaN"),
    ("text as value", lambda: stats.task_estimate("t", [["x"]], [["scored"]]), "task t"),
    ("unknown status", lambda: stats.task_estimate("t", [[1.0]], [["fine"]]), "'fine'"),
    ("NaN in a row", lambda: stats.item_table([row(value=NAN)]), "row 1: the value is NaN"),
    ("text in a row", lambda: stats.item_table([row(value="yes")]), "'yes'"),
    ("bootstrap of NaN", lambda: stats.bootstrap_means([1, NAN]), "nan"),
    ("bootstrap interval of percents", lambda: stats.bootstrap_interval([50.0]), "50.0"),
    ("no replicates", lambda: stats.bootstrap_means([1, 0], n_replicates=0), "at least 1, not 0"),
    ("reference in percent", lambda: reference(value=79.2), "79.2"),
    ("reference NaN", lambda: reference(value=NAN), "nan"),
    ("p-value NaN", lambda: stats.holm([0.1, NAN], 0.05), "nan"),
    ("NaN difference", lambda: stats.macro_difference([difference(value=NAN)]), "nan"),
    ("right samples NaN", lambda: stats.pass_at_k([NAN], [4], 1), "nan"),
    # identity
    ("an id twice", lambda: stats.ItemTable(item_ids=["a", "a"], values=[1, 0]), "item 'a' is in the table twice"),
    (
        "unknown cluster key",
        lambda: stats.item_table([row()], cluster="topic"),
        "unknown cluster key 'topic'; the row has item_id, value, area",
    ),
    (
        "an item in two clusters",
        lambda: stats.item_table([row(), row(area="y")], cluster="area"),
        "'a' is in two clusters, 'x' and 'y'",
    ),
    ("labels that do not fit", lambda: stats.population_error([1, 0, 1], ["a"]), "1 cluster labels for 3 items"),
    ("a list as label", lambda: stats.population_error([1, 0], [["a"], ["b"]]), "cluster label ['a'] cannot be one"),
    ("unsigned codes", lambda: stats.readings([[1.0]], np.array([[9]], dtype=np.uint8), "t"), "status codes go from"),
    ("NaN items", lambda: stats.published_difference(published(n_items=NAN), published(), alpha=0.05), "not nan"),
    ("no end of rounds", lambda: stats.confidence_sequence([[1.0]], alpha=0.05, max_rounds=float("inf")), "not inf"),
    ("NaN as label", lambda: stats.population_error([1, 0], ["a", NAN]), "cluster label nan"),
    (
        "no shared item",
        lambda: stats.aligned(stats.item_table([row()]), stats.item_table([row(item_id="b")])),
        "share no item",
    ),
    # weights
    ("weights of 0", lambda: stats.macro_difference([difference()] * 2, [0, 0]), "[0, 0] sum to 0"),
    ("negative weight", lambda: stats.macro_difference([difference()] * 2, [2, -1]), "weight -1"),
    ("too few weights", lambda: stats.macro_difference([difference()] * 2, [1]), "1 weights for 2 tasks"),
    # margin, alpha, level, tau
    *[
        (f"margin {m}", lambda m=m: stats.decide(difference(), margin=m, alpha=0.05), f"margin {m!r}")
        for m in (0, -0.02, 1, 2.0, NAN)
    ],
    *[(f"alpha {a}", lambda a=a: stats.paired(GOOD, GOOD, alpha=a), f"alpha {a!r}") for a in (0, 0.5, 1, -0.1, NAN)],
    *[(f"alpha {a} of a reference", lambda a=a: reference(alpha=a), f"alpha {a!r}") for a in (0, 0.5, NAN)],
    *[(f"level {v}", lambda v=v: stats.estimate(GOOD, level=v), f"level {v!r}") for v in (0, 1, 95, NAN)],
    *[(f"tau {t}", lambda t=t: stats.g_pass_at_k([1], [4], 2, t), f"tau {t!r}") for t in (-0.1, 1.5, NAN)],
    ("kind", lambda: stats.paired(GOOD, GOOD, alpha=0.05, kind="both"), "'both'"),
]


@pytest.mark.parametrize(("call", "words"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_refused_with_the_value(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        call()


EXTREMES = {
    "one sample": [[1.0]],
    "one item": [[1.0, 0.0, 1.0]],
    "one item, wrong": [[0.0, 0.0]],
    "all right": [[1.0] * 4] * 12,
    "all wrong": [[0.0] * 4] * 12,
    "all one half": [[0.5]] * 12,
    "one item of two answered": [[1.0, NAN], [NAN, NAN]],
}


@pytest.mark.parametrize("values", EXTREMES.values(), ids=EXTREMES.keys())
@pytest.mark.parametrize("one_cluster", [False, True])
def test_extremes_are_finite_and_claim_little(values: list[list[float]], one_cluster: bool) -> None:
    clusters = ["c"] * len(values) if one_cluster else None
    found = stats.estimate(values, clusters)
    against = stats.against_reference(found, value=1.0, n_items=None, samples=None, alpha=0.05)
    itself = stats.paired(values, values, clusters, alpha=0.05)
    macro = stats.macro_average([found, found], [1, 3])
    results = [found, against, itself, macro, stats.macro_difference([itself])]
    numbers = list(numbers_of([dataclasses.asdict(r) for r in results]))
    assert numbers and all(math.isfinite(n) for n in numbers)
    for bar in (found.benchmark, found.population, macro.benchmark, macro.population):
        assert 0 <= bar.interval.low < bar.interval.high <= 1 + 1e-12
    assert itself.interval.low < 0 < itself.interval.high
    if len(values) < 3 or one_cluster:  # nothing is known about other questions
        assert (found.population.interval.low, found.population.interval.high) == (0.0, 1.0)
        assert stats.decide(itself, margin=0.9, alpha=0.05)[0].value == "inconclusive"


def numbers_of(value: Any) -> Any:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from numbers_of(part)
    elif isinstance(value, float):
        yield value
