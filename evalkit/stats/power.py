"""Planning: what k samples an item can show against a published number, before one of them is drawn.

Policy: what is planned is the verdict that will be read, so the arms of `against_reference` are computed, not
their normal shortcut. Only the score that the run will have is unknown; it is predicted. If the model is as
good as the reference really is (a true difference of 0), its observed score a is spread about the published q by
the noise of both sides:

    Var(a) = v / (n k) + v / (n k_ref),       v = share p (1 - p), the variance of one sample of one item
    a ~ Beta with mean q and this variance, on the grid of 1 / (n k)

while the test knows of the reference no more than q (1 - q) / (n k_ref). The smallest margin at which parity can
be shown is then the `power` quantile of max(d + high arm, low arm - d), d = a - q. In the normal limit, with S the
standard error that the test uses and sigma = sqrt(Var(a)):

    margin = z_{1-alpha} S + z_{1-beta/2} sigma        two one-sided tests (Schuirmann 1987; Julious 2004)
    lead   = z_{1-alpha} S + z_{1-beta} sigma          superiority

How hard the items are decides `share`: 1 if each is answered right equally often (the bound; also what a single
sample an item is judged by), less if some are easy and some hopeless. Items of difficulty Beta(a, b) with a + b = 1
(U-shaped) have E[theta (1 - theta)] = p (1 - p) / 2: that is the prior. Every sample is taken to get a score.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from evalkit.errors import UsageError
from evalkit.stats.arrays import Floats, item_means, present_items, sample_values
from evalkit.stats.differences import check_kind
from evalkit.stats.estimates import BENCHMARK
from evalkit.stats.intervals import (
    benchmark_interval,
    check_alpha,
    clopper_pearson,
    normal_quantile,
    population_interval,
    whole_range,
)
from evalkit.stats.sequential import reference_side
from evalkit.stats.verdicts import check_margin
from evalkit.types import ItemSpread, Published

PRIOR_SHARE = 0.5
"""Share of p (1 - p) that is sampling noise, for items of difficulty Beta(a, b) with a + b = 1."""
BOUND_SHARE = 1.0
"""The same if all items are equally hard: no spread of difficulty gives more."""
ANY_K = 1_000_000
"""So many samples an item leave nothing of the run's own noise."""

_EARLY, _LEARNING = 1.17, 4
_N_POINTS = 200
"""Predicted scores; more of them where the power asks for a rarer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A run on `n_items` that is to be compared with a published number `value` (fraction).

    reference_samples: its k; None = not stated, counted as 1. reference_items: None = as many as the run's.
    exact: the number has no noise (a chance level). kind: which uncertainty the verdict speaks about, as in
    `against_reference`. Raises `UsageError` for a number that is out of range.
    """

    value: float
    n_items: int
    alpha: float
    power: float
    share: float = PRIOR_SHARE
    reference_items: int | None = None
    reference_samples: int | None = None
    exact: bool = False
    kind: str = BENCHMARK

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        check_kind(self.kind)
        if not 0.5 < self.power < 1.0:
            raise UsageError(f"power {self.power!r} is not between 0.5 and 1")
        if not 0.0 <= self.value <= 1.0:
            raise UsageError(f"reference value {self.value!r} is not a fraction between 0 and 1 (percent?)")
        if not 0.0 <= self.share <= 1.0:
            raise UsageError(f"share of sampling noise {self.share!r} is not between 0 and 1")
        counts = {"n_items": self.n_items, "reference n_items": self.reference_items}
        for name, count in (counts | {"reference samples": self.reference_samples}).items():
            if count is not None and count < 1:
                raise UsageError(f"{name} must be at least 1, not {count!r}")

    @property
    def level(self) -> float:
        """Of the interval that two one-sided tests at alpha read."""
        return 1 - 2 * self.alpha

    @property
    def reference_interval(self) -> tuple[float, float]:
        """What the test allows the reference's true score to be."""
        if self.exact:
            return self.value, self.value
        per_item = (self.reference_samples or 1) if self.kind == BENCHMARK else 1
        return clopper_pearson(self.value, self._reference_items * per_item, self.level)

    @property
    def _reference_items(self) -> int:
        return self.reference_items or self.n_items

    def item_variance(self, value: float, k: int) -> float:
        """Variance of the mean of k samples of one item, over repeats or over repeats and items."""
        within = self.share * value * (1 - value)
        between = 0.0 if self.kind == BENCHMARK else value * (1 - value) - within
        return between + within / k

    def spread(self, value: float, k: int) -> float:
        """Standard deviation, by the noise of both sides, of the score of a run with true mean `value`."""
        ours = self.item_variance(value, k) / self.n_items
        theirs = self.item_variance(self.value, self.reference_samples or 1) / self._reference_items
        return math.sqrt(ours + (0.0 if self.exact else theirs))

    def run_interval(self, value: float, k: int) -> tuple[float, float]:
        """Interval that a run with this observed score will have."""
        if self.kind == BENCHMARK:
            share = BOUND_SHARE if k == 1 else self.share  # a single sample shows no variance of its own
            se = math.sqrt(share * value * (1 - value) / (self.n_items * k))
            found = benchmark_interval(value, se, self.n_items * k, self.level)
        elif self.n_items == 1:
            found = whole_range(0.0, 1.0, self.level)
        else:
            n, se = self.n_items, math.sqrt(self.item_variance(value, k) / self.n_items)
            moments = ItemSpread(se=se, units=n, samples=n * k, dof=n - 1, item_dof=n - 1, kurtosis=3.0)
            found = population_interval(value, moments, self.level)
        return found.low, found.high


