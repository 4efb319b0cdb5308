"""The options of a multiple-choice question, and which of them a short statement names.

A statement is what stands in a box, after "the answer is", or alone in a line: `B`, `(B) 42`, `option B, since ...`,
`42`. A letter counts before a text; a letter beside the text of another option is a contradiction.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from evalkit.scoring.equivalence import compare
from evalkit.scoring.spelling import cleaned, key, loose, value_of
from evalkit.tasks.choices import LETTERS, without_letters

_USUAL = LETTERS[:10]
TWO_OPTIONS = "names two options"
NO_OPTION = "names an option that the question does not have"
_MAX_STATEMENT = 1_000
_SENTENCE = re.compile(r"\b(?:is|are|was|were|if|not|than|hmm|wait|no|so|which|that)\b", re.IGNORECASE)
_WORDS = re.compile(r"(?<![\\\w])[A-Za-z]{2,}")
_MOST_WORDS = 2
_MAX_EQUAL = 60
"""Longest number, quantity or formula that is compared by what it means."""

_LOOKALIKES = str.maketrans("АВСЕНАІЈΑΒΕΗΙ", "ABCEHAIJABEHI")
_ARABIC = str.maketrans("أابجد", "AABCD")
_NOUN = (
    r"(?:options?|choices?|answers?|letters?|statements?|alternatives?|opci[oó]n|alternativa|letra|lettre|proposition|"
    r"variante?|вариант|пункт|буква|选项|選項|選択肢|보기|الخيار|الحرف)"
)
_FILLERS = re.compile(
    r"(?:(?:the|indeed|clearly|obviously|definitely|therefore|thus|hence|then|simply|just|likely|probably|"
    r"most\s+(?:likely|probably|accurately|appropriately|closely)|given\s+(?:by|in|as)|represented\s+by|found\s+in|"
    r"listed\s+(?:as|in|under)|closest\s+to|labell?ed|in\s+fact|actually|going\s+to\s+be|best|correct|right|number|"
    r"approximately|about|roughly|either|both|is|that|la|el|le|die|der|it\s+is|it's|donc|also|daher|folglich|entonces|"
    r"quindi|dunque|portanto|следовательно)\b\s*|l['’]"
    r"|[-:：=>→⇒,.;•·\s]+)+",
    re.IGNORECASE,
)
_HEAD = re.compile(
    rf"(?P<noun>{_NOUN}\s*[:#]?\s*)?(?P<open>[(\[<{{\"'“‘「『【]*)\s*(?P<letter>[A-Za-z])\s*"
    rf"(?P<close>[)\]>}}\"'”’」』】]*)(?![^\W\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]|['’](?!d[iıuü]r)|[+#^_=(])(?!\s*[=^+](?!>))(?!\.[A-Za-z]\.)(?!\.[a-z])(?!-\w)",
    re.IGNORECASE,
)
_DELIMITED = re.compile(
    r"\s*(?:$|\n|[.,:;!?)\]|/&<→…。，：；、！]|[-–—=]+>?\s|[\u0900-\u0fff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]|\(|\[/|['’]d[iıuü]r)"
)
_LINKED = re.compile(
    r"\s+(?:is|because|since|as|which|with|and|or|but|not|for|due|given|based|rather|instead|by|est|ist|es|weil|"
    r"porque|car|потому|так)\b",
    re.IGNORECASE,
)
_LINKED_WORD = re.compile(r"\s+(?:is|because|since|which|not|rather|(?:and|or)\s+[A-Z](?!\w))(?!\w)")
_LABEL_NEXT = rf"(?:(?:also|possibly|maybe|perhaps|even|the)\s+)*(?:{_NOUN}\s*)?[(\"'*\[]*((?-i:[A-Z]))(?![\w'’+#-])"
_ALSO = re.compile(
    rf"[)\]*\"'.]*\s*(?:(?:,|/|\||&|\+|;|、|\b(?:and/or|and|or|oder|und|ou|et|o|y|и|или)\b|或者?|和|と|또는)\s*)+"
    rf"{_LABEL_NEXT}(?=[)\]*\"']*\s*(?:[.,;:!?)\]/&+|]|$|\n|are\b|both\b|and\b|or\b|\())",
)
_WITH = re.compile(r"(?:\b(?:and|or)\b|[&/+])\s*[(\[]?([A-Z])[)\].:]\s*")
_CORRECTED = re.compile(
    rf"(?:[.,;:?!…—–-]|\.\.\.)\s*(?:(?:hmm|oh|but|or)[,\s]+)?(?:no|wait|actually|sorry|correction|i\s+mean|rather|oops|make\s+that|"
    rf"scratch\s+that|nein|non|нет|不)\b(?!\s+than)(?:(?!\b(?:check|verify|consider|what|why|about|let)\b)[^\n]){{0,40}}?"
    rf"(?<![\w'’-]){_LABEL_NEXT}"
    r"(?=[)\]*\"']*\s*(?:[.,;:!?)\]]|$|\n|is\s+(?:(?:the|also)\s+)*(?:correct|right|best|better|answer)\b))",
    re.IGNORECASE,
)
DENIED = re.compile(
    r"[)\]*\"'\s]*(?:(?:is|are|was|seems|appears|looks|(?:would|must)\s+be|can(?:not|'t|’t)?|could(?:n't)?|does|do|did|has|"
    r"will|should)(?:n't|n’t)?\b[^.,;\n]{0,25}?\b(?:not|incorrect|wrong|false|invalid|cannot|never|eliminated|"
    r"ruled\s+out|excluded|unlikely|impossible)\b"
    r"|(?:is|are|was|does|do|did|has|could|would|should)(?:n't|n’t)\b|(?:cannot|can't|can’t|incorrect|wrong|never)\b)",
    re.IGNORECASE,
)
"""What follows a letter that is spoken against."""
_INSIDE = re.compile(
    rf"(?:{_NOUN}\s*[(\"'*\[]*([A-Za-z])(?![\w'’+#-])[)\"'*\]]*|[(\[]([A-Za-z])[)\]])(?=\s*(?:[.,;:!?)]|$|\n|because|since|as\b))",
    re.IGNORECASE,
)
_PROCEDURE = re.compile(
    r"\s*(?:let|we|to|first|consider|look|evaluate|check|examine|analy[sz]e|start|begin)\b", re.IGNORECASE
)
_MARK = re.compile(r"(?:[\s.,:;)\]=>→*\"']|[-–—]+\s)+")
_GLOSS = re.compile(rf"\s*[(\[]\s*(?:{_NOUN}\s*)?[A-Za-z]\s*[)\]][\s.!*]*", re.IGNORECASE)
_BECAUSE = re.compile(r"[\s,;.(]+(?:because|since)\b", re.IGNORECASE)
_REASON = re.compile(r"[\s.,:;!)\]*_\"'}]*(?:$|(?:because|since)\b)", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.;,:。，；](?=\s|$)|\s(?=\()|\s[-–—](?=\s)|\s(?=(?:because|since|which|as|so)\b)|\n")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a statement says: one letter, or the reason why it says none."""

    letter: str
    how: str
    """`letter`, `text` or `letter_and_text`."""
    rest: str = ""
    """What follows the letter or text."""
    problem: str | None = None
    alone: bool = False
    """Whether the statement says no more than that, or only gives a reason."""


