"""Other trees of the same value: reordered, with roots elsewhere, factored and expanded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from expressions import Node, Unsure, letters, number, rational
from styles import PYTHON, write


def reordered(node: Node) -> Iterable[tuple[str, Node | str]]:
    """Sums and products in another order."""
    for path, inner in node.walk():
        if inner.kind in ("add", "mul") and len(inner.args) > 1:
            word = "sum" if inner.kind == "add" else "product"
            for name, args in (("reversed", inner.args[::-1]), ("rotated", (*inner.args[1:], inner.args[0]))):
                other = node.put(path, replace(inner, args=args))
                yield f"{word}-{name}", other
                yield f"{word}-{name}-plain", write(other, PYTHON)
        if inner.kind == "div" and not path:
            top, bottom = inner.args
            yield "coefficient-in-front", Node("mul", (Node("div", (number(1), bottom)), top))
        if inner.kind == "mul" and any(a.kind == "div" for a in inner.args):
            yield "one-fraction", node.put(path, _one_fraction(inner))


def _one_fraction(product: Node) -> Node:
    above = [a.args[0] if a.kind == "div" else a for a in product.args]
    below = [a.args[1] for a in product.args if a.kind == "div"]
    return Node("div", (Node("mul", tuple(above)), below[0] if len(below) == 1 else Node("mul", tuple(below))))


def roots(node: Node) -> Iterable[tuple[str, Node | str]]:
    """`k sqrt(n)` under one root, and fractions with the root below or above."""
    for path, inner in node.walk():
        if inner.kind == "mul" and len(inner.args) == 2 and inner.args[0].kind == "num" and _root_of(inner.args[1]):
            k, n = Fraction(inner.args[0].text), _root_of(inner.args[1])
            if k.denominator == 1:
                yield "under-one-root", node.put(path, Node("root", (number(int(k * k * n)),), "2"))
        if inner.kind == "root" and inner.text == "2" and inner.args[0].kind == "div":
            yield (
                "root-of-parts",
                node.put(path, Node("div", tuple(Node("root", (a,), "2") for a in inner.args[0].args))),
            )
        if inner.kind != "div" or inner.args[1].kind != "num":
            continue
        top, c = inner.args[0], Fraction(inner.args[1].text)
        k, root = (Fraction(top.args[0].text), top.args[1]) if _simple_product(top) else (Fraction(1), top)
        n = _root_of(root)
        if n:
            ratio = k * n / c
            below = root if ratio.denominator == 1 else Node("mul", (number(ratio.denominator), root))
            yield "root-below", node.put(path, Node("div", (number(ratio.numerator), below)))
            yield "root-times-fraction", node.put(path, Node("mul", (number(k / c), root)))
            yield "root-of-fraction", node.put(path, Node("root", (number((k / c) ** 2 * n),), "2"))


def _simple_product(node: Node) -> bool:
    return node.kind == "mul" and len(node.args) == 2 and node.args[0].kind == "num"


def _root_of(node: Node) -> int:
    whole = node.kind == "root" and node.text == "2" and node.args[0].kind == "num" and node.args[0].text.isdigit()
    return int(node.args[0].text) if whole else 0


def algebra(node: Node) -> Iterable[tuple[str, Node | str]]:
    """Factored, expanded, over one denominator: by sympy, from a tree that is ours."""
    import sympy

    if any(n.kind in ("call", "mixed") or (n.kind == "num" and "." in n.text) for _, n in node.walk()):
        return
    try:
        whole = sympy_of(node)
        forms = {"factored": sympy.factor, "expanded": sympy.expand, "together": sympy.together, "apart": sympy.apart}
        made = {}
        for name, form in forms.items():
            if name != "apart" or len(letters(node)) == 1:
                made[name] = form(whole)
        texts = {name: sympy.latex(one) for name, one in made.items()}
        pythons = {name: str(one) for name, one in made.items()}
    except (Unsure, NotImplementedError, sympy.PolynomialError):
        return
    for name in made:
        yield name, texts[name]
        yield f"{name}-python", pythons[name]


def sympy_of(node: Node) -> object:
    """The tree as sympy has it."""
    import sympy

    args = [sympy_of(a) for a in node.args]
    match node.kind:
        case "num":
            return sympy.Rational(node.text)
        case "sym":
            return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I}.get(node.text) or sympy.Symbol(node.text)
        case "neg":
            return -args[0]
        case "add":
            return sympy.Add(*args)
        case "mul":
            return sympy.Mul(*args)
        case "div":
            return args[0] / args[1]
        case "pow" if rational(node.args[1]) is None or abs(rational(node.args[1]) or 0) < 50:
            return args[0] ** args[1]
        case "root":
            return sympy.root(args[0], int(node.text))
    raise Unsure(node.kind)
