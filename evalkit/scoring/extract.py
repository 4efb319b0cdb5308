r"""Find the final answer in a text, most explicit form first.

Order: last `\boxed{}` or `\fbox{}`; `#### X`; "the answer is X" / "Answer: X"; then the guess that the task allows
(`last_number`, `last_line`). Every step is linear in the length of the text.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Mapping

from evalkit.errors import UsageError
from evalkit.scoring.grade import Extracted
from evalkit.types import Json

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=[{\s\d])")
_HASHES = re.compile(r"^####[ \t]*(\S[^\n]*)", re.MULTILINE)
_ANSWER_IS = re.compile(
    r"(?:\b(?:final\s+|correct\s+)?answer[*_]{0,3}(?:\s+to\s+(?:the|this)\s+(?:problem|question))?\s*"
    r"(?:[:：]|\bis\b[*_]{0,3}\s*[:：]?)"
    r"|^[ \t]*(?:\#+[ \t]*)?[*_]{0,3}(?:final[ \t]+)?answer[*_]{0,3}[ \t]*\n"
    r"|答案(?:是|为|：|:)|^答[：:])"
    r"(?:\s*(?:approximately|about|roughly|therefore|thus|simply|equal\s+to)\b)?"
    r"\s*(?:\*\*|__)?[ \t]*[:：]?[ \t]*(?!not\b)(?=\S)",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER = re.compile(r"(?<![\w.])[-−]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?|(?<![\w.])[-−]?\.\d+")
_MAX_LINE = 2_000


def boxed(text: str) -> Extracted | None:
    """Content of the last box whose braces balance."""
    for match in reversed(list(_BOX.finditer(text))[-64:]):
        inner = _box_content(text, match.end())
        if inner is not None and inner.strip():
            return Extracted(inner.strip(), "boxed")
    return None


def hashes(text: str) -> Extracted | None:
    """The form that GSM8K's own solutions use."""
    last = _last_match(_HASHES, text)
    return Extracted(last[1].strip(), "hashes", conclusive=last.end() < len(text)) if last else None


def answer_line(text: str) -> Extracted | None:
    """The rest of the line after the last "answer is" form, up to the end of its sentence."""
    last = _last_match(_ANSWER_IS, text)
    if last is None:
        return None
    line, newline, _ = text[last.end() : last.end() + _MAX_LINE].partition("\n")
    answer = clean_sentence(line)
    # A text that was cut off may have been cut within this line: then `4` may have been going to be `42`.
    ended = bool(newline) or not line.rstrip("*_`$ ").endswith(answer)
    return Extracted(answer, "answer_line", conclusive=ended) if answer else None


def last_number(text: str) -> Extracted | None:
    """The last number in the text: a guess."""
    last = _last_match(_NUMBER, text)
    return Extracted(last.group(), "last_number", conclusive=False) if last else None


def last_line(text: str) -> Extracted | None:
    """The last line that is not empty: a guess."""
    lines = text.rstrip().rsplit("\n", 1)
    line = clean_sentence(lines[-1][-_MAX_LINE:])
    return Extracted(line, "last_line", conclusive=False) if line else None


FALLBACKS: dict[str, Callable[[str], Extracted | None]] = {"last_number": last_number, "last_line": last_line}
"""Guesses that a task may allow by `scorer_args: {fallback: NAME}`."""


def allowed_fallback(scorer: str, args: Mapping[str, Json], *further: str) -> str | None:
    """The guess that `scorer_args` allow; raises `UsageError` for arguments that `scorer` does not have."""
    known = {"fallback", *further}
    if set(args) - known:
        unknown = ", ".join(sorted(set(args) - known))
        raise UsageError(f"scorer {scorer}: unknown scorer_args {unknown}; known: {', '.join(sorted(known))}")
    fallback = args.get("fallback")
    if fallback is not None and fallback not in FALLBACKS:
        raise UsageError(f"scorer {scorer}: fallback must be one of {', '.join(FALLBACKS)}, not {fallback!r}")
    return fallback


def final_answer(text: str, fallback: str | None = None) -> Extracted | None:
    """First of the steps that finds something."""
    for step in (boxed, hashes, answer_line):
        found = step(text)
        if found is not None:
            return found
    return FALLBACKS[fallback](text) if fallback else None


def clean_sentence(text: str) -> str:
    """An answer as it stands in prose, without emphasis marks and the full stop that ends its sentence."""
    text = text.strip().strip("*_`").strip()
    stop = re.search(r"[.。](?=\s|$)|(?<=\d)[,;](?=\s+[a-z]{2,})|!(?=$)", text)
    if stop is not None:
        text = text[: stop.start()]
    return text.strip().strip('*_`"“”').strip()


def _last_match(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = collections.deque(pattern.finditer(text), maxlen=1)
    return found[0] if found else None


def _box_content(text: str, start: int) -> str | None:
    """Text between the braces after a box command, or the single token of the brace-less form `\\boxed 5`."""
    while start < len(text) and text[start].isspace():
        start += 1
    if start >= len(text):
        return None
    if text[start] != "{":
        token = re.compile(r"[^\s$\\{}]+").match(text, start)
        return token.group().rstrip(".,") if token else None
    depth = 0
    end = min(len(text), start + 20_000)
    position = start
    while position < end:
        char = text[position]
        if char == "\\":
            position += 2
            continue
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return text[start + 1 : position]
        position += 1
    return None
