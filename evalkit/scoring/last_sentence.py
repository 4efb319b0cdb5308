r"""What a sentence comes to: its emphasised value, the end of its formula or equation, or the number that it is about.

`last_value` reads the last sentence that has one; `value_of` reads one sentence, and is also asked where the answer
that a text announces is a sentence of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.scoring.prose import BOLD, FORMULA, NUMBER, formulas, sentences

_TAIL = 3_000
_MAX_LINES = 4
_FIRST = 300
_PROGRAM = re.compile(r"```(?:python|py|cpp|c|java|javascript|sympy)\b[^`]*(?:```)?$", re.IGNORECASE)
_CODE_LINE = re.compile(
    r"\s*(?:def |return\b|import |from \w+ import|print\(|for \w+ in |while |[a-z_]\w*\s*=\s*[a-z_]\w*\s*[-+*/(])"
)
_REPORTS = re.compile(
    r"\b(?:output|prints?|printed|result|value|answer|total|therefore|thus|so|hence|makes?|needs?|will|gives?|returns?)\b|=|\*\*",
    re.I,
)
_MARKUP = re.compile(r"(?:[*_`~\s]|</?[a-z]{1,12}>)+$")
_RULE = re.compile(r"\n[ \t]*[-*_]{3,}[ \t]*$")
_BREAKS_OFF = re.compile(
    r"(?:[-+*/=<>,(\[{:&\\]|\b(?:the|a|an|of|is|are|and|or|to|by|with|that|for|in|we|so|then|which))\s*$"
)
_CLOSER = re.compile(
    r"\bhope\b|let me know|feel free|any (?:further|other|more)?\s*question|happy to help|please note|good luck|\bthank"
    r"|^\W*(?:note\b|notice|testing|(?:double[- ]?)?check|(?:to |we can |let'?s )?verif|equality (?:occurs|holds)"
    r"|this (?:matches"
    r"|confirms|agrees|assumes|means that we)|source\b|the answer is (?:rounded|in\b)|\(.*\)\W*$)",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"\n\W*(?:break ?down|explanation|here(?:'|’)?s (?:how|the|why)|(?:double[- ]?)?check|verification|to verify"
    r"|details"
    r"|justification|note|reasoning|rationale)\b[^\n]{0,20}[:：\n]",
    re.IGNORECASE,
)
_WAY = re.compile(r"\n\W*(?:solution|calculations?|working)\b[^\n]{0,20}[:：\n]", re.IGNORECASE)
_SAYS = re.compile(r"\*\*[^\n]*\d[^\n]*\*\*\W*$")
_UNKNOWN = re.compile(
    r"cannot (?:be )?(?:determine|answer|solve|calculate)|can(?:'|’)t (?:be )?(?:determine|answer|tell|help)"
    r"|not enough information|(?:isn|is)(?:'|’)?t"
    r" enough information|insufficient information|it depends\b|please provide|would need (?:more|to know)"
    r"|impossible to"
    r" (?:determine|say)|es tut mir leid|lo siento|je suis désolé|\bas an ai\b|\bis (?:unknown|unclear)\b|it(?:'"
    r"|’)s unclear|对不起|抱歉",
    re.IGNORECASE,
)
_GIVEN = frozenset(
    "the these those all for in after over at by per every each with from within during among both and first last next "
    "original remaining other than if when only selling of out using since because spending driving having".split()
)
"""Words before a number that the question gave, rather than the answer."""
_NEGATED = re.compile(
    r"\b(?:not|isn(?:'|’)t|can(?:'|’)?t be|cannot be|never|aren(?:'|’)t)\s+(?:be\s+)?$", re.IGNORECASE
)
_OPENING = re.compile(
    r"^\W*(?:after|if|with|out of|of|since|because|in|when|for|by|given|starting|to|over|from|at|before|during|per"
    r"|assuming|among|despite|although|as|adding|subtracting|multiplying|dividing|taking|using)\b"
    r"(?:(?!\b(?:is|are|was|were|will|be|has|have|earns|makes|gets)\b)[^,=])*,\s",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"\b(?:so|therefore|thus|hence|leaving|leaves|giving|gives? us|we get|yields?"
    r"|adds? up to|(?:makes|making|for) a total of|totall?ing|resulting in|results in)\b",
    re.IGNORECASE,
)
_WHICH = re.compile(r",? which (?:is|equals|means|gives(?: us)?)\b", re.IGNORECASE)
_REASON = re.compile(
    r",?\s+(?:because|since|(?:which is |is )?(?:attained|achieved|obtained|reached)(?: at| when| for| if)?"
    r"|occurring)\s.*$",
    re.IGNORECASE | re.DOTALL,
)
_IDEOGRAPHS = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
_THAT_IS = re.compile(r"\s*(?:即|也就是|或|つまり|すなわち|因为|因為|なぜなら)")
_GLOSS = re.compile(r"(\d[\d.,]*%?(?:\s+(?!is\b|are\b|be\b|of\b)[^\W\d_]+){0,3})\s+\([^()]*\d[^()]*\)")
_JOINT = re.compile(r"[\s,;.]*(?:and|or|und|oder|y|et|e|и|或|和)?[\s,;]*(?:[a-z]_?\d?\s*=\s*)?")
"""What may stand between two members of one answer."""
_REGION = re.compile(
    r"((?:[(\[][^()\[\]]{1,40},[^()\[\]]{1,40}[)\]]\s*(?:∪|U)\s*)+[(\[][^()\[\]]{1,40},[^()\[\]]{1,40}[)\]]"
    r"|[(\[][^()\[\]]{0,40}∞[^()\[\]]{0,40}[)\]])\s*\.?\s*$"
)
_IS_CALLED = re.compile(
    r"\b(?:is|are|was|were|be|has|have)\s+(?:an?\s+|the\s+)?((?:no\s+)?[A-Za-z][A-Za-z'’-]*(?:\s[A-Za-z'’-]+){0,3})\W*$"
)
_JOINED = re.compile(r"\s*(?:or|to|and|–)\s+(?=[-$€£\d])", re.IGNORECASE)
_EITHER = re.compile(r"\b(?:either|between)\b", re.IGNORECASE)
_COPULA = re.compile(
    r"(?:\b(?:is|are|was|were|equals?|be|being|total(?:s|ed)?|comes? to|amounts? to|(?:total|sum|profit|average"
    r"|cost|score) of"
    r"|ist|sind|beträgt|es|son|est|sont|kuwa|ni|составляет|равен|равно|makes|earns|has|have|needs?)\s+(?:[a-z]+\s+){0,2}?"
    r"|(?:一共|总共|共|合計|全部で|是|为|為|は|สูง|ทั้งหมด|รวม)\s?)(?=[-−*]{0,2}[$€£¥\\(]*\d)",
    re.IGNORECASE,
)
_OF = re.compile(r"\bof\s+$", re.IGNORECASE)
_TOTAL = re.compile(r"\s*(?:\w+\s+){0,2}(?:in all|in total|altogether|total)\b", re.IGNORECASE)
_IS_WORD = re.compile(
    r"\b(?:is|are|equals|be|gives?|get|becomes?|yields?|have)\s+(?=[^a-z]{0,8}[-\d(\[{a-z])", re.IGNORECASE
)
_NAMED_FORMULA = re.compile(r"\b(?:is|are|be)\s+([a-zA-Z](?:\([a-z]\))? ?= ?[^=]*[a-z]\b[^A-Za-z=]*)$")
_BARE_TEX = re.compile(r"-?[\w.]{0,20}\\(?:[dt]?frac\{[^{}]{1,60}\}\{[^{}]{1,60}\}|sqrt\{[^{}]{1,60}\})[^\s,;]{0,60}")
_PROSE_WORD = re.compile(r"(?!sqrt|sin|cos|tan|log|and)[A-Za-z]{3,}")
_DELIMITER = re.compile(
    r"^(?:\$\$?|\\\(|\\\[|\\begin\{(?:align|aligned|equation|gather|gathered|split)\*?\})"
    r"|(?:\$\$?|\\\)|\\\]|\\end\{(?:align|aligned|equation|gather|gathered|split)\*?\})$"
)
_RELATION = re.compile(r"(?<![<>!\\])=(?!=)|\\(?:Rightarrow|implies|Longrightarrow|equiv|approx)(?![A-Za-z])")
_BRACKETED = re.compile(r"[(\[{][^()\[\]{}]{1,100}[)\]}]")
_VARIABLE = re.compile(r"(?<![A-Za-z])[a-z](?![A-Za-z])|[π√^]")
_WORKING = re.compile(r"\d\s*[-−–+*/×÷x]\s*\$?\d|\\(?:times|cdot|div)\b")
_SPELLED = (
    "twenty thirty forty fifty sixty seventy eighty ninety two three four five six seven eight nine ten eleven twelve "
    "thirteen fourteen fifteen sixteen seventeen eighteen nineteen".replace(" ", "|")
)
_WORD_NUMBER = re.compile(
    rf"\b(?:{_SPELLED})(?:[- ](?:and )?(?:{_SPELLED}|one|hundred|thousand|million|dozen))*\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of the answer before it is looked for."""

    question: str = ""
    several: bool = False
    """The target is a list."""
    words: bool = False
    """The target is words, without a number."""


