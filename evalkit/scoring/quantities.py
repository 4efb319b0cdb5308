r"""Numbers as answers write them: with a unit, in a phrase, in a base, as a time of the day, a duration, or a share."""

from __future__ import annotations

import re
from fractions import Fraction

from evalkit.scoring.expressions import parse
from evalkit.scoring.notation import tidy
from evalkit.scoring.numbers import only_number, plain_number
from evalkit.scoring.symbols import NotRead
from evalkit.scoring.units import Measured, measured
from evalkit.scoring.values import value

_BASED = re.compile(r"\(?([0-9A-Za-z.]+)\)?_\{?(\d{1,2}|[a-z]+)\}?(?:\s*\(?base.*)?")
_BASE_WORDS = re.compile(r"\(?([0-9A-Za-z.]+)\)?\s*\(?(?:in )?base[ -](\d{1,2}|[a-z]+)\)?")
_BASES = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
          "ten": "10", "eleven": "11", "twelve": "12", "sixteen": "16"}  # fmt: skip
_CLOCK = re.compile(r"(\d{1,2})(?:\s*[:.]\s*(\d\d))?\s*([ap])\.?\s?m\.?|(\d{1,2})\s*:\s*(\d\d)", re.IGNORECASE)
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*(days?|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b", re.IGNORECASE)
_ALSO = re.compile(r"(\d[\d.,]*\s[a-z]+)\s*(?:=|,? or|,? i\.e\.,?)\s*\d.*[a-z]", re.IGNORECASE)
_SHARE = re.compile(r"(\d{1,9}) (?:in|out of|over) (\d{1,9})(?: [a-z ]+)?", re.IGNORECASE)
_PROSE = re.compile(
    r"^[^=<>\\\d(\[{|]{0,80}?(?:\b(?:is|are|was|were|be|equals?|equal to|by|as)\b|:)\s*(?=\S)", re.IGNORECASE
)


def in_base(text: str) -> tuple[str, str | None] | None:
    """(digits, base) of `52_8`, `(52)_{8}`, `52 base 8`, or (digits, None); None for other texts."""
    found = _BASED.fullmatch(text.replace(" ", "")) or _BASE_WORDS.fullmatch(text)
    if found is not None:
        base = _BASES.get(found[2], found[2])
        return (found[1].upper(), base) if base.isdecimal() and _in_digits_of(found[1], int(base)) else None
    return (text.upper(), None) if re.fullmatch(r"\d[0-9A-Za-z.]*", text) else None


def _in_digits_of(text: str, base: int) -> bool:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"[:base] + "."
    return 2 <= base <= 36 and all(c in digits for c in text.lower())


def time_of_day(text: str) -> tuple[int, int, str | None] | None:
    """(hour of 24, minute, half of the day as `a` or `p` if it is known)."""
    found = _CLOCK.fullmatch(text.removeprefix("at "))
    if found is None:
        return None
    hour, half = int(found[1] or found[4]), (found[3] or "").lower() or None
    if half is not None:
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour, int(found[2] or found[5] or 0), half or ("p" if hour > 12 else None)


def durations(text: str) -> list[Fraction]:
    """`2 hours 40 minutes` in days, hours, minutes and seconds; empty for what is not of several parts."""
    parts = _PARTS.findall(text)
    if len(parts) < 2 or re.sub(r"[\s,]|and", "", _PARTS.sub("", text)):
        return []
    seconds = sum((Fraction(amount) * _SECONDS[unit[0].lower()] for amount, unit in parts), Fraction(0))
    return [seconds / size for size in _SECONDS.values()]


def exact_value(text: str) -> Fraction | None:
    """The number that a text is, in any notation, with or without a unit."""
    return exact(measured(tidy(text)))


def exact(measured_: Measured) -> Fraction | None:
    body = measured_.body
    found = plain_number(body)
    if found is None:
        if re.search(r"[A-DF-Za-df-z,;=]", body.replace(r"\frac", "").replace(r"\times", "").replace(r"\cdot", "")):
            return None
        try:
            exact = value(parse(body))
        except (NotRead, ArithmeticError):
            return None
        found = exact if isinstance(exact, Fraction) else None
    return None if found is None else found * measured_.scale


def without_prose(text: str) -> str:
    """Without the words that lead to a value: `The solutions are 1 and 2`."""
    return _PROSE.sub("", text, count=1)


def number_in_phrase(text: str) -> Fraction | None:
    """The one number of a phrase; of a sentence about it, of the part that says what it is."""
    if (also := _ALSO.fullmatch(text)) is not None:  # `160 minutes = 2 hours 40 minutes`
        return only_number(also[1])
    said = without_prose(text)
    found = only_number(said)
    return only_number(text) if found is None and said != text else found


def share(text: str, wanted: Fraction) -> Fraction | None:
    """`1 in 4`, `3 out of 8`, `3 over 4`, where a fraction is asked for."""
    found = _SHARE.fullmatch(text)
    if found is None or wanted.denominator == 1 or not int(found[2]):
        return None
    return Fraction(int(found[1]), int(found[2]))
