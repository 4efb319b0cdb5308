"""Macro averages over tasks: by hand, in the limit, and by their coverage."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from evalkit.errors import UsageError
from evalkit.stats import against_reference, estimate, macro_average, macro_difference, paired
from evalkit.types import Difference, Estimate, Interval


def difference(value: float, low: float, high: float, se: float = 0.01, level: float = 0.9) -> Difference:
    interval = Interval(low=low, high=high, level=level, method="given")
    return Difference(value=value, se=se, interval=interval, kind="benchmark", method="given")


def test_two_tasks_by_hand() -> None:
    got = macro_difference([difference(0.1, 0.07, 0.14, se=0.03), difference(-0.1, -0.14, -0.07, se=0.04)])
    assert got.value == pytest.approx(0)
    assert got.se == pytest.approx(0.025)
    assert got.interval.low == pytest.approx(-0.025)
    assert got.interval.high == pytest.approx(0.025)
    assert (got.kind, got.interval.level) == ("benchmark", 0.9)
    assert "square-and-add over tasks" in got.method


def test_weights_are_relative_and_zero_leaves_a_task_out() -> None:
    tasks = [difference(0.2, 0.1, 0.3), difference(0.5, 0.4, 0.9), difference(-1.0, -1.0, 1.0)]
    got = macro_difference(tasks, weights=[3, 1, 0])
    assert got.value == pytest.approx(0.275)
    assert got.interval.low == pytest.approx(0.275 - math.hypot(0.075, 0.025))
    assert got.interval.high == pytest.approx(0.275 + math.hypot(0.075, 0.1))
    assert got == macro_difference(tasks, weights=[30, 10, 0])


def test_one_task_is_itself() -> None:
    values = np.random.default_rng(0).integers(0, 2, (30, 4))
    one = estimate(values)
    got = macro_average([one])
    assert (got.value, got.n_items, got.n_samples) == pytest.approx((one.value, 30, 120))
    for ours, theirs in ((got.benchmark, one.benchmark), (got.population, one.population)):
        assert (ours.kind, ours.se) == (theirs.kind, pytest.approx(theirs.se))
        assert (ours.interval.low, ours.interval.high) == pytest.approx((theirs.interval.low, theirs.interval.high))


def test_averages_speak_the_language_of_estimates() -> None:
    rng = np.random.default_rng(1)
    tasks = [estimate(rng.integers(0, 2, (n, 4))) for n in (10, 20, 30)]
    got = macro_average(tasks)
    assert (got.metric, got.n_items, got.n_samples) == ("macro avg@4", 60, 240)
    assert got.value == pytest.approx(sum(t.value for t in tasks) / 3)
    assert macro_average([tasks[0], estimate(rng.integers(0, 2, (5, 2)))]).metric == "macro average"
    against = against_reference(got, value=0.5, n_items=60, samples=None, alpha=0.05)
    assert "reference k unknown: counted as 1" in against.assumptions


def test_what_was_assumed_for_one_task_stays_said_once() -> None:
    ours = estimate(np.ones((5, 2)))
    tasks = [against_reference(ours, value=0.5, n_items=5, samples=None, alpha=0.05) for _ in range(2)]
    assert macro_difference(tasks).assumptions == ("reference k unknown: counted as 1",)


def test_the_interval_stays_among_the_possible_values() -> None:
    perfect = macro_average([estimate(np.ones((5, 3))), estimate(np.ones((1, 1)))])
    assert perfect.benchmark.interval.high == pytest.approx(1)
    assert 0 <= perfect.population.interval.low < 1
    assert "nothing can be said about other questions" in perfect.population.note


ESTIMATES = [estimate([[1, 0], [1, 1]]), estimate([[1, 0], [0, 0]])]


@pytest.mark.parametrize(
    ("tasks", "weights", "words"),
    [
        ([], None, "no tasks"),
        (ESTIMATES, [1.0], "1 weights for 2 tasks"),
        (ESTIMATES, [1.0, -0.5], "weight -0.5"),
        (ESTIMATES, [1.0, math.nan], "weight nan"),
        (ESTIMATES, [1.0, math.inf], "weight inf"),
        (ESTIMATES, [1.0, "2"], "weight '2'"),
        (ESTIMATES, [0, 0], r"\[0, 0\] sum to 0"),
        ([ESTIMATES[0], estimate([[1, 0], [1, 1]], level=0.9)], None, "levels of the intervals .*: 0.95, 0.9"),
        ([dataclasses.replace(ESTIMATES[0], value=math.nan)], None, "task 1 of 1 .* nan"),
    ],
)
def test_refusals_name_the_value(tasks: list[Estimate], weights: list[float] | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        macro_average(tasks, weights)


def test_differences_refuse_as_averages_do() -> None:
    with pytest.raises(UsageError, match=r"kinds of uncertainty .*: benchmark, population"):
        macro_difference([difference(0, -1, 1), dataclasses.replace(difference(0, -1, 1), kind="population")])
    with pytest.raises(UsageError, match=r"levels .* 0\.9, 0\.8"):
        macro_difference([difference(0, -1, 1), difference(0, -1, 1, level=0.8)])
    with pytest.raises(UsageError, match="no tasks"):
        macro_difference([])


def test_the_interval_of_a_macro_difference_keeps_its_coverage() -> None:
    """Three tasks of unequal size, near the edge and not; nominal 0.90, standard error of the simulation 0.009."""
    rng = np.random.default_rng(5)
    hits, repeats = 0, 1000
    truths = [(12, 0.95, 0.9), (30, 0.5, 0.6), (60, 0.97, 0.97)]
    truth = float(np.mean([a - b for _, a, b in truths]))
    for _ in range(repeats):
        tasks = [paired(rng.random((n, 2)) < a, rng.random((n, 2)) < b, alpha=0.05) for n, a, b in truths]
        interval = macro_difference(tasks).interval
        hits += interval.low <= truth <= interval.high
    assert hits / repeats >= 0.88
