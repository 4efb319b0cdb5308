"""Find the expression that a model says a call takes or gives: `[ANSWER]` tags, else an `assert`, else a final answer.

Expressions are cut out by matching brackets and quotes, never parsed or evaluated; time is linear in the text's length.
"""

from __future__ import annotations

import re
from collections import deque

from evalkit.scoring.extract import final_answer
from evalkit.scoring.fences import blocks
from evalkit.scoring.grade import Extracted

_TAG = re.compile(r"[\[<](/?)ANSWER[\]>]", re.IGNORECASE)
_UNKNOWN = re.compile(r"\?\?|\.\.\.|…|<[a-z_ ]+>")
_MAX_TRIES = 16
_TOKEN = re.compile(
    r"""(?P<string>'{3}(?:[^'\\]++|\\.|'(?!''))*+'{3}|"{3}(?:[^"\\]++|\\.|"(?!""))*+"{3}"""
    r"""|'(?:[^'\\\n]++|\\.)*+'|"(?:[^"\\\n]++|\\.)*+")|(?:'{3}|"{3})|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<stop>[,`\n]|\#[^\n]*+)|['"]""",
    re.DOTALL,
)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_EQUALS = re.compile(r"[ \t]*(?:==|is\b(?!\s+not\b))[ \t]*")


def find_expression(text: str) -> Extracted | None:
    """What a text predicts: the text of its last tag or `assert`, for the caller to split, or its final answer."""
    return _tagged(text) or _last_assert(text) or final_answer(text)


def asserted(text: str, function: str = "f") -> tuple[str, str] | None:
    """The arguments and the result of the first call in `assert f(ARGS) == RESULT`, as they are written."""
    call = re.search(rf"(?<![\w.]){re.escape(function)}[ \t]*+\(", text)
    if call is None:
        return None
    end = _end(text, call.end() - 1, whole=False)
    equals = _EQUALS.match(text, end) if end >= 0 else None
    if equals is None:
        return None
    stop = _end(text, equals.end(), whole=True)
    result = text[equals.end() : stop].strip() if stop >= 0 else ""
    return (text[call.end() : end - 1].strip(), result) if result else None


def _tagged(text: str) -> Extracted | None:
    """The last complete pair of tags with something in it; else a last tag that never closes."""
    opened: re.Match[str] | None = None
    found: tuple[int, int] | None = None
    for tag in _TAG.finditer(text):
        if not tag[1]:
            opened = tag
        elif opened is not None:
            if text[opened.end() : tag.start()].strip():
                found = opened.end(), tag.start()
            opened = None
    if found is not None:
        return Extracted(_bare(text[found[0] : found[1]]), "answer_tag")
    if opened is not None and text[opened.end() :].strip():
        return Extracted(_bare(text[opened.end() :]), "answer_tag", conclusive=False)
    return None


def _last_assert(text: str) -> Extracted | None:
    """The last assertion about a call that leaves nothing open."""
    for found in reversed(deque(re.finditer(r"\bassert[ \t]+f[ \t]*\(", text), maxlen=_MAX_TRIES)):
        sides = asserted(text[found.start() :])
        if sides is not None and not any(_UNKNOWN.fullmatch(side) for side in sides):
            end = text.find("\n", found.end())
            return Extracted(f"assert f({sides[0]}) == {sides[1]}", "assert", conclusive=end >= 0)
    return None


def _bare(answer: str) -> str:
    """An answer without the fence or the backticks around it."""
    answer = answer.strip()
    fenced = blocks(answer)
    if fenced and fenced[0].start == 0:
        return fenced[0].text.strip()
    return answer[1:-1].strip() if len(answer) > 2 and answer[0] == answer[-1] == "`" else answer


def _end(text: str, start: int, whole: bool) -> int:
    """Where the bracket at `start` ends, or the `whole` expression with all its brackets; -1 if they do not match."""
    depth = list[str]()
    for token in _TOKEN.finditer(text, start):
        if token["string"] is not None:
            continue
        if token["open"]:
            depth.append(token[0])
        elif token["close"]:
            if not depth:
                return token.start() if whole else -1
            if depth.pop() != _PAIRS[token[0]]:
                return -1
            if not depth and not whole:
                return token.end()
        elif token["stop"]:
            if whole and not depth:
                return token.start()
        else:
            return -1
    return len(text) if whole and not depth else -1
