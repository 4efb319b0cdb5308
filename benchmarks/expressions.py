r"""Expressions as trees, for making pairs whose label is certain: read from TeX or plain text, and valued.

This reader shares nothing with evalkit's graders, else it would share their mistakes. It refuses (`Unsure`) whatever it
could misread; a pair is made only of what it understands.

>>> same(read(r"\frac{\sqrt{3}}{3}"), read("1/sqrt(3)"))
True
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

FUNCTIONS = (
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "sin",
    "cos",
    "tan",
    "cot",
    "sec",
    "csc",
    "ln",
    "log",
)
GREEK = ("alpha", "beta", "gamma", "delta", "theta", "lambda", "mu", "phi", "omega", "sigma", "tau", "rho", "kappa")
_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_SPACES = re.compile(r"(?:\s|~|\\[,;:! ]|\\q?quad\b)+")
_PLAIN = {
    "−": "-",
    "–": "-",
    "×": r"\times ",
    "·": r"\cdot ",
    "π": r"\pi ",
    "²": "^{2}",
    "³": "^{3}",
    "½": r"\frac{1}{2}",
    "**": "^",
    r"\left": "",
    r"\right": "",
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\displaystyle": "",
}


_WORDS = re.compile(
    r"(?<![\\A-Za-z])(?:or|and|no|yes|if|in|is|to|of|at|by|cm|mm|km|kg|mi|ft)(?![A-Za-z])", re.IGNORECASE
)


class Unsure(Exception):
    """A text that this reader does not understand beyond doubt."""


@dataclass(frozen=True, slots=True)
class Node:
    """`num`, `sym`, `neg`, `add`, `mul`, `div`, `pow`, `root`, `call`, `mixed` or `pm`, with what it is made of.

    `text` is the digits, the name, or the index of a root.
    """

    kind: str
    args: tuple[Node, ...] = ()
    text: str = ""

    def walk(self, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Node]]:
        """Every node with the way to it."""
        yield path, self
        for place, arg in enumerate(self.args):
            yield from arg.walk((*path, place))

    def put(self, path: tuple[int, ...], node: Node) -> Node:
        """The same tree with another node at `path`."""
        if not path:
            return node
        args = list(self.args)
        args[path[0]] = args[path[0]].put(path[1:], node)
        return replace(self, args=tuple(args))


def number(value: int | str | Fraction) -> Node:
    """A number as the simplest tree for it."""
    if isinstance(value, Fraction):
        top = number(abs(value.numerator))
        node = top if value.denominator == 1 else Node("div", (top, number(value.denominator)))
        return Node("neg", (node,)) if value < 0 else node
    text = str(value)
    return Node("neg", (Node("num", text=text[1:]),)) if text.startswith("-") else Node("num", text=text)


class _Reader:
    def __init__(self, text: str) -> None:
        for old, new in _PLAIN.items():
            text = text.replace(old, new)
        self.text = text
        self.at = 0

    def peek(self, pattern: str) -> re.Match[str] | None:
        space = _SPACES.match(self.text, self.at)
        if space:
            self.at = space.end()
        return re.compile(pattern).match(self.text, self.at)

    def take(self, pattern: str) -> str | None:
        found = self.peek(pattern)
        if found is None:
            return None
        self.at = found.end()
        return found.group()

    def sum(self) -> Node:
        terms = [self.signed()]
        while sign := self.take(r"\+|-|\\pm(?![a-zA-Z])"):
            if sign == r"\pm":
                return Node("pm", (terms[0] if len(terms) == 1 else Node("add", tuple(terms)), self.sum()))
            term = self.product()
            terms.append(Node("neg", (term,)) if sign == "-" else term)
        return terms[0] if len(terms) == 1 else Node("add", tuple(terms))

    def signed(self) -> Node:
        if self.take(r"\\pm(?![a-zA-Z])"):
            return Node("pm", (number(0), self.product()))
        sign = self.take(r"\+|-")
        term = self.product()
        return Node("neg", (term,)) if sign == "-" else term

    def product(self) -> Node:
        left = self.power()
        divided = False
        while True:
            sign = self.take(r"\\cdot(?![a-zA-Z])|\\times(?![a-zA-Z])|\*|/|\\div(?![a-zA-Z])")
            if sign in ("/", r"\div"):
                left, divided = Node("div", (left, self.power())), True
                continue
            if sign is None and not self.peek(r"[\w(√.]|\\(?!pm|cup|infty|in\b|le|ge|text|mbox|mathrm)[a-zA-Z]"):
                return left
            if divided and sign is None:
                raise Unsure("a product after a slash")
            whole = sign is None and left.kind == "num" and "." not in left.text
            opened = self.peek(r"\(")
            right = self.power()
            if whole and right.kind == "num":
                raise Unsure("two numbers side by side")
            if whole and _proper(right):
                left = Node("mixed", (left, *right.args))
                continue
            if sign is None and opened and _applied(left, right):
                raise Unsure("a function of a letter, or a product")
            factors = (*left.args, right) if left.kind == "mul" else (left, right)
            left = Node("mul", factors)

    def power(self) -> Node:
        base = self.atom()
        while self.take(r"\^"):
            base = Node("pow", (base, self.argument(plain=True)))
        if self.peek(r"!|_|'"):
            raise Unsure("a factorial, a prime or a subscript")
        return base

    def argument(self, plain: bool = False) -> Node:
        """What a command or `^` applies to: a group, or one digit or letter of TeX (`plain`: a whole number)."""
        if self.take(r"\{"):
            return self.closed(r"\}")
        if plain and self.take(r"\("):
            return self.closed(r"\)")
        if plain and self.take("-"):
            return Node("neg", (self.argument(plain=True),))
        digits = self.take(r"\d+" if plain else r"\d")
        if digits:
            return number(digits)
        if self.peek(r"[a-zA-Z]|\\pi(?![a-zA-Z])"):
            return self.atom()
        raise Unsure("an argument")

    def closed(self, end: str) -> Node:
        inner = self.sum()
        if not self.take(end):
            raise Unsure(f"expected {end}")
        return inner

    def atom(self) -> Node:
        digits = self.take(_NUMBER.pattern)
        if digits:
            return number(digits)
        if self.take(r"\("):
            return self.closed(r"\)")
        if self.take(r"\{"):
            return self.closed(r"\}")
        if self.take(r"√"):
            digits = self.take(r"\d+")
            return Node("root", (number(digits) if digits else self.atom(),), "2")
        name = self.take(r"\\?(?:sqrt|pi|" + "|".join(FUNCTIONS) + r")(?![a-zA-Z])") or self.take(r"\\[a-zA-Z]+")
        return self.command(name) if name else self.letter()

    def letter(self) -> Node:
        name = self.take(r"[a-zA-Z](?![a-zA-Z]{2})")
        if name is None:
            raise Unsure(f"{self.text[self.at : self.at + 10]!r}")
        if index := self.take(r"_(?:[0-9a-zA-Z]|\{[0-9a-zA-Z]\})"):
            name += "_" + index.strip("_{}")
        return Node("sym", text=name)

    def command(self, name: str) -> Node:
        word = name.removeprefix("\\")
        if word == "frac":
            top, bottom = self.argument(), self.argument()
            if _derivative(top, bottom):
                raise Unsure("a derivative")
            return Node("div", (top, bottom))
        if word == "sqrt":
            index = self.take(r"\[\d\]")
            plain = name == "sqrt"
            return Node("root", (self.argument(plain=plain),), index.strip("[]") if index else "2")
        if word == "pi" or word in GREEK:
            return Node("sym", text=word)
        if word in FUNCTIONS:
            return self.call(word)
        raise Unsure(name)

    def call(self, name: str) -> Node:
        if self.peek(r"[\^_|]"):
            raise Unsure("a function with a power or a base")
        if self.take(r"\("):
            inner = self.closed(r"\)")
            if self.peek(r"\^"):
                raise Unsure("a power of a function")
            return Node("call", (inner,), name)
        factors = [self.power()]
        while self.peek(r"[a-zA-Z](?![a-zA-Z])|\\pi(?![a-zA-Z])"):
            factors.append(self.power())
        if self.peek(r"[(/\d]|\\frac"):
            raise Unsure("where the argument ends")
        return Node("call", (factors[0] if len(factors) == 1 else Node("mul", tuple(factors)),), name)


def _applied(left: Node, right: Node) -> bool:
    """`u(t)`, `f^{-1}(x)`, `I(0)`: no product, or not surely."""
    last = left.args[-1] if left.kind == "mul" else left
    last = last.args[0] if last.kind == "pow" else last
    return last.kind == "sym" and last.text != "pi" and right.kind in ("sym", "num")


def _derivative(top: Node, bottom: Node) -> bool:
    """`dx/dt`, whose letters are no factors."""
    return all(any(n.kind == "sym" and n.text == "d" for _, n in side.walk()) for side in (top, bottom))


def _proper(node: Node) -> bool:
    if node.kind != "div" or any(a.kind != "num" or "." in a.text for a in node.args):
        return False
    return int(node.args[0].text) < int(node.args[1].text)


def read(text: str) -> Node:
    """The tree of a whole text; raises `Unsure`."""
    if len(text) > 400 or _WORDS.search(text):
        raise Unsure("too long, or words")
    reader = _Reader(text)
    node = reader.sum()
    if reader.peek(r"."):
        raise Unsure(f"{reader.text[reader.at : reader.at + 10]!r} is left over")
    return node


def value(node: Node, env: dict[str, Any]) -> Any:
    """The number that it is where the letters are what `env` says; `i` and `e` are the constants."""
    import mpmath

    args = [value(a, env) for a in node.args]
    match node.kind:
        case "num":
            return mpmath.mpf(node.text)
        case "sym":
            return {"pi": mpmath.pi, "e": mpmath.e, "i": mpmath.mpc(0, 1)}.get(node.text) or env[node.text]
        case "neg":
            return -args[0]
        case "add":
            return mpmath.fsum(args)
        case "mul":
            return mpmath.fprod(args)
        case "div":
            return args[0] / args[1]
        case "mixed":
            return args[0] + args[1] / args[2]
        case "pow":
            if abs(args[1]) > 5_000:
                raise Unsure("a huge power")
            return args[0] ** args[1]
        case "root":
            return mpmath.root(args[0], int(node.text))
        case "call":
            names = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}
            return getattr(mpmath, names.get(node.text, node.text))(args[0])
    raise Unsure(node.kind)


def letters(node: Node) -> set[str]:
    """The variables in it."""
    return {n.text for _, n in node.walk() if n.kind == "sym"} - {"pi", "e", "i"}


def points(names: set[str]) -> list[dict[str, Any]]:
    """Three places at which to compare, always the same."""
    import mpmath

    made = random.Random(7)
    return [{name: mpmath.mpf(made.uniform(0.3, 2.7)) for name in sorted(names)} for _ in range(3)]


def same(left: Node, right: Node, tolerance: float = 1e-11) -> bool:
    """Whether both are the same number, or the same function of their letters; raises `Unsure`."""
    import mpmath

    if letters(left) != letters(right):
        return False
    try:
        pairs = [(value(left, p), value(right, p)) for p in points(letters(left))]
    except (ZeroDivisionError, ValueError, OverflowError, KeyError) as fault:
        raise Unsure(str(fault)) from None
    return all(abs(a - b) <= tolerance * max(abs(a), abs(b), mpmath.mpf("1e-60")) for a, b in pairs)


def rational(node: Node) -> Fraction | None:
    """Its exact value if it is a fraction of numbers and nothing else."""
    if node.kind == "num":
        return Fraction(node.text)
    values = [rational(a) for a in node.args]
    found = [v for v in values if v is not None]
    if node.kind not in ("neg", "div", "mixed", "add") or len(found) < len(values):
        return None
    if node.kind == "neg":
        return -found[0]
    if node.kind == "add":
        return sum(found, Fraction(0))
    if found[-1] == 0:
        return None
    return found[0] / found[1] if node.kind == "div" else found[0] + found[1] / found[2]
