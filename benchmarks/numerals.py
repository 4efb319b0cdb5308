"""One number in the notations that numbers have."""

from __future__ import annotations

import re
from fractions import Fraction

Named = list[tuple[str, str]]
_FULLWIDTH = str.maketrans("0123456789.,-", "０１２３４５６７８９．，－")


_ASKED = ("inches", "feet", "miles", "hours", "minutes", "seconds", "days", "years", "pounds", "cents", "apples")
_ASKED += ("eggs", "degrees", "meters", "units", "people", "students", "pages", "ways", "points", "books", "dollars")


def rational_notations(exact: Fraction, question: str) -> Named:
    """A number that is a fraction of integers; `question` tells which unit is meant."""
    found = decimals(exact)
    if exact.denominator != 1:
        top, bottom, sign = abs(exact.numerator), exact.denominator, "-" if exact < 0 else ""
        found += [
            ("slash", f"{sign}{top}/{bottom}"),
            ("slash-dollars", f"${sign}{top}/{bottom}$"),
            ("frac-of-decimals", rf"{sign}\frac{{{top}.0}}{{{bottom}}}"),
            ("frac-unreduced", rf"{sign}\frac{{{3 * top}}}{{{3 * bottom}}}"),
            ("minus-above", rf"\frac{{{sign}{top}}}{{{bottom}}}"),
            ("minus-below", rf"\frac{{{top}}}{{{sign}{bottom}}}"),
            ("parens-slash", f"{sign}({top})/({bottom})"),
        ]
        if top > bottom:
            whole, rest = divmod(top, bottom)
            found += [
                ("mixed", rf"{sign}{whole}\frac{{{rest}}}{{{bottom}}}"),
                ("mixed-space", rf"{sign}{whole} \frac{{{rest}}}{{{bottom}}}"),
                ("mixed-thin", rf"{sign}{whole}\,\frac{{{rest}}}{{{bottom}}}"),
                ("mixed-plain", f"{sign}{whole} {rest}/{bottom}"),
            ]
        return found
    found += _integer(exact.numerator)
    return found + _with_asked_unit(str(exact.numerator), question)


def decimals(exact: Fraction) -> Named:
    """Its decimals, where they end or repeat soon."""
    rest, twos, fives = exact.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    digits = max(twos, fives)
    sign = "-" if exact < 0 else ""
    if rest == 1 and 0 < digits <= 8:
        text = f"{sign}{abs(exact).numerator * 10**digits // exact.denominator:0{digits + 1}d}"
        text = f"{text[:-digits]}.{text[-digits:]}"
        return [
            ("decimal", text),
            ("decimal-zeros", text + "0"),
            ("decimal-without-zero", text.replace("0.", ".", 1) if abs(exact) < 1 else text),
        ]
    if rest == 1 or twos or fives:
        return []
    whole, remainder = divmod(abs(exact).numerator, exact.denominator)
    period = ""
    left = remainder
    while len(period) <= 6 and (not period or left != remainder):
        period += str(left * 10 // exact.denominator)
        left = left * 10 % exact.denominator
    if left != remainder:
        return []
    return [
        ("repeating", rf"{sign}{whole}.\overline{{{period}}}"),
        ("repeating-bar", rf"{sign}{whole}.\bar{{{period}}}"),
        ("repeating-longer", rf"{sign}{whole}.{period}\overline{{{period}}}"),
    ]


def _integer(value: int) -> Named:
    text = str(value)
    found = [
        ("point-zero", f"{text}.0"),
        ("point-zeros", f"{text}.00"),
        ("point", f"{text}."),
        ("fullwidth", text.translate(_FULLWIDTH)),
        ("text", rf"\text{{{text}}}"),
        ("textbf", rf"\textbf{{{text}}}"),
        ("mathrm", rf"\mathrm{{{text}}}"),
        ("over-one", rf"\frac{{{text}}}{{1}}"),
        ("answer-word", f"The answer is {text}"),
        ("unicode-minus", text.replace("-", "−")),
    ]
    if value > 0:
        found += [("plus", f"+{text}"), ("leading-zero", f"0{text}")]
    if abs(value) < 1_000:
        return found
    for name, comma in _THOUSANDS.items():
        found.append((f"thousands-{name}", f"{value:,}".replace(",", comma)))
    digits = text.lstrip("-").rstrip("0")
    exponent = len(text.lstrip("-")) - 1
    mantissa = ("-" if value < 0 else "") + digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return found + scientific(mantissa, str(exponent))


_THOUSANDS = {
    "comma": ",",
    "braces": "{,}",
    "thin": r"\,",
    "negative": r",\!",
    "negative-space": r",\! ",
    "space": " ",
    "narrow": "\u202f",
    "thin-unicode": "\u2009",
    "no-break": "\u00a0",
    "tilde": "~",
}


def scientific(mantissa: str, exponent: str) -> Named:
    """`mantissa` times a power of ten."""
    return [
        ("scientific-times", rf"{mantissa} \times 10^{{{exponent}}}"),
        ("scientific-cdot", rf"{mantissa}\cdot10^{{{exponent}}}"),
        ("scientific-tight", rf"{mantissa}\times10^" + (exponent if len(exponent) == 1 else f"{{{exponent}}}")),
        ("scientific-e", f"{mantissa}e{exponent}"),
        ("scientific-E", f"{mantissa}E{int(exponent):+03d}"),
        ("scientific-unicode", f"{mantissa} × 10^{exponent}"),
        ("scientific-python", f"{mantissa}*10**{exponent}" if int(exponent) > 0 else f"{mantissa}*10**({exponent})"),
    ]


def _with_asked_unit(text: str, question: str) -> Named:
    """The unit that the question asks for, and no other: whether it is right depends on it."""
    asked = re.findall(
        r"how (?:many|much)[^?.]*|what[^?]*\bin (?:dollars|cents|miles|hours)\b", question, re.IGNORECASE
    )
    last = asked[-1].lower() if asked else ""
    found = []
    for unit in _ASKED:
        if re.match(rf"how many (?:\w+ )?{unit}\b", last) or re.search(rf"\bin {unit}$", last.strip()):
            found += [
                ("unit-word", f"{text} {unit}"),
                ("unit-text", rf"{text} \text{{ {unit}}}"),
                ("unit-mathrm", rf"{text}\,\mathrm{{{unit}}}"),
                ("unit-text-tilde", rf"{text}~\text{{{unit}}}"),
            ]
    if (
        re.match(r"how much (?:money|did|does|will|do|is|was|more)\b", last)
        and "$" in question
        and "percent" not in last
    ):
        found += [
            ("currency", f"${text}"),
            ("currency-tex", rf"\${text}"),
            ("currency-cents", f"${text}.00"),
            ("currency-word", f"{text} dollars"),
        ]
    if re.search(r"what percent(?:age)?\b[^?.]*\?\s*$", question, re.IGNORECASE):
        found += [("percent", f"{text}%"), ("percent-tex", rf"{text}\%"), ("percent-word", f"{text} percent")]
    return found
