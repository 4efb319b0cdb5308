"""Items and clusters that do not count the same: what a plain formula gets wrong."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit import stats
from evalkit.stats import ranks
from evalkit.types import Difference, Estimate

N_REPLICATES = 300


def test_items_that_lost_samples_may_be_the_hard_ones() -> None:
    """Easy items with sixteen samples, hard ones with a single one: coverage of the same items."""
    chances, rng = np.repeat([1.0, 0.5], [180, 18]), np.random.default_rng(1)
    covered = 0
    for _ in range(N_REPLICATES):
        values = (rng.random((198, 16)) < chances[:, None]).astype(float)
        values[180:, 1:] = np.nan
        bar = stats.benchmark_error(values).interval
        covered += bar.low <= chances.mean() <= bar.high
    assert covered / N_REPLICATES > 0.93


@pytest.mark.parametrize("sizes", [[50] + [1] * 9, [100] * 3 + [1] * 100, [100] + [5] * 20])
def test_clusters_of_unequal_size(sizes: list[int]) -> None:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    rng, covered = np.random.default_rng(len(sizes)), 0
    for _ in range(N_REPLICATES):
        chances = rng.beta(0.5, 0.5, len(sizes))
        values = (rng.random(len(codes)) < chances[codes]).astype(float)
        bar = stats.population_error(values, codes.tolist()).interval
        covered += bar.low <= 0.5 <= bar.high
    assert covered / N_REPLICATES > 0.9


def test_one_large_cluster_is_said() -> None:
    codes = [0] * 50 + list(range(1, 10))
    assert "worth 1.4 equal ones" in stats.population_error(np.arange(59) % 2, codes).note


def against(estimate: Estimate, value: float, alpha: float) -> list[Difference]:
    return [stats.against_reference(estimate, value=value, n_items=None, samples=None, alpha=alpha, exact=True)]


@pytest.mark.parametrize(("n", "value"), [(198, 0.974), (30, 0.84)])
def test_p_of_a_lead_is_exact_far_below_alpha(n: int, value: float) -> None:
    """All right: the chance of that at the reference's score is value^n."""
    estimate = stats.estimate(np.ones(n))
    found = stats.verdict(
        against(estimate, value, 0.05)[0],
        [],
        margin=0.02,
        alpha=0.05,
        subject="run",
        reference="r",
        at=lambda alpha: against(estimate, value, alpha),
    )
    assert found.p_ahead == pytest.approx(value**n, rel=0.05)
    assert found.p_behind is not None and found.p_behind > 0.5


def test_an_average_of_unknowns_is_unknown() -> None:
    unknown = ranks.average([ranks.published(0.5, None)] * 25)
    assert unknown.ends(0.95) == pytest.approx((0, 1))
    others = [ranks.average([ranks.published(v, None)] * 5) for v in (0.9, 0.2)]
    assert ranks.rank_intervals(others) == [(1, 2), (1, 2)]
    single = stats.macro_average([stats.estimate([[1, 0, 1, 0]])] * 16)
    assert (single.population.interval.low, single.population.interval.high) == pytest.approx((0, 1))
