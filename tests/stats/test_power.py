"""Planning keeps its word: a planned k shows what it promises, as often as it promises, by real verdicts."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, norm

from evalkit.errors import UsageError
from evalkit.stats import (
    STATUSES,
    Design,
    against_reference,
    best_margin,
    decide,
    decided_after,
    estimate,
    parity_margin,
    pilot_share,
    reference_arm,
    rounds_needed,
    samples_needed,
    smallest_lead,
)
from evalkit.types import Outcome, Published

AIME = Design(value=0.798, n_items=30, alpha=0.05, power=0.8, reference_samples=64)
UNSTATED = dataclasses.replace(AIME, value=0.792, reference_samples=None)


def difficulties(mean: float, n_items: int, total: float) -> np.ndarray:
    """Chances of `n_items` evenly spread over Beta(a, b) with a + b = total, shifted to have just this mean."""
    theta = beta.ppf((np.arange(n_items) + 0.5) / n_items, mean * total, (1 - mean) * total)
    for _ in range(50):
        theta = np.clip(theta + mean - theta.mean(), 0, 1)
    return np.asarray(theta)


def achieved(design: Design, k: int, margin: float, lead: float, wanted: set[Outcome], total: float) -> float:
    """How often a run `lead` ahead of the reference gets one of the outcomes, both answering the same items."""
    rng = np.random.default_rng(20260101)
    theirs = difficulties(design.value, design.n_items, total)
    ours = difficulties(design.value + lead, design.n_items, total)
    n_trials, reference_k = 800, design.reference_samples or 1
    hits = 0
    for _ in range(n_trials):
        published = rng.binomial(reference_k, theirs).mean() / reference_k
        values = rng.random((design.n_items, k)) < ours[:, None]
        difference = against_reference(
            estimate(values.astype(float)),
            value=float(published),
            n_items=design.n_items,
            samples=design.reference_samples,
            alpha=design.alpha,
        )
        hits += decide(difference, margin=margin, alpha=design.alpha)[0] in wanted
    return hits / n_trials


CASES = [(30, 0.8, 64, 0.06), (198, 0.7, 16, 0.03), (500, 0.93, 4, 0.022), (100, 0.5, 8, 0.08)]


@pytest.mark.parametrize(("n_items", "value", "reference_k", "margin"), CASES)
def test_the_planned_k_shows_parity_as_often_as_asked(
    n_items: int, value: float, reference_k: int, margin: float
) -> None:
    design = Design(value=value, n_items=n_items, alpha=0.05, power=0.8, reference_samples=reference_k)
    k = samples_needed(design, margin)
    assert k is not None and k > 1
    shown = achieved(design, k, margin, 0.0, {Outcome.EQUIVALENT}, total=1.0)
    assert 0.75 < shown < 0.87
    assert parity_margin(design, k) <= margin < parity_margin(design, max(1, k // 2))


def test_equally_hard_items_need_the_bound() -> None:
    """The bound is what items of one difficulty take; the prior would promise them too much."""
    design = Design(value=0.7, n_items=198, alpha=0.05, power=0.8, reference_samples=64, share=1.0)
    k = samples_needed(design, 0.03)
    fewer = samples_needed(dataclasses.replace(design, share=0.5), 0.03)
    assert k is not None and fewer is not None and k > 1.6 * fewer
    assert 0.75 < achieved(design, k, 0.03, 0.0, {Outcome.EQUIVALENT}, total=1e6) < 0.87
    assert achieved(design, fewer, 0.03, 0.0, {Outcome.EQUIVALENT}, total=1e6) < 0.6


@pytest.mark.parametrize(("n_items", "value", "reference_k", "margin"), CASES)
def test_the_smallest_lead_is_shown_as_often_as_asked(
    n_items: int, value: float, reference_k: int, margin: float
) -> None:
    design = Design(value=value, n_items=n_items, alpha=0.05, power=0.8, reference_samples=reference_k)
    lead = smallest_lead(design, 4)
    assert lead is not None
    shown = achieved(design, 4, 1e-6, lead, {Outcome.SUPERIOR}, total=1.0)
    assert 0.74 < shown < 0.9


@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("k", [4, 32])
def test_with_many_items_the_textbook_formulas_hold(share: float, k: int) -> None:
    """margin = z_{1-alpha} S + z_{1-beta/2} sigma and lead = z_{1-alpha} S + z_{1-beta} sigma."""
    q, n, reference_k, alpha, power = 0.7, 20_000, 8, 0.05, 0.9
    design = Design(value=q, n_items=n, alpha=alpha, power=power, share=share, reference_samples=reference_k)
    tested = math.sqrt(q * (1 - q) / n * (share / k + 1 / reference_k))
    spread = math.sqrt(q * (1 - q) / n * share * (1 / k + 1 / reference_k))
    z = norm.ppf([1 - alpha, 1 - (1 - power) / 2, power])
    assert parity_margin(design, k) == pytest.approx(z[0] * tested + z[1] * spread, rel=0.03)
    assert smallest_lead(design, k) == pytest.approx(z[0] * tested + z[2] * spread, rel=0.03)


def test_a_reference_of_unstated_k_sets_a_floor() -> None:
    """One answer to each of 30 questions: no k of ours makes up for what was not measured there."""
    assert samples_needed(UNSTATED, 0.05) is None
    assert 0.12 < reference_arm(UNSTATED) < 0.15
    assert reference_arm(UNSTATED) < best_margin(UNSTATED) <= parity_margin(UNSTATED, 64) + 1e-3
    assert samples_needed(AIME, 0.05) is not None


def test_within_the_references_arm_no_run_shows_parity_whatever_its_score() -> None:
    margin = reference_arm(UNSTATED) - 0.002
    for right in np.linspace(0, 1, 31):
        values = np.tile(np.arange(400) < 400 * right, (30, 1))
        found = against_reference(estimate(values.astype(float)), value=0.792, n_items=30, samples=None, alpha=0.05)
        assert decide(found, margin=margin, alpha=0.05)[0] is not Outcome.EQUIVALENT


def test_a_number_without_noise_leaves_no_floor() -> None:
    design = dataclasses.replace(UNSTATED, exact=True)
    assert reference_arm(design) == 0
    assert best_margin(design) < 1e-3
    needed = samples_needed(design, 0.01)
    assert needed is not None and parity_margin(design, needed) <= 0.01


def test_more_samples_do_not_make_more_questions() -> None:
    """30 questions say little of questions like these, and more about them the more alike they are."""
    new = dataclasses.replace(AIME, kind="population")
    assert best_margin(new) > 0.2 > best_margin(AIME)
    assert best_margin(dataclasses.replace(new, n_items=3000, reference_items=3000)) < 0.03


@pytest.mark.parametrize(("n_items", "k"), [(400, 4), (400, 16), (1319, 2)])
@pytest.mark.parametrize("total", [0.5, 1.0, 4.0])
def test_a_pilot_measures_the_share_of_sampling_noise(n_items: int, k: int, total: float) -> None:
    """Items of difficulty Beta(a, b) have E[theta (1 - theta)] = p (1 - p) (a + b) / (a + b + 1)."""
    rng = np.random.default_rng(3)
    theta = rng.beta(0.7 * total, 0.3 * total, n_items)
    share = pilot_share((rng.random((n_items, k)) < theta[:, None]).astype(float))
    assert share == pytest.approx(total / (total + 1), abs=0.07)


@pytest.mark.parametrize("values", [[[1], [0], [1]], [[1, 1], [1, 1]], [[0.0, float("nan")], [1.0, float("nan")]]])
def test_what_a_pilot_cannot_show(values: Any) -> None:
    assert pilot_share(values) is None


def test_a_small_pilot_without_variation_claims_no_certainty() -> None:
    share = pilot_share([[1, 1], [0, 0], [1, 1]])
    assert share is not None and share > 0.1


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("k", [1, 64])
def test_a_reference_at_the_end_of_the_scale(value: float, k: int) -> None:
    design = dataclasses.replace(AIME, value=value)
    assert 0 < parity_margin(design, k) < 0.2
    lead = smallest_lead(design, k)
    assert lead is None if value == 1.0 else lead is not None and 0 < lead < 0.3


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("value", 79.8),
        ("value", float("nan")),
        ("n_items", 0),
        ("alpha", 0.5),
        ("power", 1.0),
        ("power", 0.5),
        ("share", 1.5),
        ("reference_samples", 0),
        ("reference_items", 0),
        ("kind", "both"),
    ],
)
def test_wrong_designs_are_refused_with_their_value(field: str, wrong: Any) -> None:
    with pytest.raises(UsageError, match=str(wrong)):
        dataclasses.replace(AIME, **{field: wrong})


@pytest.mark.parametrize("margin", [0.0, 1.0, float("nan")])
def test_wrong_margins_are_refused(margin: float) -> None:
    with pytest.raises(UsageError, match="margin"):
        samples_needed(AIME, margin)


def test_the_most_rounds_planned_give_the_power_asked_for() -> None:
    """Runs that are looked at after every round, as good as an exact reference."""
    design = Design(value=0.5, n_items=100, alpha=0.05, power=0.8, exact=True)
    margin, fixed = 0.035, samples_needed(design, 0.035)
    most = rounds_needed(design, margin)
    assert fixed is not None and most is not None and 1.2 * fixed < most < 2.2 * fixed
    rng, n_replicates, shown, used = np.random.default_rng(4), 60, 0, 0
    for _ in range(n_replicates):
        chances = rng.beta(0.5, 0.5, 100)
        values = (rng.random((100, most)) < chances[:, None]).astype(float)
        reference = Published(value=float(chances.mean()), n_items=None, samples=None, exact=True)
        statuses = np.full(values.shape, STATUSES.index("scored"), dtype=np.int8)
        after = decided_after(values, statuses, references=[reference], margin=margin, alpha=0.05, max_rounds=most)
        shown += after is not None
        used += after or most
    assert shown / n_replicates >= 0.7 and used / n_replicates < 1.4 * fixed
    noisy = Design(value=0.5, n_items=100, alpha=0.05, power=0.8, reference_items=100, reference_samples=1)
    assert rounds_needed(noisy, margin) is None, "the reference's own error is larger than the margin"
