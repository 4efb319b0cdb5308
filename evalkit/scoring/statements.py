"""Explicit statements of an answer: a box, "the answer is ...", "... is the correct answer", and the like.

What is only supposed ("if the answer were B") is no statement, what is only guessed ("perhaps the answer is B") is not
firm. Words are looked up by plain search from the end of the text, window by window; patterns are applied only where a
word stands, so an answer at the end costs the same in any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from evalkit.scoring import extract
from evalkit.scoring.options import TWO_OPTIONS, Options, Reading
from evalkit.scoring.spelling import visible

WINDOW = 3_000
LINE = 1_000
_OVERLAP = 400
_MOST_WORDS = 200
_NOUNS = (
    "answer", "option", "choice", "statement", "response", "selection", "letter", "conclusion", "one",
)  # fmt: skip
_WORDS = (
    *_NOUNS, "ans", "\\boxed", "\\fbox", "antwort", "respuesta", "risposta", "resposta", "reponse", "antwoord",
    "svaret", "jawaban", "cevap", "jibu", "svar ",
)  # fmt: skip
_FURTHER_WORDS = (
    "réponse", "lösung", "odpowiedź", "ответ", "đáp án", "答案", "答え", "答", "解答", "正解", "正答", "回答", "选",
    "選", "정답", "답", "إجابة", "الجواب", "उत्तर", "উত্তর", "คำตอบ",
    "odpověď", "απάντηση", "选项",
)  # fmt: skip
ADJECTIVE = (
    r"(?:correct|right|best|final|(?:most\s+)?(?:appropriate|suitable|accurate|likely|logical|reasonable|plausible)|valid|"
    r"closest|only|chosen|selected|my|true)"
)
_IS = (
    r"(?:\bis\b|\bwas\b|\bare\b|\b(?:must|should|would|will|has\s+to|ought\s+to|can\s+only|seems?\s+to|appears?\s+to)\s+(?:\w+\s+)?be\b|"
    r"\bbecomes\b|\bremains\b|\blies\b)"
)
_MARKS = r"[*_`\"”\t ]{0,4}"
_GAP = (
    r"(?:(?:\s+(?:to|for|of|among|amongst|based|in|here|given|that|according|from|regarding|out|choice|option|letter|"
    r"then|therefore|thus|really|clearly)\b|\s*[,(])[^\n.:?=]{0,90}?)?"
)
_LINK = (
    rf"{_MARKS}(?:{_GAP}{_MARKS}(?:[:：=>\]]|[-–—]+>?(?=\s)|→|⇒|{_IS}{_MARKS}[:：]?)"
    r"|(?=\n)|[.(]?[^\S\n]*(?:(?:choice|option)[^\S\n]+)?(?=[(\"'*]*[A-Z](?:[)\"'*]|[\s.,]*(?:$|\n)|\.)))"
)
_ANSWER = re.compile(rf"\b(?:answer|ans)\b{_LINK}", re.IGNORECASE)
_QUALIFIED = re.compile(rf"\b(?:{'|'.join(_NOUNS[1:])})\b{_LINK}", re.IGNORECASE)
_QUALITY = re.compile(rf"\b{ADJECTIVE}\s+$", re.IGNORECASE)
_ELSEWHERE = re.compile(
    r"(?:\b(?:antwort|lösung|respuesta|réponse|reponse|risposta|resposta|antwoord|svaret|odpowiedź|jawaban|cevap|jibu|svar|odpověď|απάντηση|ответ(?:ом)?)\b|"
    r"đáp án|答案|答え|解答|正解|正答|回答|答|정답|답|إجابة|الجواب|उत्तर|উত্তর|คำตอบ)"
    r"(?:\s+(?:correcta|correcte|corretta|esatta|correta|richtige|sahihi|الصحيحة|الصحيح|final|finale|definitiva)\b)?"
    rf"{_MARKS}[^\n.:：?]{{0,20}}?(?:[:：]|应该是|应为|是|为|為|は|은|는|\b(?:ist|lautet|es|est|è|é|is|wäre|это|является|là|adalah|ni|är|je|είναι(?:\s+η)?)\b|হল|হলো|คือ|"
    r"هي|هو|[-–—]\s|(?=\s*[(（]?(?-i:[A-Z])(?!\w)))",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    r"(?<![不别未])(?:选择|選擇|选|選)[:：]?\s*(?=[*(（\"“]*[A-Z](?![A-Za-z]))"
    r"|(?:(?<=正确)|(?<=正确的)|(?<=最佳))选项(?:应该是|应为|是|为|[:：])"
    r"|选项\s*(?=[A-J]\s*(?:是|为)(?:唯一)?正确)"
    r"|(?:(?<=因此，)|(?<=所以，)|(?<=因此)|(?<=所以)|(?<=故))选项\s*(?=[A-J]\s*(?:是|为)?(?:正确|对))"
)
_PROVEN = re.compile(
    r"(?:\b(?:is|as|being|remains|(?:must|would|should|will)\s+be|seems\s+to\s+be|appears\s+to\s+be)\b|(?P<beside>[,—–]|(?<=[A-J)*])))\s+"
    r"(?:(?:therefore|thus|clearly|indeed|definitely|hence|likely|probably)\s+)?"
    rf"(?P<the>the\s+(?:\w+\s+)??)?(?P<quality>{ADJECTIVE}\s+)?$",
    re.IGNORECASE,
)
_PROVEN_NOUN = re.compile(r"(?:answer|option|choice|response)\b(?!\s+(?:is|for\s+why)\b)", re.IGNORECASE)
LABEL = re.compile(
    r"\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer|[Ss]tatement|[Ll]etter|[Aa]lternative)\s+[(\"'*\[]*([A-Za-z])(?![\w'’+#^=-])[)\"'*\]]*"
    r"|[(\[]([A-Za-z])[)\]]"
    r"|\*\*[(\[]?([A-Z])(?:[).:\]]\s?[^*\n]*)?\*\*"
    r"|(?<![\w'’.\\^_+-])([B-HJ-Z])(?![\w'’+#^_(]|\.\w|\s*[=+^]|-\w)"
    r"|(?<![\w'’.\\^_+=-])([AI])(?=[)\]*\"'.,:;!?]|\s*$|\s+(?:is|as|because|since)\b)(?!\.\w)"
)
_SUPPOSED = re.compile(
    r"\b(?:if|whether|suppose|supposing|assum(?:e|ing)|unless|not|isn't|cannot|can't|never|neither|nor|initial(?:ly)?|"
    r"(?:i|we|you|had|initially|first)\s+(?:\w+\s+)?thought|at\s+first|tempt\w*|which\s+(?:one|of))\b|n't\b|n’t\b|"
    r"\b(?:incorrect|wrong|previous|student'?s?|each|every|any|another|both|other|remaining|не)\s*$|不$",
    re.IGNORECASE,
)
_CLAUSE_START = re.compile(
    r".*(?:[,;:.!?()—–]\s|\n|\b(?:so|therefore|thus|hence|then|means?|that|but|and|implies|concludes?)\s)",
    re.DOTALL | re.IGNORECASE,
)
_GUESSED = re.compile(
    r"\b(?:maybe|perhaps|possibly|might|may|could|can\s+be|guess(?:ing)?|not\s+sure|unsure)\b[^.!?\n]*$", re.IGNORECASE
)
_ASIDE = re.compile(
    r"\W*(?:if|were|unless|only\s+(?:if|for|when)|in\s+(?:that|this)\s+case|at\s+first|"
    r"(?:to|for|in|under)\s+(?:an?\s+|the\s+|some\s+)?(?:different|other|wrong|another|question|old))\b",
    re.IGNORECASE,
)
_BUT = re.compile(r"\W*but\b", re.IGNORECASE)
_DEMOTED = re.compile(
    r"\b(?:wrong|incorrect|false|second|next|third|least|worst|weak\w*|tempting|trap|common|popular|obvious|other|opposite|"
    r"alternative|distractor|runner-up|mistaken?)\s*[:,]?\s+(?:\w+\s+)?$",
    re.IGNORECASE,
)
"""What makes an answer one that is not chosen: `the most common wrong answer is D`, `the second best answer`."""
_OPINION = re.compile(
    r"\b(?:some|many|one|someone|students?|people|examinees|others|those|readers?|test-takers|it)\b[^,;.!?\n]{0,60}"
    r"\b(?:might|may|could|would|often|believe|think|argue|say|choose)\b[^,;.!?\n]*$",
    re.IGNORECASE,
)
_CONTRAST = re.compile(r".*(?:\b(?:but|so|however|therefore|thus|hence|yet)\b|[;,])", re.IGNORECASE | re.DOTALL)
_PROCEDURE = re.compile(
    r"\b(?:let|let's|let’s|we|each|every|consider\w*|evaluat\w+|analy[sz]\w+|examin\w+)\b", re.IGNORECASE
)
_SAYS_MORE = re.compile(
    r"[)\]*\"']*,?\s+(?!(?:is|was|because|since|as|which|with|for|given|due|based|and|or|not|would|must|seems|it|by)\b)[a-z]{2,}(?:s|ed)\b"
)
"""`Answer (D) confuses two rules` speaks of an answer and gives none."""
_HEADING = re.compile(
    r"[^\w(]*(?!\W*(?:option\s+|choice\s+)?[A-J][.):])(?:(?!\b(?:is|are|be|was|why|as)\b)[^\n])*", re.I
)
_TURN = re.compile(
    r"\b(?:wait|no|hmm|but|however|actually|correction|instead|rather|mistake|sorry|reconsider\w*|re-?check\w*|oops|not|"
    r"revis\w+|final(?:ly)?|corrected|so|thus|therefore|hence)\b",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\b(?:is|was|could|would|can|might|may)\s+(?:it\s+be\s+)?(?:(?:option|choice|answer)\s+)?[(*\"']*$", re.I
)
_CONDITION = re.compile(r"\b(?:if|were|had|unless)\b", re.IGNORECASE)
_GOES_ON = re.compile(r"\s*(?:left|is|that|remaining|would|must)\b", re.IGNORECASE)
_BETWEEN = re.compile(r"[)\]*.:\"',\s]*(?:\([^()]{0,100}\)|(?<=[).:\s])(?!is\b|are\b)[^,;]{0,100})?[\s*]*,?\s*")
_ARTICLE = re.compile(r"^(?:the|an?)\s+", re.IGNORECASE)
_LABEL_LINE = re.compile(r"[-•*_#>\s]*[(\[]?([A-Z])(?:[)\].:]\s*\S|[*_ \t]*(?:\n|$))")
_TO_CHECK = re.compile(r"[^.\n]{0,40}\bbut\s+(?:let|i|we)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The option that a text ends on, how it was found, and whether more text could have changed it."""

    reading: Reading
    step: str
    conclusive: bool
    firm: bool = True
    """False where a perhaps stands beside it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A conclusion with the text that follows it."""

    conclusion: Conclusion
    after: str
    before: str = ""
    """What leads up to it, from the same part of the text."""


