"""How an option's text may be spelt: what two spellings of the same text have in common."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from evalkit.scoring.numbers import plain_number

_INVISIBLE = dict.fromkeys(
    [0, 0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF]
) | dict(zip(range(0xFF21, 0xFF2B), range(0x41, 0x4B), strict=True))  # and fullwidth letters as plain ones
_SUPERSCRIPTS = {ord(high): f"^{low}" for high, low in zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True)}
_SIGNS = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "⁄": "/", "∕": "/", "÷": "/", "·": "*", "×": "*", "∗": "*"}
    | dict.fromkeys("“”„«»\"`´‘’'", "'")
)
_WRAPPER = re.compile(
    r"\\(?:boxed|fbox|text(?:bf|it|rm|sf|tt|normal)?|mathrm|mathbf|mathit|mathsf|mbox|operatorname|underline)\s*\{"
    r"([^{}]*)\}"
)
_TEX_NOISE = re.compile(r"\\(?:left|right|displaystyle|quad|qquad|[,;:! ()\[\]])|~")
_ESCAPED = re.compile(r"\\([$%{}&#_])")
_BADGE = re.compile(r"^[✅✔✓☑👉➡\uFE0F\s]+")
_FRAC = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}|\\[dt]?frac\s*(\d)\s*(\d)")
_SQRT = re.compile(r"\\sqrt\{([^{}]*)\}|\bsqrt\(([^()]*)\)")
_HALF_DAY = re.compile(r"(?<=\d)\s*([ap])\.?\s?m\b\.?", re.IGNORECASE)
_HYPHEN = re.compile(r"(?<=[^\W\d_]{2})-(?=[^\W\d_]{2})")
_AND = re.compile(r"[,;]\s*(and|or)\b", re.IGNORECASE)
_LOOSE = re.compile(r"^(?:[~≈]|only(?=[IVX])|[A-Za-z](?:\([a-z]\))?=(?!=))|(?<=[IVX])only$")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_COMMANDS = {
    "pi": "π", "times": "*", "cdot": "*", "div": "/", "circ": "°", "degree": "°", "infty": "∞", "approx": "≈",
    "neq": "≠", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "pm": "±", "sqrt": "√", "alpha": "α", "beta": "β",
    "emptyset": "∅", "varnothing": "∅",
    "gamma": "γ", "theta": "θ", "lambda": "λ", "mu": "μ", "sigma": "σ", "omega": "ω", "Delta": "Δ",
}  # fmt: skip
_UNIT = re.compile(r"(?<=[\d)])(?:°[CF]?|[a-zµμ](?:[a-zµμ./*]|\^-?\d){0,11})$", re.IGNORECASE)


def visible(text: str) -> str:
    """Without characters that have no width."""
    return text.translate(_INVISIBLE) if not text.isascii() or "\0" in text else text


def cleaned(text: str) -> str:
    """A statement without emphasis, TeX wrappers and other widths of the same characters."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", visible(text).translate(_SUPERSCRIPTS))
    if "\\" in text:
        for _ in range(4):
            text, count = _WRAPPER.subn(r" \1 ", text)
            if not count:
                break
        text = _TEX_NOISE.sub(" ", text)
        text = _ESCAPED.sub(r"\1", text)
    text = _BADGE.sub("", text.strip()) if not text.isascii() else text
    return text.replace("**", "").replace("__", "").replace("`", "").replace("$", "").strip().strip("*_#>").strip()


def key(text: str) -> str:
    """What two spellings of the same text have in common."""
    text = _FRAC.sub(_ratio, text)
    text = _SQRT.sub(lambda m: f"√{_grouped(m[1] or m[2] or '')}", text)
    text = _COMMAND.sub(lambda m: _COMMANDS.get(m[1], m[1]), text)
    text = _HALF_DAY.sub(r"\1m", text.translate(_SIGNS))
    text = _AND.sub(r" \1", _HYPHEN.sub(" ", text)).replace(";", ",")
    text = re.sub(r"(?<=\d)\s*per\s?cent\b", "%", text)
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"\^\{([^{}]*)\}", r"^\1", text)
    return re.sub(r"[\s'*_$]+", "", text).strip(".,;:!")


def loose(wanted: str) -> str:
    """A key without what is often left out: `x = 2` as 2, `I and II only` as `I and II`, `~10` as 10."""
    return _LOOSE.sub("", wanted)


def _ratio(match: re.Match[str]) -> str:
    return f"{_grouped(match[1] or match[3] or '')}/{_grouped(match[2] or match[4] or '')}"


def _grouped(text: str) -> str:
    text = text.strip()
    return text if re.fullmatch(r"\w+", text) else f"({text})"


def value_of(wanted: str) -> Fraction | None:
    """The number that a key stands for, with or without a unit."""
    if not any(c.isdigit() for c in wanted[:12]) or len(wanted) > 60:
        return None
    return plain_number(_UNIT.sub("", wanted))
