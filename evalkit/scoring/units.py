r"""Units: what stands after a value and does not change it.

`5 \text{ cm}`, `12 square units`, `3/4 cup of sugar`, `60 miles per hour`, `50\%`, `90^\circ`. A word after a value is
a unit unless it makes another number of it; a single letter is one only if it is the symbol of a unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from evalkit.scoring.numbers import CHANGES, SCALES, SHORT_UNITS
from evalkit.scoring.symbols import FUNCTIONS

_SYMBOLS = {
    "km": "km", "kilometer": "km", "kilometre": "km", "m": "m", "meter": "m", "metre": "m", "cm": "cm",
    "centimeter": "cm", "centimetre": "cm", "mm": "mm", "millimeter": "mm", "mi": "mile", "mile": "mile",
    "ft": "foot", "foot": "foot", "feet": "foot", "in": "inch", "inch": "inch", "inche": "inch", "yd": "yard",
    "yard": "yard", "kg": "kg", "kilogram": "kg", "g": "g", "gram": "g", "mg": "mg", "lb": "pound", "pound": "pound",
    "oz": "ounce", "ounce": "ounce", "s": "second", "sec": "second", "second": "second", "h": "hour", "hr": "hour",
    "hour": "hour", "min": "minute", "minute": "minute", "day": "day", "week": "week", "month": "month",
    "year": "year", "l": "liter", "liter": "liter", "litre": "liter", "ml": "ml", "milliliter": "ml",
    "dollar": "dollar", "cent": "cent", "usd": "dollar", "euro": "euro", "degree": "degree",
}  # fmt: skip
"""Units that are told apart where target and answer both name one."""
_LAST = re.compile(r"(?P<word>[A-Za-z]+)\.?(?P<power>\s*\^\s*\{?\s*-?\d\s*\}?|\d(?![\d.]))?$")
_LETTERS = re.compile(r"(?<!\\)(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])|(?<![A-Za-z\\])(?!sqrt|frac)[A-Za-z]{2,}")
_LEADING = re.compile(
    r"^(?:(?:approximately|approx\.?|about|around|roughly|nearly|exactly|only|just|a total of|total|is|are|US|USD"
    r"|Rs\.?|RM|HK|\\approx|\\sim|≈|=|:|[€£¥₹₽])\s*)+",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(r"^(?:negative|minus)\s+(?=[\d\\(])", re.IGNORECASE)
_ANGLE = re.compile(r"sin|cos|tan|cot|sec|csc|cis")
_PERCENT = re.compile(r"\s*(?:%|percent|per cent|percentage points?|pct)\.?$", re.IGNORECASE)
_DEGREES = re.compile(r"\s*(?:\^\s*(?:\{\s*(?:\\circ|o)\s*\}|\\circ|o(?![a-z]))\s*(?:[CFK]\b|Celsius|Fahrenheit)?)$")
_PARENTHESIS = re.compile(r"(?<=[\w}%)])\s\(([A-Za-z0-9 ,.%$'=/-]{1,80})\)$")
_WORD = re.compile(r"[A-Za-z]{3,}")
_NAMED = re.compile(r"^[A-Za-z](?:_\w)? ?= ?")
_PLAIN = re.compile(r"-?[\d.,/ ]*\d|-?[\d.]+ ?\\times ?10 ?\^ ?\{?-?\d+\}?|-?\\frac\{\d+\}\{\d+\}")
_GLUED = frozenset("mgshLl")
_SMALL = frozenset(
    ["of", "a", "an", "per", "the", "in", "on", "at", "for", "by", "sq", "cu", "way", "day", "old", "men"]
)
_SIZES = frozenset(["square", "cubic", "sq", "cu", "unit", "units"])
_KEPT = FUNCTIONS | {"pi", "infty", "inf", "infinity", "i", "e", "x", "y", "n"}
_MAX_WORDS = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with what stands around it."""

    body: str
    unit: str = ""
    """First word of the unit, as told apart by `other_unit`; empty if there is none."""
    percent: bool = False
    scale: int = 1
    """Of `5 million`."""