def pilot_share(values: ArrayLike) -> float | None:
    """Share of p (1 - p) that is sampling noise, measured: within / (within + between); None without repeats.

        within  = mean_i s_i^2                                   items with k_i >= 2 samples
        between = max(0, var(item means) - within mean(1/k_i))   (one-way analysis of variance)

    The prior counts as one further item, so that a small pilot without any variation claims no certainty.
    values: (n_items, k_max) in [0, 1], NaN where absent. None also where all samples have the same value:
    that says nothing about difficulty. Raises `UsageError` if no item has a value.
    """
    array = sample_values(values)
    array = array[present_items(array)]
    array = array[(~np.isnan(array)).sum(axis=1) >= 2]
    if not len(array):
        return None
    means, counts = item_means(array)
    within = float((np.nansum((array - means[:, None]) ** 2, axis=1) / (counts - 1)).mean())
    observed = float(means.var(ddof=1)) if len(means) > 1 else 0.0
    between = max(0.0, observed - within * float((1 / counts).mean()))
    if within + between < 1e-12:
        return None
    return (len(means) * within / (within + between) + PRIOR_SHARE) / (len(means) + 1)


def parity_margin(design: Design, k: int) -> float:
    """Smallest margin at which k samples an item show parity with the wanted power, if the true difference is 0."""
    scores = _predicted_scores(design, k)
    n_missed = len(scores) - math.ceil(design.power * len(scores))
    # the margin grows with the distance from q on either side, so the widest ones belong to the outermost scores
    outermost = [*scores[: n_missed + 1].tolist(), *scores[-n_missed - 1 :].tolist()]
    needed = {a: _margin_of(design, a, k) for a in set(outermost)}
    return sorted((needed[a] for a in outermost), reverse=True)[n_missed]


def best_margin(design: Design) -> float:
    """Smallest margin that any k reaches: what the reference's own noise (and few items) leave."""
    return parity_margin(design, ANY_K)


def reference_arm(design: Design) -> float:
    """Half the width of the reference's interval: below this margin no run shows parity, whatever its score."""
    low, high = design.reference_interval
    return (high - low) / 2


def smallest_lead(design: Design, k: int) -> float | None:
    """Smallest true lead that k samples an item show with the wanted power; None if there is no room for it.

    The score from which the interval excludes 0 is computed; the chance of reaching it is taken as normal.
    """

    def shown(a: float) -> bool:
        return a - design.value > _arms(design, a, k)[0]

    if not shown(1.0):
        return None
    threshold = _first(shown, design.value, 1.0)
    z = normal_quantile(2 * design.power - 1)

    def sure(mean: float) -> bool:
        return mean - z * design.spread(mean, k) >= threshold

    if not sure(1.0):
        return None
    return _first(sure, threshold, 1.0) - design.value


