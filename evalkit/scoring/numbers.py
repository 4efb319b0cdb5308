r"""Plain numbers as exact fractions, and the one number of a phrase.

>>> plain_number("1,234.50")
Fraction(2469, 2)
>>> only_number("18 dollars every day")
Fraction(18, 1)
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

MAX_DIGITS = 400
_INTEGER = r"(?:\d{1,3}(?:,\d{3})+|\d+)"
_PLAIN = re.compile(rf"([+-]?) ?({_INTEGER}(?:\.\d*)?|\.\d+)(?:\s*/\s*({_INTEGER}))?")
_IN_TEXT = re.compile(rf"(?<![A-Za-z0-9_.])(?:(?<![\d)])[-+])?(?:{_INTEGER}(?:\.\d+)?|\.\d+)(?:/\d+)?(?![\d/])")
_EUROPEAN = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3}){2,}|\d{1,3}(?:\.\d{3})+,\d+|\d+,(?:\d{1,2}|\d{4,}))")
_DIGITS = re.compile(r"\d")
_GLUED = re.compile(r"\d([A-Za-z]{1,3})(?![^\W\d_])")
_FACTOR = re.compile(r"\d\s+([A-Za-z])(?![^\W\d_]|\.)")
_MYRIADS = re.compile(r"\d\s?([万萬만亿億억])")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:\.000)+")
_FORMULA = re.compile(r"\d'|[*^_\\=<>+|]")

SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_UNITS = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split(),
        range(20),
        strict=True,
    )
)
_TENS = dict(zip("twenty thirty forty fifty sixty seventy eighty ninety".split(), range(20, 100, 10), strict=True))
_PARTS = {"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
          "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "eighth": 8, "eighths": 8,
          "tenth": 10, "tenths": 10}  # fmt: skip
SHORT_UNITS = frozenset(
    "km m cm mm mi ft in yd kg g mg lb lbs oz s h hr hrs min ms L l mL ml J kJ N W kW V A K C F Pa Hz mph sec rad dB "
    "eV T mol kmh kph rpm USD EUR GBP am pm AM PM th st nd rd".split()
)
"""Symbols of units: what may follow a value even without a space."""
CHANGES = frozenset(
    "half halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths seventh eighth eighths ninth "
    "tenth tenths hundredth hundredths thousandth thousandths plus minus over divided mod modulo squared cubed "
    "factorial root remainder than pi negative sqrt log hundreds thousands millions billions dozens not or and to "
    "between from twice double triple least most under below none isn aren cannot neither nor maybe".split()
)
"""Words that make another number of the number beside them, or say that it is not one number."""


def plain_number(text: str) -> Fraction | None:
    """The exact value of `text` if it is one number: decimal, ratio, with or without separators of thousands."""
    if len(text) > MAX_DIGITS:
        return None
    found = _PLAIN.fullmatch(text)
    if found is None:
        return None
    sign, above, below = found.groups()
    digits = above.replace(",", "").rstrip(".")
    value = Fraction(int(digits) if digits.isdigit() else digits)  # from a whole number it is made ten times faster
    if below is not None:
        divisor = int(below.replace(",", ""))
        if divisor == 0:
            return None
        value /= divisor
    return -value if sign == "-" else value


def as_programs_print(wanted: Fraction | float, given: Fraction) -> bool:
    """Whether `given` has at least twelve digits and is `wanted` as far as they go: `0.08333333333333333` is 1/12."""
    if isinstance(wanted, float) and not math.isfinite(wanted):
        return False
    decimals = 0
    while (given * 10**decimals).denominator != 1:
        decimals += 1
        if decimals > 20:
            return False
    long = decimals > 0 and abs(given * 10**decimals) >= 10**11
    exact = Fraction(wanted)
    return long and abs(exact - given) <= max(Fraction(1, 10**decimals), abs(exact) / 10**14)


def european_number(text: str) -> Fraction | None:
    """`3,5`, `1.234,5` and `1.000`: a comma before the decimals, points between the thousands."""
    if len(text) <= MAX_DIGITS and _THOUSANDS.fullmatch(text):
        return Fraction(text.replace(".", ""))
    if len(text) > MAX_DIGITS or not _EUROPEAN.fullmatch(text):
        return None
    return Fraction(text.replace(".", "").replace(",", "."))


def only_number(phrase: str) -> Fraction | None:
    """The number of a phrase that names no other and no word that changes it: `18 dollars every day`."""
    if len(phrase) > MAX_DIGITS or _FORMULA.search(phrase):
        return None
    if any(
        u not in SHORT_UNITS
        for u in _GLUED.findall(phrase) + [f for f in _FACTOR.findall(phrase) if f != "a"]
        if u != "k"
    ):
        return None
    words = re.findall(r"[a-z]+", phrase.lower())
    if not _DIGITS.search(phrase):
        return number_in_words(words)
    numbers = [plain_number(n) for n in _IN_TEXT.findall(phrase)]
    if len(numbers) != 1 or not CHANGES.isdisjoint(words):
        return None
    # Every digit must belong to that number: `4210_7` and `2x3` are others.
    if _DIGITS.search(_IN_TEXT.sub(" ", phrase)):
        return None
    value = numbers.pop()
    myriads = _MYRIADS.search(phrase)
    if value is not None and myriads is not None:
        return value * (10**4 if myriads[1] in "万萬만" else 10**8)
    if value is not None and re.search(r"\dk\b", phrase):
        return value * 1000
    scales = [w for w in words if w in SCALES]
    if value is None or len(scales) > 1:
        return None
    if scales and not re.search(rf"\d\s*{scales[0]}\b", phrase.lower()):
        return None
    return value * SCALES[scales[0]] if scales else value


def number_in_words(words: list[str]) -> Fraction | None:
    """`twenty five`, `three hundred and four`: English words for one number, with other words after it."""
    if words[:1] in (["minus"], ["negative"]) and (opposite := number_in_words(words[1:])) is not None:
        return -opposite
    words = words[1:] if words[:1] == ["a"] else words
    if len(words) == 1 and words[0] in _PARTS and not words[0].endswith("s"):
        return Fraction(1, _PARTS[words[0]])
    total = current = 0
    seen = False
    for word in words:
        if word in _UNITS:
            current += _UNITS[word]
        elif word in _TENS:
            current += _TENS[word]
        elif word in SCALES and seen:
            scaled = current * SCALES[word]
            total, current = (total, scaled) if word in ("hundred", "dozen") else (total + scaled, 0)
        elif seen and word == "and":
            continue
        elif seen:
            break
        else:
            return None
        seen = True
    part = next((_PARTS[w] for w in words if w in _PARTS), 1) if seen and len(words) == 2 else 1
    changed = [w for w in words if w in CHANGES and w != "and"]
    return Fraction(total + current, part) if seen and (part > 1 or not changed) else None