def clause_before(text: str) -> str:
    """The part of a sentence that leads up to what follows `text`."""
    start = _CLAUSE_START.match(text)
    return text[start.end() :] if start else text


def letter_of(label: re.Match[str]) -> str:
    """The letter of a match of `LABEL`."""
    return next(g for g in label.groups() if g).upper()


def lists(line: str, following: str) -> bool:
    """Whether a list of options begins here."""
    first, second = _LABEL_LINE.match(line), _LABEL_LINE.match(following.lstrip())
    return first is not None and second is not None and (first[1], second[1]) == ("A", "B")


def ends_list(line: str, preceding: str, options: Options) -> bool:
    """Whether a list of all options, or of some, ends here: the line before holds an earlier one and no more."""
    last, before = _LABEL_LINE.match(line), _LABEL_LINE.match(preceding)
    if last is None or before is None or before[1] >= last[1]:
        return False
    reading = options.read(preceding.strip(" -•*"), inside=False)
    return (reading is not None and reading.alone) or last[1] == options.letters[-1] or not options.texts


def stated(text: str, options: Options) -> Statement | None:
    """The last explicit statement; a guess only where nothing firmer is said."""
    tried = 0
    guess: Statement | None = None
    for window, end in _windows(text):
        places = _places(window, end)
        while places and tried < _MOST_WORDS:
            tried += 1
            place = places.pop()
            found = _read(window, place, options)
            if found is None:
                continue
            if not found.firm:
                guess = guess or Statement(found, window[place:], window[max(0, place - LINE) : place])
                continue
            if _contradicted(window, places, place, found, options):
                found = replace(found, reading=replace(found.reading, problem=TWO_OPTIONS))
            return Statement(found, window[place:], window[max(0, place - LINE) : place])
    return guess