A_VALUE = Wanted()


def last_value(text: str, wanted: Wanted = A_VALUE) -> tuple[str, bool] | None:
    """(the answer that the last sentence with a value gives, whether the text does not break off there), or None."""
    tail = text[-_TAIL:].rstrip()
    if _PROGRAM.search(tail) or _UNKNOWN.search(tail[-600:]):
        return None  # whatever numbers a program or an apology holds, none is the answer
    tail = _without_asides(_RULE.sub("", tail))
    whole = not _BREAKS_OFF.search(_MARKUP.sub("", tail[-60:]))
    if "$$" in tail or "\\[" in tail or "\\begin" in tail:
        tail = FORMULA.sub(lambda m: m.group().replace("\n", " "), tail)
    lines = [line for line in tail.split("\n") if line.strip(" *_`#-=|>")]
    if lines and (
        _CODE_LINE.match(lines[-1]) or (lines[-1][:1].isspace() and re.search(r"^def \w+\(", tail, re.MULTILINE))
    ):
        return None
    program = "```py" in text
    for line in reversed(lines[-_MAX_LINES:]):
        for sentence in reversed(sentences(line)):
            if _CLOSER.search(sentence) or sentence.rstrip("* ").endswith(("?", "？")):
                continue
            if program and not _REPORTS.search(sentence) and re.search(r"[^\W\d_]", sentence):
                continue  # what is said of a program is not what it gives
            found = _words_of(sentence) if wanted.words else value_of(sentence, wanted)
            if found is not None:
                return found, whole or line is not lines[-1]
    return None


