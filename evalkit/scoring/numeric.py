"""The `numeric` scorer: one number, equal to the target up to a stated tolerance.

The number may stand in prose, with a unit, thousands separators or a power of ten. An answer that holds two different
numbers names none, unless an equals sign says which one is the result.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction

from evalkit.errors import UsageError
from evalkit.scoring import extract
from evalkit.scoring.exact import accepted
from evalkit.scoring.grade import Judged, grade
from evalkit.scoring.numbers import only_number
from evalkit.scoring.quantities import exact_value
from evalkit.types import Generation, Item, Json, Score

_MAX_ANSWER = 2_000
_MAX_EXPONENT = 400
_MINUS = str.maketrans("−–＋－０１２３４５６７８９．，", "--+-0123456789.,")
_NUMBER = re.compile(
    r"(?<![\w.,^])(?:[$€£¥]\s?)?(?P<sign>[-+]?)\s?(?:\\?[$€£¥]\s?)?"
    r"(?P<digits>\d{1,3}(?:(?P<comma>[,'\u00a0\u202f\u2009 ]|\{,\}|\\,)\d{3})(?:(?P=comma)\d{3})*(?!\d)|\d+)?"
    r"(?P<decimals>\.\d+)?"
    r"(?P<power>\s*(?:(?:[×x*·]|\\times|\\cdot)\s*10\s*\^\s*\{?\s*|(?<=[\d])[eE])(?P<exponent>[-+]?\d{1,4})\}?)?"
    r"(?:\s?/\s?(?P<under>\d+))?(?P<scale>\s(?:thousand|million|billion|trillion)\b)?(?![\d^])"
)
_NOT_THIS = re.compile(r"(?<=\w)\s?[,;(]\s*(?:and\s+)?not\b.*", re.DOTALL)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


class NumericScorer:
    """`scorer: numeric`.

    `scorer_args`: `relative` and `absolute` are the tolerances (0 each: equal values; either is enough), `fallback`
    allows a guess. A target may be a list of accepted numbers.
    """

    name = "numeric"
    version = "2"

    def __init__(self, args: Mapping[str, Json]) -> None:
        self._fallback = extract.allowed_fallback(self.name, args, "relative", "absolute")
        self._relative = tolerance(self.name, args, "relative")
        self._absolute = tolerance(self.name, args, "absolute")

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation against `item.target`."""
        return grade(
            generation,
            lambda text: extract.final_answer(text, self._fallback),
            lambda answer: self._judge(item.target, answer),
            f"{self.name}@{self.version}",
        )

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same: nothing here takes long."""
        return self.score(item, generation)

    def close(self) -> None:
        """Nothing to stop."""

    def _judge(self, target: Json, answer: str) -> Judged:
        wanted = [number_in(t) for t in accepted(target, None)]
        if None in wanted:
            return Judged(None, "number", f"the target {str(target)[:80]!r} is no number")
        given = number_in(answer)
        if given is None:
            return Judged(0.0, "number", "the answer is not one number")
        right = any(w is not None and close(w, given, self._relative, self._absolute) for w in wanted)
        return Judged(float(right), "number")


def tolerance(scorer: str, args: Mapping[str, Json], name: str) -> Fraction:
    """An argument that is a number of at least 0; raises `UsageError`."""
    value = args.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise UsageError(f"scorer {scorer}: {name} must be a number of at least 0, not {value!r}")
    return Fraction(str(value))


def close(wanted: Fraction, given: Fraction, relative: Fraction, absolute: Fraction) -> bool:
    """Whether two numbers differ by no more than one of the tolerances; the relative one is a share of `wanted`."""
    return abs(wanted - given) <= max(absolute, relative * abs(wanted))


def number_in(text: str) -> Fraction | None:
    """The one number that a short text holds; None if there is none, or several that differ."""
    text = text[:_MAX_ANSWER].translate(_MINUS)
    whole = exact_value(text)
    if whole is not None:
        return whole
    if not re.search(r"\d", text):
        return only_number(text.strip(" .*_`"))
    text = _NOT_THIS.sub("", text)
    result = re.split(r"=|≈|\\approx\b", text)[-1]
    for part in (result, text):
        values = {v for v in map(_value, _NUMBER.finditer(part)) if v is not None}
        if len(values) == 1:
            return values.pop()
        if values:
            return None
    return None


def _value(match: re.Match[str]) -> Fraction | None:
    digits, decimals = match["digits"], match["decimals"]
    if digits is None and decimals is None:
        return None
    if len(match.group()) > _MAX_EXPONENT:
        return None
    value = Fraction(re.sub(r"\D", "", digits or "0") + (decimals or ""))
    if match["exponent"] is not None:
        exponent = int(match["exponent"])
        if abs(exponent) > _MAX_EXPONENT:
            return None
        value *= Fraction(10) ** exponent
    if match["under"] is not None:
        if not int(match["under"]):
            return None
        value /= int(match["under"])
    if match["scale"] is not None:
        value *= _SCALES[match["scale"].strip()]
    return -value if match["sign"] == "-" else value
