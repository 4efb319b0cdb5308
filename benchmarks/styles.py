"""Expressions written as models write them: in TeX, plain text, Python, and with the characters that Unicode has."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from expressions import GREEK, Node, number


@dataclass(frozen=True, slots=True)
class Style:
    """How an expression is written."""

    frac: str = r"\frac"
    """A command, `/` on one line, or `short` for `\\frac43` where that is TeX."""
    times: str = ""
    """Between factors; always something where two numbers meet."""
    power: str = "{}"
    """`{}` as in TeX, `()` as in plain text, `**` as in Python, `²` where there is such a character."""
    root: str = r"\sqrt{}"
    """Or `\\sqrt2`, `sqrt()`, `√`, `1/2` for a power."""
    pi: str = r"\pi"
    parens: tuple[str, str] = ("(", ")")
    space: str = ""
    """Around `+` and `-`."""
    minus: str = "-"
    functions: str = "\\"

    @property
    def tex(self) -> bool:
        """Whether braces group."""
        return self.power == "{}"


TEX = Style(space=" ")
PYTHON = Style(frac="/", times="*", power="**", root="sqrt()", pi="pi", functions="", space=" ")
PLAIN = Style(frac="/", times="*", power="()", root="sqrt()", pi="pi", functions="")
UNICODE = Style(frac="/", times="·", power="²", root="√", pi="π", functions="", minus="−", space=" ")
STYLES = {
    "tex": TEX,
    "tight": Style(),
    "dfrac": replace(TEX, frac=r"\dfrac"),
    "tfrac": replace(TEX, frac=r"\tfrac", space=r"\,"),
    "frac-short": Style(frac="short", root=r"\sqrt2"),
    "slash": Style(frac="/"),
    "cdot": replace(TEX, times=r" \cdot "),
    "times": replace(TEX, times=r"\times "),
    "left-right": Style(frac=r"\dfrac", parens=(r"\left(", r"\right)"), space=r"\;"),
    "half-power": replace(TEX, root="1/2"),
    "python": PYTHON,
    "plain": PLAIN,
    "unicode": UNICODE,
    "unicode-implicit": replace(UNICODE, times=""),
}


def write(node: Node, style: Style = TEX) -> str:
    """The text of a tree."""
    return _written(node, style)[0]


def _written(node: Node, style: Style) -> tuple[str, int]:
    """Text and how tightly it binds: 0 sum, 1 sign, 2 product, 3 slash, 4 power, 5 whole."""
    if node.kind == "num":
        return node.text, 5
    if node.kind == "sym":
        return _symbol(node.text, style), 5
    if node.kind in ("add", "pm"):
        return _sum(node, style), 0
    if node.kind == "neg":
        return style.minus + _held(node.args[0], style, 2), 1
    if node.kind == "mul":
        return _product(node, style), 2
    if node.kind == "mixed":
        whole, top, bottom = (a.text for a in node.args)
        return (f"{whole} {top}/{bottom}" if style.frac == "/" else f"{whole}\\frac{{{top}}}{{{bottom}}}"), 2
    if node.kind == "div":
        return _fraction(node, style)
    if node.kind == "pow":
        return _held(node.args[0], style, 5) + _exponent(node.args[1], style), 4
    if node.kind == "root":
        return _root(node, style)
    inner = write(node.args[0], style)
    return f"{style.functions}{node.text}{style.parens[0]}{inner}{style.parens[1]}", 5


def _symbol(name: str, style: Style) -> str:
    if name == "pi":
        return style.pi
    if name in GREEK:
        return "\\" + name if style.tex else name
    letter, _, index = name.partition("_")
    return f"{letter}_{{{index}}}" if index and style.tex else name


def _held(node: Node, style: Style, least: int) -> str:
    text, tightness = _written(node, style)
    return text if tightness >= least else style.parens[0] + text + style.parens[1]


def _sum(node: Node, style: Style) -> str:
    if node.kind == "pm":
        left = "" if node.args[0] == number(0) else _held(node.args[0], style, 0)
        return f"{left}{style.space}" + (r"\pm " if style.tex else "±") + _held(node.args[1], style, 2)
    text = _held(node.args[0], style, 1)
    for term in node.args[1:]:
        sign, inner = (style.minus, term.args[0]) if term.kind == "neg" else ("+", term)
        text += f"{style.space}{sign}{style.space}{_held(inner, style, 2)}"
    return text


def _product(node: Node, style: Style) -> str:
    text = ""
    for factor in node.args:
        one = _held(factor, style, 4 if style.frac == "/" else 3)
        sign = style.times if text else ""
        if text and not sign:
            if one[0].isdigit():
                sign = r" \cdot " if style.tex else "*"
            elif one[0].isalpha() and re.search(r"\\[a-zA-Z]+$", text):
                sign = " "
            elif text[-1].isdigit() and one.startswith(("\\frac", "\\dfrac", "\\tfrac")):
                sign = r" \cdot "
        text += sign + one
    return text


def _fraction(node: Node, style: Style) -> tuple[str, int]:
    top, bottom = node.args
    if style.frac == "/":
        return f"{_held(top, style, 2)}/{_held(bottom, style, 4)}", 3
    above, below = write(top, style), write(bottom, style)
    if style.frac == "short" and re.fullmatch(r"\d\d", above + below) and len(above) == 1:
        return f"\\frac{above}{below}", 5
    command = r"\frac" if style.frac == "short" else style.frac
    return f"{command}{{{above}}}{{{below}}}", 5


def _exponent(node: Node, style: Style) -> str:
    text = write(node, style)
    if style.power == "{}":
        return f"^{text}" if len(text) == 1 and not style.space else f"^{{{text}}}"
    if style.power == "²" and text in ("2", "3"):
        return {"2": "²", "3": "³"}[text]
    sign = "**" if style.power == "**" else "^"
    return sign + (text if re.fullmatch(r"\d+|[a-z]", text) else f"({text})")


def _root(node: Node, style: Style) -> tuple[str, int]:
    inner, index = node.args[0], node.text
    text = write(inner, style)
    if style.root == "1/2" or (index != "2" and not style.tex):
        power = f"1/{index}"
        return _held(inner, style, 5) + (f"^{{{power}}}" if style.tex else f"^({power})"), 4
    if style.root == "√":
        return "√" + (text if text.isdigit() else f"({text})"), 5
    if style.root == "sqrt()":
        return f"sqrt({text})", 5
    if style.root == r"\sqrt2" and index == "2" and re.fullmatch(r"\d", text):
        return rf"\sqrt{text}", 5
    return rf"\sqrt{'' if index == '2' else f'[{index}]'}{{{text}}}", 5