def _without_asides(text: str) -> str:
    """A text that says its answer first and then how it came about ends with its answer."""
    aside = _ASIDE.search(text)
    if aside is not None and re.search(r"\d", text[: aside.start()]):
        return text[: aside.start()]
    way = _WAY.search(text)
    if (
        way is not None
        and way.start() < _FIRST
        and "\n" not in text[: way.start()].strip()
        and _SAYS.search(text[: way.start()])
    ):
        return text[: way.start()]
    first, blank, rest = text.partition("\n\n")
    bullets = rest.split("\n") if blank else []
    listed = bullets and all(re.match(r"\s*(?:[-*•]\s|\d{1,2}[.)]\s|$)", line) for line in bullets)
    says = len(first) < _FIRST and "\n" not in first and re.search(r"\d", first) and re.search(r"[.*]\s*$", first)
    if listed and says and not re.search(r"total|answer|altogether|in all", bullets[-1], re.IGNORECASE):
        return first
    return text


def _words_of(sentence: str) -> str | None:
    """What a sentence says in words: emphasised, or after its verb."""
    bold = [m for m in BOLD.finditer(sentence) if re.search(r"[^\W\d_]", m[1] or m[2])]
    if bold:
        return (bold[-1][1] or bold[-1][2]).strip(" .:")
    said = _IS_CALLED.search(sentence)
    return said[1].strip(" .*") if said is not None else None


