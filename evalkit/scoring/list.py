"""The `list` scorer: the same elements, in the same order or in any.

A list is what stands in a box, after "the answer is", in brackets, or one element a line below the word that
announces it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping

from evalkit.errors import UsageError
from evalkit.scoring import extract
from evalkit.scoring.exact import FORM_ARGS, TextForm, text_arg, text_form
from evalkit.scoring.grade import Extracted, Judged, grade
from evalkit.scoring.prose import sentence_end
from evalkit.scoring.quantities import exact_value
from evalkit.types import Generation, Item, Json, Score

_MAX_LIST = 20_000
_HEADING = re.compile(r"[*_]{0,3}[ \t]{0,9}(?:is|are)?[ \t]{0,9}[:：]?[*_]{0,3}[ \t]{0,9}\n+", re.IGNORECASE)
_BULLET = re.compile(r"[ \t]*(?:[-*•–]|\(?\d{1,3}[.)])[ \t]+(\S[^\n]*)\n?|[ \t]*(\S[^\n]*)\n?")
_FENCED = re.compile(r"```(?:json)?\s*(\[[^`]*\])\s*```$")
_TITLE = re.compile(
    r"\b(?:final|sorted|ordered|resulting|correct|complete)[ \t]+(?:list|order|ordering|sequence)\b"
    r"[ \t]*(?:is|are)?[ \t]*[:：]",
    re.IGNORECASE,
)
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_BRACKETS = {"[": "]", "(": ")", "{": "}"}


class ListScorer:
    """`scorer: list`.

    `scorer_args`: `order: false` for any order; `separator` between elements (default: line ends, else semicolons, else
    commas, else arrows, else "and", else spaces; a last "and" counts as one); `case`, `punctuation`, `articles`,
    `spaces`, `unicode` as in `exact`, for each element; `fallback: last_line` allows a guess. Elements that are numbers
    are compared by value.
    The target is a list, or text in one of these forms.
    """

    name = "list"
    version = "2"

    def __init__(self, args: Mapping[str, Json]) -> None:
        self._fallback = extract.allowed_fallback(self.name, args, "order", "separator", *FORM_ARGS)
        self._form = text_form(self.name, args)
        self._separator = text_arg(self.name, args, "separator")
        self._ordered = args.get("order", True)
        if not isinstance(self._ordered, bool):
            raise UsageError(f"scorer list: order must be true or false, not {self._ordered!r}")

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation against `item.target`."""
        return grade(
            generation,
            self._extract,
            lambda answer: self._judge(item.target, answer),
            f"{self.name}@{self.version}",
        )

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same: nothing here takes long."""
        return self.score(item, generation)

    def close(self) -> None:
        """Nothing to stop."""

    def _extract(self, text: str) -> Extracted | None:
        text = _BOLD.sub(r"\1", text)  # `**a**, **b**` is more than its first element
        stated = lines_below(text) or array(text) or extract.final_answer(text) or titled(text)
        return stated or extract.final_answer(text, self._fallback)

    def _judge(self, target: Json, answer: str) -> Judged:
        wanted = list(target) if isinstance(target, (list, tuple)) else elements(str(target), self._separator)
        theirs = [element(w, self._form) for w in wanted]
        ours = [element(g, self._form) for g in elements(answer, self._separator)]
        equal = theirs == ours if self._ordered else Counter(theirs) == Counter(ours)
        return Judged(float(equal), "ordered" if self._ordered else "unordered")


def lines_below(text: str) -> Extracted | None:
    """One element a line, below the last word "answer" that ends its line; up to the next empty line."""
    place = text.lower().rfind("answer")
    heading = _HEADING.match(text, place + len("answer")) if place >= 0 else None
    if heading is None:
        return None
    return _lines(text[heading.end() : heading.end() + _MAX_LIST])


def _lines(text: str) -> Extracted | None:
    block, ended, _ = text.partition("\n\n")
    found = [m[1] or m[2] for m in _BULLET.finditer(block) if m[1] or m[2]]
    if len(found) < 2 or found[0][0] in "[{\\`$":
        return None
    return Extracted("\n".join(f.strip() for f in found), "lines", conclusive=bool(ended))


def array(text: str) -> Extracted | None:
    """A reply that is a JSON array, or ends with one in a code fence."""
    whole = text.strip()
    fenced = _FENCED.search(whole[-_MAX_LIST:]) if whole.endswith("```") else None
    inner = fenced[1] if fenced is not None else whole
    return Extracted(inner, "json") if inner.startswith("[") and inner.endswith("]") else None


def titled(text: str) -> Extracted | None:
    """What stands after "the final list is:", in the same line or one element a line."""
    titles = list(_TITLE.finditer(text[-_MAX_LIST:]))
    if not titles:
        return None
    rest = text[-_MAX_LIST:][titles[-1].end() :]
    line, newline, _ = rest.partition("\n")
    if line.strip(" *_"):
        return Extracted(sentence_end(line), "answer_line", conclusive=bool(newline))
    return _lines(rest.lstrip(" *_\n"))


def elements(text: str, separator: str | None) -> list[object]:
    """The elements of a list as people and models write it."""
    text = re.sub(r"\\(?:text|mathrm)\{([^{}]*)\}", r"\1", text[:_MAX_LIST].strip().strip("$`").strip())
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, list):
        return list(parsed)
    if len(text) > 1 and _BRACKETS.get(text[0]) == text[-1]:
        text = text[1:-1]
    text = re.sub(r"[^\S\n]+", " ", text.removesuffix("."))
    if not text.strip():
        return []
    if separator is None:
        separator = next((s for s in ("\n", ";", ",", "→", "->", " and ") if s in text), None)
        parts = text.split(separator)
        last = re.match(r"\s*and\s+|.*\S\s+and\s+", parts[-1]) if separator in (",", ";") else None
        if last is not None:
            parts[-1:] = [p for p in re.split(r"\s+and\s+|^\s*and\s+", parts[-1]) if p.strip()]
    else:
        parts = text.split(separator)
    return [p for p in (part.strip().strip("\"'“”‘’`").strip() for part in parts) if p]


def element(value: object, form: TextForm) -> object:
    """What two equal elements have in common: a number's value, else the form of its text."""
    text = str(value)
    number = exact_value(text)
    return form.of(text) if number is None else number
