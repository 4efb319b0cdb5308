r"""Forms of answers, told from their trees: lists, names with their values, signs, ratios.

Each function looks at one tree and says what it is or gives it in a plainer form; none compares anything but numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from evalkit.scoring.symbols import Node
from evalkit.scoring.values import NoValue, points, symbols, value

FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}

ORDER = frozenset(FLIPPED)


def ratio_terms(node: Node) -> tuple[Node, ...] | None:
    """Of a ratio, or of a fraction that is one."""
    if node.op in ("ratio", "/"):
        return node.args
    if node.op == "number" and node.args[0].denominator != 1:
        return Node("number", (Fraction(node.args[0].numerator),)), Node(
            "number", (Fraction(node.args[0].denominator),)
        )
    return None


_INTEGERS, _ARBITRARY = frozenset("knmlj"), frozenset("cCKAD")
"""Names that a question leaves open: of an integer, and of a constant of integration."""


def _holds_pi(node: Any) -> bool:
    if isinstance(node, tuple):
        return any(map(_holds_pi, node))
    return isinstance(node, Node) and (node.args == ("pi",) or any(map(_holds_pi, node.args)))


def renamed(answer: Node, target: Node) -> Node:
    """The answer with the target's name for the one parameter that they call differently."""
    theirs, ours = symbols(answer) - symbols(target), symbols(target) - symbols(answer)
    if len(theirs) != 1 or len(ours) != 1:
        return answer
    periodic = _holds_pi(target) and theirs | ours <= _INTEGERS  # `\\pi/4 + k\\pi`
    if periodic or theirs | ours <= _ARBITRARY:
        renamed_: Node = _with_name(answer, *theirs, *ours)
        return renamed_
    return answer


def _with_name(node: Any, old: str, new: str) -> Any:
    if isinstance(node, tuple):
        return tuple(_with_name(arg, old, new) for arg in node)
    if not isinstance(node, Node):
        return node
    if node == Node("symbol", (old,)):
        return Node("symbol", (new,))
    return Node(node.op, tuple(_with_name(arg, old, new) for arg in node.args))


def plain(node: Node) -> Node:
    r"""Without what names the answer, with `\pm` written out and chains of equations followed to their end."""
    if node.op == "relation":
        if "~" in node.args[1::2]:  # what is about equal is not what was found
            cut = node.args.index("~")
            exact = node.args[:cut] if cut > 1 or not is_name(node.args[0]) else node.args[cut + 1 :]
            return plain(exact[0] if len(exact) == 1 else Node("relation", exact))
        if "in" in node.args[1::2]:
            return plain(node.args[-1])
        if node.args[1::2] == ("=",) and node.args[0].op == "group" and all(map(is_name, node.args[0].args[2:])):
            return plain(node.args[2])
        if node.args[1::2] == ("equiv",) and is_name(node.args[0]):
            return plain(node.args[2])
        if set(node.args[1::2]) == {"="} and all(not symbols(part) for part in node.args[::2]):
            return plain(node.args[-1])
        if len(node.args) > 3 and set(node.args[1::2]) == {"="}:
            node = Node("relation", (node.args[0], "=", node.args[-1]))
    if node.op == "*" and node.args[1].op == "matrix":  # a number in front of a matrix belongs to each entry
        rows = (tuple(Node("*", (node.args[0], cell)) for cell in row) for row in node.args[1].args)
        return Node("matrix", tuple(rows))
    both = expanded(node)
    if both is not None:
        return Node("list", tuple(both))
    if node.op == "group" and node.args[0] == "(" and holds(node, "pm", "mp"):  # two points
        return Node("list", (signed(node, True), signed(node, False)))
    if node.op in ("list", "group", "both") and any(isinstance(a, Node) and holds(a, "pm", "mp") for a in node.args):
        inside: list[Node] = []
        for arg in node.args:
            inside += (expanded(arg) or [arg]) if isinstance(arg, Node) else [arg]
        return Node(node.op, tuple(inside))
    return node


def holds(node: Any, *ops: str) -> bool:
    if isinstance(node, tuple):
        return any(holds(arg, *ops) for arg in node)
    return isinstance(node, Node) and (node.op in ops or any(holds(arg, *ops) for arg in node.args))


def expanded(node: Node) -> list[Node] | None:
    """Both values of an expression with a plus-minus sign."""
    if node.op in ("list", "group", "both") or not holds(node, "pm", "mp"):
        return None
    return [signed(node, upper) for upper in (True, False)]


