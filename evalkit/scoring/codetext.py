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

_DEFINES = r"(?:(?:async[ \t]++)?+(?:def|class)[ \t]++{0}\b|{0}[ \t]*+(?::[^=\n]*+)?=(?!=))"
_STRONG = re.compile(
    r"^(?:(?:async[ \t]+)?def[ \t]+\w+[ \t]*[(\[]|class[ \t]+\w+[ \t]*[:(\[]|@\w[\w.]*+(?:\(.*)?$|#![ \t]*/"
    r"|import[ \t]+[\w.]++(?:[ \t]+as[ \t]+\w++)?(?:[ \t]*,[\w., \t]++)?[ \t]*+(?:[#;].*)?$"
    r"|from[ \t]+[\w.]+[ \t]+import[ \t]+[\w(*]|if[ \t]+__name__\b)",
    re.MULTILINE,
)
"""What only code has at the start of a line."""
_STATEMENT = re.compile(
    r"^[ \t]*+(?:\(?[A-Za-z_][\w.]*+(?:[ \t]*+,[ \t]*+[A-Za-z_]\w*+)*+\)?(?:\[[^\n]{1,200}?\])?"
    r"(?:[ \t]{0,9}:[ \t]{0,9}[\w\[\], .]{1,99})?[ \t]*(?:[-+*/|&^%@]|//|\*\*|<<|>>)?=[^=]"
    r"|(?!(?:and|or|not|in|is|if|for|while|with|return)\b)[A-Za-z_][\w.]*+\(.*\)[ \t]*(?:#.*)?$"
    r"|(?:for|while|if|elif|with|match|except|case)\b.*:[ \t]*(?:#.*|\w[^\n]*)?$|(?:else|try|finally)[ \t]*:|return\b"
    r"|(?:raise|yield|assert|del|global|nonlocal|await|async)[ \t]+\S|(?:pass|break|continue)[ \t]*$)",
    re.MULTILINE,
)
"""What is hardly anything but a statement of Python's."""
_PROSE = re.compile(
    r"[^\x00-\x7f][^=(]*$|[-*+>][ \t]|\d+[.)][ \t]|#{2,}[ \t]+\w|\*\*|[`~]{3}|</?\w+>|\[/?[A-Z]+\]|>>>|\$ "
    r"|(?!(?:else|try|finally)\b)[A-Za-z][\w'’ -]*:$"
    r"|(?!(?:def|class|async|await|import|global|nonlocal|del|assert|raise|lambda|not|type|print|yield|return)\b)"
    r"[A-Za-z][\w'’-]*,?[ \t]+(?!(?:and|or|not|in|is|if|for)\b)[A-Za-z`'‘“\d]"
)
"""How a line starts that is not Python's; `for`, `if`, `with` and the like are asked about first."""
_HALF = re.compile(r"(?:for|while|if|elif|with)\b.*(?:[(\[{,\\]|\band|\bor|[-+*/%=<>|&])$")
"""The first line of a statement that goes on."""
_PASSED = re.compile(r"\s*(?:>>>|In \[\d|\$[ \t]|[%!](?:pip|python)|(?:pip3?|npm|apt|conda|python3?)[ \t]+[\w./-]+)")
_FOREIGN = [
    ("c++", re.compile(r"^[ \t]*#[ \t]*include[ \t]*[<\"]", re.MULTILINE)),
    (
        "java",
        re.compile(r"^[ \t]*(?:public|private)[ \t]+(?:static[ \t]+|final[ \t]+)*\w++[^\n({]*+[({]", re.MULTILINE),
    ),
    ("go", re.compile(r"^(?:package[ \t]+\w+[ \t]*$|func[ \t]+\w*\()", re.MULTILINE)),
    ("rust", re.compile(r"^[ \t]*(?:pub[ \t]+)?fn[ \t]+\w[^\n]*\{[ \t]*$", re.MULTILINE)),
    ("javascript", re.compile(r"^[ \t]*(?:(?:async[ \t]+)?function\b[^\n]*\{|(?:const|let)[ \t]+\w+[ \t]*=)", re.M)),
]
_TAG = r"(?:<(code|answer|solution|python)>|\[(PYTHON|BEGIN|CODE)\])"
_TAGS = re.compile(rf"^[ \t]*+{_TAG}(?:\s*+{_TAG})?", re.MULTILINE | re.IGNORECASE)
_CLOSING = {"BEGIN": "DONE"}
_LINE = re.compile(r"^\S[^\n]*", re.MULTILINE)
_FIRST = re.compile(r"^([ \t]*+)[^\s][^\n]*", re.MULTILINE)
_MARGIN = re.compile(r"^[ \t]*+(?=[^\s])", re.MULTILINE)
_MOST_INDENT = 200
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
                code = _at_margin(code)
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
            return Code(code := _at_margin(code), step, preamble, (code,), conclusive)
    return _without_fences(outside, prompt, entry_point, preamble) or _foreign(found, outside)


