"""Near misses: answers that look like the gold and are others. Each expression is checked to have another value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from answers import Answer, express
from expressions import Node, Unsure, letters, number, points, rational, read, same, value
from styles import PYTHON, TEX, write

Named = list[tuple[str, str]]
_OTHER_WORDS = ("Theodora", "west", "odd", "hyperbola", "increasing", "Tuesday")
_MEASURES = frozenset({"cm", "inches", "feet", "meters", "miles", "cents", "degrees", "hours", "minutes", "seconds"})
"""Units that are a part of the answer; what is counted, such as students, only repeats the question."""
_ANTONYMS = {"even": "odd", "east": "west", "yes": "no", "true": "false", "ellipse": "hyperbola", "north": "south"}


def misses(answer: Answer) -> Named:
    """(name, text) of wrong answers near a right one."""
    match answer.kind:
        case "expr":
            return _expression(answer.expr)
        case "text":
            other = _ANTONYMS.get(answer.text.lower(), next(w for w in _OTHER_WORDS if w != answer.text))
            return [("other-text", rf"\text{{{other}}}"), ("other-text-plain", other)]
        case "choice":
            other = "ABCDE"[("ABCDE".find(answer.text) + 1) % 5]
            return [("other-choice", rf"\text{{({other})}}"), ("other-choice-plain", other)]
        case "based":
            return _based(answer)
        case "float":
            return _float(answer)
    return [(name, express(other, TEX)) for name, other in _parts(answer)]


def _expression(node: Node) -> Named:
    found = []
    for name, other in changed(node):
        found.append((name, write(other, TEX)))
        if name.startswith(("digit", "sign", "swapped")):
            found.append((f"{name}-python", write(other, PYTHON)))
    return found + _rounded(node)


def changed(node: Node) -> Iterator[tuple[str, Node]]:
    """Trees of another value. Few for an expression with `±`, whose two values could come out the same, and none for
    one with constants that may be anything.
    """
    if any(re.fullmatch(r"[cCkK](?:_\w)?|[A-Z]_\w", name) for name in letters(node)):
        return
    for name, other in _changes(node):
        if any(n.kind == "pm" for _, n in node.walk()):
            if name == "digit":
                yield name, other
            continue
        try:
            if not _like(node, other):
                yield name, other
        except Unsure:
            continue


def _like(left: Node, right: Node) -> bool:
    """Equal, or so close that it could be a rounding."""
    return same(left, right, 1e-9)


def _changes(node: Node) -> Iterator[tuple[str, Node]]:
    yield "sign", node.args[0] if node.kind == "neg" else Node("neg", (node,))
    numbers = 0
    for path, inner in node.walk():
        match inner.kind:
            case "num":
                numbers += 1
                if numbers <= 3:
                    yield from ((name, node.put(path, other)) for name, other in _digits(inner.text))
            case "add":
                flipped = (inner.args[0], *(_negated(a) for a in inner.args[1:]))
                yield "sign-inside", node.put(path, replace(inner, args=flipped))
                yield "term-dropped", node.put(path, inner.args[0])
            case "div":
                yield "swapped", node.put(path, replace(inner, args=inner.args[::-1]))
                yield "denominator-dropped", node.put(path, inner.args[0])
            case "pow" if rational(inner.args[1]) is not None:
                power = rational(inner.args[1])
                assert power is not None
                yield "exponent-up", node.put(path, Node("pow", (inner.args[0], number(power + 1))))
                yield "exponent-dropped", node.put(path, inner.args[0])
            case "root":
                yield "root-dropped", node.put(path, inner.args[0])
            case "sym" if inner.text == "pi":
                yield "pi-dropped", _without_ones(node.put(path, number(1)))
            case "sym" if inner.text == "i":
                yield "i-dropped", _without_ones(node.put(path, number(1)))
            case "sym" if inner.text not in ("e",):
                other = next(n for n in ("x", "y", "n", "k") if n not in {name.lower() for name in letters(node)})
                yield "other-letter", _renamed(node, inner.text, other)
            case "call":
                names = {"sin": "cos", "cos": "sin", "tan": "cot", "cot": "tan", "ln": "sin", "log": "sin"}
                if inner.text in names:
                    yield "other-function", node.put(path, replace(inner, text=names[inner.text]))
    if not letters(node):
        yield (
            "times-ten",
            Node("mul", (number(10), node)) if rational(node) is None else number((rational(node) or 0) * 10),
        )
        yield "twice", Node("mul", (number(2), node)) if rational(node) is None else number((rational(node) or 0) * 2)


def _without_ones(node: Node) -> Node:
    args = tuple(_without_ones(a) for a in node.args)
    if node.kind != "mul":
        return replace(node, args=args)
    factors = tuple(a for a in args if a != number(1)) or args[:1]
    return factors[0] if len(factors) == 1 else replace(node, args=factors)


def _renamed(node: Node, old: str, new: str) -> Node:
    if node.kind == "sym":
        return Node("sym", text=new) if node.text == old else node
    return replace(node, args=tuple(_renamed(a, old, new) for a in node.args))


def _negated(node: Node) -> Node:
    return node.args[0] if node.kind == "neg" else Node("neg", (node,))


def _digits(text: str) -> Iterator[tuple[str, Node]]:
    last = str((int(text[-1]) + 1) % 10) if text[-1].isdigit() else "1"
    yield "digit", number(text[:-1] + last if text[:-1] + last != "0" else "7")
    if len(text.replace(".", "")) > 1:
        yield "digit-first", number(str(int(text[0]) % 9 + 1 if text[0].isdigit() else 1) + text[1:])
        yield "digit-left-out", number(text[:-1].rstrip(".") or "0")
        if "." not in text and text[-1] != text[-2]:
            yield "digits-swapped", number(text[:-2] + text[-1] + text[-2])
    if "." not in text:
        yield "digit-appended", number(text + "1")


def _rounded(node: Node) -> Named:
    """A decimal that is near an exact value and not equal to it."""
    import mpmath

    if letters(node) or any(n.kind in ("pm", "mixed") or n.text == "i" for _, n in node.walk()):
        return []
    exact = rational(node)
    if exact is not None and (exact.denominator == 1 or not (set(_primes(exact.denominator)) - {2, 5})):
        return []
    try:
        whole = value(node, points(set())[0])
    except (Unsure, ZeroDivisionError, ValueError, OverflowError):
        return []
    if isinstance(whole, mpmath.mpc) or not 1e-2 < abs(whole) < 1e9:
        return []
    rounded = [("rounded-2", f"{float(whole):.2f}"), ("rounded-3", f"{float(whole):.3f}")]
    return [(name, text) for name, text in rounded if not _like(node, read(text))]


def _primes(value: int) -> Iterator[int]:
    factor = 2
    while value > 1 and factor < 10_000:
        while value % factor == 0:
            yield factor
            value //= factor
        factor += 1
    if value > 1:
        yield value


def _based(answer: Answer) -> Named:
    base, digits = int(answer.extra), answer.text
    other = base - 1 if base > 2 and max(digits) < str(base - 1) else base + 1
    last = str((int(digits[-1], 16) + 1) % min(base, 10))
    found = [("other-base", f"{digits}_{{{other}}}"), ("digit", f"{digits[:-1]}{last}_{{{base}}}")]
    return [*found, ("digit-left-out", f"{digits[:-1]}_{{{base}}}"), ("digit-base-left-out", f"{digits[:-1]}{last}")]


def _float(answer: Answer) -> Named:
    exponent = int(answer.extra)
    return [
        ("exponent-up", rf"{answer.text} \times 10^{{{exponent + 1}}}"),
        ("exponent-down", f"{answer.text}e{exponent - 1}"),
        ("exponent-sign", f"{answer.text}e{-exponent}"),
        ("sign", rf"-{answer.text} \times 10^{{{exponent}}}"),
        ("exponent-dropped", answer.text),
    ]


def _parts(answer: Answer) -> Iterable[tuple[str, Answer]]:
    parts = answer.parts
    for place, part in enumerate(parts):
        for name, other in _one(part):
            if answer.kind == "equation" and _proportional(answer, place, other):
                continue
            yield f"{answer.kind}-{name}", replace(answer, parts=(*parts[:place], other, *parts[place + 1 :]))
    if answer.kind in ("list", "set", "tuple"):
        if len(parts) > 1:
            yield f"{answer.kind}-missing", replace(answer, parts=parts[:-1])
            yield f"{answer.kind}-missing-first", replace(answer, parts=parts[1:])
        yield f"{answer.kind}-extra", replace(answer, parts=(*parts, Answer("expr", number(7919))))
    if answer.kind == "tuple":
        for name, turned in (("swapped", (parts[1], parts[0], *parts[2:])), ("reversed", parts[::-1])):
            if [express(p) for p in turned] != [express(p) for p in parts] and not _any_equal(parts):
                yield f"tuple-{name}", replace(answer, parts=turned)
    if answer.kind == "union":
        yield "union-missing", parts[0]
        yield "union-missing-first", Answer("union", parts=parts[1:])
    if answer.kind == "interval":
        yield from _brackets(answer)
    if answer.kind == "matrix" and 1 < int(answer.extra) == len(parts) // int(answer.extra):
        width = int(answer.extra)
        turned = tuple(parts[row * width + column] for column in range(width) for row in range(width))
        if [express(p) for p in turned] != [express(p) for p in parts] and not _any_equal(parts):
            yield "matrix-transposed", replace(answer, parts=turned)
    if answer.kind == "quantity" and answer.text in _MEASURES:
        other = "miles" if answer.text != "miles" else "seconds"
        yield "other-unit", replace(answer, text=other)


def _proportional(equation: Answer, place: int, other: Answer) -> bool:
    """Whether an equation with another side says the same: what is zero in it is a multiple of what was."""
    sides = [p.expr for p in equation.parts]
    turned = [*sides[:place], other.expr, *sides[place + 1 :]]
    try:
        was, now = (Node("add", (left, Node("neg", (right,)))) for left, right in (sides, turned))
        if letters(was) != letters(now):
            return False
        ratios = [value(now, p) / value(was, p) for p in points(letters(was))]
    except (Unsure, ZeroDivisionError, ValueError, OverflowError, KeyError):
        return True
    return all(abs(r - ratios[0]) < 1e-9 for r in ratios)


def _any_equal(parts: tuple[Answer, ...]) -> bool:
    """Whether two items could be the same, so that exchanging them changes nothing."""
    exprs = [p.node for p in parts]
    for place, left in enumerate(exprs):
        for right in exprs[:place]:
            try:
                if left is None or right is None or same(left, right):
                    return True
            except Unsure:
                return True
    return False


def _one(part: Answer) -> list[tuple[str, Answer]]:
    """A few other answers in place of one of several."""
    if part.kind == "expr":
        keep = ("sign", "digit", "swapped", "root-dropped", "pi-dropped", "exponent-up", "digit-first", "sign-inside")
        return [(n, Answer("expr", other)) for n, other in changed(part.expr) if n in keep]
    if part.kind == "infinity":
        return [("infinity-sign", Answer("infinity", text="" if part.text else "-"))]
    if part.kind in ("tuple", "interval", "union"):
        return [(re.sub(r"^\w+-", "", name), other) for name, other in _parts(part)]
    return []


def _brackets(answer: Answer) -> Iterator[tuple[str, Answer]]:
    left, right = answer.text
    if answer.parts[0].kind != "infinity":
        yield "bracket-left", replace(answer, text=("(" if left == "[" else "[") + right)
    if answer.parts[1].kind != "infinity":
        yield "bracket-right", replace(answer, text=left + (")" if right == "]" else "]"))