def _windows(text: str) -> Iterator[tuple[str, int]]:
    """Pieces of the text, the last first, each with the beginning of the next one, and where that begins."""
    high, size = len(text), WINDOW
    while high > 0:
        low = max(0, high - size)
        piece = visible(text[low:high])
        yield piece + visible(text[high : high + _OVERLAP]), len(piece)
        high, size = low, size * 4


def _places(window: str, end: int) -> list[int]:
    """Where one of the words stands that lead to an answer, in order; the last of them where there are very many."""
    lowered = window.lower()
    if len(lowered) != len(window):
        lowered = window  # some capitals have longer small forms, and places would not be the same
    found: set[int] = set()
    for word in _WORDS if window.isascii() else _WORDS + _FURTHER_WORDS:
        place = lowered.rfind(word, 0, end + len(word) - 1)
        for _ in range(_MOST_WORDS):
            if place < 0:
                break
            found.add(place)
            place = lowered.rfind(word, 0, place + len(word) - 1)
    return sorted(found)


def _read(window: str, place: int, options: Options) -> Conclusion | None:
    """What is stated by the word that stands at `place`."""
    if window[place] == "\\":
        box = extract.boxed(window[place : place + LINE])
        reading = options.read(box.answer) if box else None
        return Conclusion(reading, "boxed", conclusive=True) if reading else None
    return _stated_after(window, place, options) or _proven_before(window, place, options)