@dataclass(frozen=True, slots=True)
class Options:
    """The letters that an answer may have and, where known, the texts beside them."""

    letters: str
    texts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    values: tuple[Fraction | None, ...] = ()
    inverted: bool = False
    """Whether the question asks for the one that is not right."""

    @property
    def longest(self) -> int:
        """Characters of the longest option."""
        return max(map(len, self.texts), default=0)

    @property
    def are_numbers(self) -> bool:
        """Whether all of them are."""
        return bool(self.values) and None not in self.values

    def read(self, statement: str, *, inside: bool = True) -> Reading | None:
        """Which option `statement` names, at its head or else (`inside`) further on; None if it names none."""
        text = cleaned(statement[:_MAX_STATEMENT])
        filled = _FILLERS.match(text)
        body = text[filled.end() :] if filled else text
        alone = body.strip(" .,;:!?()[]{}<>\"'“”‘’「」『』【】*。、\n-–—")
        letter = _latin(alone) if len(alone) == 1 else ""
        if letter and letter in self.letters and not (alone.islower() and alone in self.keys):
            return Reading(letter, "letter", alone=True)
        whole = self.matching(text) or self.matching(body)
        if whole:
            return self._by_text(whole, "", alone=True)
        if letter and letter in _USUAL:
            return Reading(letter, "letter", problem=NO_OPTION, alone=True)
        found = self._by_letter(body)
        if found is None or found.problem or found.how == "letter":
            spelt = self._by_clause(text) or self._by_clause(body)
            # A text that begins like a letter (`A or B`, `Y is older than S`) is told by its length.
            unlettered = found is None or found.problem == NO_OPTION
            if spelt is not None and (unlettered or len(text) - len(spelt.rest) > 3):
                found = spelt
        if found is None or found.problem == NO_OPTION:
            named = self.equal(text) or self._numbered(text)
            if named:
                return Reading(named, "text", alone=True)
        return found if found or not inside else self._inside(text)

    def _numbered(self, text: str) -> str:
        """`2) Paris`, where options are counted; the number must agree."""
        head = re.match(r"\(?(\d{1,2})[.)]\s+", text)
        named = self.matching(text[head.end() :]) if head else ""
        return named if head and len(named) == 1 and self.letters.index(named) + 1 == int(head[1]) else ""

    def matching(self, text: str) -> str:
        """Letters of the options that `text` spells out: character by character, else in other case, else by value."""
        wanted = key(text)
        if not wanted or not self.keys:
            return ""
        exact = "".join(a for a, b in zip(self.letters, self.keys, strict=True) if b == wanted)
        if exact:
            return exact
        folded = wanted.casefold()
        same = "".join(a for a, b in zip(self.letters, self.keys, strict=True) if b.casefold() == folded)
        if same:
            return same
        value = value_of(wanted)
        valued = "".join(a for a, b in zip(self.letters, self.values, strict=True) if b == value and value is not None)
        if valued:
            return valued
        bare = loose(wanted).casefold()
        alike = [a for a, b in zip(self.letters, self.keys, strict=True) if bare and loose(b).casefold() == bare]
        return alike[0] if len(alike) == 1 else ""

    def equal(self, text: str) -> str:
        """The only option that is equal to `text` as a number, a quantity or a formula; or nothing."""
        text = text.strip(" .,;:!?")
        if not any(map(str.isdigit, text)) or len(text) > _MAX_EQUAL or not self.texts:
            return ""
        if _SENTENCE.search(text) or len(_WORDS.findall(text)) > _MOST_WORDS:
            return ""
        same = [a for a, t in zip(self.letters, self.texts, strict=True) if len(t) <= _MAX_EQUAL and _same(t, text)]
        return same[0] if len(same) == 1 else ""

    def text_of(self, letter: str) -> str:
        """The option beside a letter, or nothing."""
        place = self.letters.find(letter)
        return self.texts[place] if self.texts and place >= 0 else ""

    def _by_letter(self, body: str) -> Reading | None:
        head = _HEAD.match(_first_latin(body))
        if head is None:
            return None
        letter, rest = head["letter"], body[head.end() :]
        named = head["noun"] is not None
        sure = bool(head["close"]) or (named and (letter.isupper() or not rest.strip(" .)*")))
        word = letter in "aiAI" or letter.islower() or not body[head.start("letter")].isascii()
        linked = _LINKED_WORD if word else _LINKED
        if not (sure or _DELIMITED.match(rest) or linked.match(rest) or self._begins_with(letter.upper(), rest)):
            return None
        if letter.islower() and not (sure or head["open"] or re.match(r"\s*[).:\]]", rest) or linked.match(rest)):
            return None
        if DENIED.match(rest[:80]) and letter.upper() not in (self._spelt(letter.upper(), rest) or ""):
            return None
        return self._named(letter.upper(), rest)

    def _begins_with(self, letter: str, rest: str) -> bool:
        own = key(self.text_of(letter))
        return bool(own) and rest[:1].isspace() and key(rest).startswith(own)

    def _named(self, letter: str, rest: str) -> Reading | None:
        if letter not in self.letters:
            return Reading(letter, "letter", rest, NO_OPTION) if letter in _USUAL else None
        for pattern in (_ALSO.match, _CORRECTED.search):
            other = pattern(rest)
            if other is not None and other[1].upper() != letter and other[1].upper() in self.letters:
                return Reading(letter + other[1].upper(), "letter", rest, TWO_OPTIONS)
        beside = self._spelt_beside(letter, rest)
        if beside:
            return Reading(letter + beside, "letter_and_text", rest, TWO_OPTIONS)
        spelt = self._spelt(letter, rest)
        if spelt is None:
            return Reading(letter, "letter", rest, alone=_REASON.match(rest) is not None)
        if letter in spelt:
            text = _unmarked(rest)
            bracketed = text.rstrip(" .*")
            own = letter in self.matching(text) or any(
                letter in self.matching(text[: m.start()]) for m in _BECAUSE.finditer(text[:_MAX_STATEMENT])
            )
            if bracketed.startswith("(") and bracketed.endswith(")"):
                own = own or letter in self.matching(bracketed[1:-1])
            return Reading(letter, "letter_and_text", rest, alone=own)
        return Reading(letter + spelt[0], "letter_and_text", rest, TWO_OPTIONS, alone=True)

    def _spelt_beside(self, letter: str, rest: str) -> str:
        """Another option, letter and text, that is given together with one: `A) Berlin and C) Madrid`."""
        for other in _WITH.finditer(rest.partition("\n")[0][:_MAX_STATEMENT]) if self.keys else ():
            own = key(self.text_of(other[1]))
            if other[1] != letter and own and key(rest[other.end() :]).startswith(own):
                return str(other[1])
        return ""

    def _spelt(self, letter: str, rest: str) -> str | None:
        """Options whose text follows a letter; None if the rest of the line is something else."""
        if not self.keys:
            return None
        text = _unmarked(rest)
        if not text:
            return None
        found = self.matching(text)
        if found:
            return found
        own, theirs = key(self.text_of(letter)).casefold(), key(text).casefold()
        if own and theirs.startswith(own) and not theirs[len(own) - 1 : len(own) + 1].isdigit():
            return letter
        inner = text[1:].partition(")")[0] if text.startswith("(") else ""
        found = (self.matching(inner) if inner else "") or self._clause(text)[0]
        return found or None

    def _clause(self, text: str) -> tuple[str, str]:
        """The options that the longest opening clause of `text` spells out, and what follows it."""
        if not self.keys:
            return "", text
        stops = [m.start() for m in _CLAUSE_END.finditer(text[:600])][:12]
        for stop in reversed(stops):
            found = self.matching(text[:stop])
            if found:
                return found, text[stop:]
        return "", text

    def _by_clause(self, body: str) -> Reading | None:
        found, rest = self._clause(body)
        if not found:
            equation = body.partition("\n")[0].rpartition("=")[2]
            found, rest = (self.matching(equation), "") if equation else ("", "")
        if not found:
            return None
        beside = [m for m in map(_letter_inside, _INSIDE.finditer(rest)) if m in self.letters]
        if len(beside) == 1 and not DENIED.match(rest):
            if beside[0] in found:
                return Reading(beside[0], "letter_and_text", rest, alone=_GLOSS.fullmatch(rest) is not None)
            return Reading(found[0] + beside[0], "letter_and_text", rest, TWO_OPTIONS)
        return self._by_text(found, rest)

    def _by_text(self, found: str, rest: str, *, alone: bool = False) -> Reading:
        return Reading(found, "text", rest, TWO_OPTIONS if len(found) > 1 else None, alone)

    def _inside(self, text: str) -> Reading | None:
        """A letter further on in the sentence: `the sum of both, which is option B`."""
        sentence = re.split(r"(?<=[.!?。])(?<!\be\.g\.)(?<!\bi\.e\.)\s|\n", text, maxsplit=1)[0]
        if _PROCEDURE.match(sentence) or re.search(r"\b(?:not|n't|nor|neither)\b", sentence):
            return None
        named = {m for m in map(_letter_inside, _INSIDE.finditer(sentence)) if m in self.letters}
        if len(named) != 1:
            return None
        return Reading(named.pop(), "letter", text[len(sentence) :] or sentence[-1:])


