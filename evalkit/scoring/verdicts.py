"""The option that a text marks as right while it goes through all of them, where it says no more than that.

"A) Berlin - Incorrect. B) Paris - Correct. ...", "| B | ✓ |", "- [x] B) Paris", "B is the city. This is what we want."
"""

from __future__ import annotations

import re

from evalkit.scoring.options import Options

_TAIL = 12_000
_LINE = re.compile(
    r"^(?P<marks>(?:[-*•|#>✓✔✅☑❌✗✘✖ \t]|\d{1,2}[.)](?=\s)|\[[ xX]\])*)"
    r"(?:(?:[Oo]ption|[Cc]hoice|[Ss]tatement)[ \t]+)?[*_]{0,2}[(\[]?"
    r"(?P<letter>[A-J])(?:[)\].:：|*_]|[ \t]+[|\-–—]|[ \t]+(?=is\b))",
    re.MULTILINE,
)
_INLINE = re.compile(r"(?:^|(?<=[\s.;]))(?P<marks>)[(\[]?(?P<letter>[A-J])[)\].:][ \t]", re.MULTILINE)
_RIGHT = re.compile(
    r"[✓✔✅☑]|\[[xX]\]|\b(?:correct|right)\b(?=\W*$|\W*\n|\s*[.!,;:)*|–—-]|\s+(?:answer|option|choice|because|since|as)\b)"
    r"|\b(?:this|it|which)\s+is\s+(?:what\s+(?:we|the\s+question)\s+(?:want|need|are\s+looking\s+for|asks?\s+for)"
    r"|(?:the|our|my)\s+(?:(?:correct|right|best)\s+)?(?:answer|choice|option)\b)"
    r"|\b(?:so|hence|therefore|thus)\s+(?:this|it)\s+is\s+(?:the|our|my)\s+(?:\w+\s+)?(?:answer|choice|option)\b",
    re.IGNORECASE,
)
_WRONG = re.compile(
    r"[❌✗✘✖]|\b(?:incorrect|wrong|invalid|eliminated?|cannot|not\s+(?:the|our|what|correct|right|true|valid|it|possible|[A-J]\b))\b"
    r"|(?:is|does|do|are|ca|was)n(?:'|’)t\b",
    re.IGNORECASE,
)
_FIRST_WORD = re.compile(r"\W*(?:(?P<yes>yes)|(?P<no>no))\b", re.IGNORECASE)
_NOT_RIGHT = re.compile(
    r"\b(?:not|n't|n’t|never|partly|partially|(?:would|might|may|could|can)\s+be|seems?|if)\s+"
    r"(?:(?:the|a|be|quite|entirely|also)\s+)*$",
    re.I,
)


def marked_right(text: str, options: Options) -> str:
    """The letter of the only option that is marked right, all others being marked wrong or not at all; or nothing."""
    text = text[-_TAIL:]
    parts = list(_LINE.finditer(text))
    if len({p["letter"] for p in parts}) < 2:
        parts = list(_INLINE.finditer(text))
    letters = [p["letter"] for p in parts]
    if len(parts) < 2 or len(parts) > len(options.letters) or letters != sorted(set(letters)):
        return ""  # other texts than one list of different options are not read here
    ends = [p.start() for p in parts[1:]] + [len(text)]
    said = [
        _verdict(p["marks"] + " " + text[p.end() : end], p["letter"], options)
        for p, end in zip(parts, ends, strict=True)
    ]
    right = [letter for letter, verdict in zip(letters, said, strict=True) if verdict]
    return right[0] if len(right) == 1 and right[0] in options.letters and None not in said else ""


def _verdict(part: str, letter: str, options: Options) -> bool | None:
    """Whether an option is marked right; None where it is marked both ways."""
    own = options.text_of(letter)
    at = part.casefold().find(own.casefold()) if own else -1
    said = part[:at] + part[at + len(own) :] if 0 <= at < 12 else part
    first = _FIRST_WORD.match(said)
    right = bool(first and first["yes"])
    wrong = bool(first and first["no"]) or _WRONG.search(said) is not None
    for mark in _RIGHT.finditer(said):
        if _NOT_RIGHT.search(said, 0, mark.start()):
            wrong = True
        else:
            right = True
    return None if right and wrong else right
