"""The same answer in other notations. Every expression that is changed, not only printed, is checked for its value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from answers import Answer, express, matrix
from expressions import PLAIN, PYTHON, STYLES, TEX, Node, Unsure, letters, number, rational, read, same, write

Named = list[tuple[str, str]]
_FULLWIDTH = str.maketrans("0123456789.,-", "０１２３４５６７８９．，－")
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
    found = _fraction(exact, question) if exact is not None else []
    text = write(node, TEX)
    if "x" not in letters(node):
        found += [("x-equals", f"x = {text}"), ("x-equals-dollars", f"$x = {text}$")]
    found += checked(node, _reordered(node))
    found += checked(node, _roots(node))
    if letters(node):
        found += checked(node, _algebra(node))
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


def _fraction(exact: Fraction, question: str) -> Named:
    found = _decimals(exact)
    if exact.denominator != 1:
        top, bottom, sign = abs(exact.numerator), exact.denominator, "-" if exact < 0 else ""
        found += [
            ("slash", f"{sign}{top}/{bottom}"),
            ("slash-dollars", f"${sign}{top}/{bottom}$"),
            ("frac-of-decimals", rf"{sign}\frac{{{top}.0}}{{{bottom}}}"),
            ("frac-unreduced", rf"{sign}\frac{{{3 * top}}}{{{3 * bottom}}}"),
            ("minus-above", rf"\frac{{{sign}{top}}}{{{bottom}}}"),
            ("minus-below", rf"\frac{{{top}}}{{{sign}{bottom}}}"),
            ("parens-slash", f"{sign}({top})/({bottom})"),
        ]
        if top > bottom:
            whole, rest = divmod(top, bottom)
            found += [
                ("mixed", rf"{sign}{whole}\frac{{{rest}}}{{{bottom}}}"),
                ("mixed-space", rf"{sign}{whole} \frac{{{rest}}}{{{bottom}}}"),
                ("mixed-thin", rf"{sign}{whole}\,\frac{{{rest}}}{{{bottom}}}"),
                ("mixed-plain", f"{sign}{whole} {rest}/{bottom}"),
            ]
        return found
    found += _integer(exact.numerator)
    return found + _with_asked_unit(str(exact.numerator), question)


def _decimals(exact: Fraction) -> Named:
    rest, twos, fives = exact.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    digits = max(twos, fives)
    sign = "-" if exact < 0 else ""
    if rest == 1 and 0 < digits <= 8:
        text = f"{sign}{abs(exact).numerator * 10**digits // exact.denominator:0{digits + 1}d}"
        text = f"{text[:-digits]}.{text[-digits:]}"
        return [
            ("decimal", text),
            ("decimal-zeros", text + "0"),
            ("decimal-without-zero", text.replace("0.", ".", 1) if abs(exact) < 1 else text),
        ]
    if rest == 1 or twos or fives:
        return []
    whole, remainder = divmod(abs(exact).numerator, exact.denominator)
    period = ""
    left = remainder
    while len(period) <= 6 and (not period or left != remainder):
        period += str(left * 10 // exact.denominator)
        left = left * 10 % exact.denominator
    if left != remainder:
        return []
    return [
        ("repeating", rf"{sign}{whole}.\overline{{{period}}}"),
        ("repeating-bar", rf"{sign}{whole}.\bar{{{period}}}"),
        ("repeating-longer", rf"{sign}{whole}.{period}\overline{{{period}}}"),
    ]


def _integer(value: int) -> Named:
    text = str(value)
    found = [
        ("point-zero", f"{text}.0"),
        ("point-zeros", f"{text}.00"),
        ("point", f"{text}."),
        ("fullwidth", text.translate(_FULLWIDTH)),
        ("text", rf"\text{{{text}}}"),
        ("textbf", rf"\textbf{{{text}}}"),
        ("mathrm", rf"\mathrm{{{text}}}"),
        ("over-one", rf"\frac{{{text}}}{{1}}"),
        ("answer-word", f"The answer is {text}"),
        ("unicode-minus", text.replace("-", "−")),
    ]
    if value > 0:
        found += [("plus", f"+{text}"), ("leading-zero", f"0{text}")]
    if abs(value) < 1_000:
        return found
    for name, comma in _THOUSANDS.items():
        found.append((f"thousands-{name}", f"{value:,}".replace(",", comma)))
    digits = text.lstrip("-").rstrip("0")
    exponent = len(text.lstrip("-")) - 1
    mantissa = ("-" if value < 0 else "") + digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return found + _scientific(mantissa, str(exponent))


_THOUSANDS = {
    "comma": ",",
    "braces": "{,}",
    "thin": r"\,",
    "negative": r",\!",
    "negative-space": r",\! ",
    "space": " ",
    "narrow": "\u202f",
    "thin-unicode": "\u2009",
    "no-break": "\u00a0",
    "tilde": "~",
}


def _scientific(mantissa: str, exponent: str) -> Named:
    return [
        ("scientific-times", rf"{mantissa} \times 10^{{{exponent}}}"),
        ("scientific-cdot", rf"{mantissa}\cdot10^{{{exponent}}}"),
        ("scientific-tight", rf"{mantissa}\times10^" + (exponent if len(exponent) == 1 else f"{{{exponent}}}")),
        ("scientific-e", f"{mantissa}e{exponent}"),
        ("scientific-E", f"{mantissa}E{int(exponent):+03d}"),
        ("scientific-unicode", f"{mantissa} × 10^{exponent}"),
        ("scientific-python", f"{mantissa}*10**{exponent}" if int(exponent) > 0 else f"{mantissa}*10**({exponent})"),
    ]


def _float(answer: Answer) -> Named:
    return _scientific(answer.text, str(int(answer.extra)))


_ASKED = ("inches", "feet", "miles", "hours", "minutes", "seconds", "days", "years", "pounds", "cents", "apples")
_ASKED += ("eggs", "degrees", "meters", "units", "people", "students", "pages", "ways", "points", "books", "dollars")


def _with_asked_unit(text: str, question: str) -> Named:
    """The unit that the question asks for, and no other: whether it is right depends on it."""
    asked = re.findall(r"how (?:many|much)[^?.]*|what[^?]*\bin (?:dollars|cents|miles|hours)\b", question, re.IGNORECASE)
    last = asked[-1].lower() if asked else ""
    found = []
    for unit in _ASKED:
        if re.match(rf"how many (?:\w+ )?{unit}\b", last) or re.search(rf"\bin {unit}$", last.strip()):
            found += [
                ("unit-word", f"{text} {unit}"),
                ("unit-text", rf"{text} \text{{ {unit}}}"),
                ("unit-mathrm", rf"{text}\,\mathrm{{{unit}}}"),
                ("unit-text-tilde", rf"{text}~\text{{{unit}}}"),
            ]
    if re.match(r"how much (?:money|did|does|will|do|is|was|more)\b", last) and "$" in question and "percent" not in last:
        found += [
            ("currency", f"${text}"),
            ("currency-tex", rf"\${text}"),
            ("currency-cents", f"${text}.00"),
            ("currency-word", f"{text} dollars"),
        ]
    if re.search(r"what percent(?:age)?\b[^?.]*\?\s*$", question, re.IGNORECASE):
        found += [("percent", f"{text}%"), ("percent-tex", rf"{text}\%"), ("percent-word", f"{text} percent")]
    return found


def _reordered(node: Node) -> Iterable[tuple[str, Node | str]]:
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


def _roots(node: Node) -> Iterable[tuple[str, Node | str]]:
    """`k sqrt(n)` under one root, and fractions with the root below or above."""
    for path, inner in node.walk():
        if inner.kind == "mul" and len(inner.args) == 2 and inner.args[0].kind == "num" and _root_of(inner.args[1]):
            k, n = Fraction(inner.args[0].text), _root_of(inner.args[1])
            if k.denominator == 1:
                yield "under-one-root", node.put(path, Node("root", (number(int(k * k * n)),), "2"))
        if inner.kind == "root" and inner.text == "2" and inner.args[0].kind == "div":
            yield "root-of-parts", node.put(path, Node("div", tuple(Node("root", (a,), "2") for a in inner.args[0].args)))
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


def _algebra(node: Node) -> Iterable[tuple[str, Node | str]]:
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


def _words(answer: Answer) -> Named:
    text = answer.text
    found = [(c, rf"\{c}{{{text}}}") for c in ("text", "mathrm", "textbf", "mbox")]
    found += [("quoted", f'"{text}"'), ("text-dollars", rf"$\text{{{text}}}$"), ("bold", f"**{text}**")]
    if answer.kind == "choice":
        found += [("choice", f"({text})"), ("choice-text", rf"\text{{({text})}}"), ("choice-bold", rf"\textbf{{({text})}}")]
        return [*found, ("choice-paren", f"{text})"), ("choice-dot", f"{text}."), ("choice-box", rf"\boxed{{({text})}}")]
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
    found = [("listed-reversed", sep), ("listed-tight", ",".join(parts)), ("listed-dollars", f"${'$, $'.join(turned)}$")]
    found += [("listed-and", rf"{', '.join(turned[:-1])} \text{{ and }} {turned[-1]}")]
    found += [("listed-and-plain", f"{', '.join(turned[:-1])} and {turned[-1]}")]
    if len(set(parts)) == len(parts) and not _ordered(answer, question):
        found += [("set", rf"\{{{sep}\}}"), ("set-left-right", rf"\left\{{{sep}\right\}}"), ("set-plain", f"{{{sep}}}")]
        if all(p.kind == "expr" and "x" not in letters(p.expr) for p in answer.parts):
            found += [
                ("x-or", rf" \text{{ or }} ".join(f"x = {p}" for p in turned)),
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
    return dict(_decimals(exact)).get("decimal") if exact is not None else None


def _range(answer: Answer) -> Named:
    text, inner = express(answer, TEX), answer.parts[0] if answer.kind == "member" else answer
    bare = express(inner, TEX)
    parts = inner.parts if inner.kind == "union" else (inner,)
    found = [("interval", bare), ("interval-dollars", f"${bare}$"), ("member", rf"x \in {bare}"), ("same", text)]
    found.append(("left-right", re.sub(r"[(\[](?=[^()]*,)", r"\\left\g<0>", bare).replace(")", r"\right)").replace("]", r"\right]")))
    if bare.count("(") + bare.count("[") != found[-1][1].count(r"\left") or found[-1][1].count(r"\right") != len(parts):
        found.pop()
    found.append(("plus-infinity", bare.replace(r", \infty", r", +\infty")))
    for name, style in (("inequality", TEX), ("inequality-plain", PLAIN)):
        between = r" \text{ or } " if style.tex else " or "
        found.append((name, between.join(_inequality(p, style.tex) for p in parts)))
    if len(parts) > 1:
        turned = [express(p, TEX) for p in reversed(parts)]
        found += [("union-reversed", r" \cup ".join(turned)), ("union-unicode", " ∪ ".join(turned).replace(r"\infty", "∞"))]
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
    texts = [("equation-swapped", f"{write(right)} = {write(left)}"), ("equation-tight", f"{write(left)}={write(right)}".replace(" ", ""))]
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
