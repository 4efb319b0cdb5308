r"""Answers in prose: the line that announces one ("The answer is 18."), in many languages, and the last sentence.

All functions look at the end of a text first and read no more of it than they need.
"""

from __future__ import annotations

import re

_MAX_LINE = 2_000
_TAIL = 3_000
_MAX_REST = 700
_MAX_EARLY = 80

# Word that announces an answer -> nothing else; matched without regard to case, the last one in the text first.
KEYWORDS = (
    "answer", "antwort", "lösung", "ergebnis", "respuesta", "réponse", "reponse", "risposta", "resposta", "jibu",
    "ответ", "відповідь", "答案", "答え", "答：", "答:", "回答", "解答", "正解", "คำตอบ", "উত্তর", "సమాధానం", "उत्तर",
    "정답", "답", "الجواب", "الإجابة", "إجابة", "đáp án", "đáp số", "câu trả lời", "cevap", "odpowiedź", "antwoord",
    "jawaban", "svar", "απάντηση", "odpověď", "răspuns", "válasz", "vastaus", "پاسخ", "תשובה", "resultado", "résultat",
    "故选", "选择", "jibuni",
)  # fmt: skip
_ASCII_KEYWORDS = tuple(k for k in KEYWORDS if k.isascii())
_IS = (
    r"is|are|was|would\s+be|will\s+be|should\s+be|must\s+be|be|equals?|=|ist|sind|lautet|beträgt|es|son|est|sont|è|são|é|"
    r"ni|är|er|är|on|jest|adalah|là|dir|είναι|je|este|является|равен|равно|это|составляет|是|为|為|は|가|는|은|เป็น|คือ|হল|হলো|হবে|है"
)
_AFTER = re.compile(
    r"\w{0,4}[*_]{0,3}(?:[ \t]*\([^()\n]{0,40}\))?(?:[ \t]+[^\s.,;:：=!?$\\]{1,20}){0,8}?"
    rf"[*_]{{0,3}}[ \t]*(?:[:：]|→|->|—|–|(?:(?<![A-Za-z])(?:{_IS})(?![A-Za-z]))[*_]{{0,3}}\s*[:：]?)[*_]{{0,3}}[ \t]*",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"[^\d\s.,;:。\n]{0,6}\s*(?=[-−$€£¥\\(]{0,3}\d)")