def value_of(sentence: str, wanted: Wanted = A_VALUE) -> str | None:
    """The value that a sentence ends up saying; None if it says none."""
    question = wanted.question
    if wanted.several and (listed := _list_of(sentence)) is not None:
        return listed
    if (region := _REGION.search(sentence)) is not None:
        return region[1]
    sentence = _core(sentence)
    if "=" not in sentence and _WORKING.search(sentence) and not re.search(r"[^\W\d_]", sentence):
        return sentence.strip(" *.")  # a sum that is not worked out
    bold = [m for m in BOLD.finditer(sentence) if re.search(r"\d|\\|\$", m[1] or m[2])]
    if bold:
        best = _ranked(sentence, bold, question)[0]
        inner = (best[1] or best[2]).strip(" .:")
        return _value_of_piece(inner, question)
    said = [m for m in formulas(sentence) if len(right := right_side(m.group())) > 1 or right.isdigit()]
    if said:
        return right_side(_best_formula(sentence, said).group())
    bare = _BARE_TEX.findall(sentence.rpartition("=")[2]) if "\\" in sentence else []
    if bare:
        return str(bare[-1]).rstrip(".,")
    if (named := _NAMED_FORMULA.search(sentence)) is not None:
        return named[1].rstrip(" .!*")
    copula = list(_IS_WORD.finditer(sentence))
    if copula and copula[-1].start() > sentence.rfind("=") and (said_plainly := _after_copula(sentence)) is not None:
        return said_plainly
    if "=" in sentence or "≈" in sentence or "→" in sentence:
        found = _after_equals(sentence)
        if found is not None:
            return found
    return _after_copula(sentence) or _number_of(sentence, question)


def _value_of_piece(text: str, question: str) -> str:
    """Of an emphasised piece: all of it, unless it is a clause with more than its value."""
    if "=" in text:
        return right_side(text)
    words = re.findall(r"[^\W\d_]{3,}", text)
    said = formulas(text)
    if said and words:
        return right_side(said[-1].group())
    if words and len(NUMBER.findall(text)) >= 1 and not NUMBER.match(text):
        return _number_of(text, question) or text
    return text


def _list_of(sentence: str) -> str | None:
    """Several values in a row at the end of a sentence: `x = 2 and x = -3`, with or without emphasis and formulas."""
    for found in ([*BOLD.finditer(sentence)], formulas(sentence)):
        row = _joined(sentence, found)
        if len(row) > 1:
            inner = [_DELIMITER.sub("", (m.group().strip("*_")).strip()).strip() for m in row]
            return ", ".join(_DELIMITER.sub("", i).strip() for i in inner)
    formula = formulas(sentence)
    if formula:
        whole = _DELIMITER.sub("", formula[-1].group()).strip()
        return _DELIMITER.sub("", whole).strip(" .") if re.search(r",|\\text\{ ?(?:and|or)", whole) else None
    return _after_copula(sentence)


def _joined(sentence: str, found: Sequence[re.Match[str]]) -> list[re.Match[str]]:
    """The last of these with those right before it that only a comma or an "and" divides."""
    row = list(found[-1:])
    for earlier in reversed(found[:-1]):
        if not _JOINT.fullmatch(sentence, earlier.end(), row[0].start()):
            break
        row.insert(0, earlier)
    return row


def _core(sentence: str) -> str:
    """The part of a sentence that can hold its conclusion."""
    if len(NUMBER.findall(sentence)) < 2 and "=" not in sentence:
        return sentence
    if _IDEOGRAPHS.search(sentence):
        clauses = [c for c in re.split("[，、；]", sentence) if re.search(r"\d", c) and not _THAT_IS.match(c)]
        sentence = clauses[-1] if clauses else sentence
    if not formulas(sentence):
        sentence = _GLOSS.sub(r"\1", sentence)
    reasoned = _REASON.sub("", sentence)
    if re.search(r"\d", reasoned):
        sentence = reasoned
    turns = [m for m in _TURN.finditer(sentence) if re.search(r"\d", sentence[m.end() :])]
    # `12 + 8, which is 20` comes to 20; `$240, which is $80 a day` does not come to 80.
    turns += [m for m in _WHICH.finditer(sentence) if _WORKING.search(sentence[: m.start()][-20:])]
    if turns:
        sentence = sentence[max(m.end() for m in turns) :]
    rest = sentence[found.end() :] if (found := _OPENING.match(sentence)) else ""
    return rest if re.search(r"\d", rest) else sentence


