r"""Answers as models and benchmarks give them: an expression, or a list, tuple, set, interval, matrix or equation of
them, or text; read from a gold and written in a style. As with `expressions`, whatever could be misread is `Unsure`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from expressions import Node, Unsure, read
from styles import TEX, Style, write

_UNIT = r"\\(?:text|mbox|mathrm)\s*\{\s*(?P<unit>[A-Za-z][A-Za-z ]*)\}(?:\^\{?(?P<power>[23])\}?)?"
_OPEN, _CLOSE = "([{", ")]}"
INFINITE = re.compile(r"([+-]?)\s*\\infty")


@dataclass(frozen=True, slots=True)
class Answer:
    """`expr`, `text`, `choice`, `based`, `list`, `tuple`, `set`, `interval`, `union`, `matrix`, `equation`, `assign`,
    `member`, `quantity`, `infinity`: what fields mean depends on it.
    """

    kind: str
    node: Node | None = None
    text: str = ""
    """Words, digits in a base, the variable of `assign` and `member`, a unit, the brackets of an interval, a sign."""
    extra: str = ""
    """The base, the power of a unit, or the row length of a matrix."""
    parts: tuple[Answer, ...] = ()

    @property
    def expr(self) -> Node:
        """The expression of an answer that is one."""
        if self.node is None:
            raise Unsure(f"{self.kind} is no expression")
        return self.node


def bare(gold: str) -> str:
    """A gold without dollar signs, sizes and spaces that say nothing."""
    text = gold.strip()
    if re.fullmatch(r"\$[^$]+\$", text):
        text = text[1:-1]
    if "$" in text.replace(r"\$", ""):
        text = re.sub(r"(?<!\\)\$", "", text)
    for word in (r"\left", r"\right", r"\displaystyle", r"\quad"):
        text = re.sub(re.escape(word) + r"(?![a-z])", "", text)
    return text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac").strip()


def understand(gold: str) -> Answer:
    """The answer that a gold is; raises `Unsure`."""
    text = bare(gold)
    for attempt in (_number, _words, _based, _quantity, _matrix, _relation, _collection):
        found = attempt(text)
        if found is not None:
            return found
    return Answer("expr", read(text))


def _number(text: str) -> Answer | None:
    whole = re.sub(r",\\!\s*|\{,\}", ",", text)
    if re.fullmatch(r"-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", whole):
        return Answer("expr", read(whole.replace(",", "")))
    program = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)e([+-]?\d+)", text)
    return Answer("float", text=program[1], extra=program[2]) if program else None


def _words(text: str) -> Answer | None:
    inner = re.fullmatch(r"\\(?:text|mbox|textbf|mathrm)\{([^{}\\]*)\}", text)
    words = (inner[1] if inner else text).strip()
    if re.fullmatch(r"\(?[A-H]\)?", words) and (inner or len(words) == 1):
        return Answer("choice", text=words.strip("()"))
    if re.fullmatch(r"Yes|No|[A-Z]?[a-z]{3,}(?: [A-Za-z]+){0,5}", words) or (
        inner and re.fullmatch(r"[A-Za-z ]{2,}", words)
    ):
        return Answer("text", text=words)
    if inner:
        raise Unsure("words")
    return None


def _based(text: str) -> Answer | None:
    found = re.fullmatch(r"\(?([0-9A-F]+)\)?_(?:\{(\d{1,2})\}|(\d))", text.replace(" ", ""))
    return Answer("based", text=found[1], extra=found[2] or found[3]) if found else None


def _quantity(text: str) -> Answer | None:
    if re.search(r"\\[;,: ]\s*(?:m|s|h|g|N|J|V|W|K)(?:\^\{?\d\}?)?$", text):
        raise Unsure("a letter that could be a unit")
    if text.startswith(r"\$"):
        inner = understand(text[2:].strip())
        return Answer("quantity", text="$", parts=(inner,)) if inner.kind == "expr" else None
    degrees = re.fullmatch(r"(.+?)\s*\^\{?\s*\\circ\s*\}?", text)
    if degrees and "," not in degrees[1]:
        return Answer("quantity", text="°", parts=(Answer("expr", read(degrees[1])),))
    percent = re.fullmatch(r"(.+?)\s*\\?%", text)
    if percent and "," not in percent[1]:
        return Answer("quantity", text="%", parts=(Answer("expr", read(percent[1])),))
    united = re.fullmatch(r"(.+?)(?:\s|\\[,; ]|~)*" + _UNIT, text)
    if united and "," not in united[1]:
        unit = united["unit"].strip()
        if unit in ("and", "or"):
            return None
        return Answer("quantity", text=unit, extra=united["power"] or "", parts=(Answer("expr", read(united[1])),))
    return None


def _matrix(text: str) -> Answer | None:
    found = re.fullmatch(r"\\begin\{([pb])matrix\}(.*)\\end\{\1matrix\}", text, re.DOTALL)
    if found is None:
        return None
    rows = [row.split("&") for row in re.split(r"\\\\(?:\[\w+\])?", found[2].strip().removesuffix("\\\\"))]
    if len({len(row) for row in rows}) != 1:
        raise Unsure("a ragged matrix")
    cells = tuple(Answer("expr", read(cell.strip())) for row in rows for cell in row)
    return Answer("matrix", extra=str(len(rows[0])), parts=cells)


def _relation(text: str) -> Answer | None:
    member = re.fullmatch(r"([a-z])\s*\\in(?![a-z])\s*(.+)", text)
    if member:
        inner = understand(member[2])
        return Answer("member", text=member[1], parts=(inner,)) if inner.kind in ("interval", "union") else None
    if text.count("=") != 1 or re.search(r"\\(?:text|le|ge|leq|geq|neq|approx)(?![a-z])|[<>]", text):
        return None
    left, right = (side.strip() for side in text.split("="))
    if re.fullmatch(r"[a-zA-Z](?:_\w)?|[a-zA-Z]\([a-z]\)", left) and "," not in right:
        inner = understand(right)
        return Answer("assign", text=left, parts=(Answer("expr", read(right)) if inner.kind == "choice" else inner,))
    return Answer("equation", parts=(Answer("expr", read(left)), Answer("expr", read(right))))


def _collection(text: str) -> Answer | None:
    pieces = re.split(r"\\cup(?![a-z])", text)
    if len(pieces) > 1:
        parts = tuple(understand(p.strip()) for p in pieces)
        if all(len(p.parts) == 2 and p.kind in ("tuple", "interval") for p in parts):
            return Answer("union", parts=tuple(_as_interval(p) for p in parts))
        raise Unsure("a union")
    if _enclosed(text, r"\{", r"\}"):
        return Answer("set", parts=_items(text[2:-2]))
    if text[:1] in "([" and text[-1:] in ")]" and len(split(text[1:-1])) > 1 and _enclosed(text, text[0], text[-1]):
        parts = _items(text[1:-1])
        brackets = text[0] + text[-1]
        if len(parts) == 2 and (brackets != "()" or any(p.kind == "infinity" for p in parts)):
            return Answer("interval", text=brackets, parts=parts)
        if brackets == "()":
            return Answer("tuple", parts=parts)
        raise Unsure("brackets")
    items = split(text)
    return Answer("list", parts=_items(text)) if len(items) > 1 else None


def _as_interval(pair: Answer) -> Answer:
    return pair if pair.kind == "interval" else Answer("interval", text="()", parts=pair.parts)


def _enclosed(text: str, start: str, end: str) -> bool:
    if not (text.startswith(start) and text.endswith(end)) or len(text) < len(start) + len(end):
        return False
    inner = text[len(start) : -len(end)]
    depth = 0
    for char in inner:
        depth += (char in _OPEN) - (char in _CLOSE)
        if depth < 0:
            return False
    return depth == 0


def split(text: str) -> list[str]:
    """The pieces between the commas that no bracket encloses."""
    pieces, depth = [""], 0
    for char in text:
        depth += (char in _OPEN) - (char in _CLOSE)
        if char == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += char
    return [p.strip() for p in pieces]


def _items(text: str) -> tuple[Answer, ...]:
    found = []
    for piece in split(text):
        infinite = INFINITE.fullmatch(piece)
        item = Answer("infinity", text=infinite[1].strip("+")) if infinite else understand(piece)
        if item.kind not in ("expr", "infinity", "tuple", "text", "choice", "assign"):
            raise Unsure(f"{item.kind} in a list")
        found.append(item)
    return tuple(found)


def express(answer: Answer, style: Style = TEX) -> str:
    """The text of an answer in a style."""
    parts = [express(p, style) for p in answer.parts]
    comma = ", " if style.space else ","
    left, right = style.parens
    match answer.kind:
        case "expr":
            return write(answer.expr, style)
        case "text" | "choice":
            return rf"\text{{{answer.text}}}" if style.tex else answer.text
        case "infinity":
            return answer.text + (r"\infty" if style.tex else "∞" if style.pi == "π" else "infinity")
        case "float":
            return f"{answer.text}e{answer.extra}"
        case "based":
            return f"{answer.text}_{{{answer.extra}}}"
        case "list":
            return comma.join(parts)
        case "tuple":
            return left + comma.join(parts) + right
        case "set":
            return (r"\{" if style.tex else "{") + comma.join(parts) + (r"\}" if style.tex else "}")
        case "interval":
            size = left.removesuffix("("), right.removesuffix(")")
            return size[0] + answer.text[0] + comma.join(parts) + size[1] + answer.text[1]
        case "union":
            return (r" \cup " if style.tex else " ∪ ").join(parts)
        case "member":
            return " ".join((answer.text, r"\in" if style.tex else "∈", parts[0]))
        case "assign":
            return f"{answer.text} = {parts[0]}" if style.space else f"{answer.text}={parts[0]}"
        case "equation":
            return " = ".join(parts)
        case "matrix":
            return matrix(answer, style, r"\begin{pmatrix}", r"\end{pmatrix}")
        case "quantity":
            return _with_unit(answer, parts[0], style)
    raise Unsure(answer.kind)


def matrix(answer: Answer, style: Style, start: str, end: str, newline: str = r" \\ ") -> str:
    """A matrix between two commands."""
    cells = [express(p, style) for p in answer.parts]
    width = int(answer.extra)
    rows = [" & ".join(cells[at : at + width]) for at in range(0, len(cells), width)]
    return f"{start} {newline.join(rows)} {end}"


def _with_unit(answer: Answer, amount: str, style: Style) -> str:
    match answer.text:
        case "$":
            return (r"\$" if style.tex else "$") + amount
        case "%":
            return amount + (r"\%" if style.tex else "%")
        case "°":
            return amount + (r"^\circ" if style.tex else "°")
    power = answer.extra
    if style.tex:
        return rf"{amount} \text{{ {answer.text}}}" + (f"^{power}" if power else "")
    return f"{amount} {answer.text}" + (f"^{power}" if power else "")
