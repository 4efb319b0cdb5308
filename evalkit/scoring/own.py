"""The part of a text that answers its question: without the questions that a model makes up after it."""

from __future__ import annotations

import re
from collections.abc import Callable

from evalkit.scoring.prose import ended, other_questions

_FURTHER = re.compile(
    r"\n(?:问题|题目|The following are multiple choice questions)|\n[ \t]*\n\d{1,2}[.)] [^\n]{1,300}\?[ \t]*\n"
    r"|\n[^\n]{1,400}\?[ \t]*\n+(?=[(]?A[).])"
)
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~")
_BOX = re.compile(r"(?<![\\\w])\x08?boxed\{|\x08oxed\{")
_MOST = 8


def own_part(text: str, settled: Callable[[str], bool]) -> str:
    """`text` up to where its model goes on with a question of its own; a question that comes before any answer stays.

    `settled` says whether a text has come to an answer.
    """
    text = _plain(ended(text))
    further = [found.start() for found in _FURTHER.finditer(text)][:_MOST] if "\n" in text else []
    for place in sorted({*other_questions(text), *further}):
        if text[:place].strip() and settled(text[:place]):
            return text[:place]
    return text


def _plain(text: str) -> str:
    """Without what is struck out, and with boxes whose backslash was lost on the way."""
    if "~~" in text:
        text = _STRUCK.sub(" ", text)
    return _BOX.sub(r"\\boxed{", text) if "boxed{" in text else text