def completed(prompt: str, completion: str, entry_point: str) -> Code:
    """The code of a stored completion that continues `prompt`, or repeats it; what runs on after it is cut."""
    prompt, completion = _lines(prompt), _lines(completion)
    first = _FIRST.search(completion)
    whole = _at_margin(completion)
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
    return [b for b in rest if b.language == PYTHON or (_is_code(b.text, tagged) and _language(b.text) is None)]


def _is_code(text: str, surely: bool = False) -> bool:
    text = _at_margin(text)
    return _STRONG.search(text) is not None or (not surely and _STATEMENT.search(text) is not None)


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
    if not _is_code(code) or _language(code) is not None:
        return []
    return [("tagged", code.rstrip(), end is not None)]


def _without_fences(text: str, prompt: str, entry_point: str, preamble: str) -> Code | None:
    """Code that nothing marks as such."""
    first = _FIRST.search(text)
    if first is None or _PASSED.match(text) or _language(text) is not None:
        return None
    start = _STRONG.search(text)
    line = first[0].strip()
    like_code = _STATEMENT.match(line) or _STRONG.match(line) or line.startswith(('"""', "'''", "#"))
    if entry_point and like_code and defines(prompt, entry_point) and _is_body(text):
        body, cut = _until_next(text, entry_point, flat=_is_flat(text))
        return _continuation(prompt, body, entry_point, conclusive=cut)
    if start is None and not _STATEMENT.match(line) and not (line[0] == "#" and _STATEMENT.search(text)):
        return None
    return _bare(text, entry_point, preamble)


def _bare(text: str, entry_point: str, preamble: str) -> Code:
    """Code from its first line on, up to the first line that can only be words."""
    text = _at_margin(text)
    code, cut = _until_prose(text, _start(text))
    if entry_point and not defines(code, entry_point) and (found := _definition(text, entry_point)) is not None:
        code, cut = _until_prose(text, _top(text, found))
    return Code(code, "bare", preamble, (code,), conclusive=cut)


def _start(text: str) -> int:
    """Where code starts: at once, or at what only code has, or at the assignments and comments just before that."""
    first, strong = _FIRST.search(text), _STRONG.search(text)
    if first is None or strong is None or not _is_prose(first[0]):
        return 0
    at = strong.start()
    while at > first.end():
        line = text.rfind("\n", 0, at - 1) + 1
        if text[line:at].strip() and text[line] != "#" and not _STATEMENT.match(text, line, at):
            break
        at = line
    return at


def _until_prose(text: str, start: int) -> tuple[str, bool]:
    """Code from `start` to the first line of words outside of its strings, and whether there was one."""
    quote, read = "", start
    for line in _LINE.finditer(text, start):
        if _is_prose(line[0]):
            quote, read = quoted(text, read, line.start(), quote), line.start()
            if not quote:
                return text[start : line.start()].strip("\n").rstrip(), True
    return text[start:].strip("\n").rstrip(), False


