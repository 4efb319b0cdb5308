"""What an expression is worth: exactly where that is possible, else in floating point, else with fifty digits.

Two expressions are equal if they agree at every point where they are tried. With variables the points are fixed
rational numbers, so polynomials and rational functions are compared exactly; a false agreement of two different ones
would need a root at every point. Floating point only ever says "different": what seems equal there is
computed again with fifty digits.
"""

from __future__ import annotations

import cmath
import functools
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from evalkit.scoring.symbols import Node

_MAX_BITS = 20_000
_MAX_FACTORIAL = 1_000
_CLOSE = 1e-7
_DIGITS = 50
_CONSTANTS = {"pi": math.pi, "e": math.e}
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103)
Number = Fraction | float | complex
Env = Mapping[str, Fraction]


class NoValue(ArithmeticError):
    """The expression has no value here: it divides by zero, is too large, or is no number at all.

    Who compares values catches `ArithmeticError`: what overflows on the way is as undecided as what has no value.
    """


class Field:
    """Arithmetic in which expressions are evaluated; this one in exact fractions and floating point."""

    def number(self, value: Fraction) -> Any:
        return value

    def constant(self, name: str) -> Any:
        return _CONSTANTS[name]

    def imaginary(self) -> Any:
        return 1j

    def inexact(self, value: Any) -> Any:
        """A value that is no fraction."""
        return float(value) if isinstance(value, Fraction) else value

    def power(self, base: Any, exponent: Any) -> Any:
        base, exponent = self.inexact(base), self.inexact(exponent)
        if base == 0:
            return self.number(Fraction(0))
        return base**exponent

    def call(self, name: str, value: Any) -> Any:
        value = self.inexact(value)
        real = getattr(math, _NAMES.get(name, name), None)
        if real is not None and not isinstance(value, complex):
            try:
                return real(value)
            except ValueError:
                pass
        return getattr(cmath, _NAMES.get(name, name))(value)


class Precise(Field):
    """The same with fifty digits."""

    def __init__(self) -> None:
        import mpmath

        self._mp = mpmath.mp.clone() if hasattr(mpmath.mp, "clone") else mpmath.MPContext()
        self._mp.dps = _DIGITS

    def number(self, value: Fraction) -> Any:
        return self._mp.mpf(value.numerator) / value.denominator

    def constant(self, name: str) -> Any:
        return +getattr(self._mp, name)

    def imaginary(self) -> Any:
        return self._mp.mpc(0, 1)

    def inexact(self, value: Any) -> Any:
        return value

    def call(self, name: str, value: Any) -> Any:
        return getattr(self._mp, name)(value)


_NAMES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "ln": "log"}
_PLAIN_CALLS = frozenset("sin cos tan exp sinh cosh tanh".split())
_INVERSES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}
_RECIPROCALS = {"cot": "tan", "sec": "cos", "csc": "sin", "coth": "tanh"}
_FAST = Field()


@functools.cache
def _precise() -> Field:
    return Precise()


def value(node: Node, env: Env | None = None) -> Number:
    """The number that `node` stands for, with `env` for its variables; raises `NoValue`."""
    found: Number = _safely(_FAST, node, env or {})
    return found


def symbols(node: Node) -> frozenset[str]:
    """Names of its variables."""
    found: set[str] = set()
    _collect(node, found)
    return frozenset(found - {"pi", "e", "i"})


def _collect(node: Any, found: set[str]) -> None:
    if isinstance(node, Node):
        if node.op == "symbol":
            found.add(node.args[0])
        else:
            for arg in node.args:
                _collect(arg, found)
    elif isinstance(node, tuple):
        for arg in node:
            _collect(arg, found)


def points(names: frozenset[str], whole: bool = False) -> list[dict[str, Fraction]]:
    """Where expressions in these variables are compared: above, within and below what changes their form.

    `whole` gives natural numbers, of both parities and in both orders of size.
    """
    ordered = sorted(names)
    if not ordered:
        return [{}]
    if len(ordered) > 10:
        raise NoValue("too many variables")
    if whole:
        return [dict(zip(ordered, map(Fraction, values), strict=False)) for values in _WHOLE]
    return [
        {name: sign * Fraction(_PRIMES[i + above], _PRIMES[i + below]) for i, name in enumerate(ordered)}
        for above, below, sign in _RATIOS
    ]


_WHOLE = ((7, 3, 5, 2, 11, 4, 13, 6, 9, 8), (4, 9, 6, 10, 3, 12, 5, 8, 7, 11), (10, 4, 8, 3, 9, 5, 12, 6, 7, 2),
          (3, 8, 2, 12, 4, 15, 6, 20, 5, 10))  # fmt: skip
