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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.scoring import forms, regions
from evalkit.scoring.symbols import Node
from evalkit.scoring.values import same, symbols

_MAX_MEMBERS = 40

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
        target, answer = forms.plain(target), forms.plain(answer)
        if target.op != "relation" and (said := forms.said(answer)) is not None:
            answer = forms.plain(said)
        if regions.is_region(target) or regions.is_region(answer):
            found = self._regions(target, answer)
            if found is not None:
                return found
        if "matrix" in (target.op, answer.op):
            return Outcome(self._matrices(target, answer), "matrix")
        if "relation" in (target.op, answer.op):
            return Outcome(self._relations(target, answer), "equation")
        if "ratio" in (target.op, answer.op):
            return Outcome(self._ratios(target, answer), "ratio")
        wanted, given = forms.members(target), forms.members(answer)
        if wanted is None and given is not None and answer.op == "list" and self._all_alike(given):
            return self.equal(target, given[0])  # `60% or 0.6`
        if wanted is not None or given is not None:
            return self._many(
                target, answer, [target] if wanted is None else wanted, [answer] if given is None else given
            )
        if target.op == "word" or answer.op == "word":
            return Outcome(target == answer, "words")
        if "mod" in (target.op, answer.op) and target.op != answer.op:  # the question said the modulus
            target, answer = (n.args[0] if n.op == "mod" else n for n in (target, answer))
        if target.op == answer.op in ("mod", "prime", "group", "based", "determinant"):
            return Outcome(self._alike(target.args, answer.args), target.op)
        return Outcome(self.same(target, forms.renamed(answer, target)), "identity" if symbols(target) else "value")

    def _equals(self, target: Node, answer: Node) -> bool:
        return self.equal(target, answer).equal

    def _alike(self, left: Sequence[Any], right: Sequence[Any]) -> bool:
        """Argument by argument."""
        return len(left) == len(right) and all(
            self._equals(a, b) if isinstance(a, Node) and isinstance(b, Node) else a == b
            for a, b in zip(left, right, strict=True)
        )

    def _all_alike(self, members: list[Node]) -> bool:
        """Several ways to write one value; the same text twice is two members."""
        return len(set(members)) > 1 and all(self._maybe_equals(members[0], other) for other in members[1:])

    def _ratios(self, target: Node, answer: Node) -> bool:
        """`2:3` and `4:6`; a fraction is a ratio of two."""
        left, right = (forms.ratio_terms(n) for n in (target, answer))
        if left is None or right is None:
            return False
        return len(left) == len(right) and all(
            self.same(Node("*", (left[0], b)), Node("*", (right[0], a))) for a, b in zip(left, right, strict=True)
        )

    # several members ----------------------------------------------------------------------------

    def _many(self, target: Node, answer: Node, wanted: list[Node], given: list[Node]) -> Outcome:
        named = forms.assigned(target), forms.assigned(answer)
        if named[0] is not None and named[1] is not None and named[0].keys() == named[1].keys():
            return Outcome(all(self._equals(v, named[1][k]) for k, v in named[0].items()), "list")
        if (named[0] is None) != (named[1] is None):  # `x = 1, y = 2` is the tuple (1, 2)
            wanted = [named[0][k] for k in sorted(named[0])] if named[0] is not None else wanted
            given = [named[1][k] for k in sorted(named[1])] if named[1] is not None else given
            if named[1] is not None and target.op == "list" and all("_" in name for name in named[1]):
                return Outcome(len(wanted) == len(given) and self._any_order(wanted, given), "list")
            return Outcome(len(wanted) == len(given) and self._alike(wanted, given), "tuple")
        ordered = [forms.bracket(n) for n in (target, answer)]
        step = "tuple" if "(" in ordered[:1] else "set" if ordered[0] == "{" else "list"
        if len(wanted) != len(given) or len(wanted) > _MAX_MEMBERS:
            return Outcome(False, step)
        if not forms.brackets_agree(ordered[0], ordered[1], len(wanted)):
            return Outcome(False, step)
        if ordered[0] == "(" and answer.op == "list" and all(forms.named(n) for n in given):
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
        except ArithmeticError:
            return False

    def _matrices(self, target: Node, answer: Node) -> bool:
        left, right = forms.rows(target), forms.rows(answer)
        if left is None or right is None:
            return False
        if target.op != answer.op and 1 in (len(left), len(right)):  # a vector written as a tuple
            shape, other = (left, answer) if target.op == "matrix" else (right, target)
            if (len(shape) > 1 and len(shape[0]) > 1) or forms.bracket(other) == "{":
                return False
            left, right = ([tuple(itertools.chain(*rows))] for rows in (left, right))
        return [len(row) for row in left] == [len(row) for row in right] and all(
            self._equals(a, b) for row, other in zip(left, right, strict=True) for a, b in zip(row, other, strict=True)
        )

    # equations ----------------------------------------------------------------------------------

    def _relations(self, target: Node, answer: Node) -> bool:
        if target.op != "relation" or answer.op != "relation":
            equation, other = (target, answer) if target.op == "relation" else (answer, target)
            named = forms.named(equation)
            if named is None or (other is answer and forms.is_name(named[0]) is False):
                return False
            return self._equals(named[1], other) if equation is target else self._equals(other, named[1])
        left, right = forms.named(target), forms.named(answer)
        if left is not None and right is not None:
            names = [forms.spelled(n[0]) for n in (left, right)]
            if names[0] == names[1] or any(len(n) > 1 for n in names):
                return self._equals(left[1], right[1])
        if target.args[1::2] == ("=",) == answer.args[1::2]:
            return forms.proportional(forms.difference(target), forms.difference(answer))
        if target.args[1::2] == answer.args[1::2] and self._alike_or_none(target.args, answer.args):
            return True
        turned = tuple(forms.FLIPPED.get(a, a) if isinstance(a, str) else a for a in reversed(answer.args))
        if target.args[1::2] == turned[1::2] and self._alike_or_none(target.args, turned):
            return True
        if len(target.args) == len(answer.args) == 3 and {target.args[1], answer.args[1]} <= forms.ORDER:
            one, two = (n if n.args[1].startswith("<") else forms.turned(n) for n in (target, answer))
            return one.args[1] == two.args[1] and forms.proportional(
                forms.difference(one), forms.difference(two), positive=True
            )
        return False

    def _alike_or_none(self, left: Sequence[Any], right: Sequence[Any]) -> bool:
        try:
            return self._alike(left, right)
        except ArithmeticError:
            return False

    # intervals ----------------------------------------------------------------------------------

    def _regions(self, target: Node, answer: Node) -> Outcome | None:
        left, right = regions.region(target), regions.region(answer)
        if left is None or right is None:
            return None
        names = [symbols(n) for n in (target, answer) if n.op == "relation"]
        if len(names) == 2 and names[0] != names[1]:
            return Outcome(False, "interval")
        if len(left) != len(right):
            return Outcome(False, "interval")
        pairs = zip(regions.in_order(left), regions.in_order(right), strict=True)
        return Outcome(all(self._same_piece(a, b) for a, b in pairs), "interval")

    def _same_piece(self, left: regions.Piece, right: regions.Piece) -> bool:
        return (left.closed_below, left.closed_above) == (right.closed_below, right.closed_above) and all(
            self.same(a, b) for a, b in ((left.below, right.below), (left.above, right.above))
        )