def _ranked(sentence: str, found: Sequence[re.Match[str]], question: str) -> list[re.Match[str]]:
    """The values of a sentence, that which it is about first; in their order where nothing tells them apart."""
    copulas = {m.end() for m in _COPULA.finditer(sentence)}
    asked = set(NUMBER.findall(question)) if len(found) > 1 else set()

    def rank(value: re.Match[str]) -> tuple[bool, ...]:
        given = _is_given(sentence, value.start())
        before = sentence[: value.start()]
        inner = NUMBER.search(value.group())
        return (
            _NEGATED.search(before) is None,
            _TOTAL.match(sentence, value.end()) is not None
            or (
                any(abs(value.start() - end) <= 2 for end in copulas) and (not given or _OF.search(before) is not None)
            ),
            inner is None or inner.group().strip() not in asked,
            not given,
            bool(re.search(r"[$€£¥₹]", value.group())),
        )

    return sorted(found, key=rank, reverse=True)


def _is_given(sentence: str, at: int) -> bool:
    before = re.findall(r"[A-Za-z]+", sentence[:at][-24:])
    return bool(before) and before[-1].lower() in _GIVEN


def _best_formula(sentence: str, said: list[re.Match[str]]) -> re.Match[str]:
    """The last formula; of plain numbers, that which the sentence is about."""
    if all(re.fullmatch(r"[\\d.,]+", right_side(m.group())) for m in said):
        return _ranked(sentence, said, "")[0]
    total = [m for m in said if _TOTAL.match(sentence, m.end())]
    return (total or said)[-1]


def right_side(formula: str) -> str:
    """The end of a chain of equations; `x = 5` and other short ones as they are."""
    inner = formula.strip()
    while (bare := _DELIMITER.sub("", inner).strip()) != inner:
        inner = bare
    if "&" in inner and "matrix" not in inner and "array" not in inner:
        inner = re.split(r"\\\\(?!\[)", inner)[-1].replace("&", "").strip()
    parts = _RELATION.split(inner)
    chain = len(parts) > 2 or not parts[0].strip() or re.search(r"\d\s*[a-z]?\s*$|[+*]|\\cdot|\\times|\\frac", parts[0])
    if chain and len(parts) == 2 and _WORKING.search(parts[1]) and not _WORKING.search(parts[0]) and parts[0].strip():
        return parts[0].strip()  # `104 = 2 * 52`
    return (parts[-1] if chain else inner).strip().rstrip(".,\n ")


def _after_equals(sentence: str) -> str | None:
    left, _, right = re.sub("[≈→]", "=", sentence).rpartition("=")
    right = right.strip(" *_`")
    if _WORKING.search(right) and not _VARIABLE.search(right) and not _WORKING.search(left[-30:]):
        numbers = NUMBER.findall(left)
        return numbers[-1].strip() if numbers else None
    if right[:1] in ("(", "[", "{") and (bracket := _BRACKETED.match(right)) is not None:
        return bracket.group()
    if _VARIABLE.search(right) and not _PROSE_WORD.search(right) and not re.search(r"\d\s+[a-z]{2}", right):
        return right.rstrip(" .!")
    found = NUMBER.match(right) or NUMBER.search(right)
    return found.group().strip() if found is not None else None


def _after_copula(sentence: str) -> str | None:
    """A formula without TeX that ends the sentence: `the value is 6 - 5i`."""
    found = list(_IS_WORD.finditer(sentence))
    whole = not found and _VARIABLE.search(sentence) and not _PROSE_WORD.search(sentence) and "=" not in sentence
    rest = sentence[found[-1].end() if found else 0 :].strip().rstrip(".! ") if found or whole else ""
    if len(rest) > 200 or not re.search(r"\d", rest) or _PROSE_WORD.search(rest):
        return None
    formula = re.search(r"\d\D+\d|[a-z(]", rest) and not re.search(r"\d\s+(?!or\b|and\b)[a-z]{2}", rest)
    return rest if formula else None


def _number_of(sentence: str, question: str) -> str | None:
    numbers = list(NUMBER.finditer(sentence))
    if not numbers:
        word = _WORD_NUMBER.search(sentence)
        return word.group() if word is not None else None
    best = _ranked(sentence, numbers, question)[0]
    if _NEGATED.search(sentence[: best.start()]):
        return None
    following = _JOINED.match(sentence, best.end())
    other = NUMBER.match(sentence, following.end()) if following is not None else None
    if other is not None and (_EITHER.search(sentence) or "and" not in (following.group() if following else "")):
        return sentence[best.start() : other.end()].strip()  # two candidates are no answer
    return best.group().strip()
