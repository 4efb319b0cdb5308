"""The option whose text a closing sentence comes to, where no letter and no explicit form names one.

"The organelle responsible is the Golgi apparatus.", "It takes **5 hours**.", "Yes, because ...". A last resort: exactly
one option may occur, nothing may speak against it, and it must stand where sentences put what they say.
"""

from __future__ import annotations

import re

from evalkit.scoring.closing import CLOSING, SENTENCE_END
from evalkit.scoring.last_sentence import last_value
from evalkit.scoring.options import Options
from evalkit.scoring.prose import BOLD, NUMBER
from evalkit.scoring.spelling import cleaned

_AGAINST = re.compile(
    r"\b(?:not|incorrect|wrong|false|cannot|never|neither|nor|none|unlike|except|without|rather\s+than|instead|than|if|unless|"
    r"whether|or|eliminat\w+|exclud\w+|rul(?:e|ed|ing)\s+out|might|may|could|would\s+(?:be|have)|but|however|"
    r"let|consider\w*|examin\w+|look\s+at|next|compar\w+|both|each|also|another|asks?\s+about|asked|we\s+need|twice|double)\b|n['’]t\b|\?",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r",?\s+(?:not|as\s+opposed\s+to|unlike|rather\s+than|while|whereas|since|because)\b.*|,\s+which\b.*",
    re.IGNORECASE | re.DOTALL,
)
_LEAD = re.compile(
    r"(?:(?:so|thus|hence|therefore|then|clearly|this\s+means|it\s+is|it's|the|an|a)\b[\s,:]*)+", re.IGNORECASE
)
_ANSWERS = re.compile(r"\s+(?:is|are)\s+(?:what\s+(?:we|the\s+question)|the\s+one\b|(?:the|our)\s+(?:\w+\s+)?answer\b)")
_WORD = re.compile(r"[\W_]*(yes|no|true|false)\b\s*[,.:;!—–-]", re.IGNORECASE)
_LISTED = re.compile(r"[-•*_#>\s]*[(\[]?[A-Z][)\].:]\s*\S")
"""The line of an option that is listed."""
_LONG = 3
"""Words of a text that is not said by chance."""


def mentioned(text: str, options: Options) -> str:
    """The letter of the option that the end of `text` comes to; or nothing."""
    if not options.texts or _LISTED.match(text.rstrip().rpartition("\n")[2]):
        return ""
    sentences = SENTENCE_END.split(text[-CLOSING:].strip())
    only = len(sentences) == 1 and len(text) < CLOSING
    found = _phrase(sentences[-1], options, only=only) or _number(sentences[-1], options) or _bold(text, options)
    return found or _first_word(text, options)


def _plain(text: str) -> str:
    text = re.sub(r"[-\s]+", " ", cleaned(text).casefold())
    return text.strip(" .,;:!")


def _phrase(sentence: str, options: Options, *, only: bool) -> str:
    """The only option whose text occurs as a whole, at the sentence's end or as its subject."""
    said = _ASIDE.sub("", _plain(sentence))
    found = {}
    for letter, text in zip(options.letters, options.texts, strict=True):
        phrase = _plain(text)
        place = (
            re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", said) if len(phrase) > 1 and not phrase.isdigit() else None
        )
        if place is not None:
            found[letter] = place
    longest = max(found, key=lambda letter: len(found[letter].group()), default="")
    if not longest:
        return ""
    place = found[longest]
    rest = said[: place.start()] + " " + said[place.end() :]
    if any(p.start() < place.start() or p.end() > place.end() for p in found.values()) or _AGAINST.search(rest):
        return ""
    ends = not said[place.end() :].strip(" .!\"'")
    begins = not _LEAD.sub("", said[: place.start()]).strip() and (only or _ANSWERS.match(said, place.end()))
    return longest if ends or begins or len(place.group().split()) >= _LONG else ""


def _number(sentence: str, options: Options) -> str:
    """The only option among the numbers of a sentence, if it is what the sentence ends up saying."""
    if _AGAINST.search(re.sub(r"\([^()]*\)", " ", sentence)):
        return ""
    value = last_value(sentence)
    named = options.equal(value[0]) if value is not None else ""
    others = {options.equal(n.group()) for n in NUMBER.finditer(sentence)} - {"", named}
    return named if named and not others else ""


def _bold(text: str, options: Options) -> str:
    """The only option whose text stands in bold."""
    named = set()
    for sentence in SENTENCE_END.split(text[-CLOSING * 2 :]):
        for bold in BOLD.finditer(sentence):
            letter = options.matching(bold[1] or bold[2]) or options.equal(bold[1] or bold[2])
            if letter:
                named.add("" if _AGAINST.search(sentence) else letter)
    return named.pop() if len(named) == 1 else ""


def _first_word(text: str, options: Options) -> str:
    """`Yes, because ...`, where yes and no are the options."""
    word = _WORD.match(text)
    named = options.matching(word[1]) if word and len(options.texts) <= _LONG else ""
    return named if len(named) == 1 else ""