def _stated_after(window: str, place: int, options: Options) -> Conclusion | None:
    cue = _ANSWER.match(window, place) or _ELSEWHERE.match(window, place) or _CHOSEN.match(window, place)
    if cue is None and _QUALITY.search(window, max(0, place - 30), place):
        cue = _QUALIFIED.match(window, place)
    if cue is None:
        return None
    clause = clause_before(window[max(0, place - 120) : place])
    sentence = re.split(r"[.!?\n]", window[max(0, place - 120) : place])[-1]
    if (
        _SUPPOSED.search(clause)
        or ("would" in cue.group() and _CONDITION.search(sentence))
        or _DEMOTED.search(sentence)
        or _hearsay(sentence)
        or _PROCEDURE.search(cue.group())
    ):
        return None
    line, newline, after = window[cue.end() : cue.end() + LINE].partition("\n")
    same_line = bool(line.strip(' *_`:："”'))
    if not same_line:
        if not _opens_line(window, place, cue.group()):
            return None
        line, newline, after = after.lstrip().partition("\n")
        if lists(line, after):
            return None
        line = re.sub(r"^\d+[.)]\s+", "", line)
    reading = _other_than(line, options) or options.read(line, inside=same_line)
    aside = reading is not None and reading.how == "letter" and _ASIDE.match(reading.rest)
    if reading is None or aside or reading.rest.lstrip(")*_. ").startswith("?"):
        return None
    bare = reading.how == "letter" and cue.group().rstrip("( ").isalpha()
    if bare and _SAYS_MORE.match(reading.rest):
        return None
    stripped = line.rstrip(" *_`$)}\"'")
    ended = bool(newline) or stripped.endswith((".", "。")) or bool(reading.rest.strip(" *_`$)}]\"'"))
    firm = not _GUESSED.search(clause) and not re.match(r"\s*(?:could|might|may)\b", line)
    checked = _TO_CHECK.match(reading.rest) is not None
    return Conclusion(reading, "answer_line", conclusive=ended and firm and not checked, firm=firm)