_HEADING = re.compile(r"s?[*_]{0,3}[ \t]*[:：]?[ \t]*[*_]{0,3}[ \t]*\n\s*", re.IGNORECASE)
_DIRECT = re.compile(r"\s*")
_FILLER = re.compile(
    r"(?:\s*(?:approximately|about|roughly|therefore|thus|simply|equal\s+to|given\s+by|also|indeed|then|hence|clearly"
    r"|just|exactly|that)\b[,:]?)+\s*",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(
    r"(?:not|wrong|incorrect|correct|unclear|unknown|required|needed|here|above|below|as follows)\b", re.I
)
_STOP = re.compile(
    r"(?<![\d.][ap])(?<!\b[ap])(?<!\bvs)(?<!\bSt)(?<!\be\.g)(?<!\bi\.e)(?<!\b[A-Z])[.。।](?=\s|$|\*|<|[”\"'])|[!?](?=\s|$)"
    r"|(?<=[\d}\])$*])\s*[,;]?\s+(?:because|since|as|where|which|so|but|given|after|when|if|assuming|then|based)\b"
    r"|(?<=\d)[,;](?=\s+[a-z]{3,})|\s+[—–]\s+|。"
)
# As pandoc reads dollar signs: `$12 x 5 = $60` is money, `$12 \cdot 5$` a formula.
_HOPE = re.compile(r"\.?\s*I hope (?:it|this|that) .*$")
_MATH = re.compile(
    r"\$\$[^$]{1,1500}?\$\$|(?<![\\$])\$(?![\s$])[^$]{0,600}?(?<![\s\\])\$(?!\d)"
    r"|(?<![\\$])\$ [^$\n]{1,80}[=\\][^$\n]{0,80}\$(?!\d)"
    r"|\\\(.{1,600}?\\\)|\\\[.{1,1500}?\\\]"
    r"|\\begin\{(align|equation|gather|aligned)(\*?)\}.{1,2500}?\\end\{\1\2\}",
    re.DOTALL,
)
_DELIMITERS = re.compile(
    r"^(?:\$\$?|\\\(|\\\[|\\begin\{(?:align|aligned|equation|gather|gathered|split)\*?\})|(?:\$\$?|\\\)|\\\]|\\end\{(?:align|aligned|equation|gather|gathered|split)\*?\})$"
)
_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*|__([^_\n]{1,200})__")
_NUMBER = re.compile(
    r"(?<![\w.,^_])[-−–]?(?:[$€£¥₹]|\\\$)?\s?"
    r"(?:\d{1,3}(?:(?:,|\{,\}|[  ])\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+)?(?![\d_])"
    r"|(?<![\w.])[-−]?\.\d+"
)
_GIVEN = frozenset(
    "the these those all for in after over at by per every each with from within during among both and first last next "
    "remaining other than if when only selling".split()
)
"""Words before a number that the question gave, rather than the answer."""
_PROGRAM = re.compile(r"```(?:python|py|cpp|c|java|javascript|sympy)\b[^`]*(?:```)?$", re.IGNORECASE)
_BREAKS_OFF = re.compile(
    r"(?:[-+*/=<>,(\[{:&\\]|\b(?:the|a|an|of|is|are|and|or|to|by|with|that|for|in|we|so|then|which))\s*$"
)
_COPULA = re.compile(
    r"\b(?:is|are|was|were|equals?|be|being|total(?:s|ed)?|comes? to|amounts? to|of|ist|sind|beträgt|es|son|est|sont"
    r"|kuwa|ni|составляет|равен|равно)\s+(?:[a-z]+\s+){0,2}?(?=[-−]?[$€£¥\\(]*\d)",
    re.IGNORECASE,
)
_TOTAL = re.compile(r"\s*(?:\w+\s+){0,2}(?:in all|in total|altogether|total)\b", re.IGNORECASE)
_IS_WORD = re.compile(r"\b(?:is|are|equals|be)\s+(?=[^a-z]{0,8}[-\d(\[{a-z])", re.IGNORECASE)
_PROSE_WORD = re.compile(r"(?!sqrt|sin|cos|tan|log|and)[A-Za-z]{3,}")
_CLOSER = re.compile(
    r"\bhope\b|let me know|feel free|any (?:further|other|more)?\s*question|happy to help|please note|good luck|\bthank"
    r"|^\s*[(*]*(?:note\b|notice|testing|check|verif|equality (?:occurs|holds)|this (?:matches|confirms|agrees))",
    re.IGNORECASE,
)


def announced(text: str) -> tuple[str, bool] | None:
    """(what stands after the last form like "the answer is", whether its line had ended), or None."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters change their length
        lowered = text
    keywords = _ASCII_KEYWORDS if text.isascii() else KEYWORDS
    end = len(text)
    for _ in range(12):
        at, word = max((lowered.rfind(k, 0, end), k) for k in keywords)
        if at < 0:
            return None
        found = _after(text, at + len(word), word)
        if found is not None and (at == 0 or not text[at - 1].isalpha() or not text[at].isascii()):
            return found
        end = at
    return None


def _after(text: str, start: int, word: str) -> tuple[str, bool] | None:
    match = _AFTER.match(text, start) or _HEADING.match(text, start)
    if match is None and word in ("故选", "选择", "答：", "答:", "답", "答え", "解答"):
        match = _DIRECT.match(text, start)
    if match is None:
        return None
    begin = match.end()
    if (filler := _FILLER.match(text, begin)) is not None:
        begin = filler.end()
    if _NO_ANSWER.match(text, begin) and not match.group().rstrip("*_ \t\n").endswith((":", "：")):
        return None
    begin += len(text[begin:]) - len(text[begin:].lstrip()) if text[begin : begin + 400].lstrip() else 0
    answer, ended = line_at(text, begin)
    if (
        len(text) - begin > _MAX_REST
        and len(answer) > _MAX_EARLY
        and match.group().rstrip(" \t\n*_").endswith((":", "："))
    ):
        return None  # the heading of a solution, not its end
    return (answer, ended) if answer else None


def line_at(text: str, begin: int) -> tuple[str, bool]:
    """The answer that starts at `begin`: to the end of its sentence, of its line, or of its displayed formula."""
    window = text[begin : begin + _MAX_LINE]
    shown = re.match(r"(?:\*\*|>|\s)*(\$\$|\\\[|```\w*\n)", window)
    if shown is not None:
        closing = {"$$": "$$", "\\[": "\\]"}.get(shown[1], "```")
        end = window.find(closing, shown.end())
        if end >= 0:
            return window[shown.end() : end].strip(), True
    line, newline, _ = window.partition("\n")
    line = _HOPE.sub("", line)
    answer = sentence_end(line)
    # A text that was cut off may have been cut within this line: then `4` may have been going to be `42`.
    return answer, bool(newline) or not line.rstrip("*_`$ ").endswith(answer.rstrip("*_`$ ") or "\0")


def sentence_end(line: str) -> str:
    """`line` up to the end of its first sentence, without Markdown marks; formulas are never cut."""
    line = line.strip()
    spans = [m.span() for m in _MATH.finditer(line)] if "$" in line or "\\" in line else []
    for stop in _STOP.finditer(line):
        if not any(a < stop.start() < b for a, b in spans) and line[: stop.start()].strip("*_` "):
            line = line[: stop.start()]
            break
    bold = _BOLD.match(line)
    if bold is not None and len(line) - bold.end() > 2:
        return (bold[1] or bold[2]).strip()
    return line.strip().strip("*_`").strip()


def last_sentence(text: str, question: str = "") -> tuple[str, bool] | None:
    """(the answer that the last sentence with a number or formula gives, whether the text does not break off there)."""
    tail = text[-_TAIL:].rstrip()
    if _PROGRAM.search(tail):
        return None  # whatever numbers a program holds, none is what it prints
    whole = not _BREAKS_OFF.search(tail[-40:])
    if "$$" in tail or "\\[" in tail or "\\begin" in tail:
        tail = _MATH.sub(lambda m: m.group().replace("\n", " "), tail)
    lines = [line for line in tail.split("\n") if line.strip(" *_`#-=|>")]
    for line in reversed(lines[-4:]):
        for sentence in reversed(_sentences(line)):
            if _CLOSER.search(sentence):
                continue
            answer = from_sentence(sentence, question)
            if answer is not None:
                return answer, whole or line is not lines[-1]
    return None


def _sentences(line: str) -> list[str]:
    spans = [m.span() for m in _MATH.finditer(line)]
    found, start = [], 0
    for stop in re.finditer(r"(?<!\b[A-Z])(?<!\b[ap])[.!?。।](?=\s|$)", line):
        if not any(a < stop.start() < b for a, b in spans):
            found.append(line[start : stop.end()])
            start = stop.end()
    return [s for s in (*found, line[start:]) if s.strip()]


def from_sentence(sentence: str, question: str = "") -> str | None:
    """The value that a sentence ends up saying: emphasised, after its last `=`, in its last formula, or its number."""
    for bold in reversed(_BOLD.findall(sentence)):
        inner = (bold[0] or bold[1]).strip(" .:")
        if re.search(r"\d|\\|\$", inner):
            return _right_side(inner)
    formulas = _MATH.finditer(sentence) if "$" in sentence or "\\" in sentence else ()
    said = [right for found in formulas if len(right := _right_side(found.group())) > 1 or right.isdigit()]
    if said:
        return said[-1]
    if "=" in sentence or "≈" in sentence:
        right = re.split(r"[=≈]", sentence)[-1].strip(" *_`")
        found = _NUMBER.match(right) or _NUMBER.search(right)
        if found is not None:
            return found.group().strip()
    expression = _after_copula(sentence)
    if expression is not None:
        return expression
    return _number_of(sentence, question)


def _after_copula(sentence: str) -> str | None:
    """A formula without TeX that ends the sentence: `the value is 6 - 5i`."""
    found = list(_IS_WORD.finditer(sentence))
    rest = sentence[found[-1].end() :].strip().rstrip(".! ") if found else ""
    formula = (
        len(rest) < 200
        and not _PROSE_WORD.search(rest)
        and re.search(r"\d\D+\d|[a-z(]", rest)
        and re.search(r"\d", rest)
    )
    return rest if formula and not re.search(r"\d\s+[a-z]{2}", rest) else None


def _right_side(formula: str) -> str:
    """The end of a chain of equations; `x = 5` and other short ones as they are."""
    inner = formula.strip()
    while (bare := _DELIMITERS.sub("", inner).strip()) != inner:
        inner = bare
    if "&" in inner and "matrix" not in inner and "array" not in inner:
        inner = re.split(r"\\\\(?!\[)", inner)[-1].replace("&", "").strip()
    parts = re.split(r"(?<![<>!\\])=(?!=)|\\(?:Rightarrow|implies|Longrightarrow|equiv|approx)(?![A-Za-z])", inner)
    chain = len(parts) > 2 or not parts[0].strip() or re.search(r"\d\s*$|[+*]|\\cdot|\\times|\\frac", parts[0])
    return (parts[-1] if chain else inner).strip().rstrip(".,\n ")


def _number_of(sentence: str, question: str) -> str | None:
    numbers = list(_NUMBER.finditer(sentence))
    if not numbers:
        return None
    if len(numbers) > 1:
        copulas = {m.end() for m in _COPULA.finditer(sentence)}
        given = set(_NUMBER.findall(question))
        ranked = [
            (
                (any(abs(n.start() - end) <= 2 for end in copulas) and not _is_given(sentence, n))
                or _TOTAL.match(sentence, n.end()) is not None,
                bool(re.search(r"[$€£¥₹]", n.group())),
                not _is_given(sentence, n),
                n.group().strip() not in given,
            )
            for n in numbers
        ]
        best = max(ranked, key=lambda r: (r[0], r[3], r[1], r[2]))
        numbers = [n for n, rank in zip(numbers, ranked, strict=True) if rank == best]
    return numbers[0].group().strip()


def _is_given(sentence: str, number: re.Match[str]) -> bool:
    before = re.findall(r"[A-Za-z]+", sentence[: number.start()][-24:])
    return bool(before) and before[-1].lower() in _GIVEN
