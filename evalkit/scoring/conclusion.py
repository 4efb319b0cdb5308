"""Which option a text concludes on.

Explicit forms first: the `answer` of a JSON reply (`json`), then whichever stands last of a box (`boxed`), "the answer
is ..." (`answer_line`) and "... is the correct answer" (`verdict`). A text without any of them may still conclude by a
letter alone in its last or first line (`choice_letter`), by its closing sentences (`final_sentence`), by the only
letter in bold (`bold`), or by an option's text in the last or first line (`choice_text`). Nothing else is a conclusion:
letters inside a chain of thought are not.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from evalkit.scoring.jsontext import breaks_off
from evalkit.scoring.options import DENIED, TWO_OPTIONS, Options, Reading
from evalkit.scoring.own import own_part
from evalkit.scoring.spelling import visible
from evalkit.scoring.statements import (
    ADJECTIVE,
    LABEL,
    LINE,
    WINDOW,
    Conclusion,
    Statement,
    clause_before,
    ends_list,
    letter_of,
    lists,
    stated,
)

_CLOSING = 800
_ROOM = 120
"""What a line may hold besides an option: its letter, marks, a short reason."""
_DOUBTED = re.compile(
    r"\b(?:wait(?=\s*[,.!:;…—–-]|\s+(?:no|a\s+(?:minute|second|moment)|that|but|let|i)\b)|hmm|hold\s+on|"
    r"on\s+(?:second|further)\s+(?:thought|reflection)|let(?:\s+me|'s)\s+(?:re-?check|re-?consider|re-?examine|re-?read|double|"
    r"check\s+again)|correction(?=\s*:)|scratch\s+that|i\s+made\s+an?\s+(?:mistake|error))\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])[\s*\"”)]+(?=\S)|\n+")
_AFFIRMED = re.compile(
    r"(?:\b(?:(?:so|thus|hence|therefore)\b,?|leav(?:es|ing)|say|choos(?:e|ing)|chose|select(?:ed|ing)?|pick(?:ed|ing)?|opt\s+for|is|be|it's|"
    r"that's|match(?:es|ing)?|namely|conclude|only|supports?|mark|(?:go(?:ing|es)?|went|stick|left|agrees?|consistent|aligns?|"
    r"leav(?:es|ing)\s+us)\s+with|go\s+for|(?:correspond(?:s|ing)?|lead(?:s|ing)?|points?|equal|equivalent|refers?|comes|belongs)\s+to)\b|[:=→⇒>—–])"
    r"\s*(?:us\s+)?(?:with\s+|on\s+)?(?:only\s+)?(?:the\s+)?(?:(?:correct|right|best)\s+)?[*\"'(]*$",
    re.IGNORECASE,
)
_PRAISED = re.compile(
    r"[)\]*\"':]*\s*(?:\([^()\n]{0,100}\)\s*)?\b(?:is|are|seems|appears|(?:must|would|has\s+to)\s+be|fits|remains)\b\s*"
    r"(?:(?:therefore|thus|clearly|indeed|definitely|hence|likely|probably|left|to\s+be|also)\s+)*"
    r"(?:(?:the|a|an|only|most|one)\s+)*"
    rf"(?:{ADJECTIVE}|one|answer|option|choice|left|(?<=must be )true)(?=[\s.,!*;:]|$)"
    r"|[^.,;!?\n]{0,100}?\b(?:is|must\s+be)\s+(?:therefore\s+|thus\s+|hence\s+)?(?:the\s+)?(?:correct|right|best)"
    r"(?:\s+(?:answer|option|choice|one))?[*\"')]*\s*(?:[.!;,]|$)",
    re.IGNORECASE,
)
_REJECTED = re.compile(
    r"\b(?:not|n't|incorrect|wrong|false|cannot|can't|isn't|isn’t|eliminat\w+|rul(?:e|es|ed|ing)\s+out|exclud\w+|invalid|neither|"
    r"nor|unlike|rather\s+than|instead\s+of|than|whether|if|or|and|between|compare\w*)\b|n't\b",
    re.IGNORECASE,
)
_SOUGHT = re.compile(
    r"\bthe\s+(?:\w+\s+){0,2}(?:(?:incorrect|false|wrong|untrue|invalid)\s+(?:statement|option|choice|claim|one)|exception|odd\s+one(?:\s+out)?|"
    r"(?:statement|option|choice|one)\s+(?:that|which)\s[^.,;]{0,80})\s+(?:is|must\s+be|would\s+be)\s*(?:therefore\s+)?[:*\"'(]*\s*$",
    re.IGNORECASE,
)
"""What questions that ask for the wrong one are answered by: `the false statement is B`."""
_EQUALS = re.compile(r"(=|≈|\b(?:is|are|be|equals?|total\s+of)\b)", re.IGNORECASE)
_ONLY = re.compile(r"\bonly\s+(?:(?:option|choice|answer)\s+)?[*(\"']*$", re.IGNORECASE)
_WORKS = re.compile(
    r"[)*\"']*\s+(?:works|fits|holds|satisf\w+|meets|matches|qualifies|agrees|remains)\b", re.IGNORECASE
)
_ASKED = re.compile(r"\?|\b(?:if|unless|at\s+first|initially|but\s+(?:none|no|neither))\b", re.IGNORECASE)
_CONCEDED = re.compile(
    r"\b(?:although|though|while|whereas)\b[^,;]*$|\bat\s+first\b|\bthought\b|\bfirst\s+(?:instinct|impression|guess)\b[^,;]*$",
    re.IGNORECASE,
)
_OVERRULES = re.compile(r"\bbut\s+(?:actually|really|rather)\s+(?:it(?:'s|’s|\s+is)\s+)?[(*\"']*$", re.IGNORECASE)
_IN_THE_END = re.compile(
    r"(?:(?!\b[B-J]\b)[^.;\n]){0,80}?\b(?:making\s+(?:it|this)|(?:so|hence|therefore)\s+(?:it|this)\s+(?:is|must\s+be))\s+"
    r"the\s+(?:correct\s+|right\s+|best\s+)?(?:answer|choice|option|exception)\b",
    re.IGNORECASE,
)
"""`C is not a function, so it is the answer`, where the question asks for the one that is none."""
_JOINED = re.compile(r"(?<![\w'’])\(?([A-J])\)?(?:,\s*|\s+)(?:and|&)\s+(?:option\s+)?[(*\"']*$")
_LISTED_WRONG = re.compile(
    r"(?:[)\]*\"']*\s*(?:,\s*(?:and\b)?|and\b|or\b|&)\s*[(*\"'\[]*[A-J](?!\w))+[)\]*\"']*\s+"
    r"(?:are|is|can|do)[^.,;\n]{0,30}\b(?:not|incorrect|wrong|false|eliminated|excluded|ruled\s+out)\b",
)
_OF_ANOTHER = re.compile(r"\s+(?:to|for)\s+(?:an?|another)\s+(?:\w+\s+)?question\b", re.IGNORECASE)
_QUANTITY = re.compile(
    r"\bthe\s+(?!(?:\w+\s+){0,2}(?:answer|option|choice|one|letter|statement|value\s+closest|closest)\b)(?:[\w'’-]+\s+){1,6}"
    r"(?:is|are|be|points?|equals?)\s+(?:equal\s+)?(?:to\s+)?$",
    re.IGNORECASE,
)
"""`The magnetic field is B`: among numbers to choose from, a letter may be a symbol."""
_TURNED = re.compile(
    r"\b(?:wait|hmm|actually|sorry|apolog\w+|mistaken|correction|oops|on\s+second\s+thought|"
    r"re-?(?:check|consider|evaluat|examin|calculat|read)\w*)\b",
    re.IGNORECASE,
)
"""What takes back an answer that was given first, wherever it stands after it."""
_CONCLUDES = re.compile(
    r"\b(?:so|thus|therefore|hence|final(?=\s+answer)|finally|in\s+(?:conclusion|summary)|conclude)\b", re.IGNORECASE
)
_TITLE = re.compile(
    r"\W*(?:(?:the|final|correct|right|best|my)\s+)*answer\b(?:\W*[:：]|\s+is\b[^\n]{0,40}(?:\n|$))", re.IGNORECASE
)
_SETTLED = frozenset(["json", "boxed", "answer_line", "verdict", "choice_letter"])
_CLOSED = re.compile(r"[\"\d\]]\s*\}[ \t]*\n")
_BOLD = re.compile(r"\*\*[(\[]?([A-Z])(?:[).:\]]\s?[^*\n]*)?\*\*")
_JSON_KEY = re.compile(r"""\\?["'](?:final_?|correct_?)?(?:answer|choice|option)\\?["']\s*:\s*""", re.IGNORECASE)


def concluded(text: str, options: Options) -> Conclusion | None:
    """The conclusion of `text`, or None. Time is linear in its length, and short where it ends on an answer."""
    return _concluded(own_part(text, lambda part: _is_settled(_concluded(part, options))), options)


def _is_settled(found: Conclusion | None) -> bool:
    return found is not None and found.firm and not found.reading.problem and found.step in _SETTLED


def _concluded(text: str, options: Options) -> Conclusion | None:
    text = text.rstrip()
    in_json = _json(text, options)
    if in_json is not None or (breaks_off(text) and not _CLOSED.search(text)):
        return in_json
    statement = stated(text, options)
    if statement is not None and statement.conclusion.firm:
        return _opening(text, statement, options) or _reconsidered(statement, options)
    tail, head = visible(text[-WINDOW:]), visible(text[:LINE])
    first = _first_line(head, tail, options)
    return (
        _last_line(tail, options)
        or (first if first and first.step == "choice_letter" else None)
        or _final_sentence(tail, options)
        or (statement.conclusion if statement else None)
        or _bold(tail, options)
        or first
        or _final_text(tail, options)
    )


def _json(text: str, options: Options) -> Conclusion | None:
    """The `answer` of a JSON reply, complete or not. A reply that has one says its answer nowhere else."""
    place = max(
        text.rfind('answer"'),
        text.rfind('answer\\"'),
        text.rfind('Answer"'),
        text.rfind('choice"'),
        text.rfind("answer'"),
    )
    if place < 0:
        return None
    keys = list(_JSON_KEY.finditer(text, max(0, place - 40), place + 60))
    if not keys:
        return None
    value = text[keys[-1].end() : keys[-1].end() + LINE]
    quoted = re.match(r'\\?"((?:[^"\\\n]|\\[^"])*)(\\?")?', value) or re.match(r"'([^'\n]*)(')?", value)
    if quoted is not None:
        inside, closed = quoted[1], quoted[2] is not None
        try:
            inside = json.loads(f'"{inside}"')
        except ValueError:
            inside = inside.replace("\\n", "\n").replace("\\\\", "\\")
    else:
        bare = re.match(r"[\[\s]*[^,}\]\n]*", value)
        inside, closed = (bare.group() if bare else "").strip('[ "'), len(value) > len(bare.group() if bare else "")
    reading = (
        options.read(visible(inside))
        or _in_sentence(inside, options)
        or Reading("", "letter", "", "names none of the options")
    )
    return Conclusion(reading, "json", closed or bool(reading.rest))


def _in_sentence(text: str, options: Options) -> Reading | None:
    statement = stated(text, options)
    return statement.conclusion.reading if statement else None


def _reconsidered(statement: Statement, options: Options) -> Conclusion:
    """What a text says that goes on with "wait": its last word, if that names an option."""
    found = statement.conclusion
    doubt = _DOUBTED.search(statement.after)
    if doubt is None or found.reading.problem or found.step == "verdict":
        return found
    rest = statement.after[doubt.start() :]
    return _last_line(rest, options) or _final_sentence(rest, options) or replace(found, conclusive=False)


def _opening(text: str, statement: Statement, options: Options) -> Conclusion | None:
    """Answer first, explanation after: what the explanation says of another option is no new answer without a turn."""
    found = statement.conclusion
    line, newline, rest = text.lstrip()[: LINE + options.longest].partition("\n")
    if found.step not in ("verdict", "answer_line") or not newline:
        return None
    said = stated(visible(line), options)
    first = said.conclusion if said and said.conclusion.firm else _alone(visible(line), options, conclusive=True)
    if first is None or first.reading.problem or first.step == "choice_text" or lists(line, rest):
        return None
    if first.reading.letter == found.reading.letter or _TURNED.search(text, len(line)):
        return None
    led = _SENTENCE_END.split(statement.before + statement.after[:1])[-1]
    sentence = led + _SENTENCE_END.split(statement.after[1:_CLOSING])[0]
    titled = _TITLE.match(statement.before.rpartition("\n")[2] + statement.after)
    return None if titled or _CONCLUDES.search(sentence) else replace(first, conclusive=True)


def _last_line(text: str, options: Options) -> Conclusion | None:
    before, _, line = text.rstrip().removesuffix("```").rstrip().rpartition("\n")
    if ends_list(line, before.rstrip().rpartition("\n")[2], options):
        return None
    return _alone(line, options, conclusive=False)


def _first_line(head: str, tail: str, options: Options) -> Conclusion | None:
    line, newline, after = head.lstrip().partition("\n")
    if not newline or lists(line, after):
        return None
    found = _alone(line, options, conclusive=True)
    return replace(found, conclusive=False) if found and _DOUBTED.search(tail) else found


def _alone(line: str, options: Options, *, conclusive: bool) -> Conclusion | None:
    """A line that holds an option and nothing else."""
    if len(line) > options.longest + _ROOM:
        return None
    reading = options.read(line, inside=False)
    if reading is None or not reading.alone:
        return None
    return Conclusion(reading, "choice_text" if reading.how == "text" else "choice_letter", conclusive)


def _final_sentence(text: str, options: Options) -> Conclusion | None:
    """The last of the closing sentences that speaks for an option which no later one speaks against."""
    denied = ""
    for sentence in reversed(_SENTENCE_END.split(text[-_CLOSING:])[-5:]):
        named = ""
        for label in LABEL.finditer(sentence):
            letter = letter_of(label)
            if letter not in options.letters or letter in named + denied:
                continue
            if _IN_THE_END.match(sentence[label.end() :]):
                named = letter
            elif DENIED.match(sentence[label.end() :]):
                denied += letter
            elif _OVERRULES.search(sentence[: label.start()]) and not sentence[label.end() :].strip(" *.!)"):
                named = letter
            elif _affirmed(sentence, label, options):
                joined = _JOINED.search(sentence[: label.start()])
                named += letter + (joined[1] if joined and joined[1] in options.letters else "")
        if named:
            problem = TWO_OPTIONS if len(named) > 1 else None
            return Conclusion(Reading(named, "letter", problem=problem), "final_sentence", conclusive=False)
    return None


def _affirmed(sentence: str, label: re.Match[str], options: Options) -> bool:
    before, after = sentence[max(0, label.start() - 60) : label.start()], sentence[label.end() :]
    if _SOUGHT.search(sentence[: label.start()]):
        return True
    if _REJECTED.search(clause_before(before)) or DENIED.match(after) or _ASKED.search(after):
        return False
    if _CONCEDED.search(before) or _LISTED_WRONG.match(after):
        return False
    praised = _PRAISED.match(after)
    if praised is not None and _OF_ANOTHER.match(after, praised.end()):
        return False
    if praised or (_ONLY.search(before) and _WORKS.match(after)):
        return True
    if re.match(r"\s+it\s+is\s*[.!]*$", after):
        return True
    if len(label.group()) == 1 and options.are_numbers and _QUANTITY.search(before):
        return False
    ends = re.match(r"[)\]*\"'`$]*\s*(?:[.,;:!]|$|because\b|since\b|as\b|\()", after)
    return ends is not None and _AFFIRMED.search(before) is not None


def _bold(text: str, options: Options) -> Conclusion | None:
    """The only letter in bold."""
    named = {m[1] for m in _BOLD.finditer(text)}
    letter = named.pop() if len(named) == 1 else ""
    return (
        Conclusion(Reading(letter, "letter"), "bold", conclusive=False)
        if letter and letter in options.letters
        else None
    )


def _final_text(text: str, options: Options) -> Conclusion | None:
    """An option's text that the last sentence ends on: `The total is 42.`"""
    sentence = _SENTENCE_END.split(text[-_CLOSING:])[-1]
    if _REJECTED.search(sentence):
        return None
    _, verb, said = _EQUALS.split(sentence)[-3:] if _EQUALS.search(sentence) else ("", "", "")
    named = options.matching(said) if verb else ""
    return Conclusion(Reading(named, "text"), "choice_text", conclusive=False) if len(named) == 1 else None
