"""Looking after every round: intervals for the score on these items that hold at all rounds at once.

A round is one more sample of each item. Whoever looks at a usual interval after every round, and stops when he likes
what he sees, is wrong far more often than it says. A *confidence sequence* covers the true score at every round
simultaneously with the stated probability, so it may be looked at as often as one likes.

The theorem (betting on bounded means, Waudby-Smith & Ramdas 2024; Ville 1939). Sample j of item i has a value X_ij in
[0, 1] with unknown mean p_i; wanted is p = mean of the p_i. Let m_ij be a prediction of X_ij and s_j in (0, 1) a bet,
both fixed before round j. Since 1 + x <= e^x,

    E[1 + s_j (X_ij - m_ij)] = 1 + s_j (p_i - m_ij) <= exp(s_j (p_i - m_ij)),

so that at the true p

    W_r = exp( sum_{j <= r} sum_i [log(1 + s_j (X_ij - m_ij)) + s_j m_ij]  -  p n sum_{j <= r} s_j )

is a supermartingale that starts at 1: the chance that it ever reaches 1 / alpha is at most alpha. The values of p at
which it has not are the interval; its other end follows from bets -s_j. Good predictions and bets make the interval
narrow, bad ones only wide. Each item is predicted from its own past, so the width depends on the noise *within* items,
which is what repeating the run would show. Nothing is assumed about difficulty, nor about large numbers. What is
assumed: the samples of a round are independent, and p_i stays what it is while the run goes on. If a model changes in
between, the ends may cross; then nothing is claimed any more.

A sample that was asked for and has no value could have had any: it counts as 0 for the lower end and 1 for the upper.

Allocation. An item that always gives the same value teaches little by being asked again: item i is asked in round j
with a chance c_ij, fixed before, and X_ij is replaced by m_ij + (X_ij - m_ij) / c_ij, or m_ij if it is not asked. The
mean is the same, so the theorem holds unchanged. (The draw is the same in every run; it knows nothing of the answers.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalkit.errors import UsageError
from evalkit.stats.arrays import Floats, sample_values
from evalkit.stats.intervals import check_alpha

BETTING = "betting confidence sequence"
FULL_ROUNDS = 4
"""Rounds in which every item is asked, before any is asked more rarely."""
LEAST_CHANCE = 0.25
"""An item is asked at least so often: one that only seemed settled is found out."""
_MOST_BET = 0.5
"""Times the chance: keeps every factor 1 + s x at one half or more."""
_USUAL_TOLL = math.log(20)
_SHRINKAGE = 0.5, 100.0
_SEED = 7919


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Who is asked in which round; shapes (n_items, rounds + 2): known two rounds ahead of what is complete."""

    chances: Floats
    asked: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """What is known after each round; shapes (rounds,)."""

    low: Floats
    high: Floats
    value: Floats
    """Unbiased estimate after a number of rounds fixed beforehand: the mean of what was bet on."""
    se: Floats
    """Its standard error, from what the predictions missed by."""
    contradicted: bool
    """The ends crossed: the rounds are not samples of one and the same model. Then the interval is the whole range."""


class _Past:
    """What the rounds so far tell about the next one."""

    def __init__(self, n_items: int, max_rounds: int) -> None:
        self.n, self.horizon = n_items, n_items * max_rounds
        self.sums = np.zeros(n_items)
        self.counts = np.zeros(n_items)
        self.squares = 0.0
        self.rounds = 0

    def predictions(self) -> Floats:
        """Expected value of the next sample of each item, (n,): its own mean, shrunk to that of all items.

        The shrinkage is the ratio of the variance within to that between items, by the method of moments.
        """
        total = float(self.counts.sum())
        pooled = (float(self.sums.sum()) + 0.5) / (total + 1)
        several = self.counts > 1
        shrinkage = _SHRINKAGE[1]
        if several.any():
            k = self.counts[several]
            means = self.sums[several] / k
            within = float(np.mean(means * (1 - means) * k / (k - 1)))
            between = float(np.mean((means - pooled) ** 2)) - within * float(np.mean(1 / k))
            if between * _SHRINKAGE[1] > within:
                shrinkage = max(_SHRINKAGE[0], within / between)
        predicted: Floats = (self.sums + shrinkage * pooled) / (self.counts + shrinkage)
        return predicted

    def bet(self, toll: float) -> float:
        """The stake that is best for a decision half way to the last round: sqrt(4 log(1/alpha) / (v n K)).

        v: variance that the predictions left unexplained so far.
        """
        variance = 0.25 if self.rounds == 0 else (self.squares / self.n + 0.5 / self.n) / self.rounds
        return min(_MOST_BET, math.sqrt(4 * toll / (variance * self.horizon)))

    def chances(self) -> Floats:
        """Chance (n,) to be asked: proportional to an item's expected noise sqrt(m (1 - m)), 1 from its root mean
        square over the items on; this buys most certainty a sample (Neyman 1934)."""
        if self.rounds + 1 < FULL_ROUNDS:
            return np.ones(self.n)
        predicted = self.predictions()
        noise = predicted * (1 - predicted)
        least = min(1.0, max(LEAST_CHANCE, self.bet(_USUAL_TOLL) / _MOST_BET))
        allotted: Floats = np.clip(np.sqrt(noise / max(float(noise.mean()), 1e-12)), least, 1.0)
        return allotted

    def add(self, x: Floats, miss: Floats) -> None:
        """One more round: values with NaN where there is none, and what the predictions missed by."""
        seen = ~np.isnan(x)
        self.sums += np.where(seen, x, 0.0)
        self.counts += seen
        self.rounds += 1
        if self.rounds == 1:  # nothing was known: as if the mean of the round had been predicted
            mean = (float(self.sums.sum()) + 0.5) / (float(self.counts.sum()) + 1)
            self.squares = self.n * mean * (1 - mean)
        else:
            self.squares += float(miss @ miss)