_RATIOS = ((8, 2, 1), (1, 7, 1), (7, 2, -1), (12, 1, -1))
_DISCRETE = frozenset(["factorial", "binomial", "mod"])
_STEPS = frozenset(["floor", "ceil", "gcd", "lcm"])


def _discrete(node: Any) -> bool:
    """Whether it is about whole numbers: factorials, floors, powers of a negative number."""
    if isinstance(node, tuple):
        return any(_discrete(arg) for arg in node)
    if not isinstance(node, Node):
        return False
    if node.op in _DISCRETE or (node.op == "call" and node.args[0] in _STEPS):
        return True
    if node.op == "^" and node.args[0].op == "neg" and symbols(node.args[1]):
        return True
    return any(_discrete(arg) for arg in node.args)


def _rounded(node: Any) -> bool:
    """Whether it holds a floor or a ceiling, which say nothing at whole numbers."""
    if isinstance(node, tuple):
        return any(_rounded(arg) for arg in node)
    return isinstance(node, Node) and (node.args[:1] in (("floor",), ("ceil",)) or any(_rounded(a) for a in node.args))


def same(left: Node, right: Node) -> bool:
    """Whether both stand for the same value wherever they are tried; raises `NoValue` if that cannot be told."""
    if left == right:
        return True
    names = symbols(left) | symbols(right)
    told, confirmed = 0, False
    every = points(names, whole=True) if _discrete(left) or _discrete(right) else []
    if not every or _rounded(left) or _rounded(right):
        every = [*points(names), *every]
    for env in every:
        try:
            a, b = value(left, env), value(right, env)
            if env and isinstance(a, complex) != isinstance(b, complex):
                continue  # outside of what one of them is defined for
            if isinstance(a, Fraction) and isinstance(b, Fraction):
                agree = a == b
            else:
                agree = _agree(a, b, _CLOSE)
                if agree and not confirmed and not _infinite(a):
                    agree = _agree(_precisely(left, env), _precisely(right, env), 1e-30)
                    confirmed = True  # fifty digits at one point are enough
        except ArithmeticError:
            continue
        if not agree:
            if told > 1 and isinstance(a, complex):
                continue  # another branch of the same root
            return False
        told += 1
    if told < min(2, len(every)):
        raise NoValue("too few points at which both have a value")
    return True


def _precisely(node: Node, env: Env) -> Any:
    return _safely(_precise(), node, env)


def _infinite(number: Any) -> bool:
    return isinstance(number, float) and math.isinf(number)


def _agree(a: Any, b: Any, tolerance: float) -> bool:
    if _infinite(a) or _infinite(b):
        return bool(a == b)
    return bool(abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-6))


def _safely(field: Field, node: Node, env: Env) -> Any:
    try:
        found = _value(field, node, env)
    except (ArithmeticError, ValueError, TypeError, AttributeError, RecursionError, KeyError) as fault:
        raise NoValue(str(fault)) from None
    if found != found:  # not a number
        raise NoValue("undefined")
    return found


def _value(field: Field, node: Node, env: Env) -> Any:
    rule = _RULES.get(node.op)
    if rule is None:
        raise NoValue(f"a {node.op} is no number")
    return rule(field, node, env)


def _symbol(field: Field, node: Node, env: Env) -> Any:
    name = node.args[0]
    if name in env:
        return field.number(env[name])
    if name == "i":
        return field.imaginary()
    return field.constant(name)


def _two(operation: Callable[[Any, Any], Any]) -> Callable[[Field, Node, Env], Any]:
    def rule(field: Field, node: Node, env: Env) -> Any:
        return operation(_value(field, node.args[0], env), _value(field, node.args[1], env))

    return rule


def _divide(a: Any, b: Any) -> Any:
    if b == 0:
        raise NoValue("division by zero")
    return a / b


def _power(field: Field, node: Node, env: Env) -> Any:
    base = _value(field, node.args[0], env)
    exponent = _value(field, node.args[1], env)
    whole = _whole(exponent)
    if whole is not None and isinstance(base, Fraction):
        if abs(whole) * max(1, base.numerator.bit_length(), base.denominator.bit_length()) > _MAX_BITS:
            raise NoValue("too large")
        return _divide(Fraction(1), base**-whole) if whole < 0 else base**whole
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator <= 12 and base >= 0:
        exact = _exact_root(base, exponent.denominator)
        if exact is not None:
            return _power(
                field, Node("^", (Node("number", (exact,)), Node("number", (Fraction(exponent.numerator),)))), env
            )
    return field.power(base, exponent)


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, Fraction) and value.denominator == 1 else None