def samples_needed(design: Design, margin: float) -> int | None:
    """The k with which parity within `margin` is shown with the wanted power; None if no k is enough.

    Raises `UsageError` for a margin outside (0, 1).
    """
    check_margin(margin)
    if parity_margin(design, 1) <= margin:
        return 1
    too_few, enough = 1, 2
    while parity_margin(design, enough) > margin:
        if enough >= ANY_K:
            return None
        if enough == 2 and best_margin(design) > margin:
            return None
        too_few, enough = enough, min(2 * enough, ANY_K)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if parity_margin(design, middle) <= margin else (middle, enough)
    return enough


def rounds_needed(design: Design, margin: float) -> int | None:
    """The most rounds that `run --until-decided` needs to show parity within `margin` with the wanted power; None if
    no number is enough.

        margin - a >= 3/2 sqrt(log(1 / (alpha - beta))) se_K + z sqrt(se_K^2 + se_ref^2),  then K / EARLY + LEARNING

    with a the arm and beta the part of alpha that the reference gets (`sequential.reference_side`), z the normal
    quantile at (1 + power) / 2, and 3/2 sqrt(log) se_K the arm of the confidence sequence in its last round. EARLY:
    what the looks before the last are worth; LEARNING: rounds in which the items are not known yet; both by
    simulation. Raises `UsageError` for a margin outside (0, 1).
    """
    check_margin(margin)
    reference = Published(
        value=design.value, n_items=design.reference_items, samples=design.reference_samples, exact=design.exact
    )
    z = NormalDist().inv_cdf((1 + design.power) / 2)
    noise = max(design.item_variance(design.value, 1), 0.5 / design.n_items)

    def is_enough(rounds: int) -> bool:
        theirs = reference_side(reference, design.n_items, margin=margin, alpha=design.alpha, max_rounds=rounds)
        room = margin - max(theirs.high - theirs.value, theirs.value - theirs.low)
        se = math.sqrt(noise / (design.n_items * rounds))
        arm = 1.5 * math.sqrt(-math.log(design.alpha - theirs.alpha)) * se
        return room >= arm + z * math.hypot(se, theirs.se)

    if not is_enough(ANY_K):
        return None
    too_few, enough = 0, ANY_K
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if is_enough(middle) else (middle, enough)
    return math.ceil(enough / _EARLY) + _LEARNING


def _predicted_scores(design: Design, k: int) -> Floats:
    """Equally likely scores of a run whose model is as good as the reference really is."""
    from scipy.special import betaincinv

    q, sd = design.value, design.spread(design.value, k)
    if sd == 0:
        return np.array([q])
    # one or two items can make both noises together greater than a score between 0 and 1 can show
    weight = max(q * (1 - q) / sd**2 - 1, 0.5)
    n_points = max(_N_POINTS, min(math.ceil(2 / (1 - design.power)), 100 * _N_POINTS))
    at = (np.arange(n_points) + 0.5) / n_points
    scores: Floats = betaincinv(q * weight, (1 - q) * weight, at)
    n_samples = design.n_items * k
    return np.round(scores * n_samples) / n_samples


def _margin_of(design: Design, a: float, k: int) -> float:
    """The margin within which a run with score `a` is shown to be at parity."""
    low_arm, high_arm = _arms(design, a, k)
    d = a - design.value
    return float(max(low_arm - d, d + high_arm))


def _arms(design: Design, a: float, k: int) -> tuple[float, float]:
    """Lengths of the lower and upper arm of the interval of the difference (square-and-add, `differences`)."""
    low, high = design.run_interval(a, k)
    reference_low, reference_high = design.reference_interval
    q = design.value
    return math.hypot(a - low, reference_high - q), math.hypot(high - a, q - reference_low)


def _first(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that holds at `high` begins to hold, to 1e-6."""
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
