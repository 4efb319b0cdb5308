r"""The answer that a text announces: "The answer is 18.", "**Final Answer**", "答案是 18", in thirty languages.

The last announcement counts that gives a value. All is read from the end, and no more of the text than needed.
"""

from __future__ import annotations

import re

from evalkit.scoring.prose import BOLD, sentence_end

_MAX_LINE = 2_000
_MAX_REST = 700
_MAX_EARLY = 40
KEYWORDS = (
    "answer", "antwort", "lösung", "ergebnis", "respuesta", "réponse", "reponse", "risposta", "resposta", "jibu",
    "ответ", "відповідь", "答案", "答え", "答：", "答:", "回答", "解答", "正解", "คำตอบ", "উত্তর", "సమాధానం", "उत्तर",
    "정답", "답", "الجواب", "الإجابة", "إجابة", "đáp án", "đáp số", "câu trả lời", "cevap", "odpowiedź", "antwoord",
    "jawaban", "svar", "απάντηση", "odpověď", "răspuns", "válasz", "vastaus", "پاسخ", "תשובה", "resultado", "résultat",
    "故选", "选择", "ans:", "ans.",
)  # fmt: skip
_ASCII_KEYWORDS = tuple(k for k in KEYWORDS if k.isascii())
_IS = (
    r"is|are|was|would\s+be|will\s+be|should\s+be|must\s+be|be|equals?|=|ist|sind|lautet|beträgt|es|son|est|sont|è|são|é|"
    r"ni|är|er|är|on|jest|adalah|là|dir|είναι|je|este|является|равен|равно|это|составляет|是|为|為|は|가|는|은|เป็น|คือ|হল|হলো|হবে|है"
)
_AFTER = re.compile(
    r"\w{0,4}[*_]{0,3}(?:[ \t]*\([^()\n]{0,40}\))?(?:[ \t]+[^\s.,;:：=!?$\\]{1,20}){0,8}?"
    rf"[*_]{{0,3}}[ \t]*(?:[:：]|→|->|—|–|(?<=\s)-(?=\s)"
    rf"|(?:(?<![A-Za-z])(?:{_IS})(?![A-Za-z]))[*_]{{0,3}}\s*[:：]?)[*_]{{0,3}}[ \t]*",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"[^\d\s.,;:。\n]{0,6}\s*(?=[-−$€£¥\\(]{0,3}\d)")
_HEADING = re.compile(r"s?[*_]{0,3}[ \t]*[:：]?[ \t]*[*_]{0,3}[ \t]*\n\s*", re.IGNORECASE)
_DIRECT = re.compile(r"[:：]?\s*")
_ALONE = ("故选", "选择", "答：", "答:", "ans:", "ans.")
_FILLER = re.compile(
    r"(?:\s*(?:approximately|about|roughly|therefore|thus|simply|equal\s+to|given\s+by|also|indeed|then|hence|clearly"
    r"|just|exactly|that)\b[,:]?)+\s*",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(
    r"(?:not|wrong|incorrect|correct|unclear|unknown|required|needed|here|above|below|as follows|rounded"
    r"|in terms of|the (?:sum|number|product|difference|total|value|result) of)\b",
    re.IGNORECASE,
)
_UNIT_ONLY = re.compile(r"in [a-z]+\W*(?:\n|$)")
_NEGATED = re.compile(r"\b(?:not|never|cannot)\b|n(?:'|’)t\b", re.IGNORECASE)
_BEFORE = re.compile(
    r"(?:\b(?:(?:thought|think|guess|guessed|assumed|assume)(?: that)? (?:the|my)|this|your|that|an|to"
    r"|step[- ]by[- ]step|paso a paso|étape par étape)|schritt[- ]?für[- ]?schritt-?|దశలవారీగా"
    r"|ধাপে ধাপে|ทีละขั้นตอน|ステップごとの|ステップバイステップの|逐步|分步|шаг за шагом|hatua kwa hatua)\s*[*_]*$",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"(?:\b(?:wait|actually|correction|scratch that|i made an? (?:mistake|error)|let me re(?:do|check|calculate"
    r"|consider))\b|[?]\s*No\b)"
    r"[^\n]{0,400}?\d",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[*_`$\\({\[<≈~+\-−]*[\d.$€£¥₹\\]|[^\W\d_]+[.!]?$")
_ITEM = re.compile(r"[*_]*(?:\d{1,2}[.)]\s|step\b)", re.IGNORECASE)
_HOPE = re.compile(r"\.?\s*I hope (?:it|this|that) .*$")


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
        begins = at == 0 or not text[at - 1].isalpha() or not text[at].isascii()
        if begins and not _BEFORE.search(text[max(0, at - 30) : at]):
            found = _after(text, at + len(word), word)
            if found is not None:
                return found
        end = at
    return None


def _after(text: str, start: int, word: str) -> tuple[str, bool] | None:
    match = _DIRECT.match(text, start) if word in _ALONE else _AFTER.match(text, start) or _HEADING.match(text, start)
    if match is None and not word.isascii():  # languages that need no verb: `సమాధానం 18`
        match = _BESIDE.match(text, start)
    if match is None:
        return None
    begin = match.end()
    if (filler := _FILLER.match(text, begin)) is not None:
        begin = filler.end()
    titled = word in _ALONE or match.group().rstrip("*_ \t\n").endswith((":", "：")) or "\n" in match.group()
    if not titled and (_NO_ANSWER.match(text, begin) or _NEGATED.search(match.group())):
        return None
    if _UNIT_ONLY.match(text, begin):
        return None
    if text[begin : begin + 400].lstrip():
        begin += len(text[begin:]) - len(text[begin:].lstrip())
    answer, ended = line_at(text, begin)
    if (
        not answer
        or _RETRACTED.search(text, begin, begin + 1_000)
        or (titled and _opens_a_solution(text, begin, answer))
    ):
        return None
    return answer, ended


def _opens_a_solution(text: str, begin: int, answer: str) -> bool:
    """Whether what a title like `Answer:` stands over is the way to the answer, and not the answer."""
    rest = text[begin + len(answer) :]
    if not re.search(r"\d", rest[:_MAX_REST]):
        return False
    if _ITEM.match(text, begin):
        return True
    if not re.search(r"[\d\\]", answer) and len(answer.split()) > 3:
        return True
    clause = len(answer) > _MAX_EARLY or not _VALUE.match(answer) or ("=" in answer and "\\" not in answer)
    return clause and not re.match(r"[*_.\s)]*\n\s*\n", rest)


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
    bold = BOLD.match(line)
    whole_line = bold is not None and len(line) - bold.end() > 2
    answer = (bold[1] or bold[2]).strip() if bold is not None and whole_line else sentence_end(line)
    # A text that was cut off may have been cut within this line: then `4` may have been going to be `42`.
    return answer, bool(newline) or not line.rstrip("*_`$ ").endswith(answer.rstrip("*_`$ ") or "\0")
