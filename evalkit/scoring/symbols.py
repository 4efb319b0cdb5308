r"""The symbols of the notation that answers are written in, and the tree they are read into."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

MAX_TOKENS = 600
MAX_DEPTH = 60
MAX_DIGITS = 1_000


class NotRead(Exception):
    """The text is not in the grammar. `symbolic` if it holds mathematics that a computer algebra system may know."""

    def __init__(self, reason: str, symbolic: bool = False) -> None:
        super().__init__(reason)
        self.symbolic = symbolic


@dataclass(frozen=True, slots=True)
class Node:
    """`op` with its arguments: nodes, or for the leaves `number`, `symbol`, `word` their value."""

    op: str
    args: tuple[Any, ...] = ()


def number(value: int | Fraction) -> Node:
    """A leaf."""
    return Node("number", (Fraction(value),))


INFINITY = Node("infinity")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.(?!\d)|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\d.]*\.\d)|\.\d+)"
    r"|(?P<command>\\[A-Za-z]+\*?|\\[{}|\\])|(?:(?:np|math|sympy)\.)?(?P<word>[A-Za-z]+)"
    r"|(?P<op><=|>=|!=|==|\*\*|:=|[-+*/^_=<>(){}\[\]|,;:!'%&]))"
)
FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan arccot asin acos atan sinh cosh tanh coth log ln lg exp sqrt abs "
    "cbrt max min gcd lcm det Re Im floor ceil arg".split()
)
_GLUED = re.compile(r"([A-Za-z]{1,2})(sin|cos|tan|ln|log|exp|sqrt)")
SYMBOL_COMMANDS = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau phi "
    "varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell hbar".split()
)
RELATIONS = {
    "=": "=", "==": "=", ":=": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=", r"\le": "<=", r"\leq": "<=",
    r"\leqslant": "<=", r"\ge": ">=", r"\geq": ">=", r"\geqslant": ">=", r"\ne": "!=", r"\neq": "!=", r"\lt": "<",
    r"\gt": ">", r"\in": "in", r"\equiv": "equiv", r"\approx": "~", r"\to": "to", r"\sim": "sim", r"\subset": "subset",
    r"\mapsto": "to", r"\implies": "to", r"\cong": "sim", r"\Rightarrow": "to", r"\rightarrow": "to",
}  # fmt: skip
CLOSING = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", "|": "|", r"\langle": r"\rangle", r"\lfloor": r"\rfloor",
            r"\lceil": r"\rceil", r"\lvert": r"\rvert", r"\lbrace": r"\rbrace", r"\lVert": r"\rVert", r"\|": r"\|",
            r"\lbrack": r"\rbrack"}  # fmt: skip
JOINS = frozenset(["and", "or"])
STOPS = frozenset([None, ")", "]", "}", r"\}", "|", ",", ";", "&", r"\\", r"\rangle", r"\rfloor", r"\rceil", r"\rvert",
                    r"\end", r"\cup", r"\cap", r"\setminus", "+", "-", r"\pm", r"\mp", "*", "/", r"\cdot", r"\times",
                    r"\div", ":", "^", "_", "!", "%", "'", r"\pmod", r"\bmod", r"\mod", r"\lor", r"\land", r"\mid",
                    r"\colon", "**", r"\rbrace", r"\rVert", r"\|", r"\rbrack", r"\ast", r"\choose", r"\over",
                    *RELATIONS,
                    *JOINS])  # fmt: skip
ALGEBRA = frozenset(
    "sum int iint oint prod lim limsup liminf sup inf partial nabla cdots ldots dots genfrac dot ddot substack "
    "stackrel overbrace underbrace widetilde tilde bigoplus coprod".split()
)
"""Commands that a computer algebra system may know how to read; others are not worth a worker."""
LIMITS = frozenset(["<", ">", "<=", ">=", "!="])
MATRICES = {"pmatrix", "bmatrix", "matrix", "smallmatrix", "array", "Bmatrix"}


def tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position, end = 0, len(text)
    match = _TOKEN.match
    while position < end:
        token = match(text, position)
        if token is None:
            if not text[position:].strip():
                break
            raise NotRead(f"unknown character {text[position:].strip()[:1]!r}")
        kind = token.lastgroup or ""
        read = token[kind]
        position = token.end()
        if kind == "word" and (glued := _GLUED.fullmatch(read)) and read not in FUNCTIONS:
            found.append((kind, glued[1]))
            read = glued[2]
        found.append((kind, read))
        if len(found) > MAX_TOKENS:
            raise NotRead("too many symbols")
    if not found:
        raise NotRead("nothing to read")
    return found


def read_number(text: str) -> Node:
    if len(text) > MAX_DIGITS:
        raise NotRead("too many digits")
    if "e" in text or "E" in text:
        digits, _, exponent = text.replace("E", "e").partition("e")
        if abs(int(exponent[:8])) > 400:
            raise NotRead("the exponent is too large")
        return Node("number", (Fraction(digits) * Fraction(10) ** int(exponent),))
    return Node("number", (Fraction(int(text) if text.isdigit() else text.rstrip(".")),))


def grouped(opening: str, closing: str, inner: Node) -> Node:
    """What brackets around something make of it: a tuple, an interval, a set, an absolute value, or nothing."""
    if opening in ("|", r"\lvert"):
        return Node("call", ("abs", inner, None))
    if opening == r"\lfloor":
        return Node("call", ("floor", inner, None))
    if opening == r"\lceil":
        return Node("call", ("ceil", inner, None))
    if opening == r"\lbrace":
        opening, closing = r"\{", r"\}"
    if opening == "{" or (opening == "[" and inner.op == "matrix"):
        return inner
    if inner.op == "list":
        if opening == r"\langle":
            opening, closing = "(", ")"
        return Node("group", (opening, closing, *inner.args))
    if opening == "(" or (opening == "[" and inner.op not in ("number", "symbol", "word")):
        return inner
    return Node("group", (opening, closing, inner))
