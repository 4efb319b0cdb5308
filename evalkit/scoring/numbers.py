r"""Plain numbers as exact fractions, in the notations of prose and TeX; anything else is None.

>>> plain_number("$1{,}234.50$") == Fraction("1234.5")
True
"""

from __future__ import annotations

import re
from fractions import Fraction

_DECORATION = re.compile(
    r"\\(?:displaystyle|left|right|!|,|;|:|\s)|\\text(?:bf|rm|it)?\{\s*\}|[$€£¥]|\\\$|\\%|%|\\circ\b|\^\{?\\circ\}?|°"
)
_GROUPED = re.compile(r"(?<=\d)(?:,|\{,\}|[\u00a0\u202f\u2009 ])(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")
_RATIO = re.compile(rf"({_NUMBER.pattern})/(\d+)")
_FRAC = re.compile(r"([+-]?)\\[dt]?frac\{([+-]?\d+)\}\{([+-]?\d+)\}")
_UNIT = re.compile(r"(?:\s*\\(?:text|mathrm|mbox)\s*\{\s*|\s+)([A-Za-z]+(?: [A-Za-z]+){0,3})\s*\}?\.?$")
_NOT_A_UNIT = frozenset(["or", "and", "to", "times", "hundred", "thousand", "million", "billion", "trillion", "dozen"])
_MAX_DIGITS = 400


def plain_number(text: str) -> Fraction | None:
    """The exact value of `text` if it is nothing but one number (decimal, ratio, or simple TeX fraction)."""
    if len(text) > 2 * _MAX_DIGITS:
        return None
    bare = _DECORATION.sub("", text.replace("−", "-").replace("–", "-")).strip()
    bare = _GROUPED.sub("", bare).removesuffix(".").strip()
    if len(bare) > _MAX_DIGITS or not bare.isascii():
        return None
    if _NUMBER.fullmatch(bare):
        return Fraction(bare.removesuffix("."))
    ratio = _RATIO.fullmatch(bare)
    if ratio is not None:
        return Fraction(ratio[1]) / int(ratio[2]) if int(ratio[2]) else None
    frac = _FRAC.fullmatch(bare)
    if frac is not None and int(frac[3]):
        value = Fraction(int(frac[2]), int(frac[3]))
        return -value if frac[1] == "-" else value
    return None


def number_with_unit(text: str) -> Fraction | None:
    """Like `plain_number`, with up to four words of unit after the number; words that change its size are refused."""
    unit = _UNIT.search(text[-100:])
    if unit is None or not _NOT_A_UNIT.isdisjoint(unit[1].lower().split()):
        return plain_number(text)
    return plain_number(text[: len(text) - len(unit.group())])