def _opens_line(window: str, place: int, cue: str) -> bool:
    """Whether the answer may stand in the line below a cue: a title, or a sentence that breaks off before it."""
    if re.search(rf"(?:[:：]|{_IS})\W*$", cue, re.IGNORECASE):
        return True
    start = window.rfind("\n", 0, place) + 1
    return _HEADING.fullmatch(window, start, place) is not None


def _hearsay(sentence: str) -> bool:
    """Whether it is others who are said to give an answer: `some might think that ...`."""
    contrast = _CONTRAST.match(sentence)
    return _OPINION.search(sentence[contrast.end() :] if contrast else sentence) is not None


def _other_than(line: str, options: Options) -> Reading | None:
    """`not A but B`: the other one."""
    denied = re.match(r"\W*not\b[^\n]{0,80}?\bbut\s+(?:rather\s+)?", line)
    return options.read(line[denied.end() :]) if denied else None


def _proven_before(window: str, place: int, options: Options) -> Conclusion | None:
    """`(B) is the correct answer`: the letter stands right before, or before its own text."""
    noun = _PROVEN_NOUN.match(window, place)
    link = _PROVEN.search(window, max(0, place - 70), place) if noun else None
    if noun is None or link is None:
        return None
    if link["quality"] is None and (link["the"] is None or not noun.group().lower().startswith("answer")):
        return None
    if _DEMOTED.search(link.group()) or (
        link["beside"] and (link["quality"] or "").strip().lower() in ("final", "only")
    ):
        return None
    after = window[noun.end() : noun.end() + 60]
    if link["quality"] is None and _GOES_ON.match(after):
        return None  # `B is the only option that mentions it`
    if (
        _ASIDE.match(after)
        or _BUT.match(after)
        or after.lstrip("*_) ").startswith("?")
        or (link["beside"] is not None and _GOES_ON.match(after))
    ):
        return None
    sentence = re.split(r"[.!?]\s+(?=[A-Z][a-z])|\n", window[max(0, link.start() - 160) : link.start()])[-1]
    end = len(sentence)
    for label in reversed(list(LABEL.finditer(sentence))):
        between, before = sentence[label.end() : end], sentence[: label.start()]
        if not _BETWEEN.fullmatch(between) or re.search(r"\b(?:is|are|was|not|n't)\b", between):
            return None
        excluded = re.search(r"[,(]?\s*\b(?:(not)|nor|neither|than|unlike|or|of)\s*[(*\"']*$", before, re.IGNORECASE)
        if excluded is not None and excluded[1]:
            end = excluded.start()  # `B, not A, is the correct answer`
            continue
        clause, letter = clause_before(before), letter_of(label)
        if excluded is not None or letter not in options.letters:
            return None
        if _SUPPOSED.search(clause) or _ASKED.search(before) or _hearsay(before):
            return None
        if "would" in link.group() and _CONDITION.search(before):
            return None
        firm = not _GUESSED.search(clause)
        ended = bool(after.strip(" *_\"'"))
        return Conclusion(Reading(letter, "letter"), "verdict", conclusive=firm and ended, firm=firm)
    named = options.matching(_ARTICLE.sub("", clause_before(sentence).strip(" *_\"'")))
    return (
        Conclusion(Reading(named, "text"), "verdict", conclusive=bool(after.strip(" *_\"'")))
        if len(named) == 1
        else None
    )


def _contradicted(window: str, earlier: list[int], place: int, found: Conclusion, options: Options) -> bool:
    """Another letter stated right before, with not a word of why the second one holds."""
    for other_place in reversed(earlier[-4:]):
        between = window[other_place:place]
        if len(between) > 80 or _TURN.search(between):
            return False
        other = _read(window[:place], other_place, options)
        if other is not None:
            return other.firm and not other.reading.problem and other.reading.letter != found.reading.letter
    return False
