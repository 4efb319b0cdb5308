"""The same answer in other notations. Every expression that is changed, not only printed, is checked for its value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from answers import Answer, express, matrix
from expressions import Node, Unsure, letters, number, rational, read, same
from numerals import Named, decimals, rational_notations, scientific
from rewriting import algebra, reordered, roots
from styles import PLAIN, PYTHON, STYLES, TEX, write

_BASE_WORDS = {"2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine"}
_TEX = {name: style for name, style in STYLES.items() if style.tex}


def notations(answer: Answer, question: str = "") -> Named:
    """(name, text), the canonical TeX first."""
    found = [(name, express(answer, style)) for name, style in STYLES.items()]
    match answer.kind:
        case "expr":
            found += _expression(answer.expr, question)
        case "text" | "choice":
            found += _words(answer)
        case "based":
            found += _based(answer)
        case "float":
            found = _float(answer)
        case "quantity":
            found += _quantity(answer)
        case "list" | "set":
            found += _collection(answer, question)
        case "tuple":
            found += _tuple(answer)
        case "interval" | "union" | "member":
            found += _range(answer)
        case "matrix":
            found += _matrix(answer)
        case "assign":
            found += _assignment(answer)
        case "equation":
            found += _equation(*(p.expr for p in answer.parts))
    return found


def checked(node: Node, others: Iterable[tuple[str, Node | str]]) -> Named:
    """Those that have the value of `node`, written in TeX; a text stays as it is."""
    kept = []
    for name, other in others:
        try:
            if same(node, read(other) if isinstance(other, str) else other):
                kept.append((name, other if isinstance(other, str) else write(other, TEX)))
        except Unsure:
            continue
    return kept


def _expression(node: Node, question: str) -> Named:
    if any(n.kind == "pm" for _, n in node.walk()):
        return _plus_minus(node)
    exact = rational(node)
    found = rational_notations(exact, question) if exact is not None else []
    text = write(node, TEX)
    if "x" not in letters(node):
        found += [("x-equals", f"x = {text}"), ("x-equals-dollars", f"$x = {text}$")]
    found += checked(node, reordered(node))
    found += checked(node, roots(node))
    if letters(node):
        found += checked(node, algebra(node))
        found += checked(node, [("product-sign", write(node, replace(TEX, times=r" \cdot ")))])
    found += [("braces", rf"{{{text}}}")] if text.isdigit() else []
    return found


def _plus_minus(node: Node) -> Named:
    """`a ± b` as two values."""
    if node.kind != "pm":
        return []
    first = node.args[0]
    begin = () if first == number(0) else first.args if first.kind == "add" else (first,)
    plus = Node("add", (*begin, node.args[1])) if begin else node.args[1]
    minus = Node("add", (*begin, Node("neg", (node.args[1],)))) if begin else Node("neg", (node.args[1],))
    a, b = write(plus, TEX), write(minus, TEX)
    return [
        ("pm-expanded", f"{a}, {b}"),
        ("pm-expanded-swapped", f"{b}, {a}"),
        ("pm-and", rf"{a} \text{{ and }} {b}"),
        ("pm-or", f"x = {a} or x = {b}"),
        ("pm-set", rf"\{{{a}, {b}\}}"),
        ("pm-plain", f"{write(plus, PLAIN)}, {write(minus, PLAIN)}"),
    ]


def _float(answer: Answer) -> Named:
    return scientific(answer.text, str(int(answer.extra)))


def _words(answer: Answer) -> Named:
    text = answer.text
    found = [(c, rf"\{c}{{{text}}}") for c in ("text", "mathrm", "textbf", "mbox")]
    found += [("quoted", f'"{text}"'), ("text-dollars", rf"$\text{{{text}}}$"), ("bold", f"**{text}**")]
    if answer.kind == "choice":
        found += [
            ("choice", f"({text})"),
            ("choice-text", rf"\text{{({text})}}"),
            ("choice-bold", rf"\textbf{{({text})}}"),
        ]
        return [
            *found,
            ("choice-paren", f"{text})"),
            ("choice-dot", f"{text}."),
            ("choice-box", rf"\boxed{{({text})}}"),
        ]
    return [*found, ("lower", text.lower()), ("upper", text.upper()), ("title", text.title()), ("stop", f"{text}.")]


def _based(answer: Answer) -> Named:
    digits, base = answer.text, answer.extra
    found = [
        ("base-short", f"{digits}_{base}"),
        ("base-parens", rf"({digits})_{{{base}}}"),
        ("base-left-out", digits),
        ("base-text", rf"{digits}_{{\text{{{base}}}}}"),
        ("base-dollars", f"${digits}_{{{base}}}$"),
    ]
    if base in _BASE_WORDS:
        found.append(("base-word", rf"{digits}_{{\text{{{_BASE_WORDS[base]}}}}}"))
    return found


def _quantity(answer: Answer) -> Named:
    amounts = [("amount", express(answer.parts[0], s)) for s in (TEX, PYTHON)]
    amounts += [(name, t) for name, t in _expression(answer.parts[0].expr, "") if name in _AMOUNTS]
    first = amounts[0][1]
    match answer.text:
        case "°":
            signs = [r"^\circ", r"^{\circ}", "°", " degrees", r"\text{ degrees}", r"\degree", r"\,^\circ"]
            around = [(f"degrees-{n}", f"{first}{sign}") for n, sign in enumerate(signs)]
        case "$":
            around = [
                ("currency-plain", f"${first}"),
                ("currency-word", f"{first} dollars"),
                ("currency-text", rf"\text{{\${first}}}"),
            ]
        case "%":
            around = [("percent", f"{first}%"), ("percent-tex", rf"{first} \%"), ("percent-word", f"{first} percent")]
        case unit:
            power = f"^{answer.extra}" if answer.extra else ""
            around = [
                ("unit-mathrm", rf"{first}\,\mathrm{{{unit}}}{power}"),
                ("unit-mbox", rf"{first} \mbox{{ {unit}}}{power}"),
                ("unit-plain", f"{first} {unit}{power}"),
                ("unit-brackets", rf"{first}\text{{ {unit}}}{power and '^{' + answer.extra + '}'}"),
            ]
    return amounts + around


_AMOUNTS = frozenset({"decimal", "slash", "mixed", "thousands-comma", "thousands-braces", "thousands-negative", "text"})


def _collection(answer: Answer, question: str) -> Named:
    parts = [express(p, TEX) for p in answer.parts]
    turned = parts if _ordered(answer, question) else parts[::-1]
    sep = ", ".join(turned)
    found = [
        ("listed-reversed", sep),
        ("listed-tight", ",".join(parts)),
        ("listed-dollars", f"${'$, $'.join(turned)}$"),
    ]
    if len(parts) < 2:
        return found
    found += [("listed-and", rf"{', '.join(turned[:-1])} \text{{ and }} {turned[-1]}")]
    found += [("listed-and-plain", f"{', '.join(turned[:-1])} and {turned[-1]}")]
    if len(set(parts)) == len(parts) and not _ordered(answer, question):
        found += [("set", rf"\{{{sep}\}}"), ("set-left-right", rf"\left\{{{sep}\right\}}"), ("set-plain", f"{{{sep}}}")]
        if all(p.kind == "expr" and "x" not in letters(p.expr) for p in answer.parts):
            found += [
                ("x-or", r" \text{ or } ".join(f"x = {p}" for p in turned)),
                ("x-or-plain", " or ".join(f"x={p}" for p in turned)),
                ("x-listed", f"x = {sep}"),
                ("x-in", rf"x \in \{{{sep}\}}"),
            ]
    expanded = [e for p in answer.parts for e in _both(p)]
    if len(expanded) > len(parts):
        found += [("pm-expanded", rf"\{{{', '.join(expanded)}\}}"), ("pm-expanded-turned", ", ".join(expanded[::-1]))]
    return found


def _ordered(answer: Answer, question: str) -> bool:
    """Whether the question may want the items in this order."""
    free = r"separated by comma|\ball\b|solve|solution|roots|values of|zeros"
    return answer.kind == "list" and bool(question) and not re.search(free, question, re.IGNORECASE)


def _both(part: Answer) -> list[str]:
    if part.kind == "expr" and part.expr.kind == "pm":
        return dict(_plus_minus(part.expr))["pm-expanded"].split(", ")
    return [express(part, TEX)]


def _tuple(answer: Answer) -> Named:
    parts = [express(p, TEX) for p in answer.parts]
    found = [
        ("tuple-left-right", rf"\left({', '.join(parts)}\right)"),
        ("tuple-left-right-spaces", rf"\left( {' , '.join(parts)} \right)"),
        ("tuple-thin", "(" + r",\,".join(parts) + ")"),
        ("tuple-big", rf"\bigl({', '.join(parts)}\bigr)"),
    ]
    if "\\" not in "".join(parts):
        found.append(("tuple-text", rf"\text{{({', '.join(parts)})}}"))
    decimals = [_as_decimal(p) for p in answer.parts]
    if any(decimals):
        found.append(("tuple-decimals", f"({', '.join(d or p for d, p in zip(decimals, parts, strict=True))})"))
    return found


def _as_decimal(part: Answer) -> str | None:
    exact = rational(part.expr) if part.kind == "expr" and part.expr.kind != "pm" else None
    return dict(decimals(exact)).get("decimal") if exact is not None else None


def _range(answer: Answer) -> Named:
    text, inner = express(answer, TEX), answer.parts[0] if answer.kind == "member" else answer
    bare = express(inner, TEX)
    parts = inner.parts if inner.kind == "union" else (inner,)
    found = [("interval", bare), ("interval-dollars", f"${bare}$"), ("member", rf"x \in {bare}"), ("same", text)]
    found.append(
        (
            "left-right",
            re.sub(r"[(\[](?=[^()]*,)", r"\\left\g<0>", bare).replace(")", r"\right)").replace("]", r"\right]"),
        )
    )
    if bare.count("(") + bare.count("[") != found[-1][1].count(r"\left") or found[-1][1].count(r"\right") != len(parts):
        found.pop()
    found.append(("plus-infinity", bare.replace(r", \infty", r", +\infty")))
    for name, style in (("inequality", TEX), ("inequality-plain", PLAIN)):
        between = r" \text{ or } " if style.tex else " or "
        found.append((name, between.join(_inequality(p, style.tex) for p in parts)))
    if len(parts) > 1:
        turned = [express(p, TEX) for p in reversed(parts)]
        found += [
            ("union-reversed", r" \cup ".join(turned)),
            ("union-unicode", " ∪ ".join(turned).replace(r"\infty", "∞")),
        ]
    return found


def _inequality(interval: Answer, tex: bool) -> str:
    low, high = (express(p, TEX if tex else PLAIN) for p in interval.parts)
    less, at_most, at_least = ("<", r"\le", r"\ge") if tex else ("<", "<=", ">=")
    left = at_most if interval.text[0] == "[" else less
    right = at_most if interval.text[1] == "]" else less
    if interval.parts[0].kind == "infinity":
        return f"x {right} {high}"
    if interval.parts[1].kind == "infinity":
        return f"x {'>' if left == less else at_least} {low}"
    return f"{low} {left} x {right} {high}"


def _matrix(answer: Answer) -> Named:
    width = int(answer.extra)
    array = matrix(answer, TEX, rf"\begin{{array}}{{{'c' * width}}}", r"\end{array}")
    found = [
        ("bmatrix", matrix(answer, TEX, r"\begin{bmatrix}", r"\end{bmatrix}")),
        ("dfrac-matrix", matrix(answer, _TEX["dfrac"], r"\begin{pmatrix}", r"\end{pmatrix}")),
        ("spaced-rows", matrix(answer, TEX, r"\begin{pmatrix}", r"\end{pmatrix}", r" \\[4pt] ")),
        ("tight-rows", matrix(answer, TEX, r"\begin{pmatrix}", r"\end{pmatrix}", r"\\").replace(" & ", "&")),
        ("array", rf"\left({array}\right)"),
        ("array-square", rf"\left[{array}\right]"),
        ("rows-on-lines", matrix(answer, TEX, "\\begin{pmatrix}\n", "\n\\end{pmatrix}", " \\\\\n")),
        ("last-row-ended", matrix(answer, TEX, r"\begin{pmatrix}", r"\\ \end{pmatrix}")),
    ]
    bottoms = {p.expr.args[1] if p.expr.kind == "div" else None for p in map(_positive, answer.parts)}
    if len(bottoms) == 1 and None not in bottoms:
        bottom = bottoms.pop()
        cells = tuple(Answer("expr", _without_bottom(p.expr)) for p in answer.parts)
        whole = matrix(replace(answer, parts=cells), TEX, r"\begin{pmatrix}", r"\end{pmatrix}")
        found.append(("factor-in-front", rf"\frac{{1}}{{{write(bottom)}}} {whole}" if bottom else whole))
    return found


def _positive(part: Answer) -> Answer:
    return Answer("expr", part.expr.args[0]) if part.expr.kind == "neg" else part


def _without_bottom(node: Node) -> Node:
    return Node("neg", (_without_bottom(node.args[0]),)) if node.kind == "neg" else node.args[0]


def _assignment(answer: Answer) -> Named:
    inner = answer.parts[0]
    found = [(f"value-{name}", express(inner, s)) for name, s in _TEX.items()]
    if inner.kind != "expr" or inner.expr.kind == "pm":
        return found
    others = notations(inner) if len(answer.text) == 1 else []
    found += [(f"assigned-{name}", f"{answer.text} = {text}") for name, text in others if "=" not in text]
    if len(answer.text) == 1 and answer.text not in letters(inner.expr) and letters(inner.expr):
        found += _equation(Node("sym", text=answer.text), inner.expr)
    return found


def _equation(left: Node, right: Node) -> Named:
    """Both sides exchanged, everything on one side, multiplied by -1 and by 2."""
    zero = right == number(0)
    texts = [
        ("equation-swapped", f"{write(right)} = {write(left)}"),
        ("equation-tight", f"{write(left)}={write(right)}".replace(" ", "")),
    ]
    if not zero:
        texts.append(("equation-to-zero", f"{write(Node('add', (left, Node('neg', (right,)))))} = 0"))
    if left.kind == "add":
        moved = left.args[-1]
        other = moved.args[0] if moved.kind == "neg" else Node("neg", (moved,))
        rest = left.args[0] if len(left.args) == 2 else Node("add", left.args[:-1])
        texts.append(("equation-moved", f"{write(rest)} = {write(other if zero else Node('add', (right, other)))}"))
        turned = Node("add", tuple(a.args[0] if a.kind == "neg" else Node("neg", (a,)) for a in left.args))
        negated = right if zero else Node("neg", (right,))
        texts.append(("equation-negated", f"{write(turned)} = {write(negated)}"))
        texts.append(("equation-reversed", f"{write(replace(left, args=left.args[::-1]))} = {write(right)}"))
    return texts
