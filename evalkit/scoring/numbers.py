r"""Plain numbers as exact fractions, in the notations of prose and TeX; anything else is None.

>>> plain_number("$1{,}234.50$") == Fraction("1234.5")
True
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

_DECORATION = re.compile(
    r"\\(?:displaystyle|left|right|!)|\\text(?:bf|rm|it)?\{\s*\}|[$€£¥]|\\\$|\\%|%|\\circ\b|\^\{?\\circ\}?|°"
)
_GROUPED = re.compile(r"(?<=\d)(?:,|\{,\}|[\u00a0\u202f\u2009 ])(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")
_RATIO = re.compile(rf"({_NUMBER.pattern})/(\d+)")
_FRAC = re.compile(r"([+-]?)\\[dt]?frac\{([+-]?\d+)\}\{([+-]?\d+)\}")
_SPACE = re.compile(r"\\[,;:\s]|~")
_MIXED = re.compile(r"([+-]?)(\d+)\s+(\d+)/(\d+)")
_MIXED_FRAC = re.compile(r"([+-]?)(\d+)\s*\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_COLOR = re.compile(r"\\(?:textcolor|color)\s*\{\w+\}\s*\{([^{}]*)\}")
_FULLWIDTH = str.maketrans("０１２３４５６７８９．，－＋％", "0123456789.,-+%")
_SYMBOLS = "km|m|cm|mm|mi|ft|in|yd|kg|g|mg|lb|lbs|oz|s|h|hr|hrs|min|ms|L|l|mL|ml|J|kJ|N|W|kW|V|A|K|Pa|Hz|mph|sec"
_SYMBOL = rf"(?:{_SYMBOLS})(?:\^\{{?-?\d\}}?|[²³])?"
_WORDS = r"[A-Za-z]+(?: [A-Za-z]+){0,7}"
_UNIT = re.compile(
    rf"(?:\s*\\(?:text|mathrm|mbox)\s*\{{\s*(?P<tex>{_WORDS}|{_SYMBOL}/{_SYMBOL})\s*\}}(?:\^\{{?-?\d\}}?)?"
    rf"|\s+(?P<symbol>{_SYMBOL}(?:/{_SYMBOL})?)"
    rf"|\s+(?P<prose>{_WORDS}))(?:\s*\([A-Za-z ]+\))?\.?$"
    r"|\s+\([A-Za-z ]+\)\.?$"
)
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_LINKS = frozenset(["or", "and", "to"])
_CHANGES = frozenset(
    re.findall(
        r"\w+",
        """zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty seventy
        eighty ninety half halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths seventh eighth
        eighths ninth tenth tenths hundredth hundredths thousandth thousandths plus minus over divided mod modulo
        squared cubed factorial root remainder than pi negative sqrt log hundreds thousands millions billions dozens""",
    )
)
"""Words that make another number of the number before them."""
_MAX_DIGITS = 400


def plain_number(text: str) -> Fraction | None:
    """The exact value of `text` if it is nothing but one number (decimal, ratio, or simple TeX fraction)."""
    if len(text) > 2 * _MAX_DIGITS:
        return None
    bare = _COLOR.sub(r"\1", text.translate(_FULLWIDTH)).replace("−", "-").replace("–", "-")
    bare = _SPACE.sub(" ", _DECORATION.sub("", bare)).strip()
    bare = _GROUPED.sub("", bare).removesuffix(".").strip()
    if len(bare) > _MAX_DIGITS or not bare.isascii():
        return None
    if _NUMBER.fullmatch(bare):
        return Fraction(bare.removesuffix("."))
    ratio = _RATIO.fullmatch(bare)
    if ratio is not None:
        return Fraction(ratio[1]) / int(ratio[2]) if int(ratio[2]) else None
    mixed = _MIXED.fullmatch(bare) or _MIXED_FRAC.fullmatch(bare)
    if mixed is not None and int(mixed[4]):
        value = int(mixed[2]) + Fraction(int(mixed[3]), int(mixed[4]))
        return -value if mixed[1] == "-" else value
    frac = _FRAC.fullmatch(bare)
    if frac is not None and int(frac[3]):
        value = Fraction(int(frac[2]), int(frac[3]))
        return -value if frac[1] == "-" else value
    return None


class NotOneNumber(Exception):
    """The text begins like a number and is another one, or several: `5 minus two`, `2 5`, `5 tenths`."""


def number_with_unit(text: str) -> Fraction | None:
    """Like `plain_number`, with up to eight words of unit after the number; `5 million` is 5,000,000.

    Raises `NotOneNumber` for what must not be read as its first number.
    """
    inside = re.fullmatch(r"\s*\\text\{([^{}]*)\}\s*", text)
    text = inside[1] if inside else text
    unit = _UNIT.search(text[-160:])
    if unit is None:
        if re.search(r"\d(?:\s|\\[,;: ])+\d", text) and re.fullmatch(r"(?:[\d\s$]|\\[,;: ])+", text):
            found = plain_number(text)
            if found is None:
                raise NotOneNumber
            return found
        return plain_number(text)
    number = plain_number(text[: len(text) - len(unit.group())])
    words = (unit["tex"] or unit["prose"] or "").lower().split()
    if number is None or not _LINKS.isdisjoint(words):
        return None
    if unit["prose"] and len(unit["prose"]) == 1:
        return None  # a product with a variable, as in `5 x`
    if words and words[0] in _SCALES:
        number, words = number * _SCALES[words[0]], words[1:]
    if not _CHANGES.isdisjoint(words) or not _SCALES.keys().isdisjoint(words):
        raise NotOneNumber
    return number


_BASED = re.compile(r"\(?([0-9A-Za-z.]+)\)?_\{?(\d{1,2})\}?")


@dataclass(frozen=True, slots=True)
class Based:
    """Digits with the base written under them, if one is."""

    digits: str
    base: int | None

    def agrees(self, other: Based) -> bool:
        """The same digits, and no other base where both say one: `52` for `52_8` leaves out what the question said."""
        return self.digits == other.digits and (None in (self.base, other.base) or self.base == other.base)


def in_base(text: str) -> Based | None:
    """`52_8`, `(52)_{8}` and the like, or digits alone; None for other texts."""
    bare = re.sub(r"\s|\$|\\(?:text|mathrm)\{([^{}]*)\}", lambda found: found[1] or "", text)
    based = _BASED.fullmatch(bare)
    if based is not None:
        return Based(based[1].upper(), int(based[2]))
    return Based(bare.upper(), None) if re.fullmatch(r"[0-9A-Za-z.]+", bare) else None
