"""Fenced blocks in what models write, found as CommonMark says where they keep to it, and as they were meant where not.

- A fence is three or more backticks or tildes on a line of their own; it may stand in a list, between tags, and (if it
  is tagged as Python) after words. What closes it is at least as long; Python's block also ends before another block.
- Python may have fences in its strings: one that stands in a triple-quoted string closes nothing. Where the string
  never ends, the code is broken, and the first fence at the block's own indentation closes it.
- A fence that was forgotten at the start of a line may stand at the end of one: `return x` and three backticks.
- No text is parsed as Python here. Time is linear in the length of the text: lines are read once, in order, by
  patterns that never go back; a text with more than 20,000 fences is read as far as these.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

PYTHON = "python"
OTHER_LANGUAGES = frozenset(
    "ada asm assembly c c# c++ cc clojure cobol coffeescript cpp crystal cs csharp d dart elixir erlang f# fortran"
    " fsharp go golang groovy haskell hs java javascript jl js jsx julia kotlin kt lisp lua matlab nim objc objective-c"
    " ocaml octave pascal perl php prolog r racket rb rs ruby rust scala scheme solidity sql swift ts tsx typescript"
    " vb vbnet verilog zig".split()
)
"""Languages that a problem may have been solved in, in place of Python."""
NOT_CODE = frozenset(
    "bash bat cmd console csv css diff dockerfile dot fish graphql html http ini json jsonl jsx latex log makefile"
    " markdown math md mermaid none output plain plaintext powershell properties ps1 pseudo pseudocode pycon"
    " python-console python-repl result rst sh shell shell-session stdin stdout svg tex text toml traceback txt xml"
    " yaml yml zsh".split()
)
"""What blocks are tagged as that show, explain or install something."""
_MAX_FENCES = 20_000
_MAX_BROKEN = 8
_FENCE = re.compile(r"^([^\n`~]*+)(`{3,}+|~{3,}+)([^\n]*+)$", re.MULTILINE)
_BEFORE = re.compile(r"([ \t]{0,200}+(?:(?:[-*+]|\d{1,9}[.)])[ \t]{1,9})?)(?:(?:<\w{1,20}>|\[[A-Z]{1,20}\])[ \t]*+)*+")
_AFTER = re.compile(r"(?:[ \t]|</?\w{1,20}>|\[/[A-Z]{1,20}\]|<\|\w{1,30}\|>)*+")
_NAME = re.compile(r"[\w+#][\w+#.-]*+")
_PYTHON = re.compile(r"(?:i?python|py|pypy)[\d.]*(?:-\w+)?")
_CODE_IN_INFO = re.compile(r"(?:(?:async )?def \w|class \w+[:(]|import \w|from [\w.]+ import )")
_SKIP = re.compile(
    r"""(?:[^"'#]++|\#[^\n]*+|"(?!"")(?:[^"\\\n]++|\\.)*+"?|'(?!'')(?:[^'\\\n]++|\\.)*+'?)*+(\"{3}|'{3})?""",
    re.DOTALL,
)
_STRING_END = {
    '"""': re.compile(r'(?:[^"\\]++|\\.|"(?!""))*+("{3})?', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]++|\\.|'(?!''))*+('{3})?", re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences."""

    language: str
    """`python`; "" where no language is known to be named; or the name in lower case."""
    text: str
    closed: bool
    start: int
    """Where its opening line starts in the text that it was found in."""
    end: int


@dataclass(frozen=True, slots=True)
class _Opening:
    margin: str
    fence: str
    language: str
    start: int
    content: int
    first: str
    """Code on the line of the fence itself."""


def quoted(text: str, start: int, end: int, quote: str = "") -> str:
    """The triple quotes that Python code is inside of at `end`, if it is inside of `quote` at `start`."""
    at = start
    while at < end:
        if quote:
            inside = _STRING_END[quote].match(text, at, end)
            if inside is None or inside[1] is None:
                return quote
            at = inside.end()
        outside = _SKIP.match(text, at, end)
        if outside is None or outside[1] is None:
            return ""
        quote, at = outside[1], outside.end()
    return quote


def blocks(text: str, nested: bool = False) -> list[Block]:
    """All fenced blocks in order; the last one may be open."""
    if "```" not in text and "~~~" not in text:
        return []
    found = list[Block]()
    at = broken = 0
    while True:
        again = _read(text, at, found, strings=broken < _MAX_BROKEN)
        if again is None:
            break
        at, broken = again, broken + 1
    if nested:
        return found
    inner = {b: blocks(b.text, nested=True) for b in found if b.language in ("markdown", "md")}
    return [part for b in found for part in (inner.get(b) or [b])]


def _read(text: str, at: int, found: list[Block], strings: bool) -> int | None:
    """Read blocks from `at` on; the place to go on from where a string that never ends hid the end of a block."""
    opening: _Opening | None = None
    hidden: re.Match[str] | None = None
    quote, read = "", at
    for line in itertools.islice(_FENCE.finditer(text, at), _MAX_FENCES - len(found)):
        if opening is None:
            opening, hidden, quote, read = _opening(line, found), None, "", line.end()
            continue
        is_python = opening.language in (PYTHON, "")
        if strings and is_python:
            quote, read = quoted(text, read, line.start(), quote), line.start()
        if quote:
            if hidden is None and _closes(line, opening) and _width(line[1]) <= _width(opening.margin) + 3:
                hidden = line
        elif _closes(line, opening) or (is_python and _closes_late(line, opening)):
            found.append(_block(text, opening, line.start(2), line.end(), closed=True))
            opening = None
        elif (another := _opening(line, [])) is not None and another.language and _same_fence(another, opening):
            found.append(_block(text, opening, line.start(), line.start(), closed=False))
            opening, hidden, read = another, None, line.end()
    if opening is None:
        return None
    if hidden is not None:
        found.append(_block(text, opening, hidden.start(2), hidden.end(), closed=True))
        return hidden.end()
    found.append(_block(text, opening, len(text), len(text), closed=False))
    return None


def _opening(line: re.Match[str], found: list[Block]) -> _Opening | None:
    """The block that a line opens; one that it also closes is added to `found`."""
    before, fence, info = line[1], line[2], line[3].strip()
    place = _BEFORE.fullmatch(before)
    language, rest = _language(info)
    if "`" in info and fence[0] == "`":
        code = info.removesuffix(fence)
        if place is not None and code != info and "`" not in code:
            language, rest = _language(code)
            found.append(Block(language, (rest if language else code).strip(), True, line.start(), line.end()))
        return None
    first = rest.strip() if _CODE_IN_INFO.match(rest.strip()) else ""
    if place is None and (language != PYTHON or (rest and not first)):
        return None
    margin = place[1] if place is not None else ""
    return _Opening(margin, fence, language, line.start(), line.end() + 1, first)


def _language(info: str) -> tuple[str, str]:
    """The language that an info string names, and what comes after it."""
    name = _NAME.search(info[:200])
    if name is None:
        return "", ""
    word, rest = name[0].lower().rstrip("."), info[name.end() :]
    if word in NOT_CODE or word in OTHER_LANGUAGES:
        return word, rest
    if _PYTHON.fullmatch(word) or word.endswith(".py"):
        return PYTHON, rest
    return "", info


def _width(margin: str) -> int:
    return len(margin.expandtabs(4))


def _same_fence(line: _Opening, opening: _Opening) -> bool:
    return line.fence[0] == opening.fence[0] and len(line.fence) >= len(opening.fence)


def _closes(line: re.Match[str], opening: _Opening) -> bool:
    """Whether a line is the closing fence of a block, where no string is open."""
    if line[2][0] != opening.fence[0] or len(line[2]) < len(opening.fence) or not _AFTER.fullmatch(line[3]):
        return False
    if line[1].strip():
        return False
    return opening.language in (PYTHON, "") or _width(line[1]) <= _width(opening.margin) + 3


def _closes_late(line: re.Match[str], opening: _Opening) -> bool:
    """Whether a closing fence stands at the end of the last line of code."""
    return line[2] == opening.fence and not line[1].lstrip().startswith("#") and _AFTER.fullmatch(line[3]) is not None


def _block(text: str, opening: _Opening, content_end: int, end: int, closed: bool) -> Block:
    content = text[opening.content : content_end]
    if opening.margin:
        blank = " " * len(opening.margin)
        margin = opening.margin if opening.margin.isspace() else blank
        content = re.sub(rf"^(?:{re.escape(margin)}| {{0,{len(blank)}}})", "", content, flags=re.MULTILINE)
    content = content.rstrip(" \t") if closed else content
    if opening.first:
        content = f"{opening.first}\n{content}"
    named = content.partition("\n") if not opening.language else ("", "", "")
    if _PYTHON.fullmatch(named[0].strip().lower()):  # the language on a line of its own
        return Block(PYTHON, named[2], closed, opening.start, end)
    return Block(opening.language, content, closed, opening.start, end)
