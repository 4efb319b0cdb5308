"""Which option a text concludes on.

Explicit forms first: the `answer` of a JSON reply (`json`), then whichever stands last of a box (`boxed`), "the answer
is ..." (`answer_line`) and "... is the correct answer" (`verdict`). A text without any of them may still conclude by a
letter alone in its last or first line (`choice_letter`), by its closing sentences (`final_sentence`), by the only
letter in bold (`bold`), by a list that calls one option right (`verdicts`), or by an option's text in the last or
first line (`choice_text`). Nothing else is a conclusion: letters inside a chain of thought are not.
"""

from __future__ import annotations

import re
from dataclasses import replace

from evalkit.scoring.closing import CLOSING, SENTENCE_END, bold, final_sentence, final_text
from evalkit.scoring.jsontext import breaks_off, unescaped
from evalkit.scoring.mentions import mentioned
from evalkit.scoring.options import Options, Reading
from evalkit.scoring.own import own_part
from evalkit.scoring.spelling import visible
from evalkit.scoring.statements import (
    LINE,
    WINDOW,
    Conclusion,
    Statement,
    ends_list,
    lists,
    stated,
)
from evalkit.scoring.verdicts import marked_right

_ROOM = 120
"""What a line may hold besides an option: its letter, marks, a short reason."""
_DOUBTED = re.compile(
    r"\b(?:wait(?=\s*[,.!:;…—–-]|\s+(?:no|a\s+(?:minute|second|moment)|that|but|let|i)\b)|hmm|hold\s+on|"
    r"on\s+(?:second|further)\s+(?:thought|reflection)|let(?:\s+me|'s)\s+(?:re-?check|re-?consider|re-?examine|re-?read|double|"
    r"check\s+again)|correction(?=\s*:)|scratch\s+that|i\s+made\s+an?\s+(?:mistake|error))\b",
    re.IGNORECASE,
)
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
_JSON_KEY = re.compile(
    r"""\\?["'](?:(?:final|correct|selected)_?)?(?:answer|choice|option)(?:_?(?:choice|letter|option))?\\?["']\s*:\s*""",
    re.IGNORECASE,
)
_JSON_WORDS = (
    'answer"',
    'answer\\"',
    'Answer"',
    'choice"',
    "answer'",
    'selected_option"',
    'answer_letter"',
    'answer_option"',
)
_JSON_LABEL = re.compile(r"""\{[^{}\n]{0,200}?["'](?:letter|option|choice|label|id|key)["']\s*:\s*["']([A-Z])["']""")


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
        or final_sentence(tail, options)
        or (statement.conclusion if statement else None)
        or _marked(text, options)
        or bold(tail, options)
        or first
        or final_text(tail, options)
        or _mentioned(tail, options)
    )


def _marked(text: str, options: Options) -> Conclusion | None:
    """The option that a list of all calls right."""
    letter = "" if options.inverted else marked_right(visible(text[-WINDOW * 4 :]), options)
    return Conclusion(Reading(letter, "letter"), "verdicts", conclusive=False) if letter else None


def _mentioned(text: str, options: Options) -> Conclusion | None:
    named = mentioned(text, options)
    return Conclusion(Reading(named, "text"), "choice_text", conclusive=False) if len(named) == 1 else None


def _json(text: str, options: Options) -> Conclusion | None:
    """The `answer` of a JSON reply, complete or not. A reply that has one says its answer nowhere else."""
    place = max(text.rfind(word) for word in _JSON_WORDS)
    if place < 0:
        return None
    keys = list(_JSON_KEY.finditer(text, max(0, place - 40), place + 60))
    if not keys:
        return None
    value = text[keys[-1].end() : keys[-1].end() + LINE]
    labelled = _JSON_LABEL.match(value)
    if labelled is not None:
        value = f'"{labelled[1]}"'
    quoted = re.match(r'\\?"((?:[^"\\\n]|\\[^"])*)(\\?")?', value) or re.match(r"'([^'\n]*)(')?", value)
    if quoted is not None:
        inside, closed = quoted[1], quoted[2] is not None
        inside = unescaped(inside)
    else:
        bare = re.match(r"[\[\s]*[^,}\]\n]*", value)
        inside, closed = (bare.group() if bare else "").strip('[ "'), len(value) > len(bare.group() if bare else "")
    named = mentioned(inside, options)
    reading = (
        options.read(visible(inside))
        or _in_sentence(inside, options)
        or (Reading(named, "text") if len(named) == 1 else None)
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
    return _last_line(rest, options) or final_sentence(rest, options) or replace(found, conclusive=False)


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
    led = SENTENCE_END.split(statement.before + statement.after[:1])[-1]
    sentence = led + SENTENCE_END.split(statement.after[1:CLOSING])[0]
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
    if found and found.step == "choice_text" and "=" in line:
        return None  # the first of several steps
    return replace(found, conclusive=False) if found and _DOUBTED.search(tail) else found


def _alone(line: str, options: Options, *, conclusive: bool) -> Conclusion | None:
    """A line that holds an option and nothing else."""
    if len(line) > options.longest + _ROOM:
        return None
    reading = options.read(line, inside=False)
    if reading is None or not reading.alone:
        return None
    return Conclusion(reading, "choice_text" if reading.how == "text" else "choice_letter", conclusive)
