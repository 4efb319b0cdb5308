"""The bootstrap: its distribution, its seed, its limits, and that it is fast."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from evalkit.stats import bootstrap_interval, bootstrap_means, population_error


def test_three_items_have_the_ten_means_with_their_chances() -> None:
    means = np.round(bootstrap_means([0.0, 0.3, 0.9], n_replicates=40_000) * 3, 6)
    found = dict(zip(*np.unique(means, return_counts=True), strict=True))
    expected = {0.0: 1, 0.3: 3, 0.6: 3, 0.9: 4, 1.2: 6, 1.5: 3, 1.8: 3, 2.1: 3, 2.7: 1}
    assert set(found) == set(expected)
    for total, ways in expected.items():
        share = ways / 27
        assert abs(found[total] / 40_000 - share) < 5 * math.sqrt(share * (1 - share) / 40_000)


def test_means_spread_as_the_standard_error_says() -> None:
    values = np.random.default_rng(0).random(400)
    means = bootstrap_means(values, n_replicates=20_000)
    assert means.mean() == pytest.approx(values.mean(), abs=5 * means.std() / math.sqrt(20_000))
    assert means.std() == pytest.approx(population_error(values).se, rel=0.03)


def test_clusters_are_drawn_whole() -> None:
    rng = np.random.default_rng(1)
    base = rng.random(60)
    copied, labels = np.repeat(base, 4), np.repeat(np.arange(60), 4).tolist()
    np.testing.assert_allclose(bootstrap_means(copied, clusters=labels, seed=7), bootstrap_means(base, seed=7))
    sizes = rng.integers(1, 9, 60)
    values, unequal = np.repeat(base, sizes), np.repeat(np.arange(60), sizes).tolist()
    spread = bootstrap_means(values, clusters=unequal, n_replicates=20_000).std()
    assert spread == pytest.approx(population_error(values, unequal).se, rel=0.05)


def test_the_seed_decides() -> None:
    values = np.random.default_rng(2).random(50)
    np.testing.assert_array_equal(bootstrap_means(values, seed=3), bootstrap_means(values, seed=3))
    assert (bootstrap_means(values, seed=3) != bootstrap_means(values, seed=4)).any()
    other = 1 - values
    np.testing.assert_allclose(bootstrap_means(other, seed=3), 1 - bootstrap_means(values, seed=3))


def test_more_items_than_short_integers_can_number() -> None:
    values = np.zeros(70_000)
    values[65_536:] = 1.0
    means = bootstrap_means(values, n_replicates=50)
    assert means.mean() == pytest.approx(values.mean(), rel=0.02)


def test_the_interval_is_made_of_quantiles() -> None:
    values = np.random.default_rng(3).random(200)
    interval = bootstrap_interval(values, level=0.9, seed=5)
    means = bootstrap_means(values, seed=5)
    assert np.mean((means >= interval.low) & (means <= interval.high)) == pytest.approx(0.9, abs=0.001)
    assert interval.method == "percentile bootstrap over items"


@pytest.mark.parametrize(("values", "clusters"), [([0.4], None), ([1.0] * 9, None), ([0.2, 0.7], ["a", "a"])])
def test_nothing_is_claimed_where_resampling_shows_nothing(values: list[float], clusters: list[str] | None) -> None:
    interval = bootstrap_interval(values, clusters=clusters)
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_ten_thousand_replicates_are_fast() -> None:
    """0.06 s on a quiet core; the bound leaves room for a busy one."""
    values = np.random.default_rng(4).random(1319)
    taken = []
    for _ in range(3):
        started = time.process_time()
        bootstrap_means(values)
        taken.append(time.process_time() - started)
    assert min(taken) < 0.5