def measured(text: str) -> Measured:
    """Split a `notation.tidy` text into a value and its unit."""
    body = _LEADING.sub("", text)
    remark = _PARENTHESIS.search(body)
    if remark is not None and _WORD.search(remark[1]):
        body = body[: remark.start()]
    body = _NEGATIVE.sub("-", body).strip()
    bare = _DEGREES.sub("", body) if not _ANGLE.search(body) else body
    if bare != body and bare:
        return Measured(bare, "degree")
    bare = _PERCENT.sub("", body)
    if bare != body and bare:
        return Measured(bare, "", percent=True)
    found = _without_words(body) or Measured(body)
    bare = _PERCENT.sub("", found.body)  # `60% of the dancers`
    return Measured(bare, "", percent=True) if bare != found.body and bare else found


def other_unit(one: Measured, two: Measured) -> bool:
    """Both name a unit, and not the same."""
    first, second = _SYMBOLS.get(one.unit), _SYMBOLS.get(two.unit)
    return first is not None and second is not None and first != second


def _without_words(text: str) -> Measured | None:
    rest, words, letters = text, list[str](), False
    while len(words) < _MAX_WORDS and (found := _LAST.search(rest[-60:])) is not None:
        start = len(rest) - len(rest[-60:]) + found.start()
        word, before = found["word"], rest[:start].rstrip()
        glued = before == rest[:start]
        if rest[start - 1 : start] in ("\\", "_", "^", "{") or not _may_follow(word, bool(words)):
            break
        if glued and before[-1:].isalnum() and not _may_touch(word, bool(found["power"])):
            break
        letters |= len(word) == 1 or (len(word) == 3 and not _is_known(word))
        words.insert(0, word)
        rest = before
        if rest.endswith(("/", r"\cdot")) or (rest.endswith("-") and glued):
            shorter = rest.removesuffix("/").removesuffix("-").removesuffix(r"\cdot").rstrip()
            if shorter[-1:].isdigit() and len(word) > 2:  # `18/day`
                rest = shorter
                break
            if not shorter[-1:].isalpha() or "\\" in shorter[-12:]:
                return None
            rest = shorter
    return _as_unit(rest, words, letters)


def _is_known(word: str) -> bool:
    return word in SHORT_UNITS or word.lower() in _SYMBOLS or word.lower() in _SMALL


def _may_follow(word: str, before_others: bool) -> bool:
    """Whether it can be part of a unit: one and two letters only if they are known, and never what names a number."""
    if word in ("a", "A"):
        return before_others
    if word in _KEPT or len(word) < 3:
        return word in SHORT_UNITS or (len(word) == 2 and _is_known(word))
    return True


def _may_touch(word: str, has_power: bool) -> bool:
    """Whether it can stand right after a digit: `5cm`, `5m`, but not `5x`, and not `3s^2`, which is a product."""
    if len(word) == 1:
        return word in _GLUED and not has_power
    return word in SHORT_UNITS or len(word) > 3


def _as_unit(rest: str, words: list[str], letters: bool) -> Measured | None:
    """What the words after a value are, if they are its unit."""
    if not words or not rest or rest[-1] in "=(<>+*^_,-/":
        return None
    bare = _NAMED.sub("", rest)
    if _LETTERS.search(bare) and (letters or not any(w.lower() in _SYMBOLS or w.lower() in _SIZES for w in words)):
        return None  # after variables only what can be nothing else is a unit
    if letters and not _PLAIN.fullmatch(bare):
        return None
    lowered = [w.lower() for w in words]
    scale = 1
    if lowered[0] in SCALES:
        scale, lowered = SCALES[lowered[0]], lowered[1:]
    if not CHANGES.isdisjoint(lowered) or not SCALES.keys().isdisjoint(lowered):
        return None
    unit = lowered[0] if lowered else ""
    if unit in _SIZES and len(lowered) > 1:
        unit = lowered[1]
    return Measured(rest, unit if unit in _SYMBOLS else unit.removesuffix("s"), scale=scale)
