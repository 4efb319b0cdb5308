"""Separate a reasoning trace from the answer.

Endpoints deliver the trace in a field of its own (`reasoning_content`, `reasoning`, `thinking`, `reasoning_details`)
or inline between tags. Only what follows the trace is graded, so these rules decide scores:

- everything up to the last closing tag is reasoning, also if no opening tag came (R1's chat template opens the tag in
  the prompt, so only `</think>` appears);
- an opening tag at the start of a line with no closing tag after it means that the trace never ended: there is no
  answer. A tag in the middle of a line is prose about tags and left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

TAGS = ("think", "thinking", "thought", "reasoning")
"""Inline tag names read by default; a model profile may name others."""


def split(text: str, separate: str = "", tags: Sequence[str] = TAGS) -> tuple[str, str, bool]:
    """Split `text` (the content field) given `separate` (the reasoning field).

    Returns (reasoning, answer, closed); `closed` is False if a trace was opened and never closed.
    """
    if "<" not in text:
        return separate, text, True
    names = "|".join(re.escape(t) for t in tags)
    opening, closing = rf"(?i:<(?:{names})\s*>)", rf"(?i:</(?:{names})\s*>)"
    inline = ""
    closes = list(re.finditer(closing, text))
    last_close = closes[-1] if closes else None
    if len(closes) > 1 and not text[closes[-1].end() :].strip():
        # Closed twice: what stands between is the answer, unless a new trace was opened there.
        between = text[closes[-2].end() : closes[-1].start()]
        if between.strip() and not re.search(opening, between):
            last_close, text = closes[-2], text[: closes[-1].start()]
    rest = text
    if last_close is not None:
        inline = re.sub(rf"^\s*{opening}", "", text[: last_close.start()])
        rest = text[last_close.end() :]
    unclosed = re.search(rf"^[ \t]*{opening}", rest, re.MULTILINE)
    if unclosed is not None:
        inline += re.sub(rf"^\s*{opening}", "", rest)
        rest = ""
    reasoning = "\n".join(part for part in (separate, inline.strip("\n")) if part)
    return reasoning, rest.lstrip("\n") if last_close or unclosed else rest, unclosed is None
