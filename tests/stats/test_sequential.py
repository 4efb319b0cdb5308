"""Looking after every round: error rates by simulation, what rests, and when a verdict is decided."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit import stats
from evalkit.errors import UsageError
from evalkit.types import Outcome, Published

ALPHA = 0.05
ROUNDS = 32
SCORED, UNPARSED, ERRORED = (stats.STATUSES.index(name) for name in ("scored", "unparsed", "errored"))


def rounds_of(rng: np.random.Generator, chances: np.ndarray, rounds: int = ROUNDS) -> np.ndarray:
    return (rng.random((len(chances), rounds)) < chances[:, None]).astype(float)


def all_scored(values: np.ndarray) -> np.ndarray:
    return np.full(values.shape, SCORED, dtype=np.int8)


DESIGNS = {
    "equal": np.full(30, 0.5),
    "rarely right": np.full(30, 0.03),
    "some hopeless, some sure, some even": np.repeat([0.0, 1.0, 0.5], 10),
    "two items": np.array([0.9, 0.2]),
    "one hard among easy ones": np.append(np.full(59, 0.99), 0.1),
}


@pytest.mark.parametrize(
    "design",
    [name if name.startswith(("equal", "one")) else pytest.param(name, marks=pytest.mark.slow) for name in DESIGNS],
)
def test_either_end_is_ever_wrong_with_chance_alpha_at_most(design: str) -> None:
    chances, rng = DESIGNS[design], np.random.default_rng(len(design))
    truth, n_replicates = chances.mean(), 200
    too_high = too_low = 0
    for _ in range(n_replicates):
        values = rounds_of(rng, chances)
        allotted = stats.allocation(values, ROUNDS)
        track = stats.confidence_sequence(values, alpha=ALPHA, max_rounds=ROUNDS, allotted=allotted)
        too_high += bool((track.low > truth + 1e-12).any())
        too_low += bool((track.high < truth - 1e-12).any())
    most = n_replicates * ALPHA + 3 * math.sqrt(n_replicates * ALPHA * (1 - ALPHA))
    assert too_high <= most and too_low <= most


MISSING = {
    "at random": np.full(100, 0.3),
    "on hard items": np.repeat([0.0, 0.5], [70, 30]),
    "everywhere but on a few": np.repeat([1.0, 0.0], [97, 3]),
}


@pytest.mark.parametrize("where", MISSING)
def test_the_ends_hold_whatever_the_missing_samples_would_have_been(where: str) -> None:
    chances = np.repeat([0.95, 0.1], [70, 30])
    rng, truth, n_replicates = np.random.default_rng(len(where)), float(chances.mean()), 120
    wrong = 0
    for _ in range(n_replicates):
        values = rounds_of(rng, chances, 16)
        statuses = all_scored(values)
        statuses[rng.random(values.shape) < MISSING[where][:, None]] = ERRORED
        found = stats.sequential_estimate("t", values, statuses, max_rounds=16)
        for estimate in (found.headline, found.excluded):
            assert estimate is not None
            wrong += not estimate.benchmark.interval.low <= truth <= estimate.benchmark.interval.high
    assert wrong <= 2 * (n_replicates * ALPHA + 3 * math.sqrt(n_replicates * ALPHA))


def test_rounds_that_contradict_each_other_show_nothing() -> None:
    """A model that changes in the middle of a run."""
    values = np.ones((200, 20))
    values[:, 10:] = 0
    assert decided(values[:, 8:], exact(0.5)) is not None, "each half alone would"
    found = stats.sequential_estimate("t", values, all_scored(values), max_rounds=ROUNDS).headline.benchmark
    assert (found.interval.low, found.interval.high) == (0, 1) and "contradict" in found.note


def test_what_one_reference_needs_does_not_undo_another() -> None:
    """A lead that is later known to be small is decided all the same."""
    values = rounds_of(np.random.default_rng(21), np.full(400, 0.8))
    statuses = all_scored(values)
    statuses[np.random.default_rng(22).random(values.shape) < 0.006] = UNPARSED
    lead = decided(values, exact(0.755), margin=0.04, statuses=statuses)
    assert lead is not None
    assert all(decided(values[:, :r], exact(0.755), margin=0.04, statuses=statuses[:, :r]) == lead for r in (lead, 32))


def test_a_usual_interval_looked_at_after_every_round_is_wrong_far_more_often() -> None:
    """What the sequence is for; if this fails, the test above shows nothing."""
    chances, rng = DESIGNS["equal"], np.random.default_rng(5)
    wrong = 0
    for _ in range(100):
        values = rounds_of(rng, chances)
        bars = [stats.benchmark_error(values[:, : r + 1], 1 - 2 * ALPHA).interval for r in range(ROUNDS)]
        wrong += any(bar.low > chances.mean() for bar in bars)
    assert wrong > 2 * 100 * ALPHA


@pytest.mark.parametrize("design", ["equal", "some hopeless, some sure, some even"])
def test_the_estimate_is_unbiased_although_items_rest(design: str) -> None:
    chances, rng = DESIGNS[design], np.random.default_rng(11)
    found = []
    for _ in range(80):
        values = rounds_of(rng, chances)
        values = np.where(stats.allocation(values, ROUNDS).asked[:, :ROUNDS], values, np.nan)
        estimate = stats.sequential_estimate("t", values, np.where(np.isnan(values), -1, SCORED), max_rounds=ROUNDS)
        found.append(estimate.headline.value)
    assert abs(np.mean(found) - chances.mean()) < 3.5 * np.std(found) / math.sqrt(len(found))


def test_items_that_have_settled_rest_and_others_do_not() -> None:
    chances = np.repeat([0.0, 1.0, 0.5], 60)
    values = rounds_of(np.random.default_rng(2), chances)
    share = stats.allocation(values, ROUNDS).asked[:, 8:ROUNDS].mean(axis=1)
    assert share[:120].mean() < 0.6 and share[120:].mean() > 0.95
    equal = rounds_of(np.random.default_rng(2), np.full(180, 0.5))
    assert stats.allocation(equal, ROUNDS).asked.mean() > 0.97


def test_who_is_asked_depends_on_the_rounds_before_the_last_only() -> None:
    """So that a round can begin while the one before it is under way, and a run that is resumed asks the same."""
    values = rounds_of(np.random.default_rng(3), np.linspace(0, 1, 40))
    whole = stats.allocation(values, ROUNDS).asked
    for complete in (0, 1, 5, 20):
        assert (stats.allocation(values[:, :complete], ROUNDS).asked == whole[:, : complete + 2]).all()
    changed = values.copy()
    changed[:, 10] = 1 - changed[:, 10]
    assert (stats.allocation(changed, ROUNDS).asked[:, :12] == whole[:, :12]).all()
    assert (stats.allocation(changed, ROUNDS).asked[:, 12] != whole[:, 12]).any()


def test_values_of_items_that_were_not_to_be_asked_change_nothing() -> None:
    values = rounds_of(np.random.default_rng(4), np.repeat([0.0, 1.0, 0.5], 20))
    allotted = stats.allocation(values, ROUNDS)
    other = np.where(allotted.asked[:, :ROUNDS], values, 1 - values)
    first, second = (
        stats.confidence_sequence(v, alpha=ALPHA, max_rounds=ROUNDS, allotted=allotted) for v in (values, other)
    )
    assert (first.low == second.low).all() and (first.high == second.high).all()


def decided(values: np.ndarray, *references: Published, margin: float = 0.05, statuses: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    codes = all_scored(values) if statuses is None else statuses
    return stats.decided_after(values, codes, references=references, margin=margin, alpha=ALPHA, max_rounds=ROUNDS)


def exact(value: float) -> Published:
    return Published(value=value, n_items=None, samples=None, exact=True)


def test_a_clear_case_is_decided_soon_and_a_close_one_is_not() -> None:
    rng = np.random.default_rng(8)
    values = rounds_of(rng, np.full(200, 0.6))
    soon = decided(values, exact(0.2))
    assert soon is not None and soon <= 3
    assert decided(values, exact(0.2), exact(0.6), margin=0.01) is None
    wide = decided(values, exact(0.6), margin=0.1)
    narrow = decided(values, exact(0.6), margin=0.06)
    assert wide is not None and narrow is not None and soon <= wide < narrow


def test_decided_is_when_the_difference_says_so_for_the_first_time() -> None:
    values = rounds_of(np.random.default_rng(9), np.full(300, 0.7))
    reference = Published(value=0.6, n_items=500, samples=4)
    after = decided(values, reference)
    assert after is not None
    read = stats.readings(values, all_scored(values), "t")
    track = stats.sequential_differences(
        read, stats.allocation(values, ROUNDS), reference, margin=0.05, alpha=ALPHA, max_rounds=ROUNDS
    )[0]
    outcomes = [stats.decide(d, margin=0.05, alpha=ALPHA)[0] for d in track]
    ends = {Outcome.EQUIVALENT, Outcome.SUPERIOR, Outcome.INFERIOR}
    assert outcomes[after - 1] in ends and not set(outcomes[: after - 1]) & ends
    assert decided(values[:, : after - 1], reference) is None and decided(values[:, :after], reference) == after


def test_a_published_number_with_noise_takes_longer_than_an_exact_one() -> None:
    values = rounds_of(np.random.default_rng(10), np.full(300, 0.7))
    sharp, noisy = decided(values, exact(0.7)), decided(values, Published(value=0.7, n_items=2000, samples=1))
    assert sharp is not None and noisy is not None and sharp < noisy
    assert decided(values, Published(value=0.7, n_items=100, samples=None)) is None, "its own error exceeds the margin"


def test_samples_without_a_score_must_not_decide() -> None:
    """A third is unparsed: counted as wrong the run is behind, left out it is not."""
    rng = np.random.default_rng(12)
    values = rounds_of(rng, np.full(200, 0.9))
    statuses = all_scored(values)
    assert decided(values, exact(0.9)) is not None
    statuses[rng.random(values.shape) < 1 / 3] = UNPARSED
    assert decided(values, exact(0.9), statuses=statuses) is None
    assert decided(values, exact(0.2), statuses=statuses) is not None, "ahead, however they are counted"


def test_errored_samples_leave_the_estimate_where_it_is() -> None:
    rng = np.random.default_rng(13)
    values = rounds_of(rng, np.linspace(0, 1, 100))
    statuses = all_scored(values)
    statuses[rng.random(values.shape) < 0.1] = ERRORED
    found = stats.sequential_estimate("t", values, statuses, max_rounds=ROUNDS)
    assert found.headline.value == pytest.approx(0.5, abs=0.02)
    assert found.as_wrong.value < 0.48 < found.headline.value
    assert found.statuses["errored"] == (statuses == ERRORED).sum()


@pytest.mark.parametrize("values", [np.ones((5, 3)), np.zeros((5, 3)), np.ones((1, 1)), np.full((4, 2), 0.25)])
def test_extreme_values_give_finite_and_honest_ends(values: np.ndarray) -> None:
    bar = stats.sequential_estimate("t", values, all_scored(values), max_rounds=8).headline.benchmark
    assert 0 <= bar.interval.low <= values.mean() <= bar.interval.high <= 1
    assert bar.interval.high - bar.interval.low > 0.05 and math.isfinite(bar.se)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stats.confidence_sequence(np.ones((3, 9)), alpha=0.05, max_rounds=8), "9 rounds are more than the 8"),
        (lambda: stats.confidence_sequence(np.ones((3, 2)), alpha=0.5, max_rounds=8), "alpha 0.5"),
        (lambda: stats.confidence_sequence(np.ones((0, 2)), alpha=0.05, max_rounds=8), "at least one item"),
        (lambda: stats.confidence_sequence(np.full((2, 2), 1.5), alpha=0.05, max_rounds=8), "1.5"),
        (lambda: decided(np.ones((3, 2))), "without a reference"),
        (lambda: decided(np.ones((3, 2)), exact(0.5), margin=1.0), "margin 1.0"),
        (lambda: decided(np.ones((3, 2)), exact(79.2)), "79.2"),
    ],
)
def test_bad_input(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=words):
        call()
