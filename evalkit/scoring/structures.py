r"""Compare answers that are more than one number: tuples, sets, intervals, matrices, equations, inequalities, lists.

`equal(target, answer)` looks at the outermost form of both sides and goes down until values meet. The rules, which
docs/grading.md states with an example each:

- lists and sets have no order, tuples have; brackets that an answer leaves out are forgiven, other ones are not;
- an inequality in one variable is the interval it describes, a set builder its condition, `x \in S` is S;
- `name = value` is the value; two equations are equal if one is the other times a constant;
- `\pm` stands for both values; a row or column matrix is the tuple of its entries.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.scoring.symbols import INFINITY, Node
from evalkit.scoring.values import NoValue, points, same, symbols, value

_MAX_MEMBERS = 40
_OPEN_TO_CLOSE = {"(": False, "[": True, ")": False, "]": True}
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_ORDER = frozenset(_FLIPPED)
_REALS = frozenset(["set R", "all real numbers", "all real number", "real numbers", "all reals", "all real values"])
Same = Callable[[Node, Node], bool]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the two are equal, and what was compared."""

    equal: bool
    step: str


def equal(target: Node, answer: Node, same_value: Same = same) -> Outcome:
    """Compare two trees; raises `NoValue` if that cannot be decided."""
    return _Comparison(same_value).equal(target, answer)