def _exact_root(value: Fraction, degree: int) -> Fraction | None:
    """The root of a fraction if it is one."""
    if value.numerator.bit_length() > _MAX_BITS or value.denominator.bit_length() > _MAX_BITS:
        raise NoValue("too large")
    above, below = _integer_root(value.numerator, degree), _integer_root(value.denominator, degree)
    return None if above is None or below is None else Fraction(above, below)


def _integer_root(value: int, degree: int) -> int | None:
    if degree == 2:
        root = math.isqrt(value)
    elif value.bit_length() > 1_000:
        return None
    else:
        root = round(float(value) ** (1 / degree))
    return root if root**degree == value else None


def _root(field: Field, node: Node, env: Env) -> Any:
    inner = _value(field, node.args[0], env)
    index = Fraction(2) if node.args[1] is None else _value(_FAST, node.args[1], env)
    degree = _whole(index)
    if degree is None or not 2 <= degree <= 100:
        return field.power(inner, field.number(Fraction(1)) / field.inexact(index))
    if isinstance(inner, Fraction) and inner >= 0 and (exact := _exact_root(inner, degree)) is not None:
        return exact
    real = not isinstance(inner, complex) and getattr(inner, "imag", 0) == 0
    part = field.number(Fraction(1, degree))
    if real and inner < 0 and degree % 2:  # the real root, as schools have it
        return -field.power(-inner, part)
    if real and inner < 0:
        return field.power(-inner, part) * field.power(field.imaginary(), field.number(Fraction(2, degree)))
    return field.power(inner, part)


def _call(field: Field, node: Node, env: Env) -> Any:
    name, argument, base = node.args
    if name in ("max", "min", "gcd", "lcm"):
        return _among(field, name, argument, env)
    angle = name in ("sin", "cos", "tan", "cot", "sec", "csc") and argument.op == "degrees"
    inner = _value(field, argument.args[0] if angle else argument, env)
    if angle:
        inner = field.inexact(inner) * field.constant("pi") / 180
    if name in ("sqrt", "cbrt"):
        return _root(field, Node("root", (argument, Node("number", (Fraction(3),)) if name == "cbrt" else None)), env)
    if name == "abs":
        return abs(inner)
    if name in ("floor", "ceil"):
        return field.number(Fraction(math.floor(inner) if name == "floor" else math.ceil(inner)))
    if name in ("log", "ln"):
        found = field.call("log", inner)
        return found if base is None else found / field.call("log", _value(field, base, env))
    if name in _RECIPROCALS:
        return _divide(1, field.call(_RECIPROCALS[name], inner))
    if name in _PLAIN_CALLS or name in _INVERSES:
        return field.call(_INVERSES.get(name, name), inner)
    raise NoValue(f"{name} is not computed here")


def _among(field: Field, name: str, argument: Node, env: Env) -> Any:
    members = argument.args if argument.op == "list" else argument.args[2:] if argument.op == "group" else (argument,)
    found = [_value(field, m, env) for m in members]
    if name in ("max", "min"):
        return (max if name == "max" else min)(found)
    whole = [_whole(f) for f in found]
    if None in whole:
        raise NoValue(f"{name} of what is not whole")
    return field.number(Fraction((math.gcd if name == "gcd" else math.lcm)(*[w for w in whole if w is not None])))


def _factorial(field: Field, node: Node, env: Env) -> Any:
    whole = _whole(_value(_FAST, node.args[0], env))
    if whole is None or not 0 <= whole <= _MAX_FACTORIAL:
        raise NoValue("no factorial")
    return field.number(Fraction(math.factorial(whole)))


def _binomial(field: Field, node: Node, env: Env) -> Any:
    above, below = (_whole(_value(_FAST, n, env)) for n in node.args)
    if above is None or below is None or not 0 <= above <= 10_000 or not 0 <= below <= 10_000:
        raise NoValue("no binomial coefficient")
    return field.number(Fraction(math.comb(above, below)))


_RULES: dict[str, Callable[[Field, Node, Env], Any]] = {
    "number": lambda field, node, env: field.number(node.args[0]),
    "symbol": _symbol,
    "infinity": lambda field, node, env: math.inf,
    "neg": lambda field, node, env: -_value(field, node.args[0], env),
    "+": _two(lambda a, b: a + b),
    "-": _two(lambda a, b: a - b),
    "*": _two(lambda a, b: a * b),
    "/": _two(_divide),
    "^": _power,
    "root": _root,
    "call": _call,
    "factorial": _factorial,
    "binomial": _binomial,
    "percent": lambda field, node, env: _value(field, node.args[0], env) / 100,
    "degrees": lambda field, node, env: _value(field, node.args[0], env),
}