@functools.lru_cache(maxsize=4096)
def _same(option: str, text: str) -> bool:
    return compare(option, text, symbolic=None).value == 1.0


def options_of(texts: Sequence[str], letters: str) -> Options:
    """Options in the order shown, without the letters that they may carry themselves."""
    return _options_of(tuple(str(t) for t in texts), letters)


@functools.lru_cache(maxsize=4096)
def _options_of(texts: tuple[str, ...], letters: str) -> Options:
    if not texts:
        return Options(letters)
    own, texts = LETTERS[: len(texts)], without_letters(texts)
    keys = tuple(key(cleaned(t)) for t in texts)
    return Options(own, texts, keys, tuple(value_of(k) for k in keys))


@functools.lru_cache(maxsize=1024)
def options_in(question: str) -> tuple[str, ...]:
    """Texts of the last lettered list (`A) ...`, `(B) ...`) of a question; empty if there is none."""
    for pattern in (_LIST_LINE, _LIST_INLINE):
        runs: list[list[str]] = []
        for match in pattern.finditer(question):
            if match[1] == "A":
                runs.append([])
            if runs and len(runs[-1]) < len(LETTERS) and match[1] == LETTERS[len(runs[-1])]:
                runs[-1].append(match[2].strip())
        full = [r for r in runs if len(r) > 1]
        if full:
            return tuple(full[-1])
    return ()


_LIST_LINE = re.compile(r"^[ \t]*[*_]{0,2}[(\[]?([A-Z])[)\].:：、][*_]{0,2}[ \t]*(\S[^\n]*)$", re.MULTILINE)
_LIST_INLINE = re.compile(r"(?<!\S)[(\[]?([A-Z])[)\].]\s*((?:(?!\s[(\[]?[A-Z][)\].]\s?)[^\n])+)")


def _latin(letter: str) -> str:
    return letter.translate(_LOOKALIKES).translate(_ARABIC).upper()


def _first_latin(body: str) -> str:
    """Letters of other scripts that stand for A, B, C: only the first one of a statement can be meant so."""
    for place, letter in enumerate(body[:40]):
        beside = body[max(0, place - 1) : place] + body[place + 1 : place + 2]
        if not letter.isascii() and letter.isalpha() and not any(c.isalpha() for c in beside):
            return body[:place] + _latin(letter) + body[place + 1 :]
    return body


def _unmarked(rest: str) -> str:
    """What follows a letter, without the marks between them."""
    mark = _MARK.match(rest)
    return rest[mark.end() if mark else 0 :].rstrip()


def _letter_inside(match: re.Match[str]) -> str:
    return (match[1] or match[2]).upper()