class _Comparison:
    def __init__(self, same_value: Same) -> None:
        self.same = same_value

    def equal(self, target: Node, answer: Node) -> Outcome:
        target, answer = plain(target), plain(answer)
        if target.op != "relation" and (said := _said(answer)) is not None:
            answer = plain(said)
        if _is_region(target) or _is_region(answer):
            found = self._regions(target, answer)
            if found is not None:
                return found
        if "matrix" in (target.op, answer.op):
            return Outcome(self._matrices(target, answer), "matrix")
        if "relation" in (target.op, answer.op):
            return Outcome(self._relations(target, answer), "equation")
        if "ratio" in (target.op, answer.op):
            return Outcome(self._ratios(target, answer), "ratio")
        wanted, given = _members(target), _members(answer)
        if wanted is None and given is not None and answer.op == "list" and self._all_alike(given):
            return self.equal(target, given[0])  # `60% or 0.6`
        if wanted is not None or given is not None:
            return self._many(
                target, answer, [target] if wanted is None else wanted, [answer] if given is None else given
            )
        if target.op == "word" or answer.op == "word":
            return Outcome(target == answer, "words")
        if answer.op == "mod" and target.op != "mod":
            answer = answer.args[0]
        if target.op == answer.op in ("mod", "prime", "group", "based", "determinant"):
            return Outcome(self._alike(target.args, answer.args), target.op)
        return Outcome(self.same(target, answer), "identity" if symbols(target) else "value")

    def _equals(self, target: Node, answer: Node) -> bool:
        return self.equal(target, answer).equal

    def _alike(self, left: Sequence[Any], right: Sequence[Any]) -> bool:
        """Argument by argument."""
        return len(left) == len(right) and all(
            self._equals(a, b) if isinstance(a, Node) and isinstance(b, Node) else a == b
            for a, b in zip(left, right, strict=True)
        )

    def _all_alike(self, members: list[Node]) -> bool:
        return bool(members) and all(self._maybe_equals(members[0], other) for other in members[1:])

    def _ratios(self, target: Node, answer: Node) -> bool:
        """`2:3` and `4:6`; a fraction is a ratio of two."""
        left, right = (n.args if n.op == "ratio" else n.args if n.op == "/" else None for n in (target, answer))
        if left is None or right is None:
            return False
        return len(left) == len(right) and all(
            self.same(Node("*", (left[0], b)), Node("*", (right[0], a))) for a, b in zip(left, right, strict=True)
        )

    # several members ----------------------------------------------------------------------------

    def _many(self, target: Node, answer: Node, wanted: list[Node], given: list[Node]) -> Outcome:
        named = _assigned(target), _assigned(answer)
        if named[0] is not None and named[1] is not None and named[0].keys() == named[1].keys():
            return Outcome(all(self._equals(v, named[1][k]) for k, v in named[0].items()), "list")
        if (named[0] is None) != (named[1] is None):  # `x = 1, y = 2` is the tuple (1, 2)
            wanted = [named[0][k] for k in sorted(named[0])] if named[0] is not None else wanted
            given = [named[1][k] for k in sorted(named[1])] if named[1] is not None else given
            return Outcome(len(wanted) == len(given) and self._alike(wanted, given), "tuple")
        ordered = [_bracket(n) for n in (target, answer)]
        step = "tuple" if "(" in ordered[:1] else "set" if ordered[0] == "{" else "list"
        if len(wanted) != len(given) or len(wanted) > _MAX_MEMBERS:
            return Outcome(False, step)
        if not _brackets_agree(ordered[0], ordered[1], len(wanted)):
            return Outcome(False, step)
        if ordered[0] == "(" and answer.op == "list" and all(_named(n) for n in given):
            return Outcome(False, step)  # `x = 1, x = 2` are two solutions and no point
        if "(" in ordered or (ordered[0] == "[" and ordered[1] != "{"):
            in_order = all(self._equals(t, a) for t, a in zip(wanted, given, strict=True))
            if in_order or "" not in ordered or ordered[0] == "(":
                return Outcome(in_order, step)
        return Outcome(self._any_order(wanted, given), step)

    def _any_order(self, wanted: list[Node], given: list[Node]) -> bool:
        left = list(given)
        for member in wanted:
            place = next((i for i, other in enumerate(left) if self._maybe_equals(member, other)), None)
            if place is None:
                return False
            left.pop(place)
        return True

    def _maybe_equals(self, target: Node, answer: Node) -> bool:
        try:
            return self._equals(target, answer)
        except NoValue:
            return False

    def _matrices(self, target: Node, answer: Node) -> bool:
        left, right = _rows(target), _rows(answer)
        if left is None or right is None:
            return False
        if target.op != answer.op and 1 in (len(left), len(right)):  # a vector written as a tuple
            shape, other = (left, answer) if target.op == "matrix" else (right, target)
            if (len(shape) > 1 and len(shape[0]) > 1) or _bracket(other) == "{":
                return False
            left, right = ([tuple(itertools.chain(*rows))] for rows in (left, right))
        return [len(row) for row in left] == [len(row) for row in right] and all(
            self._equals(a, b) for row, other in zip(left, right, strict=True) for a, b in zip(row, other, strict=True)
        )

    # equations ----------------------------------------------------------------------------------

    def _relations(self, target: Node, answer: Node) -> bool:
        if target.op != "relation" or answer.op != "relation":
            equation, other = (target, answer) if target.op == "relation" else (answer, target)
            named = _named(equation)
            if named is None or (other is answer and _is_name(named[0]) is False):
                return False
            return self._equals(named[1], other) if equation is target else self._equals(other, named[1])
        left, right = _named(target), _named(answer)
        if left is not None and right is not None:
            names = [_spelled(n[0]) for n in (left, right)]
            if names[0] == names[1] or any(len(n) > 1 for n in names):
                return self._equals(left[1], right[1])
        if target.args[1::2] == ("=",) == answer.args[1::2]:
            return _proportional(_difference(target), _difference(answer))
        if target.args[1::2] == answer.args[1::2] and self._alike_or_none(target.args, answer.args):
            return True
        turned = tuple(_FLIPPED.get(a, a) if isinstance(a, str) else a for a in reversed(answer.args))
        if target.args[1::2] == turned[1::2] and self._alike_or_none(target.args, turned):
            return True
        if len(target.args) == len(answer.args) == 3 and {target.args[1], answer.args[1]} <= _ORDER:
            left, right = (n if n.args[1].startswith("<") else _turned(n) for n in (target, answer))
            return left.args[1] == right.args[1] and _proportional(_difference(left), _difference(right), positive=True)
        return False

    def _alike_or_none(self, left: Sequence[Any], right: Sequence[Any]) -> bool:
        try:
            return self._alike(left, right)
        except NoValue:
            return False

    # intervals ----------------------------------------------------------------------------------

    def _regions(self, target: Node, answer: Node) -> Outcome | None:
        left, right = _region(target), _region(answer)
        if left is None or right is None:
            return None
        if len(left) != len(right):
            return Outcome(False, "interval")
        pairs = zip(_in_order(left), _in_order(right), strict=True)
        return Outcome(all(self._same_piece(a, b) for a, b in pairs), "interval")

    def _same_piece(self, left: _Piece, right: _Piece) -> bool:
        return (left.closed_below, left.closed_above) == (right.closed_below, right.closed_above) and all(
            self.same(a, b) for a, b in ((left.below, right.below), (left.above, right.above))
        )


