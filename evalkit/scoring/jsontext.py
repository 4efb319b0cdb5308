r"""The answer of a JSON reply, also where the JSON is not quite JSON.

It may stand in a code fence, hold TeX with backslashes that are not escaped, or be cut off after the answer.
"""

from __future__ import annotations

import json
import re
from typing import Any

_KEYS = (
    (re.compile(r"""["'“”](?:final[ _]?)?answer["'“”]\s*:\s*""", re.IGNORECASE), ("answer", "Answer", "ANSWER")),
    (re.compile(r"""["'“”](?:solution|result)["'“”]\s*:\s*""", re.IGNORECASE), ("solution", "result")),
)
"""How the key is written, and the words by which it is found; the more explicit key first."""
_OPENS = re.compile(r"""\s*(?:```\s*(?:json|JSON)?\s*)?\{\s*["']""")
_STRING_ENDS = re.compile(r'"(?=\s*(?:[}\],]|```|$))')
_TEX = re.compile(
    r"(?<!\\)\\(?:[A-Zac-eg-mo-qsv-z][A-Za-z]+|frac|boxed|text|times|theta|tan|tau|to(?![a-z])|triangle|right|rho|rangle"
    r"|rfloor|beta|begin|bar|binom|bf|big|neq?(?![a-z])|nu(?![a-z])|not(?![a-z])|notin|nabla|forall|fbox|therefore"
    r"|tfrac|textbf|textrm|tilde|rightarrow|mathrm|underline|u(?![0-9a-fA-F]{4})|[(){}\[\]%$!,;])"
)
_DECODER = json.JSONDecoder(strict=False)
_BARE = re.compile(r"\d{1,3}(?:,\d{3})+(?=\s*(?:[}\n]|$))|[^,}\n]{1,400}?(?=\s*(?:[,}\n]|//|$))")
_MAX_VALUE = 4_000
_LONGEST_TAIL = 200_000


def breaks_off(text: str) -> bool:
    """Whether the text sets out to be a JSON object and never closes it."""
    return _OPENS.match(text) is not None and not text.rstrip().endswith(("}", "```", "]"))


def answer(text: str) -> str | None:
    """The value of the `"answer"` key, as text; None if there is none, or if it is cut off.

    The last such key counts; of a text that begins with a JSON object, that object's own.
    """
    if _OPENS.match(text) and (whole := _object(text)) is not None:
        return whole
    tail = text[-_LONGEST_TAIL:]
    for key, words in _KEYS:
        end = len(tail)
        for _ in range(8):
            at = max(tail.rfind(word, 0, end) for word in words)
            if at < 0:
                break
            start = max(tail.rfind(mark, max(0, at - 8), at) for mark in "\"'“”")
            found = key.match(tail, start) if start >= 0 else None
            if found is not None:
                return _value(tail, found.end())
            end = at
    return None


def _object(text: str) -> str | None:
    """The answer of a JSON object at the start of a text, if it is well written."""
    try:
        found, _ = _DECODER.raw_decode(text, text.index("{"))
    except (ValueError, RecursionError):
        return None
    values = {str(k).lower().replace("_", " "): v for k, v in found.items()} if isinstance(found, dict) else {}
    value = next((values[k] for k in ("answer", "final answer", "solution", "result") if k in values), None)
    if value is None or _TEX.search(text[:_MAX_VALUE]):
        return None  # what is not escaped is read with more care
    if isinstance(value, dict):
        return None
    return _list(value) if isinstance(value, list) else _plain(value)


def _value(text: str, start: int) -> str | None:
    opening = text[start : start + 1]
    if opening == '"':
        return _string(text, start + 1)
    if opening == "[":
        depth = 0
        for place in range(start, min(len(text), start + _MAX_VALUE)):
            depth += (text[place] == "[") - (text[place] == "]")
            if depth == 0:
                return _members(text[start : place + 1])
        return None
    if opening == "'":
        end = text.find("'", start + 1)
        return text[start + 1 : end] if end > 0 else None
    found = _BARE.match(text, start)
    return found.group().strip() if found is not None else None


def _members(text: str) -> str:
    try:
        return _list(json.loads(text))
    except ValueError:
        return text


def _list(members: list[Any]) -> str:
    """`["1", "2"]` as `[1, 2]`."""
    return "[" + ", ".join(map(_plain, members)) + "]"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _string(text: str, start: int) -> str | None:
    for end in _STRING_ENDS.finditer(text, start, min(len(text), start + _MAX_VALUE)):
        backslashes = len(text[start : end.start()]) - len(text[start : end.start()].rstrip("\\"))
        if backslashes % 2 == 0:
            return unescaped(text[start : end.start()])
    return None


def unescaped(raw: str) -> str:
    """The text of a JSON string's inside; backslashes that can only be TeX's are kept."""
    if not _TEX.search(raw):
        try:
            return str(json.loads(f'"{raw}"', strict=False))
        except ValueError:
            pass
    # Two backslashes before a letter are one that was escaped; elsewhere they end the row of a matrix.
    raw = re.sub(r"\\\\(?=[A-Za-z{}$%!,;()])", r"\\", raw)
    return re.sub(r"\\n(?![a-z])", "\n", raw.replace('\\"', '"'))
