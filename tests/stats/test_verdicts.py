"""Verdicts: which word for which interval, the tests behind it, and claims over several tasks."""

from __future__ import annotations

from statistics import NormalDist

import pytest
from scipy.stats import norm

from evalkit.errors import UsageError
from evalkit.stats import decide, holm, not_comparable, on_all, verdict
from evalkit.types import Difference, Interval, Outcome, Verdict


def difference(low: float, high: float, value: float | None = None, level: float = 0.9) -> Difference:
    value = (low + high) / 2 if value is None else value
    se = (high - low) / 2 / NormalDist().inv_cdf(0.5 + level / 2)
    interval = Interval(low=low, high=high, level=level, method="test")
    return Difference(value=value, se=se, interval=interval, kind="benchmark", method="test")


def judge(headline: Difference, *bounds: Difference, informal: tuple[str, ...] = ()) -> Verdict:
    return verdict(headline, bounds, margin=0.02, alpha=0.05, subject="m", reference="o1 on aime", informal=informal)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.01, 0.01, Outcome.EQUIVALENT),
        (0.005, 0.015, Outcome.EQUIVALENT),
        (-0.015, -0.005, Outcome.EQUIVALENT),
        (0.005, 0.05, Outcome.SUPERIOR),
        (0.03, 0.05, Outcome.SUPERIOR),
        (-0.05, -0.005, Outcome.INFERIOR),
        (-0.05, -0.03, Outcome.INFERIOR),
        (-0.01, 0.05, Outcome.NON_INFERIOR),
        (-0.05, 0.01, Outcome.INCONCLUSIVE),
        (-0.05, 0.05, Outcome.INCONCLUSIVE),
        (-0.02, 0.01, Outcome.INCONCLUSIVE),
        (-0.01, 0.02, Outcome.NON_INFERIOR),
    ],
)
def test_outcome_of_an_interval(low: float, high: float, expected: Outcome) -> None:
    assert decide(difference(low, high), margin=0.02, alpha=0.05)[0] is expected


@pytest.mark.parametrize("value", [-0.03, -0.005, 0.0, 0.012, 0.04])
@pytest.mark.parametrize("se", [0.004, 0.02])
def test_p_values_are_the_two_one_sided_normal_tests(value: float, se: float) -> None:
    z = norm.ppf(0.95)
    got = difference(value - z * se, value + z * se)
    outcome, p_lower, p_upper = decide(got, margin=0.02, alpha=0.05)
    assert p_lower == pytest.approx(norm.sf((value + 0.02) / se))
    assert p_upper == pytest.approx(norm.cdf((value - 0.02) / se))
    assert (outcome is Outcome.EQUIVALENT) == (max(p_lower, p_upper) < 0.05)


def test_p_values_follow_an_asymmetric_interval() -> None:
    _, p_lower, p_upper = decide(difference(-0.019, 0.05, value=0.0), margin=0.02, alpha=0.05)
    assert p_lower < 0.05 < p_upper


def test_p_values_without_uncertainty() -> None:
    assert decide(difference(0.0, 0.0), margin=0.02, alpha=0.05) == (Outcome.EQUIVALENT, 0.0, 0.0)


@pytest.mark.parametrize("margin", [0.0, -0.01, 1.0, 2.0, float("nan")])
def test_margin_must_be_a_fraction(margin: float) -> None:
    with pytest.raises(UsageError, match="margin"):
        decide(difference(-0.01, 0.01), margin=margin, alpha=0.05)


def test_interval_must_fit_alpha() -> None:
    with pytest.raises(UsageError, match=r"0\.95"):
        decide(difference(-0.01, 0.01, level=0.95), margin=0.02, alpha=0.05)


def test_agreeing_bounds_keep_the_outcome() -> None:
    got = judge(difference(-0.381, -0.303), difference(-0.39, -0.31), difference(-0.30, -0.25))
    assert got.outcome is Outcome.INFERIOR
    assert got.sentence == (
        "m is behind o1 on aime by more than 2 points (difference -34.2 points, 90 % interval for "
        "same items -38.1 to -30.3, margin 2)"
    )
    assert got.notes == ()


def test_a_bound_with_another_outcome_makes_it_inconclusive() -> None:
    got = judge(difference(-0.01, 0.01), difference(-0.10, -0.05), difference(-0.01, 0.01))
    assert got.outcome is Outcome.INCONCLUSIVE
    assert "parity, behind" in got.notes[0]
    assert "samples without a score decide" in got.sentence


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.01, 0.01, "m is at parity with o1 on aime: a difference of 2 points or more is ruled out"),
        (0.03, 0.05, "m is ahead of o1 on aime by more than 2 points"),
        (0.01, 0.05, "a lead is shown, but not one of more than 2 points"),
        (-0.05, -0.01, "a gap is shown, but not one of more than 2 points"),
        (-0.01, 0.05, "m is not behind o1 on aime by 2 points or more; neither parity nor a lead is shown"),
        (-0.05, 0.05, "neither parity within 2 points nor a difference is shown"),
    ],
)
def test_sentence_says_what_was_shown(low: float, high: float, said: str) -> None:
    got = judge(difference(low, high))
    assert said in got.sentence
    assert "90 % interval" in got.sentence


def test_informal_is_marked() -> None:
    got = judge(difference(-0.01, 0.01), informal=("the protocols differ", "2 samples are owed"))
    assert got.informal and "informal, since the protocols differ and 2 samples are owed" in got.sentence
    assert "informal" not in judge(difference(-0.01, 0.01)).sentence


def test_zero_is_not_printed_as_minus_zero() -> None:
    assert "difference +0.0 points" in judge(difference(-0.0101, 0.01, value=-0.0001)).sentence


def test_braces_in_names_are_kept() -> None:
    got = verdict(difference(-0.01, 0.01), [], margin=0.02, alpha=0.05, subject="{x}", reference="{0} on {y}")
    assert got.sentence.startswith("{x} is at parity with {0} on {y}:")


def test_not_comparable() -> None:
    got = not_comparable("other item count", margin=0.02, alpha=0.05, subject="m", reference="o1")
    assert got.outcome is Outcome.NOT_COMPARABLE
    assert got.sentence == "m and o1 are not comparable: other item count"
    assert got.p_lower is None and got.difference is None


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["equivalent", "superior", "non_inferior"], True),
        (["equivalent", "inconclusive"], False),
        (["superior", "inferior"], False),
        (["superior", "not_comparable"], False),
    ],
)
def test_a_claim_holds_only_on_all(outcomes: list[str], expected: bool) -> None:
    assert on_all(Outcome(o) for o in outcomes) is expected


def test_a_claim_over_nothing_is_refused() -> None:
    with pytest.raises(UsageError):
        on_all([])


def test_holm_by_hand() -> None:
    # sorted 0.005 <= 0.05/4, 0.01 <= 0.05/3, 0.03 > 0.05/2: stop, so 0.04 <= 0.05/1 is not rejected either
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05).tolist() == [True, False, False, True]
    assert holm([], 0.05).tolist() == []


def test_holm_refusals() -> None:
    with pytest.raises(UsageError, match="nan"):
        holm([0.1, float("nan")], 0.05)
    with pytest.raises(UsageError, match="alpha 0"):
        holm([0.1], 0)