def plain(node: Node) -> Node:
    r"""Without what names the answer, with `\pm` written out and chains of equations followed to their end."""
    if node.op == "relation":
        if "~" in node.args[1::2]:  # what is about equal is not what was found
            cut = node.args.index("~")
            exact = node.args[:cut] if cut > 1 or not _is_name(node.args[0]) else node.args[cut + 1 :]
            return plain(exact[0] if len(exact) == 1 else Node("relation", exact))
        if "in" in node.args[1::2]:
            return plain(node.args[-1])
        if node.args[1::2] == ("=",) and node.args[0].op == "group" and all(map(_is_name, node.args[0].args[2:])):
            return plain(node.args[2])
        if node.args[1::2] == ("equiv",) and _is_name(node.args[0]):
            return plain(node.args[2])
        if set(node.args[1::2]) == {"="} and all(not symbols(part) for part in node.args[::2]):
            return plain(node.args[-1])
        if len(node.args) > 3 and set(node.args[1::2]) == {"="}:
            node = Node("relation", (node.args[0], "=", node.args[-1]))
    if node.op == "*" and node.args[1].op == "matrix":  # a number in front of a matrix belongs to each entry
        rows = (tuple(Node("*", (node.args[0], cell)) for cell in row) for row in node.args[1].args)
        return Node("matrix", tuple(rows))
    both = _expanded(node)
    if both is not None:
        return Node("list", tuple(both))
    if node.op == "group" and node.args[0] == "(" and _holds(node, "pm", "mp"):  # two points
        return Node("list", (_signed(node, True), _signed(node, False)))
    if node.op in ("list", "group", "both") and any(isinstance(a, Node) and _holds(a, "pm", "mp") for a in node.args):
        members: list[Node] = []
        for arg in node.args:
            members += (_expanded(arg) or [arg]) if isinstance(arg, Node) else [arg]
        return Node(node.op, tuple(members))
    return node


def _holds(node: Any, *ops: str) -> bool:
    if isinstance(node, tuple):
        return any(_holds(arg, *ops) for arg in node)
    return isinstance(node, Node) and (node.op in ops or any(_holds(arg, *ops) for arg in node.args))


def _expanded(node: Node) -> list[Node] | None:
    """Both values of an expression with a plus-minus sign."""
    if node.op in ("list", "group", "both") or not _holds(node, "pm", "mp"):
        return None
    return [_signed(node, upper) for upper in (True, False)]


def _signed(node: Any, upper: bool) -> Any:
    if isinstance(node, tuple):
        return tuple(_signed(arg, upper) for arg in node)
    if not isinstance(node, Node):
        return node
    op = {"pm": "+" if upper else "-", "mp": "-" if upper else "+"}.get(node.op, node.op)
    return Node(op, tuple(_signed(arg, upper) for arg in node.args))


def _bracket(node: Node) -> str:
    if node.op != "group":
        return ""
    return "{" if node.args[0] == r"\{" else str(node.args[0])


def _brackets_agree(target: str, answer: str, n_members: int) -> bool:
    if target == "[" and n_members == 2 and answer != "[":
        return False  # an interval
    return target == answer or "" in (target, answer) or ({target, answer} == {"{", "["} and n_members != 2)


def _assigned(node: Node) -> dict[str, Node] | None:
    """name -> value of `x = 1, y = 2`, where every name is another one."""
    pairs = [_named(plain(m)) for m in _members(node) or []] if node.op in ("list", "both") else []
    if len(pairs) < 2 or None in pairs:
        return None
    found = {_spelled(pair[0]): pair[1] for pair in pairs if pair is not None}
    return found if len(found) == len(pairs) else None


def _members(node: Node) -> list[Node] | None:
    if node.op in ("list", "both"):
        return list(node.args)
    if node.op == "group":
        return list(node.args[2:])
    return None


def _rows(node: Node) -> Sequence[Sequence[Node]] | None:
    if node.op == "matrix":
        return node.args
    if node.op in ("group", "list"):
        members = _members(node) or []
        if members and all(m.op == "group" for m in members):
            return [m.args[2:] for m in members]
        return [tuple(members)]
    return None