def _is_prose(line: str) -> bool:
    line = line[:300].rstrip()
    is_code = _STRONG.match(line) or _STATEMENT.match(line) or _HALF.match(line)
    return not is_code and _PROSE.match(line) is not None


def _goes_on(line: str) -> bool:
    """Whether what a line begins has indented lines of its own."""
    return line.partition(" #")[0].rstrip().endswith((":", ",", "(", "[", "{", "\\"))


def _is_flat(body: str) -> bool:
    """Whether a body stands at the left margin; not if only its first line has lost its indentation."""
    first = _FIRST.search(body)
    second = _FIRST.search(body, first.end()) if first is not None else None
    goes_on = first is not None and _goes_on(first[0])
    return first is not None and not first[1] and (second is None or not second[1] or goes_on)


def _until_next(text: str, entry_point: str, flat: bool) -> tuple[str, bool]:
    """The rest of a function, with the functions after it that it names; and whether anything came after that."""
    first = _FIRST.search(text)
    if first is None:
        return text, False
    kept, words = list[str](), set[str]()
    quote, read, begun, wanted, cut = "", 0, 0, True, False
    for line in _LINE.finditer(text, first.end()):
        quote, read = quoted(text, read, line.start(), quote), line.start()
        prose = not quote and _is_prose(line[0])
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
    first = _FIRST.search(text)
    if first is None:
        return False
    if first[1] and _STRONG.match(_at_margin(text).lstrip("\n")) is None:
        return True
    inside = False
    for line in _RETURNS.finditer(_at_margin(text)):
        if line[2] or (line[1] and not inside):
            return True
        inside = inside if line[1] else _DEFINITION.match(line[0]) is not None
    second = _FIRST.search(text, first.end())
    lost = not first[1] and second is not None and second[1] != "" and not _goes_on(first[0])
    return lost and _STATEMENT.match(first[0]) is not None


def _continuation(prompt: str, body: str, entry_point: str, conclusive: bool) -> Code:
    """Readings of a body: as it stands, moved to where it belongs, and with its first line alone moved there."""
    head = prompt.rstrip(" \t")
    head += "" if head.endswith("\n") else "\n"
    found = _definition(prompt, entry_point)
    outer = "" if found is None else found[0][: len(found[0]) - len(found[0].lstrip())]
    indent = outer + "    "
    moved = head + re.sub(r"^(?=[^\n])", indent, _at_margin(body), flags=re.MULTILINE)
    first_moved = head + indent + body.lstrip()
    first = _FIRST.search(body)
    second = _FIRST.search(body, first.end()) if first is not None else None
    if first is not None and first[1]:
        readings = [(head if body.startswith((" ", "\t", "\n")) else prompt) + body, moved, first_moved]
    elif second is not None and second[1]:
        readings = [first_moved, moved]
    else:
        readings = [moved, first_moved]
    return Code(body, "continuation", "", tuple(dict.fromkeys(readings)), conclusive)


def _at_margin(code: str) -> str:
    """Code moved to the left as a whole, if its first line is indented."""
    first = _FIRST.search(code)
    if first is None or not first[1] or len(first[1]) > _MOST_INDENT:
        return code
    margin = first[1]
    for found in _MARGIN.finditer(code):
        while not found[0].startswith(margin):
            margin = margin[:-1]
    return re.sub(f"^{margin}", "", code, flags=re.MULTILINE) if margin else code


def _language(code: str) -> str | None:
    """The language of code that has no tag, if its look says that it is not Python."""
    if re.search(r"^[ \t]*(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(", code, re.MULTILINE):
        return None
    return next((name for name, sign in _FOREIGN if sign.search(code)), None)


def _foreign(found: list[Block], outside: str) -> Foreign | None:
    for block in reversed(found):
        language = block.language if block.language in OTHER_LANGUAGES else None
        if language is None and block.language not in NOT_CODE and block.language != PYTHON:
            language = _language(block.text)
        if language is not None:
            return Foreign(language)
    language = _language(outside)
    return Foreign(language) if language is not None else None