def signed(node: Any, upper: bool) -> Any:
    if isinstance(node, tuple):
        return tuple(signed(arg, upper) for arg in node)
    if not isinstance(node, Node):
        return node
    op = {"pm": "+" if upper else "-", "mp": "-" if upper else "+"}.get(node.op, node.op)
    return Node(op, tuple(signed(arg, upper) for arg in node.args))


def bracket(node: Node) -> str:
    if node.op != "group":
        return ""
    return "{" if node.args[0] == r"\{" else str(node.args[0])


def brackets_agree(target: str, answer: str, n_members: int) -> bool:
    if target == "[" and n_members == 2 and answer != "[":
        return False  # an interval
    return target == answer or "" in (target, answer) or ({target, answer} == {"{", "["} and n_members != 2)


def assigned(node: Node) -> dict[str, Node] | None:
    """name -> value of `x = 1, y = 2`, where every name is another one."""
    pairs = [named(plain(m)) for m in members(node) or []] if node.op in ("list", "both") else []
    if len(pairs) < 2 or None in pairs:
        return None
    found = {spelled(pair[0]): pair[1] for pair in pairs if pair is not None}
    return found if len(found) == len(pairs) else None


def members(node: Node) -> list[Node] | None:
    if node.op in ("list", "both"):
        return list(node.args)
    if node.op == "group":
        return list(node.args[2:])
    return None


def rows(node: Node) -> Sequence[Sequence[Node]] | None:
    if node.op == "matrix":
        return node.args
    if node.op in ("group", "list"):
        inside = members(node) or []
        if inside and all(m.op == "group" for m in inside):
            return [m.args[2:] for m in inside]
        return [tuple(inside)]
    return None


def named(node: Node) -> tuple[Node, Node] | None:
    """(name, value) of `x = 5` or `f(x) = x + 1`."""
    if node.op != "relation" or node.args[1:2] != ("=",) or len(node.args) != 3:
        return None
    left, right = node.args[0], node.args[2]
    if is_name(left) and not (symbols(left) & symbols(right) and left.op == "symbol"):
        return left, right
    if is_name(right) and right.op == "symbol" and not symbols(left) & symbols(right):
        return right, left
    return None


def said(node: Node) -> Node | None:
    """The value of `a + b = 5`: what an equation says of its left side."""
    if node.op != "relation" or node.args[1:2] != ("=",) or len(node.args) != 3:
        return None
    left: Node = node.args[0]
    right: Node = node.args[2]
    if is_name(left) or (left.op == "group" and all(is_name(n) for n in left.args[2:])):
        return right
    scaled = left.op == "*" and left.args[0].op == "number"  # `2x = 18` does not say what x is
    return right if symbols(left) and not symbols(right) and not scaled else None


def is_name(node: Node) -> bool:
    """A variable, a word, or a function of variables."""
    if node.op in ("symbol", "word", "prime"):
        return True
    if node.op == "/":  # dy/dx
        return all(n.op == "*" and n.args[0] == Node("symbol", ("d",)) for n in node.args)
    if node.op == "call" and node.args[0] == "abs":
        return is_name(node.args[1])
    if node.op == "group" and node.args[0] == "(":
        return len(node.args) > 2 and all(map(is_name, node.args[2:]))
    if node.op == "^":  # the inverse of a function
        return bool(node.args[0].op == "symbol" and node.args[1].op == "neg")
    return node.op in ("*", "list") and all(is_name(arg) for arg in node.args)


def spelled(node: Node) -> str:
    return "".join(spelled(a) if isinstance(a, Node) else str(a) for a in node.args)


def difference(node: Node) -> Node:
    return Node("-", (node.args[0], node.args[2]))


def turned(node: Node) -> Node:
    """`a > b` as `b < a`."""
    return Node("relation", (node.args[2], FLIPPED[node.args[1]], node.args[0]))


def proportional(left: Node, right: Node, positive: bool = False) -> bool:
    """One is the other times a constant that is not zero, or is `positive`."""
    if symbols(left) != symbols(right):
        return False
    pairs: list[tuple[Any, Any]] = [(value(left, env), value(right, env)) for env in points(symbols(left))]
    (a, b), *rest = pairs
    if not a or not b:
        raise NoValue("zero at the point of comparison")
    if positive and (isinstance(a, complex) or isinstance(b, complex) or bool(a > 0) != bool(b > 0)):
        return False
    return not any(abs(a * d - c * b) > 1e-9 * max(abs(a * d), abs(c * b), 1e-9) for c, d in rest)
