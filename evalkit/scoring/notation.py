r"""One notation for what people write in many: typography, TeX spacing, fonts and wrappers are taken away.

`tidy` maps `$\left(\dfrac{1}{2},\, 3\right)$`, `(1/2, 3)` in fullwidth characters and the like to plain TeX that
`expressions.parse` reads. It never changes a value: what could be read in two ways is left to the reader.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MAX_ANSWER = 2_000
"""Characters; nothing longer is compared as mathematics."""

_PLAIN = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ",
    "•": r"\cdot ", "×": r"\times ", "✕": r"\times ", "÷": "/", "∕": "/", "⁄": "/", "√": r"\surd ", "∛": r"\sqrt[3]",
    "∞": r"\infty ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ",
    "⩾": r"\ge ", "≦": r"\le ", "≧": r"\ge ", "≠": r"\ne ", "±": r"\pm ", "∓": r"\mp ", "∅": r"\emptyset ",
    "°": r"^\circ ", "º": r"^\circ ", "′": "'", "’": "'", "‘": "'", "“": '"', "”": '"', "，": ",", "、": ",", "。": ".",
    "〈": "<", "〉": ">", "⟨": r"\langle ", "⟩": r"\rangle ", "【": "[", "】": "]", "ℝ": r"\mathbb{R}",
    "≈": r"\approx ", "≅": r"\cong ", "≡": r"\equiv ", "∠": r"\angle ", "△": r"\triangle ", "…": r"\ldots ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "∖": r"\setminus ", "ﬁ": "fi",
    "→": r"\to ", "⇒": r"\implies ", "∨": r"\lor ", "∧": r"\land ", "٫": ".", "٬": ",", "％": "%",
    "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "δ": r"\delta ", "ε": r"\epsilon ", "θ": r"\theta ",
    "λ": r"\lambda ", "μ": r"\mu ", "µ": r"\mu ", "π": r"\pi ", "𝜋": r"\pi ", "ρ": r"\rho ", "σ": r"\sigma ",
    "τ": r"\tau ", "φ": r"\phi ", "ϕ": r"\phi ", "ψ": r"\psi ", "ω": r"\omega ", "Δ": r"\Delta ", "Ω": r"\Omega ",
}  # fmt: skip
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_RAISED = re.compile("[" + "".join(_SUPERSCRIPTS) + "]+")
_LOWERED = re.compile("[" + "".join(_SUBSCRIPTS) + "]+")


@lru_cache(maxsize=4096)
def _ascii(char: str) -> str:
    """What a character that is not ASCII stands for."""
    if char in _PLAIN:
        return _PLAIN[char]
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    if category in ("Cf", "Cc", "Co", "Cn", "Cs"):
        return ""
    name = unicodedata.name(char, "")
    if name.startswith("VULGAR FRACTION") and "⁄" in (ratio := unicodedata.normalize("NFKC", char)):
        above, below = ratio.split("⁄")
        return rf"\frac{{{above}}}{{{below}}}" if above and below else char
    if name.startswith("FULLWIDTH") or "MATHEMATICAL" in name:
        return unicodedata.normalize("NFKC", char)
    return char


def plain_characters(text: str) -> str:
    """Typographic characters as ASCII and TeX; marks that only steer the display are gone."""
    if text.isascii():
        return text.replace("\0", "")
    text = _RAISED.sub(lambda m: "^{" + "".join(_SUPERSCRIPTS[c] for c in m.group()) + "}", text)
    text = _LOWERED.sub(lambda m: "_{" + "".join(_SUBSCRIPTS[c] for c in m.group()) + "}", text)
    return "".join([c if c < "\x80" else _ascii(c) for c in text]).replace("\0", "")


_NOISE = re.compile(
    r"\\(?:displaystyle|textstyle|scriptstyle|limits|left\s*\.|right\s*\.|left|right|[bB]igg?[lrm]?|middle|nolimits"
    r"|(?:boxed|fbox)(?!\s*\{)|nonumber|blacksquare|square|qed|large|Large|LARGE|huge|Huge|small|normalsize|bf|it|rm|sf|tt"
    r"|color\{\w*\}|hspace\*?\{[^{}]*\}|phantom\{[^{}]*\}|label\{[^{}]*\}|tag\*?\{[^{}]*\})(?![A-Za-z])|(?<!\\)\\[()\[\]]|\$"
)
_SPACES = re.compile(
    r"(?:(?<!\\)\\[;: ]|\\(?:quad|qquad|thinspace|enspace|space)(?![A-Za-z])|(?<!\\)\\$|[~\s]|(?<!\\)\\\n)+"
)
_WRAPPER = re.compile(
    r"\\(?:(?P<words>text|textrm|textbf|textit|textnormal|textsf|texttt|mbox|hbox|emph|mathrm|rm|operatorname\*?)"
    r"|mathbf|mathit|mathsf|mathtt|mathcal|boldsymbol|bm|bold|mathnormal|pmb|vec|hat|bar|ensuremath|underline|boxed"
    r"|fbox|framebox|colorbox\{\w*\}|textcolor\{\w*\}|color\{\w*\})\s*\{"
)
_SEPARATOR = re.compile(
    r"(?<=\d)(?:\{,\}|,?\\[!,;:]|,\\ |\\ (?!\\)|\{\\,\}|~)\s*(?=\d{3}(?!\d))|(?<=\d)\s(?=\d{3}(?:\s\d{3})*(?![\d/]))"
)
_TIGHT = re.compile(r"(?<!\\)\\[!,]")
_REPEATING = re.compile(r"(?<!\d)(\d{0,30})\.(\d{0,30})(?:\\(?:overline|bar|dot)\{(\d+)\}|\((\d+)\))")
_ELLIPSIS = re.compile(r"(?<!\d)(\d{0,30})\.(\d{0,30}?)(\d{1,6}?)\3{2,}\d{0,5}(?:\.{3}|\\[lc]?dots)")
_BRACE = re.compile(r"\\\\.|[{}]", re.DOTALL)
_MARKS = ' \t\n*`"'
_SHOUTED = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3,}!$")
_TIMES = re.compile(r"(?<=\d)\s*[x×]\s*(?=10\s*\^)")
_UNION = re.compile(r"(?<=[)\]}])\s*U\s*(?=[(\[\\{])")
_LEADING = re.compile(r"^(?:\\(?:implies|Rightarrow|therefore|Longrightarrow|to)(?![A-Za-z])|\\\\|&\s*=|&)\s*")
_SYSTEM = re.compile(r"\\begin\{(aligned|align\*?|split|gathered|equation\*?)\}(.*)\\end\{\1\}", re.DOTALL)


def unwrap(text: str) -> str:
    """Without the Markdown marks and quotation marks around an answer, and the full stop after it."""
    text = _unquoted(text.strip(_MARKS))
    while _ends_a_sentence(text):
        text = _unquoted(text[:-1].rstrip(_MARKS))
    return text


def _unquoted(text: str) -> str:
    return text[1:-1].strip() if len(text) > 2 and text[0] == text[-1] == "'" else text


def _ends_a_sentence(text: str) -> bool:
    r"""Not where the mark belongs to TeX (`\\,`), to an ellipsis, or to a number or name: `n!` is a factorial."""
    if not text or text.endswith(("...", r"\!", r"\,", r"\;", r"\:")):
        return False
    return text[-1] in ".,;:。，" or (text[-1] == "!" and _SHOUTED.search(text) is not None)


def tidy(text: str) -> str:
    r"""`text` in plain TeX: no fonts, no `$`, no spacing commands, words bare; numbers without separators."""
    text = unwrap(plain_characters(text))
    if "\\" in text or "$" in text or "~" in text:
        text = re.sub(r"\\\$|\\pounds|\\euro(?![A-Za-z])", " ", text)
        text = re.sub(r"\\\\\s*\[[^\][]{0,9}\]", r"\\\\", text)  # the room between rows
        text = _SEPARATOR.sub("", text)
        text = _TIGHT.sub(" ", text) if r"\," in text else text.replace(r"\!", "")
        text = _NOISE.sub(" ", text).replace(r"\%", "%").replace(r"\#", "#").replace(r"\&", "&")
        text = text.replace(r"\degree", r"^\circ ").replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
        if "overline" in text or "dot" in text or r"\bar" in text:
            text = _ELLIPSIS.sub(_ellipsis, _REPEATING.sub(_repeating, text))
        text = _unwrapped(text)
    elif "..." in text or ".(" in text or ")" in text:
        text = _ELLIPSIS.sub(_ellipsis, _REPEATING.sub(_repeating, text) if re.search(r"\.\d*\(\d+\)$", text) else text)
        text = _SEPARATOR.sub("", text)
    else:
        text = _SEPARATOR.sub("", text)
    text = _SPACES.sub(" ", text).strip()
    if "10" in text and "^" in text:
        text = _TIMES.sub(r"\\times ", text)
    if "{-}" in text:
        text = text.replace("{-}", "-")
    if "\\" in text or "U" in text:
        text = _UNION.sub(r"\\cup ", text).replace(r"\backslash", r"\setminus").replace(r"\bigcup", r"\cup")
        if (system := _SYSTEM.fullmatch(text)) is not None and r"\\" not in system[2]:
            text = system[2].replace("&", "").strip()
        text = text.removesuffix(r"\\")
    return unwrap(_LEADING.sub("", text) if text[:1] in ("\\", "&") else text)


def closing_brace(text: str, start: int, end: int) -> int:
    """Where the group that opens at `start` closes; -1 if it does not before `end`."""
    depth = 0
    for brace in _BRACE.finditer(text, start, end):
        if brace.group() == "{":
            depth += 1
        elif brace.group() == "}":
            depth -= 1
            if depth == 0:
                return brace.start()
    return -1


def _unwrapped(text: str) -> str:
    """Without fonts and boxes; words that TeX sets upright stand bare between spaces."""
    position = 0
    while (found := _WRAPPER.search(text, position)) is not None:
        position = found.start()
        end = closing_brace(text, found.end() - 1, len(text))
        if end < 0:
            text = text[:position] + text[found.end() - 1 :]
            continue
        inner = text[found.end() : end]
        text = text[:position] + (f" {inner} " if found["words"] else f"{{{inner}}}") + text[end + 1 :]
    return text


def _repeating(found: re.Match[str]) -> str:
    return _fraction(found[1], found[2], found[3] or found[4])


def _ellipsis(found: re.Match[str]) -> str:
    return _fraction(found[1], found[2], found[3])


def _fraction(whole: str, start: str, period: str) -> str:
    r"""`0.1\overline{6}` as a ratio of integers."""
    if len(whole + start + period) > 100:
        return f"{whole}.{start}{period}"
    below = (10 ** len(period) - 1) * 10 ** len(start)
    above = int(f"{whole}{start}{period}") - int(f"0{whole}{start}")
    return rf"(\frac{{{above}}}{{{below}}})"