def allocation(values: ArrayLike, max_rounds: int) -> Allocation:
    """Who is to be asked in the rounds so far and in the next two.

    values: (n_items, rounds) in [0, 1] of complete rounds, NaN where an item was not asked or gave nothing. The
    chances of a round depend on the rounds up to the last but one, so that a round can begin before the one before it
    is complete; the draw depends on nothing but the place of the item and the number of the round. Raises
    `UsageError` without items.
    """
    array = _rounds(values, max_rounds)
    n, rounds = array.shape
    past = _Past(n, max_rounds)
    columns = [np.ones(n), np.ones(n)]
    for j in range(rounds):
        x = np.where(_drawn(j, columns[j]), array[:, j], np.nan)
        miss = np.where(np.isnan(x), 0.0, x - past.predictions()) / columns[j]
        past.add(x, miss)
        columns.append(past.chances())
    chances = np.stack(columns, axis=1)
    return Allocation(chances=chances, asked=np.stack([_drawn(j, c) for j, c in enumerate(columns)], axis=1))


def confidence_sequence(
    values: ArrayLike, *, alpha: float, max_rounds: int, allotted: Allocation | None = None
) -> Sequence:
    """The interval after each round; each end is wrong at any round ever with probability alpha at most.

    values: (n_items, rounds) in [0, 1], NaN where an item that was asked gave no value: the interval holds whatever
    it would have been, the estimate takes the item's mean for it. max_rounds: what the bets are tuned to. allotted:
    how items were chosen, if not all were asked every time; values of items that were not to be asked are ignored.
    Raises `UsageError` for no items, more rounds than `max_rounds`, another number of items than
    `allotted`, or alpha outside (0, 0.5).
    """
    array = _rounds(values, max_rounds)
    toll = -math.log(check_alpha(alpha))
    if allotted is None:
        allotted = Allocation(chances=np.ones(array.shape), asked=np.ones(array.shape, dtype=np.bool_))
    if len(allotted.asked) != len(array) or allotted.asked.shape[1] < array.shape[1]:
        raise UsageError(f"an allocation of shape {allotted.asked.shape} does not fit values of shape {array.shape}")
    array = np.where(allotted.asked[:, : array.shape[1]], array, np.nan)
    missing = allotted.asked[:, : array.shape[1]] & np.isnan(array)
    middle = _bets(np.where(missing, _means(array)[:, None], array), allotted, toll, max_rounds)
    if missing.any():
        low = _bets(np.where(missing, 0.0, array), allotted, toll, max_rounds)[0]
        high = _bets(np.where(missing, 1.0, array), allotted, toll, max_rounds)[1]
    else:
        low, high = middle[:2]
    low, high = np.maximum.accumulate(np.maximum(low, 0.0)), np.minimum.accumulate(np.minimum(high, 1.0))
    crossed = low > high
    low, high = np.where(crossed, 0.0, low), np.where(crossed, 1.0, high)
    return Sequence(
        low=low, high=high, value=np.clip(middle[2], low, high), se=middle[3], contradicted=bool(crossed.any())
    )


def _means(array: Floats) -> Floats:
    """Mean of each item (n,); that of all items where it has none."""
    counts = (~np.isnan(array)).sum(axis=1)
    sums = np.nansum(array, axis=1)
    overall = float(sums[counts > 0].sum() / counts.sum()) if counts.any() else 0.5
    return np.where(counts > 0, sums / np.maximum(counts, 1), overall)


def _bets(array: Floats, allotted: Allocation, toll: float, max_rounds: int) -> tuple[Floats, Floats, Floats, Floats]:
    """(low, high, value, se) after each round; NaN in `array` is an item that was not asked."""
    n, rounds = array.shape
    past = _Past(n, max_rounds)
    low, high, value, se = (np.empty(rounds) for _ in range(4))
    up = down = staked = total = 0.0
    for j in range(rounds):
        x, chance = array[:, j], allotted.chances[:, j]
        predicted = past.predictions()
        miss = np.where(np.isnan(x), 0.0, x - predicted) / chance
        bet = min(past.bet(toll), _MOST_BET * float(chance.min()))
        sure = bet * float(predicted.sum())
        up += float(np.log1p(bet * miss).sum()) + sure
        down += float(np.log1p(-bet * miss).sum()) - sure
        staked += n * bet
        total += float((predicted + miss).sum())
        low[j], high[j], value[j] = (up - toll) / staked, (toll - down) / staked, total / (n * (j + 1))
        past.add(x, miss)
        se[j] = math.sqrt(past.squares) / (n * (j + 1))
    return low, high, value, se


def _rounds(values: ArrayLike, max_rounds: int) -> Floats:
    array = sample_values(values)
    if not len(array):
        raise UsageError("a sequence of rounds needs at least one item")
    if not (isinstance(max_rounds, int) and max_rounds >= 1):
        raise UsageError(f"max_rounds must be a whole number of at least 1, not {max_rounds!r}")
    if array.shape[1] > max_rounds:
        raise UsageError(f"{array.shape[1]} rounds are more than the {max_rounds} that were declared")
    return array


def _drawn(round_: int, chances: Floats) -> NDArray[np.bool_]:
    """Which items are asked in a round: the same whenever it is computed."""
    drawn: NDArray[np.bool_] = np.random.default_rng([_SEED, round_]).random(len(chances)) < chances
    return drawn