def _named(node: Node) -> tuple[Node, Node] | None:
    """(name, value) of `x = 5` or `f(x) = x + 1`."""
    if node.op != "relation" or node.args[1:2] != ("=",) or len(node.args) != 3:
        return None
    left, right = node.args[0], node.args[2]
    if _is_name(left) and not (symbols(left) & symbols(right) and left.op == "symbol"):
        return left, right
    if _is_name(right) and right.op == "symbol" and not symbols(left) & symbols(right):
        return right, left
    return None


def _said(node: Node) -> Node | None:
    """The value of `a + b = 5`: what an equation says of its left side."""
    if node.op != "relation" or node.args[1:2] != ("=",) or len(node.args) != 3:
        return None
    left: Node = node.args[0]
    right: Node = node.args[2]
    if _is_name(left) or (left.op == "group" and all(_is_name(n) for n in left.args[2:])):
        return right
    scaled = left.op == "*" and left.args[0].op == "number"  # `2x = 18` does not say what x is
    return right if symbols(left) and not symbols(right) and not scaled else None


def _is_name(node: Node) -> bool:
    """A variable, a word, or a function of variables."""
    if node.op in ("symbol", "word", "prime"):
        return True
    if node.op == "/":  # dy/dx
        return all(n.op == "*" and n.args[0] == Node("symbol", ("d",)) for n in node.args)
    if node.op == "^":  # the inverse of a function
        return node.args[0].op == "symbol" and node.args[1].op == "neg"
    return node.op in ("*", "list") and all(_is_name(arg) for arg in node.args)


def _spelled(node: Node) -> str:
    return "".join(_spelled(a) if isinstance(a, Node) else str(a) for a in node.args)


def _difference(node: Node) -> Node:
    return Node("-", (node.args[0], node.args[2]))


def _turned(node: Node) -> Node:
    """`a > b` as `b < a`."""
    return Node("relation", (node.args[2], _FLIPPED[node.args[1]], node.args[0]))


def _proportional(left: Node, right: Node, positive: bool = False) -> bool:
    """One is the other times a constant that is not zero, or is `positive`."""
    if symbols(left) != symbols(right):
        return False
    pairs: list[tuple[Any, Any]] = [(value(left, env), value(right, env)) for env in points(symbols(left))]
    (a, b), *rest = pairs
    if not a or not b:
        raise NoValue("zero at the point of comparison")
    if positive and (isinstance(a, complex) or isinstance(b, complex) or (a > 0) != (b > 0)):
        return False
    return all(abs(a * d - c * b) <= 1e-9 * max(abs(a * d), abs(c * b), 1e-9) for c, d in rest)


@dataclass(frozen=True, slots=True)
class _Piece:
    """An interval, or a point where both ends are the same."""

    below: Node
    closed_below: bool
    above: Node
    closed_above: bool


_MINUS_INFINITY = Node("neg", (INFINITY,))
_EVERYTHING = [_Piece(_MINUS_INFINITY, False, INFINITY, False)]


def _is_region(node: Node) -> bool:
    """Written so that it can only be an interval or several."""
    if node.op in ("union", "without", "intersection"):
        return True
    if node.op == "relation":
        return any(op in _ORDER or op == "!=" for op in node.args[1::2])
    if node.op in ("list", "both"):
        inequalities = [arg for arg in node.args if _is_region(arg)]
        rest = [arg for arg in node.args if not _is_region(arg)]
        return bool(inequalities) and len(symbols(node)) < 2 and all(_named(arg) is not None for arg in rest)
    if node.op == "word":
        return node.args[0] in _REALS
    if node.op == "group" and len(node.args) == 4:
        mixed = node.args[:2] in (("(", "]"), ("[", ")"))
        return mixed or any(_holds(arg, "infinity") for arg in node.args[2:])
    return False


