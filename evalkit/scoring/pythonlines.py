"""What lines of Python look like, and lines of words or of other languages, in texts that are never parsed."""

from __future__ import annotations

import re

ONLY_CODE = re.compile(
    r"^(?:(?:async[ \t]+)?def[ \t]+\w+[ \t]*[(\[]|class[ \t]+\w+[ \t]*[:(\[]|@\w[\w.]*+(?:\(.*)?$|#![ \t]*/"
    r"|import[ \t]+[\w.]++(?:[ \t]+as[ \t]+\w++)?(?:[ \t]*,[\w., \t]++)?[ \t]*+(?:[#;].*)?$"
    r"|from[ \t]+[\w.]+[ \t]+import[ \t]+[\w(*]|if[ \t]+__name__\b)",
    re.MULTILINE,
)
"""What only code has at the start of a line."""
STATEMENT = re.compile(
    r"^[ \t]*+(?:\(?[A-Za-z_][\w.]*+(?:[ \t]*+,[ \t]*+[A-Za-z_]\w*+)*+\)?(?:\[[^\n]{1,200}?\])?"
    r"(?:[ \t]{0,9}:[ \t]{0,9}[\w\[\], .]{1,99})?[ \t]*(?:[-+*/|&^%@]|//|\*\*|<<|>>)?=[^=]"
    r"|(?!(?:and|or|not|in|is|if|for|while|with|return)\b)[A-Za-z_][\w.]*+\(.*\)[ \t]*(?:#.*)?$"
    r"|(?:for|while|if|elif|with|match|except|case)\b.*:[ \t]*(?:#.*|\w[^\n]*)?$|(?:else|try|finally)[ \t]*:|return\b"
    r"|(?:raise|yield|assert|del|global|nonlocal|await|async)[ \t]+\S|(?:pass|break|continue)[ \t]*$)",
    re.MULTILINE,
)
"""What is hardly anything but a statement of Python's."""
_PROSE = re.compile(
    r"[^\x00-\x7f][^=(]*$|[-*+>][ \t]|\d+[.)][ \t]|#{2,}[ \t]+\w|\*\*|[`~]{3}|</?\w+>|\\(?:begin|end)\{"
    r"|\[/?[A-Z]+\]|>>>|\$ "
    r"|(?!(?:else|try|finally)\b)[A-Za-z][\w'’ -]*:$"
    r"|(?!(?:def|class|async|await|import|global|nonlocal|del|assert|raise|lambda|not|type|print|yield|return)\b)"
    r"[A-Za-z][\w'’-]*,?[ \t]+(?!(?:and|or|not|in|is|if|for)\b)[A-Za-z`'‘“\d]"
)
"""How a line starts that is not Python's; `for`, `if`, `with` and the like are asked about first."""
_HALF = re.compile(r"(?:for|while|if|elif|with)\b.*(?:[(\[{,\\]|\band|\bor|[-+*/%=<>|&])$")
"""The first line of a statement that goes on."""
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
FIRST = re.compile(r"^([ \t]*+)[^\s][^\n]*", re.MULTILINE)
"""The first line with something on it, and its indentation."""
_MARGIN = re.compile(r"^[ \t]*+(?=[^\s])", re.MULTILINE)
_MOST_INDENT = 200


def is_prose(line: str) -> bool:
    """Whether a line at the margin can only be words, or what marks them up."""
    line = line[:300].rstrip()
    is_code = ONLY_CODE.match(line) or STATEMENT.match(line) or _HALF.match(line)
    return not is_code and _PROSE.match(line) is not None


def at_margin(code: str) -> str:
    """Code moved to the left as a whole, if its first line is indented."""
    first = FIRST.search(code)
    if first is None or not first[1] or len(first[1]) > _MOST_INDENT:
        return code
    margin = first[1]
    for found in _MARGIN.finditer(code):
        while not found[0].startswith(margin):
            margin = margin[:-1]
    return re.sub(f"^{margin}", "", code, flags=re.MULTILINE) if margin else code


def other_language(code: str) -> str | None:
    """The language of code that has no tag, if its look says that it is not Python."""
    if re.search(r"^[ \t]*(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(", code, re.MULTILINE):
        return None
    return next((name for name, sign in _FOREIGN if sign.search(code)), None)
