r"""The texture of what models write: formulas, emphasis, numbers, sentences, and where a text really ends."""

from __future__ import annotations

import itertools
import re

# As pandoc reads dollar signs: `$12 x 5 = $60` is money, `$12 \cdot 5$` a formula.
FORMULA = re.compile(
    r"\$\$[^$]{1,1500}?\$\$|(?<![\\$])\$(?![\s$])[^$]{0,600}?(?<![\s\\])\$(?!\d)"
    r"|(?<![\\$])\$ [^$\n]{1,80}[=\\][^$\n]{0,80}\$(?!\d)"
    r"|\\\(.{1,600}?\\\)|\\\[.{1,1500}?\\\]"
    r"|\\begin\{(align|equation|gather|aligned)(\*?)\}.{1,2500}?\\end\{\1\2\}",
    re.DOTALL,
)
BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*|__([^_\n]{1,200})__")
NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.,^])[-−–]?(?:[$€£¥₹]|\\\$)?\s?"
    r"(?:\d{1,2}:\d\d(?!\d)|\d+ (?:hours?|hrs?)(?:,| and|, and)? \d+ min(?:utes?)?\b|\d+ \d{1,3}/\d{1,3}"
    r"|(?:\d{1,3}(?:(?:,|\{,\}|[  ])\d{3})+(?!\d)|\d+(?:,\d{1,2}(?![\d)]))?)"
    r"(?:\.\d+)?(?:/\d+)?(?![\d_]))(?:[½¼¾⅓⅔]|\s?π|√\d+|[万萬만亿億억]|[kKM](?![A-Za-z])|\s?%|\s(?:hundred|thousand|million|billion|trillion|dozen)\b)?"
    r"|(?<![A-Za-z0-9_.])[-−]?\.\d+"
)
_STOP = re.compile(
    r"(?<![\d.][ap])(?<!\b[ap])(?<!\bvs)(?<!\bSt)(?<!\b[MD]r)(?<!\bMrs)(?<!\be\.g)(?<!\bi\.e)(?<!\b[A-Z])[.。।](?=\s|$|\*|<|[”\"'])|[!?](?=\s|$)"
    r"|(?<=[\d}\])$*])\s*[,;]?\s+(?:because|since|as|where|which|so|but|given|after|when|if|assuming|then|based)\b"
    r"|(?<=\d)[,;](?=\s+[a-z]{3,})|\s+[—–]\s+|。|(?<=[a-z])[,;]\s+(?:or|i\.e\.,?|that is,?)\s+(?=\d)"
)
_FULL_STOP = re.compile(
    r"(?<!\b[A-Z])(?<!\b[ap])(?<!\b[MD]r)(?<!\bMrs)(?<!\bMs)(?<!\bSt)(?<!\bvs)[.!?](?=\s|$)|[。।！？]"
)
_ENDED = re.compile(
    r"<\|(?:im_end|im_start|eot_id|end|return|endoftext|end_of_text|start_header_id|eom_id)\|>|</s>|<end_of_turn>|<eos>"
)
_FINAL_CHANNEL = "<|channel|>final<|message|>"
_ANOTHER = re.compile(
    r"\n[#* \t]{0,6}(?:Question|Q|Problem|User|Human|Instruction|Example|Exercise)"
    r"(?: ?#?\d{0,4}[*]{0,2}[:.]|[*]{0,2} ?#?\d{0,4}[*]{0,2}\n)"
)


def ended(text: str) -> str:
    """What the model said: without the tokens that end its turn and without whatever it made up after them."""
    if "<" not in text:
        return text
    at = text.rfind(_FINAL_CHANNEL)
    if at >= 0:
        text = text[at + len(_FINAL_CHANNEL) :]
    start, found = 0, _ENDED.search(text)
    while found is not None and not text[start : found.start()].strip():
        start = found.end()
        found = _ENDED.search(text, start)
    return text[start : found.start() if found is not None else len(text)]


def other_questions(text: str) -> list[int]:
    """Where the model may go on with a question that it made up; most texts have no such place."""
    return [found.start() for found in itertools.islice(_ANOTHER.finditer(text), 4)]


def formulas(text: str) -> list[re.Match[str]]:
    """The formulas of a text; none are looked for where no sign of one stands."""
    return list(FORMULA.finditer(text)) if "$" in text or "\\" in text else []


def sentence_end(line: str) -> str:
    """`line` up to the end of its first sentence, without the marks around it; formulas are never cut."""
    line = line.strip()
    spans = [m.span() for m in formulas(line)]
    for stop in _STOP.finditer(line):
        if not any(a < stop.start() < b for a, b in spans) and line[: stop.start()].strip("*_` "):
            line = line[: stop.start()]
            break
    return line.strip().strip("*_`").strip()


def sentences(line: str) -> list[str]:
    """The sentences of a line."""
    spans = [m.span() for m in formulas(line)]
    found, start = [], 0
    for stop in _FULL_STOP.finditer(line):
        if not any(a < stop.start() < b for a, b in spans):
            found.append(line[start : stop.end()])
            start = stop.end()
    return [s for s in (*found, line[start:]) if s.strip()]
