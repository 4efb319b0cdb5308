r"""Parts of the real line: intervals, inequalities, unions, and the line without some points."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from evalkit.scoring import forms
from evalkit.scoring.symbols import INFINITY, Node
from evalkit.scoring.values import NoValue, symbols, value

_OPEN_TO_CLOSE = {"(": False, "[": True, ")": False, "]": True}

_REALS = frozenset(["set R", "all real numbers", "all real number", "real numbers", "all reals", "all real values"])


@dataclass(frozen=True, slots=True)
class Piece:
    """An interval, or a point where both ends are the same."""

    below: Node
    closed_below: bool
    above: Node
    closed_above: bool


_MINUS_INFINITY = Node("neg", (INFINITY,))

_EVERYTHING = [Piece(_MINUS_INFINITY, False, INFINITY, False)]


def is_region(node: Node) -> bool:
    """Written so that it can only be an interval or several."""
    if node.op in ("union", "without", "intersection"):
        return True
    if node.op == "relation":
        return any(op in forms.ORDER or op == "!=" for op in node.args[1::2])
    if node.op in ("list", "both"):
        inequalities = [arg for arg in node.args if is_region(arg)]
        rest = [arg for arg in node.args if not is_region(arg)]
        return bool(inequalities) and len(symbols(node)) < 2 and all(forms.named(arg) is not None for arg in rest)
    if node.op == "word":
        return node.args[0] in _REALS
    if node.op == "group" and len(node.args) == 4:
        mixed = node.args[:2] in (("(", "]"), ("[", ")"))
        return mixed or any(forms.holds(arg, "infinity") for arg in node.args[2:])
    return False


def region(node: Node) -> list[Piece] | None:
    if node.op == "word":
        return _EVERYTHING if node.args[0] in _REALS else None
    if node.op in ("list", "both") and len(symbols(node)) > 1:
        return None
    if node.op == "both" and (common := _intersection(node)) is not None:
        return common
    if node.op == "union" or (node.op in ("list", "both") and is_region(node)):
        parts = [region(forms.plain(arg)) for arg in node.args]
        return None if None in parts else [piece for part in parts if part is not None for piece in part]
    if node.op == "without":
        return _without(region(forms.plain(node.args[0])), forms.plain(node.args[1]))
    if node.op == "relation":
        return _solved(node)
    if node.op == "group" and node.args[0] == r"\{":
        return [Piece(member, True, member, True) for member in node.args[2:]]
    if node.op == "group" and len(node.args) == 4:
        opening, closing, below, above = node.args
        if opening in "([" and closing in ")]":
            return [Piece(below, _OPEN_TO_CLOSE[opening], above, _OPEN_TO_CLOSE[closing])]
    return None


def _intersection(node: Node) -> list[Piece] | None:
    """`x > 1 and x < 3`; None where nothing is in both, for then the two are meant as alternatives."""
    common = _EVERYTHING
    for arg in node.args:
        part = region(forms.plain(arg))
        if part is None:
            return None
        common = [both for a in common for b in part if (both := _overlap(a, b)) is not None]
    return common or None


def _overlap(one: Piece, two: Piece) -> Piece | None:
    low = max((one, two), key=lambda piece: (_position(piece.below), not piece.closed_below))
    high = min((one, two), key=lambda piece: (_position(piece.above), piece.closed_above))
    if _position(low.below) >= _position(high.above):
        return None
    return Piece(low.below, low.closed_below, high.above, high.closed_above)


def _without(pieces: list[Piece] | None, holes: Node) -> list[Piece] | None:
    """An interval without some points, or the real numbers without an interval."""
    if pieces is None or len(pieces) != 1 or holes.op != "group":
        return None
    whole = pieces[0]
    if holes.args[0] == r"\{":
        ends = sorted(holes.args[2:], key=_position)
        edges = [whole.below, *ends, whole.above]
        closed = [whole.closed_below, *(False for _ in ends), whole.closed_above]
        kept = zip(itertools.pairwise(edges), itertools.pairwise(closed), strict=True)
        return [Piece(a, c, b, d) for (a, b), (c, d) in kept]
    hole = region(holes)
    if pieces != _EVERYTHING or hole is None or len(hole) != 1:
        return None
    lower = Piece(_MINUS_INFINITY, False, hole[0].below, not hole[0].closed_below)
    return [lower, Piece(hole[0].above, not hole[0].closed_above, INFINITY, False)]


def _solved(node: Node) -> list[Piece] | None:
    """The interval that an inequality in one variable describes."""
    parts, ops = list(node.args[::2]), list(node.args[1::2])
    if (within := _absolute(parts, ops)) is not None:
        return within
    if ops == ["="] and (named := forms.named(node)) is not None and not symbols(named[1]):
        return [Piece(named[1], True, named[1], True)]
    places = [i for i, part in enumerate(parts) if part.op == "symbol" and symbols(part)]
    if len(places) != 1 or any(symbols(p) for i, p in enumerate(parts) if i != places[0]):
        return None
    place = places[0]
    if ops == ["!="]:
        hole = parts[1 - place]
        return [Piece(_MINUS_INFINITY, False, hole, False), Piece(hole, False, INFINITY, False)]
    below, above = (_MINUS_INFINITY, False), (INFINITY, False)
    for i, op in enumerate(ops):
        if op not in forms.ORDER or place not in (i, i + 1):
            return None
        bound = parts[i + 1] if place == i else parts[i]
        if op.startswith("<") == (place == i):
            above = (bound, op.endswith("="))
        else:
            below = (bound, op.endswith("="))
    return [Piece(*below, *above)]


def _absolute(parts: list[Node], ops: list[str]) -> list[Piece] | None:
    """`|x| < 2` and `|x| >= 2`."""
    if len(parts) != 2 or ops[0] not in forms.ORDER or parts[0].op != "call" or parts[0].args[0] != "abs":
        return None
    if parts[0].args[1].op != "symbol" or symbols(parts[1]):
        return None
    closed, minus = ops[0].endswith("="), Node("neg", (parts[1],))
    if ops[0].startswith("<"):
        return [Piece(minus, closed, parts[1], closed)]
    return [Piece(_MINUS_INFINITY, False, minus, closed), Piece(parts[1], closed, INFINITY, False)]


def in_order(pieces: list[Piece]) -> list[Piece]:
    return pieces if len(pieces) < 2 else sorted(pieces, key=lambda piece: _position(piece.below))


def _position(node: Node) -> float:
    found = value(node)
    if isinstance(found, complex):
        raise NoValue("no order")
    return math.inf if found == math.inf else float(found)