def _region(node: Node) -> list[_Piece] | None:
    if node.op == "word":
        return _EVERYTHING if node.args[0] in _REALS else None
    if node.op == "both" and (common := _intersection(node)) is not None:
        return common
    if node.op == "union" or (node.op in ("list", "both") and _is_region(node)):
        parts = [_region(plain(arg)) for arg in node.args]
        return None if None in parts else [piece for part in parts if part is not None for piece in part]
    if node.op == "without":
        return _without(_region(plain(node.args[0])), plain(node.args[1]))
    if node.op == "relation":
        return _solved(node)
    if node.op == "group" and node.args[0] == r"\{":
        return [_Piece(member, True, member, True) for member in node.args[2:]]
    if node.op == "group" and len(node.args) == 4:
        opening, closing, below, above = node.args
        if opening in "([" and closing in ")]":
            return [_Piece(below, _OPEN_TO_CLOSE[opening], above, _OPEN_TO_CLOSE[closing])]
    return None


def _intersection(node: Node) -> list[_Piece] | None:
    """`x > 1 and x < 3`; None where nothing is in both, for then the two are meant as alternatives."""
    parts = [_region(plain(arg)) for arg in node.args]
    if any(part is None or len(part) != 1 for part in parts):
        return None
    pieces = [part[0] for part in parts if part is not None]
    low = max(pieces, key=lambda piece: _position(piece.below))
    high = min(pieces, key=lambda piece: _position(piece.above))
    if _position(low.below) >= _position(high.above):
        return None
    return [_Piece(low.below, low.closed_below, high.above, high.closed_above)]


def _without(pieces: list[_Piece] | None, holes: Node) -> list[_Piece] | None:
    """An interval without some points, or the real numbers without an interval."""
    if pieces is None or len(pieces) != 1 or holes.op != "group":
        return None
    whole = pieces[0]
    if holes.args[0] == r"\{":
        ends = sorted(holes.args[2:], key=_position)
        edges = [whole.below, *ends, whole.above]
        closed = [whole.closed_below, *(False for _ in ends), whole.closed_above]
        kept = zip(itertools.pairwise(edges), itertools.pairwise(closed), strict=True)
        return [_Piece(a, c, b, d) for (a, b), (c, d) in kept]
    hole = _region(holes)
    if pieces != _EVERYTHING or hole is None or len(hole) != 1:
        return None
    lower = _Piece(_MINUS_INFINITY, False, hole[0].below, not hole[0].closed_below)
    return [lower, _Piece(hole[0].above, not hole[0].closed_above, INFINITY, False)]


def _solved(node: Node) -> list[_Piece] | None:
    """The interval that an inequality in one variable describes."""
    parts, ops = list(node.args[::2]), list(node.args[1::2])
    if (within := _absolute(parts, ops)) is not None:
        return within
    if ops == ["="] and (named := _named(node)) is not None and not symbols(named[1]):
        return [_Piece(named[1], True, named[1], True)]
    places = [i for i, part in enumerate(parts) if part.op == "symbol" and symbols(part)]
    if len(places) != 1 or any(symbols(p) for i, p in enumerate(parts) if i != places[0]):
        return None
    place = places[0]
    if ops == ["!="]:
        hole = parts[1 - place]
        return [_Piece(_MINUS_INFINITY, False, hole, False), _Piece(hole, False, INFINITY, False)]
    below, above = (_MINUS_INFINITY, False), (INFINITY, False)
    for i, op in enumerate(ops):
        if op not in _ORDER or place not in (i, i + 1):
            return None
        bound = parts[i + 1] if place == i else parts[i]
        if op.startswith("<") == (place == i):
            above = (bound, op.endswith("="))
        else:
            below = (bound, op.endswith("="))
    return [_Piece(*below, *above)]


def _absolute(parts: list[Node], ops: list[str]) -> list[_Piece] | None:
    """`|x| < 2` and `|x| >= 2`."""
    if len(parts) != 2 or ops[0] not in _ORDER or parts[0].op != "call" or parts[0].args[0] != "abs":
        return None
    if parts[0].args[1].op != "symbol" or symbols(parts[1]):
        return None
    closed, minus = ops[0].endswith("="), Node("neg", (parts[1],))
    if ops[0].startswith("<"):
        return [_Piece(minus, closed, parts[1], closed)]
    return [_Piece(_MINUS_INFINITY, False, minus, closed), _Piece(parts[1], closed, INFINITY, False)]


def _in_order(pieces: list[_Piece]) -> list[_Piece]:
    return pieces if len(pieces) < 2 else sorted(pieces, key=lambda piece: _position(piece.below))


def _position(node: Node) -> float:
    found = value(node)
    if isinstance(found, complex):
        raise NoValue("no order")
    return math.inf if found == math.inf else float(found)
