"""The headline of a task and its two bounds."""

from __future__ import annotations

import pytest

from evalkit.errors import UsageError
from evalkit.stats import task_estimate
from evalkit.types import Status

NAN = float("nan")
S, U, T, R, E = Status.SCORED, Status.UNPARSED, Status.TRUNCATED, Status.REFUSED, Status.ERRORED


def test_three_readings_of_unscored_samples() -> None:
    values = [[1, 1], [1, NAN], [NAN, NAN], [0, NAN]]
    statuses = [[S, S], [S, U], [T, R], [S, E]]
    got = task_estimate("aime", values, statuses, samples_owed=3)
    assert got.headline.value == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert got.headline.n_samples == 7
    assert got.as_wrong.n_samples == 8
    assert got.as_wrong.value == pytest.approx((1 + 0.5 + 0 + 0) / 4)
    assert got.excluded is not None
    assert got.excluded.value == pytest.approx((1 + 1 + 0) / 3)
    assert got.statuses == {"scored": 4, "unparsed": 1, "truncated": 1, "refused": 1, "errored": 1}
    assert got.samples_owed == 3


def test_errors_lower_only_the_pessimistic_bound() -> None:
    got = task_estimate("t", [[1, NAN], [1, NAN]], [[S, E], [S, E]])
    assert (got.headline.value, got.as_wrong.value) == (1.0, 0.5)
    assert got.excluded is not None and got.excluded.value == 1.0


def test_nothing_scored_has_a_headline_of_zero_but_no_excluded_bound() -> None:
    got = task_estimate("t", [[NAN, NAN]] * 3, [[T, T]] * 3)
    assert got.headline.value == 0
    assert got.excluded is None


def test_absent_samples_are_not_counted() -> None:
    got = task_estimate("t", [[1, NAN], [0, NAN], [NAN, NAN]], [["scored", ""], ["scored", ""], ["", ""]])
    assert (got.headline.n_items, got.headline.n_samples, got.headline.value) == (2, 2, 0.5)
    assert got.secondary == {}


def test_secondary_metrics() -> None:
    values = [[1, 1, 0], [0, 0, 1], [0, NAN, 0]]
    statuses = [[S, S, S], [S, S, S], [S, U, S]]
    labels = [[0, 0, 1], [0, 0, 1], [0, -1, 1]]
    got = task_estimate("t", values, statuses, labels=labels)
    assert got.secondary == {"pass@3": pytest.approx(2 / 3), "g-pass@3:1": 0.0, "maj@3": pytest.approx(1 / 3)}
    everywhere = task_estimate("t", [[1, 1], [1, 0]], [[S, S], [S, S]])
    assert everywhere.secondary == {"pass@2": 1.0, "g-pass@2:1": 0.5}


def test_no_secondary_metric_from_fewer_samples_than_k() -> None:
    assert task_estimate("t", [[1, 1], [1, NAN]], [[S, S], [S, E]]).secondary == {}


def test_partial_credit_has_no_pass_at_k() -> None:
    got = task_estimate("t", [[0.5, 1]], [[S, S]], labels=[[0, 1]])
    assert got.secondary == {"maj@2": pytest.approx(0.75)}


@pytest.mark.parametrize(
    ("values", "statuses", "named"),
    [
        ([[NAN]], [[E]], "task t: no sample has a status that can be counted"),
        ([[NAN]], [[""]], "task t: no sample"),
        ([[1.0]], [["fine"]], "'fine'"),
        ([[NAN]], [[S]], "value NaN"),
        ([[1.0, 1.0]], [[S]], "differ in shape"),
        ([[2.0]], [[S]], "2.0"),
    ],
)
def test_refusals(values: list[list[float]], statuses: list[list[str]], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        task_estimate("t", values, statuses)


def test_labels_must_fit() -> None:
    with pytest.raises(UsageError, match="labels"):
        task_estimate("t", [[1, 1]], [[S, S]], labels=[[0]])
