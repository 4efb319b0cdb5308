r"""Read an answer in TeX, plain or Python-like notation into a tree.

The grammar is that of answers, not of TeX: numbers, names, arithmetic, functions, tuples, intervals, sets, lists,
matrices, equations and inequalities. What is not in it raises `NotRead`; nothing is ever evaluated here.
"""

from __future__ import annotations

from typing import Any

from evalkit.scoring.symbols import (
    ALGEBRA,
    CLOSING,
    FUNCTIONS,
    INFINITY,
    JOINS,
    LIMITS,
    MATRICES,
    MAX_DEPTH,
    RELATIONS,
    STOPS,
    SYMBOL_COMMANDS,
    Node,
    NotRead,
    grouped,
    number,
    read_number,
    tokens,
)


def parse(text: str) -> Node:
    """The tree of a `notation.tidy` text; raises `NotRead`."""
    reader = _Reader(tokens(text))
    found = reader.listed()
    if reader.peek() is not None:
        raise NotRead(f"unexpected {reader.peek()!r}", reader.symbolic)
    return found


_JOINTS = frozenset([",", ";", "and", "or", r"\lor", r"\land"])


class _Reader:
    """Recursive descent, one method a level of the grammar; every level costs at most `MAX_DEPTH` nested calls."""

    def __init__(self, found: list[tuple[str, str]]) -> None:
        self.tokens = found
        self.at = 0
        self.depth = 0
        self.symbolic = False

    def peek(self) -> str | None:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else None

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        if self.at >= len(self.tokens):
            raise NotRead("it ends too early", self.symbolic)
        self.at += 1
        return self.tokens[self.at - 1][1]

    def accept(self, *texts: str) -> bool:
        if self.peek() in texts:
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise NotRead(f"{text} missing", self.symbolic)

    # lists, relations ---------------------------------------------------------------------------

    def listed(self) -> Node:
        """One expression or relation, or several: `1, 2`, `x = 1 or x = 2`."""
        items = [self.relation()]
        joints = set[str]()
        while self.peek() in _JOINTS:
            joint = self.take()
            if joint in (",", ";") and self.peek() in JOINS:
                joint = self.take()
            if self.peek() in (None, "&", r"\\", r"\end"):
                break
            joints.add(joint)
            items.append(self.relation())
        if len(items) == 1:
            return items[0]
        limits = all(item.op == "relation" and LIMITS & set(item.args[1::2]) for item in items)
        together = {"and", r"\land", ",", ";"} if limits else {"and", r"\land"}
        return Node("both" if joints <= together else "list", tuple(items))

    def relation(self) -> Node:
        parts: list[Any] = [self.union()]
        while (op := self.peek()) in RELATIONS:
            self.at += 1
            parts += [RELATIONS[op or ""], self.union()]
        return Node("relation", tuple(parts)) if len(parts) > 1 else parts[0]

    def union(self) -> Node:
        found = self.sum()
        while (op := self.peek()) in (r"\cup", r"\cap", r"\setminus", "U") and self.at + 1 < len(self.tokens):
            self.at += 1
            found = Node({r"\cap": "intersection", r"\setminus": "without"}.get(op or "", "union"), (found, self.sum()))
        return found

    # arithmetic ---------------------------------------------------------------------------------

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotRead("too deeply nested")
        found = number(0) if self.peek() in (r"\pm", r"\mp") else self.product()
        while (op := self.peek()) in ("+", "-", r"\pm", r"\mp"):
            self.at += 1
            right = self.product()
            found = Node({"+": "+", "-": "-", r"\pm": "pm", r"\mp": "mp"}[op or ""], (found, right))
        self.depth -= 1
        return found

    def product(self) -> Node:
        found = self.unary()
        while True:
            op = self.peek()
            if op in ("*", r"\cdot", r"\times", r"\ast"):
                self.at += 1
                found = Node("*", (found, self.unary()))
            elif op in ("/", r"\div"):
                self.at += 1
                found = Node("/", (found, self.unary()))
            elif op in (":", r"\colon"):
                self.at += 1
                found = Node("ratio", (*(found.args if found.op == "ratio" else (found,)), self.unary()))
            elif op in (r"\pmod", r"\bmod", r"\mod"):
                self.at += 1
                found = Node("mod", (found, self.group() if self.peek() == "{" else self.unary()))
            elif op in STOPS:
                return found
            elif (mixed := self._mixed(found)) is not None:
                found = mixed
            else:
                found = Node("*", (found, self.power()))

    def _mixed(self, before: Node) -> Node | None:
        r"""A whole number right before a fraction of whole numbers is a mixed number: `3\frac{1}{2}` is 7/2."""
        whole = before.args[0] if before.op == "neg" else before
        if whole.op != "number" or whole.args[0].denominator != 1 or self.tokens[self.at - 1][0] != "number":
            return None
        ahead = self.tokens[self.at : self.at + 3]
        if self.peek() in (r"\frac", r"\dfrac", r"\tfrac"):
            part = self.atom()
        elif [kind for kind, _ in ahead] == ["number", "op", "number"] and ahead[1][1] == "/":
            self.at += 3
            part = Node("/", (read_number(ahead[0][1]), read_number(ahead[2][1])))
        else:
            return None
        if any(n.op != "number" for n in part.args):
            return Node("*", (before, part))
        found = Node("+", (whole, part))
        return Node("neg", (found,)) if before.op == "neg" else found

    def unary(self) -> Node:
        if self.accept("-"):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise NotRead("too deeply nested")
            found = Node("neg", (self.unary(),))
            self.depth -= 1
            return found
        self.accept("+")
        return self.power()

    def power(self) -> Node:
        found = self.atom()
        while True:
            if self.accept("^", "**"):
                found = self._raised(found)
            elif self.accept("!"):
                found = Node("factorial", (found,))
            elif self.accept("%"):
                found = Node("percent", (found,))
            elif self.accept("'", r"\prime"):
                found = Node("prime", (found,))
            elif self.peek() == "_" and found.op == "number":
                self.at += 1
                found = Node("based", (found, self.argument()))
            else:
                return found

    def _raised(self, base: Node) -> Node:
        if self.accept(r"\circ") or self._accept_braced(r"\circ"):
            return Node("degrees", (base,))
        if self._accept_braced("'") or self._accept_braced(r"\prime") or self.accept(r"\prime"):
            return Node("prime", (base,))
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotRead("too deeply nested")
        negative = self.accept("-")
        # In TeX `x^12` is x^1 followed by 2; nobody who writes it means that.
        exponent = self.group() if self.peek() == "{" else self.power() if self.peek() != "(" else self.atom()
        self.depth -= 1
        return Node("^", (base, Node("neg", (exponent,)) if negative else exponent))

    def _accept_braced(self, text: str) -> bool:
        if [t for _, t in self.tokens[self.at : self.at + 3]] == ["{", text, "}"]:
            self.at += 3
            return True
        return False

    # atoms --------------------------------------------------------------------------------------

    def atom(self) -> Node:
        kind, text = self.kind(), self.take()
        if kind == "number":
            return read_number(text)
        if kind == "word":
            return self._word(text)
        if text in CLOSING:
            return self._bracketed(text)
        if kind == "command":
            return self._command(text[1:])
        raise NotRead(f"unexpected {text!r}", self.symbolic)

    def group(self) -> Node:
        r"""`{...}`, also `{n \choose k}` and `{a \over b}`."""
        self.expect("{")
        return self._bracketed("{")

    def argument(self) -> Node:
        r"""An argument of a command: a group, or one token; of `\frac12` the digits are two arguments."""
        if self.peek() == "{":
            return self.group()
        if self.kind() == "number":
            kind, text = self.tokens[self.at]
            if len(text) > 1 and text.isdigit():
                self.tokens[self.at] = (kind, text[1:])
                return number(int(text[0]))
        if self.kind() == "word" and len(self.peek() or "") == 2 and self.peek() not in FUNCTIONS | {"pi"}:
            kind, text = self.tokens[self.at]  # of `\\binom nk` the letters are two arguments
            self.tokens[self.at] = (kind, text[1:])
            return Node("symbol", (text[0],))
        return self.atom()

    def _bracketed(self, opening: str) -> Node:
        closing = CLOSING[opening]
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotRead("too deeply nested")
        if self.accept(closing):
            self.depth -= 1
            return Node("group", (opening, closing))
        inner = self.listed()
        if opening == "{" and self.peek() in (r"\choose", r"\over"):
            op = "binomial" if self.take() == r"\choose" else "/"
            inner = Node(op, (inner, self.listed()))
        condition = self._condition(opening)
        found = self.peek()
        wrong_half = found in (")", "]") and closing in (")", "]") and inner.op == "list" and len(inner.args) == 2
        if found != closing and not wrong_half:
            raise NotRead(f"{closing} missing", self.symbolic)
        self.at += 1
        self.depth -= 1
        if condition is not None:
            return condition
        return grouped(opening, found or "", inner)

    def _condition(self, opening: str) -> Node | None:
        r"""What stands after the bar of `\{x | x > 2\}`."""
        if opening in (r"\{", r"\lbrace") and self.accept("|", r"\mid", r"\colon"):
            return self.listed()
        return None

    def _word(self, text: str) -> Node:
        if text in FUNCTIONS and (self.peek() not in STOPS or self.peek() in ("^", "_", "|")):
            return self._function(text)
        if text in ("pi", "Pi"):
            return Node("symbol", ("pi",))
        if text in ("infty", "inf", "infinity", "oo", "Infinity"):
            return INFINITY
        if len(text) == 1 or text in SYMBOL_COMMANDS:
            return Node("symbol", (self._subscripted(text),))
        more = self.kind() == "word" and len(self.peek() or "") > 2 and self.peek() not in FUNCTIONS
        if not more and (len(text) == 2 or (len(text) == 3 and not text.istitle())):
            found = Node("symbol", (text[0],))
            for letter in text[1:-1]:
                found = Node("*", (found, Node("symbol", (letter,))))
            last = Node("symbol", (self._subscripted(text[-1]),))
            if self.peek() in ("^", "**"):
                self.at += 1
                last = self._raised(last)
            return Node("*", (found, last))
        words = [text]
        while self.kind() == "word" and self.peek() not in JOINS:
            words.append(self.take())
        return Node("word", (" ".join(words).lower(),))

    def _subscripted(self, name: str) -> str:
        if not self.accept("_"):
            return name
        start = self.at
        if self.peek() == "{":  # whatever it is, it is part of the name: `x_{\max}`
            while self.take() != "}":
                pass
        else:
            self.argument()
        return name + "_" + "".join(t for _, t in self.tokens[start : self.at] if t not in "{}")

    def _function(self, name: str) -> Node:
        base = power = None
        while self.peek() in ("_", "^", "**"):
            if self.take() == "_":
                base = self.argument()
            else:
                negative = self.accept("-")
                power = self.argument()
                power = Node("neg", (power,)) if negative else power
        if self.peek() in ("(", "[", "{", "|"):
            argument = self.atom() if self.peek() != "{" else self.group()
        else:
            argument = self.power()
            while self.peek() not in STOPS and self.peek() not in ("(",) and not self._starts_function():
                argument = Node("*", (argument, self.power()))
        base = number(10) if name == "lg" else base
        name = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "lg": "log"}.get(name, name)
        if power is not None and power == Node("neg", (number(1),)) and name in ("sin", "cos", "tan"):
            name, power = f"arc{name}", None
        found = Node("call", (name, argument, base))
        return found if power is None else Node("^", (found, power))

    def _starts_function(self) -> bool:
        return (self.peek() or "").lstrip("\\") in FUNCTIONS

    def _command(self, name: str) -> Node:
        if name in ("frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"):
            above = self.argument()
            return Node("/", (above, self.argument()))
        if name in ("sqrt", "surd"):
            return self._root(name)
        if name in ("binom", "dbinom", "tbinom", "choose"):
            above = self.argument()
            return Node("binomial", (above, self.argument()))
        if name in FUNCTIONS:
            return self._function(name)
        if name in SYMBOL_COMMANDS:
            return Node("symbol", (self._subscripted(name),))
        if name == "pi":
            return Node("symbol", ("pi",))
        if name == "infty":
            return INFINITY
        if name == "begin":
            return self._matrix()
        if name in ("emptyset", "varnothing"):
            return Node("group", (r"\{", r"\}"))
        if name == "mathbb":
            return Node("word", ("set " + "".join(str(a) for a in self.argument().args),))
        if name in ("angle", "triangle", "overline", "overrightarrow", "widehat", "mathrm"):
            return Node("word", (name, self.argument()))
        if name == "circ":
            return Node("symbol", ("circ",))
        self.symbolic = name in ALGEBRA
        raise NotRead(f"\\{name} is not known here", self.symbolic)

    def _root(self, name: str) -> Node:
        index = None
        if name == "sqrt" and self.accept("["):
            index = self.sum()
            self.expect("]")
        # `\sqrt12` means the root of 12 to whoever writes it.
        inner = self.group() if self.peek() == "{" else self.atom()
        return Node("root", (inner, index))

    def _matrix(self) -> Node:
        self.expect("{")
        name = self.take()
        self.expect("}")
        if name == "array":
            while self.peek() == "{":
                while self.take() != "}":
                    pass
        if name not in MATRICES and name not in ("cases", "aligned", "vmatrix"):
            raise NotRead(f"environment {name} is not known here", symbolic=True)
        rows: list[list[Node]] = [[]]
        while True:
            if self.accept(r"\end"):
                break
            if self.accept(r"\\"):
                rows.append([])
            elif not self.accept("&", "if", "when", "for", "where", "otherwise"):
                rows[-1].append(self.listed())
        self.expect("{")
        self.take()
        self.expect("}")
        kept = tuple(tuple(row) for row in rows if row)
        if name in ("cases", "aligned"):  # an equation a row, or a value with its condition
            lines = (row[0] if len(row) == 1 else Node("group", ("(", ")", *row)) for row in kept)
            return Node("list", tuple(lines))
        return Node("determinant" if name == "vmatrix" else "matrix", kept)
