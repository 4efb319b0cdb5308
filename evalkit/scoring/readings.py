r"""What one text may mean: an answer says more or less than its target does, and not always in one way."""

from __future__ import annotations

import re

from evalkit.scoring.expressions import parse
from evalkit.scoring.numbers import plain_number
from evalkit.scoring.quantities import without_prose
from evalkit.scoring.symbols import NotRead
from evalkit.scoring.units import Measured, measured
from evalkit.scoring.values import value

_GROUPS = re.compile(r"\d,\d{3}(?!\d)")
_TURNED = re.compile(r"([\[\]])([^\[\]]+)([\[\]])")
_LABEL = re.compile(r"^\([A-J]\)\s*(?=\S)")
_BUILDER = re.compile(
    r"\\\{\s*([a-zA-Z])(?:\s*\\in\s*(?:\\mathbb\s*\{?\s*R\s*\}?|R))?\s*(?:\||:|\\mid|\\colon)\s*(.+)\\\}"
)
_EXCEPT = re.compile(
    r"all real (?:numbers|values)(?: of [a-z])? (?:except|but|other than)(?: for)? (?:[a-z] = )?(.+)", re.I
)
_CONDITION = re.compile(
    r"[,;]?\s*(?:\(\s*)?(?:(?:for|where|with|when|if)\b\s*(?:all|any|every|some|each)?\s*)?[a-zA-Z](?:_\w)?\s*"
    r"(?:\\in|\\geq?|\\leq?|\\neq?|>|<)(?![a-z]).*$|\s+for (?:all|any|every) [a-z]$"
)
_ABOUT = re.compile(
    r"(.*\S) (?:\((?:\\approx|or|=|i\.e\.,?|about|approximately)? ?(?:about |approximately )?(-?\d*\.\d+)\)"
    r"|(?:or|i\.e\.,?) (?:about |approximately )?(-?\d*\.\d+))"
)
_POINT = re.compile(r"(?:[A-Z]|(?:[A-Za-z]+ )*[A-Za-z]{3,}) ?(?=\([^()]*,)")
_APPROX = re.compile(r"\s*(?:\\approx|\\simeq|\\doteq)(?![A-Za-z])\s*")
_MEMBER_UNIT = re.compile(r"(?<=\d)\s*(?:[a-z]{3,}|[cmk]?m|ft|in|kg|g)(?=\s*(?:,|;|and\b|$))")


def readings(text: str, unit: Measured, wanted: str | None = None) -> list[str]:
    """What a `notation.tidy` text may mean, the likeliest first.

    As it stands, without its unit, without the sentence before it, with commas between thousands, and, of an answer to
    `wanted`, without what it says beside it.
    """
    if plain_number(text) is not None:
        text = text.replace(",", "")
    texts = [text]
    if unit.body != text:
        texts.append(unit.body)
    if (said := without_prose(text)) != text:
        texts += [said, measured(said).body]
    if wanted is not None:
        texts += _loose(text, wanted)
    if _GROUPS.search(text):
        texts = [re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", t) for t in texts] + texts
    return list(dict.fromkeys(texts + _sets(text)))


def _loose(text: str, wanted: str) -> list[str]:
    """What an answer says beside the target: an approximation, a condition, the letter of a choice, units."""
    found = list[str]()
    if (about := _ABOUT.fullmatch(text)) is not None and _close(about[1], about[2] or about[3]):
        found.append(about[1])
    if (named := _POINT.match(text)) is not None:
        found.append(text[named.end() :])
    if ":" in wanted and (ratio := re.sub(r"(?<=\d) to (?=\d)", ":", text)) != text:
        found.append(ratio)
    sides = _APPROX.split(text)
    if len(sides) > 1 and all(sides):
        found += sides
    if not _CONDITION.search(wanted) and (bare := _CONDITION.sub("", text)) not in ("", text):
        found.append(bare)
    if (bare := _LABEL.sub("", text)) != text:
        found.append(bare)
    if ("," in text or " and " in text) and (bare := _MEMBER_UNIT.sub("", text)) != text:
        found.append(bare)
    return found


def _close(exact: str, rounded: str) -> bool:
    """Whether the second is about the first, as in `2\\sqrt{5} or about 4.47`."""
    try:
        number = value(parse(exact))
        return not isinstance(number, complex) and abs(float(number) - float(rounded)) <= 0.01 * abs(float(number))
    except (NotRead, ArithmeticError):
        return False


def _sets(text: str) -> list[str]:
    r"""`\{x : x > 3\}` is its condition, `]1, 2[` an open interval, `all real numbers except 2` the line without it."""
    if (builder := _BUILDER.fullmatch(text)) is not None:
        return [builder[2]]
    if (turned := _TURNED.fullmatch(text)) is not None:
        return [{"]": "("}.get(turned[1], "[") + turned[2] + {"[": ")"}.get(turned[3], "]")]
    if (holes := _EXCEPT.fullmatch(text)) is not None:
        return [rf"\mathbb{{R}} \setminus \{{{holes[1].replace(' and ', ',')}\}}"]
    return []
