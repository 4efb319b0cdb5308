"""Find the code in what a model wrote, as text: nothing is executed, compiled or parsed here, whatever it holds.

The first of these that is there is the answer; where there are several of a kind, the last:

| step | finds |
|---|---|
| `fenced`, `tagged`, `open_fence` | the block that defines the entry point: complete, between tags, never closed |
| `bare` | the entry point's definition outside of any block |
| `continuation` | a block that can only be the body of the function that the prompt began |
| `fenced`, `tagged`, `open_fence` | any block of Python |
| `bare`, `continuation` | code, or the function's body, without any fence; words before and after it are cut |

A block counts as Python if it is tagged so, or has no known tag and reads like Python; sessions (`>>> f(1)`), shell
commands and output do not. Where only another language was written, that is said. What ends with the text itself is not
conclusive: had the text been cut off, more might have come.

Code that continues a prompt can be read in several ways, because models lose or add indentation; the readings are
ordered so that the first one that compiles is what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.scoring.fences import NOT_CODE, OTHER_LANGUAGES, PYTHON, Block, blocks, quoted
from evalkit.scoring.prose import ended
from evalkit.scoring.pythonlines import FIRST, ONLY_CODE, STATEMENT, at_margin, is_prose, other_language

_DEFINES = r"(?:(?:async[ \t]++)?+(?:def|class)[ \t]++{0}\b|{0}[ \t]*+(?::[^=\n]*+)?=(?!=))"
_PASSED = re.compile(r"\s*(?:>>>|In \[\d|\$[ \t]|[%!](?:pip|python)|(?:pip3?|npm|apt|conda|python3?)[ \t]+[\w./-]+)")
_TAG = r"(?:(?:<pre>)?<(code|answer|solution|python)(?: [^>\n]{0,80})?>|\[(PYTHON|BEGIN|CODE)\])"
_TAGS = re.compile(rf"^[ \t]*+{_TAG}(?:\s*+{_TAG})?", re.MULTILINE | re.IGNORECASE)
_CLOSING = {"BEGIN": "DONE"}
_QUOTED = re.compile(r"^> ?(?:```|~~~)", re.MULTILINE)
_LINE = re.compile(r"^\S[^\n]*", re.MULTILINE)
_RETURNS = re.compile(r"^(?:[ \t]++(return|yield)\b|(return|yield)\b|(?![#)\]}@])\S)[^\n]*", re.MULTILINE)
_WORDS = re.compile(r"[^\W\d]\w*")
_DEFINITION = re.compile(r"(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)")
_COMMENT_OR_CLOSER = "#)]}"


@dataclass(frozen=True, slots=True)
class Code:
    """Code found in a text."""

    text: str
    """As the model wrote it: what is shown and stored."""
    step: str
    """How it was found."""
    preamble: str
    """To be run before it in the same module: what the prompt gave before the entry point; "" for whole programs."""
    variants: tuple[str, ...]
    """Readings of it; the first that compiles is meant."""
    conclusive: bool = True
    """False if a text that was cut off may have left it unfinished."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """There was code, all of it in another language."""

    language: str


def find_code(text: str, *, prompt: str = "", entry_point: str = "") -> Code | Foreign | None:
    """The code that a text answers with; with an `entry_point`, the code that defines it is looked for first."""
    text, prompt = _lines(text), _lines(prompt)
    if "<|" in text:
        text = ended(text)
    if _QUOTED.search(text):
        text = re.sub(r"^> ?", "", text, flags=re.MULTILINE)
    found = blocks(text)
    python = _pythonic(found)
    outside = _outside(text, found)
    complete = [("fenced", b.text, True) for b in python if b.closed]
    opened = [("open_fence", *_until_prose(b.text, 0)) for b in python if not b.closed]
    groups = [complete, _between_tags(outside) if not python else [], opened]
    preamble = _before(prompt, entry_point) if entry_point else ""
    if entry_point:
        for group in groups:
            for step, code, conclusive in reversed(group):
                code = at_margin(code)
                if defines(code, entry_point):
                    return Code(code, step, preamble, (code,), conclusive)
        if defines(outside, entry_point):
            return _bare(outside, entry_point, preamble)
        if defines(prompt, entry_point):
            for group in groups:
                for _, code, conclusive in reversed(group):
                    if _is_body(code):
                        return _continuation(prompt, code, entry_point, conclusive)
    for group in groups:
        if group:
            step, code, conclusive = next((c for c in reversed(group) if _is_code(c[1])), group[-1])
            return Code(code := at_margin(code), step, preamble, (code,), conclusive)
    return _without_fences(outside, prompt, entry_point, preamble) or _foreign(found, outside)


def completed(prompt: str, completion: str, entry_point: str) -> Code:
    """The code of a stored completion that continues `prompt`, or repeats it; what runs on after it is cut."""
    prompt, completion = _lines(prompt), _lines(completion)
    first = FIRST.search(completion)
    whole = at_margin(completion)
    if first is None or (not first[1] and "```" in completion and not _is_body(completion.partition("```")[0])):
        found = find_code(completion, prompt=prompt, entry_point=entry_point)
        if isinstance(found, Code):
            return found
    again = _definition(whole, entry_point)
    if again is not None and not _is_body(whole[: again.start()]):
        at = _top(whole, again) if again[0][0].isspace() else again.start()
        rest, cut = _until_next(whole[at:], entry_point, flat=False)
        code = whole[min(_start(whole), at) : at].lstrip("\n") + rest
        return Code(code, "bare", _before(prompt, entry_point), (code,), conclusive=cut)
    if not defines(prompt, entry_point):
        return _bare(whole, entry_point, prompt)
    body, cut = _until_next(completion, entry_point, flat=_is_flat(completion))
    return _continuation(prompt, body, entry_point, conclusive=cut)


def defines(code: str, name: str) -> bool:
    """Whether code defines `name` at the start of a line, or as a method of a class."""
    return _definition(code, name) is not None


def _definition(code: str, name: str) -> re.Match[str] | None:
    name = name.rpartition(".")[2]
    if name not in code:
        return None
    pattern = _DEFINES.format(re.escape(name))
    found = re.search(f"^{pattern}", code, re.MULTILINE)
    if found is None and (outer := re.search(r"^class\b", code, re.MULTILINE)) is not None:
        found = re.compile(rf"^[ \t]++{pattern}", re.MULTILINE).search(code, outer.end())
    return found


def _top(code: str, found: re.Match[str]) -> int:
    """Where the statement starts that a definition belongs to: itself, or its class, with their decorators."""
    at = found.start()
    if found[0][0].isspace():
        at = code.rfind("\nclass", 0, at) + 1
    while at and code.startswith("@", line := code.rfind("\n", 0, at - 1) + 1):
        at = line
    return at


def _before(prompt: str, name: str) -> str:
    """A prompt up to its entry point; all of it, if it has none."""
    found = _definition(prompt, name)
    return prompt if found is None else prompt[: _top(prompt, found)]


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _pythonic(found: Iterable[Block]) -> list[Block]:
    """The blocks of Python; beside tagged ones an untagged one is output, unless it defines or imports something."""
    rest = [b for b in found if b.language in (PYTHON, "") and b.text.strip() and not _PASSED.match(b.text)]
    tagged = any(b.language == PYTHON and b.closed for b in rest)
    return [b for b in rest if b.language == PYTHON or (_is_code(b.text, tagged) and other_language(b.text) is None)]


def _is_code(text: str, surely: bool = False) -> bool:
    text = at_margin(text)
    return ONLY_CODE.search(text) is not None or (not surely and STATEMENT.search(text) is not None)


def _outside(text: str, found: list[Block]) -> str:
    """What stands in no block."""
    parts, at = list[str](), 0
    for block in found:
        parts.append(text[at : max(at, block.start)])
        at = max(at, block.end)
    return "\n".join([*parts, text[at:]]) if found else text


def _between_tags(text: str) -> list[tuple[str, str, bool]]:
    """Code in the last tags that stand at the start of a line."""
    found = None
    for found in _TAGS.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    if found is None:
        return []
    name = next(group for group in reversed(found.groups()) if group)
    name = _CLOSING.get(name.upper(), name)
    opener = "[" if found[0][-1] == "]" else "<"
    closing = re.compile(re.escape(f"{opener}/{name}"), re.IGNORECASE)
    end = closing.search(text, found.end()) or re.compile(re.escape(f"{opener}{name}")).search(text, found.end())
    code = text[found.end() : end.start() if end else len(text)].strip("\n")
    if not _is_code(code) or other_language(code) is not None:
        return []
    return [("tagged", code.rstrip(), end is not None)]


def _without_fences(text: str, prompt: str, entry_point: str, preamble: str) -> Code | None:
    """Code that nothing marks as such."""
    first = FIRST.search(text)
    if first is None or _PASSED.match(text) or other_language(text) is not None:
        return None
    start = ONLY_CODE.search(text)
    line = first[0].strip()
    body: re.Match[str] | None = first
    while body is not None and is_prose(body[0]):
        body = FIRST.search(text, body.end())
    if body is not None and entry_point and defines(prompt, entry_point):
        code, line_of_code = text[body.start() :], body[0].strip()
        like_code = any(p.match(line_of_code) for p in (STATEMENT, ONLY_CODE)) or line_of_code[0] in "#\"'"
        if like_code and _is_body(code):
            code, cut = _until_next(code, entry_point, flat=_is_flat(code))
            return _continuation(prompt, code, entry_point, conclusive=cut)
    if start is None and not STATEMENT.match(line) and not (line[0] == "#" and STATEMENT.search(text)):
        return None
    return _bare(text, entry_point, preamble)


def _bare(text: str, entry_point: str, preamble: str) -> Code:
    """Code from its first line on, up to the first line that can only be words."""
    text = at_margin(text)
    code, cut = _until_prose(text, _start(text))
    if entry_point and not defines(code, entry_point) and (found := _definition(text, entry_point)) is not None:
        code, cut = _until_prose(text, _top(text, found))
    return Code(code, "bare", preamble, (code,), conclusive=cut)


def _start(text: str) -> int:
    """Where code starts: at once, or at what only code has, or at the assignments and comments just before that."""
    first, strong = FIRST.search(text), ONLY_CODE.search(text)
    if first is None or strong is None or not is_prose(first[0]):
        return 0
    at = strong.start()
    while at > first.end():
        line = text.rfind("\n", 0, at - 1) + 1
        if text[line:at].strip() and text[line] != "#" and not STATEMENT.match(text, line, at):
            break
        at = line
    return at


def _until_prose(text: str, start: int) -> tuple[str, bool]:
    """Code from `start` to the first line of words outside of its strings, and whether there was one."""
    quote, read = "", start
    for line in _LINE.finditer(text, start):
        if is_prose(line[0]):
            quote, read = quoted(text, read, line.start(), quote), line.start()
            if not quote:
                return text[start : line.start()].strip("\n").rstrip(), True
    return text[start:].strip("\n").rstrip(), False


def _goes_on(line: str) -> bool:
    """Whether what a line begins has indented lines of its own."""
    return line.partition(" #")[0].rstrip().endswith((":", ",", "(", "[", "{", "\\"))


def _is_flat(body: str) -> bool:
    """Whether a body stands at the left margin; not if only its first line has lost its indentation."""
    first = FIRST.search(body)
    second = FIRST.search(body, first.end()) if first is not None else None
    goes_on = first is not None and _goes_on(first[0])
    return first is not None and not first[1] and (second is None or not second[1] or goes_on)


def _until_next(text: str, entry_point: str, flat: bool) -> tuple[str, bool]:
    """The rest of a function, with the functions after it that it names; and whether anything came after that."""
    first = FIRST.search(text)
    if first is None:
        return text, False
    kept, words = list[str](), set[str]()
    quote, read, begun, wanted, cut = "", 0, 0, True, False
    for line in _LINE.finditer(text, first.end()):
        quote, read = quoted(text, read, line.start(), quote), line.start()
        prose = not quote and is_prose(line[0])
        if not prose and (quote or line[0][0] in _COMMENT_OR_CLOSER):
            continue
        name = _DEFINITION.match(line[0])
        own = name[1] not in (entry_point, "check") if name else not line[0].startswith("if __name__")
        if flat and own and not prose:
            continue
        if wanted:
            kept.append(part := text[begun : line.start()])
            words.update(_WORDS.findall(part))
        begun = line.start()
        wanted = name is not None and name[1] in words and name[1] != entry_point
        cut = True
        if prose:
            break
    if wanted:
        kept.append(text[begun:])
    return ("".join(kept).rstrip(), True) if cut else (text, False)


def _is_body(text: str) -> bool:
    """Whether a text can only be the inside of a function."""
    first = FIRST.search(text)
    if first is None:
        return False
    if first[1] and ONLY_CODE.match(at_margin(text).lstrip("\n")) is None:
        return True
    inside = False
    for line in _RETURNS.finditer(at_margin(text)):
        if line[2] or (line[1] and not inside):
            return True
        inside = inside if line[1] else _DEFINITION.match(line[0]) is not None
    second = FIRST.search(text, first.end())
    lost = not first[1] and second is not None and second[1] != "" and not _goes_on(first[0])
    return lost and STATEMENT.match(first[0]) is not None


def _continuation(prompt: str, body: str, entry_point: str, conclusive: bool) -> Code:
    """Readings of a body: as it stands, moved to where it belongs, and with its first line alone moved there."""
    head = prompt.rstrip(" \t")
    head += "" if head.endswith("\n") else "\n"
    found = _definition(prompt, entry_point)
    outer = "" if found is None else found[0][: len(found[0]) - len(found[0].lstrip())]
    indent = outer + "    "
    moved = head + re.sub(r"^(?=[^\n])", indent, at_margin(body), flags=re.MULTILINE)
    first_moved = head + indent + body.lstrip()
    first = FIRST.search(body)
    second = FIRST.search(body, first.end()) if first is not None else None
    if first is not None and first[1]:
        readings = [(head if body.startswith((" ", "\t", "\n")) else prompt) + body, moved, first_moved]
    elif second is not None and second[1]:
        readings = [first_moved, moved]
    else:
        readings = [moved, first_moved]
    return Code(body, "continuation", "", tuple(dict.fromkeys(readings)), conclusive)


def _foreign(found: list[Block], outside: str) -> Foreign | None:
    for block in reversed(found):
        language = block.language if block.language in OTHER_LANGUAGES else None
        if language is None and block.language not in NOT_CODE and block.language != PYTHON:
            language = other_language(block.text)
        if language is not None:
            return Foreign(language)
    language = other_language(outside)
    return Foreign(language) if language is not None else None
