"""What the closing sentences of a text say of the options, where it states no answer."""

from __future__ import annotations

import re

from evalkit.scoring.options import DENIED, TWO_OPTIONS, Options, Reading
from evalkit.scoring.statements import ADJECTIVE, LABEL, Conclusion, clause_before, letter_of

CLOSING = 800
SENTENCE_END = re.compile(r"(?<=[.!?。！？])[\s*\"”)]+(?=\S)|\n+")
_AFFIRMED = re.compile(
    r"(?:\b(?:so|thus|hence|therefore|leav(?:es|ing)|say|choos(?:e|ing)|chose|select(?:ed|ing)?|pick(?:ed|ing)?|opt\s+for|is|be|it's|"
    r"that's|match(?:es|ing)?|namely|conclude|only|guess|perhaps|settl(?:e|ing)\s+on|described\s+by|lean(?:ing)?\s+towards?|supports?|mark|(?:go(?:ing|es)?|went|stick|left|agrees?|consistent|aligns?|"
    r"leav(?:es|ing)\s+us)\s+with|go\s+for|(?:correspond(?:s|ing)?|lead(?:s|ing)?|points?|equal|equivalent|refers?|comes|belongs)\s+to)\b|\b(?:so|thus|hence|therefore|no),|[:=→⇒>—–])"
    r"\s*(?:us\s+)?(?:with\s+|on\s+)?(?:only\s+)?(?:the\s+)?(?:(?:correct|right|best)\s+)?[*\"'(\s]*$",
    re.IGNORECASE,
)
_PRAISED = re.compile(
    r"[)\]*\"':]*\s*(?:\([^()\n]{0,100}\)\s*)?\b(?:is|are|seems|appears|(?:must|would|has\s+to)\s+be|fits|remains)\b\s*"
    r"(?:(?:therefore|thus|clearly|indeed|definitely|hence|likely|probably|left|to\s+be|also)\s+)*"
    r"(?:(?:the|a|an|only|most|one)\s+)*"
    rf"(?:{ADJECTIVE}|(?:better|stronger)\s+(?:answer|option|choice|fit|match)|exception|"
    r"(?<=most )consistent(?=\s+with)|one|answer|option|choice|left|(?<=must be )true)(?=[\s.,!*;:]|$)"
    r"|[)*\"']*\s+(?:best|most\s+(?:accurately|closely|likely))\s+(?!of\b)[a-z]+s\b"
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
    r"[)*\"']*\s+(?:works|fits|holds|satisf\w+|meets|matches|qualifies|agrees|remains|is\s+consistent)\b", re.IGNORECASE
)
_ALONE = re.compile(r"\W*([A-J])[.!]?\W*")
_FITS = re.compile(r"[)*\"']*\s+(?:fits|matches|satisfies|agrees\s+with)\b", re.IGNORECASE)
_CLOSES = re.compile(r"\W*(?:(?:in\s+)?conclusion|final\s+answer)\b\W[^.;\n]{0,150}\((?:is\s+)?$", re.IGNORECASE)
_ASKED = re.compile(r"\?|\b(?:if|unless|at\s+first|initially|but\s+(?:none|no|neither))\b", re.IGNORECASE)
_CONCEDED = re.compile(
    r"\b(?:although|though|while|whereas)\b[^,;]*$|\bat\s+first\b|\bthought\b|\bfirst\s+(?:instinct|impression|guess)\b[^,;]*$",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(r"\b([A-J])\)?\s?(?:\.{2,}|…|—|–)\s?(?:no|wait)\b[,:]?\s(?:it(?:'s|’s| is)\s)?[(]?([A-J])\b")
"""`A ... no, B`: two options in one breath, and nothing that says which of them is meant."""
_OVERRULES = re.compile(r"\bbut\s+(?:actually|really|rather)\s+(?:it(?:'s|’s|\s+is)\s+)?[(*\"']*$", re.IGNORECASE)
_IN_THE_END = re.compile(
    r"(?:(?!\b[B-J]\b)[^.;\n]){0,80}?\b(?:making\s+(?:it|this)|(?:so|hence|therefore)\s+(?:it|this)\s+(?:is|must\s+be))\s+"
    r"the\s+(?:correct\s+|right\s+|best\s+)?(?:answer|choice|option|exception)\b",
    re.IGNORECASE,
)
"""`C is not a function, so it is the answer`, where the question asks for the one that is none."""
_JOINED = re.compile(r"(?<![\w'’])\(?([A-J])\)?(?:,\s*|\s+)(?:and|&)\s+(?:option\s+)?[(*\"']*$")
_LISTED_WRONG = re.compile(
    r"(?:[)\]*\"']*\s*(?:,(?:\s*and\b)?|and\b|or\b|&)\s*[(*\"'\[]*[A-J](?!\w)){1,9}[)\]*\"']*\s+"
    r"(?:are|is|can|do)[^.,;\n]{0,30}\b(?:not|incorrect|wrong|false|eliminated|excluded|ruled\s+out)\b",
)
_OF_ANOTHER = re.compile(r"\s+(?:to|for)\s+(?:an?|another)\s+(?:\w+\s+)?question\b", re.IGNORECASE)
_QUANTITY = re.compile(
    r"\bthe\s+(?!(?:\w+\s+){0,2}(?:answer|option|choice|one|letter|statement|value\s+closest|closest)\b)(?:[\w'’-]+\s+){1,6}"
    r"(?:is|are|be|points?|equals?)\s+(?:equal\s+)?(?:to\s+)?$",
    re.IGNORECASE,
)
"""`The magnetic field is B`: among numbers to choose from, a letter may be a symbol."""
_BOLD = re.compile(r"\*\*[(\[]?([A-Z])(?:[).:\]]\s?[^*\n]*)?\*\*")


def final_sentence(text: str, options: Options) -> Conclusion | None:
    """The last of the closing sentences that speaks for an option which no later one speaks against."""
    denied = ""
    sentences = SENTENCE_END.split(text[-CLOSING:])[-5:]
    alone = _ALONE.fullmatch(sentences[-1])
    if alone is not None and alone[1] in options.letters and not _ALONE.fullmatch("".join(sentences[-2:-1])):
        return Conclusion(Reading(alone[1], "letter"), "final_sentence", conclusive=False)
    for sentence in reversed(sentences):
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
            taken_back = (back := _TAKEN_BACK.search(text[-200:])) is not None and back[1] != back[2]
            problem = TWO_OPTIONS if len(named) > 1 or taken_back else None
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
    if re.match(r"[Oo]ption", label.group()) and _FITS.match(after):
        return True
    reading = options.read(sentence[label.start() :], inside=False)
    spelt = reading is not None and reading.how == "letter_and_text" and not reading.problem
    ends = spelt or re.match(r"[)\]*\"'`$]*\s*(?:[.,;:!]|$|because\b|since\b|as\b|\()", after)
    return bool(ends) and (_AFFIRMED.search(before) is not None or _CLOSES.match(sentence[: label.start()]) is not None)


def bold(text: str, options: Options) -> Conclusion | None:
    """The only letter in bold."""
    named = {m[1] for m in _BOLD.finditer(text)}
    letter = named.pop() if len(named) == 1 else ""
    return (
        Conclusion(Reading(letter, "letter"), "bold", conclusive=False)
        if letter and letter in options.letters
        else None
    )


def final_text(text: str, options: Options) -> Conclusion | None:
    """An option's text that the last sentence ends on: `The total is 42.`"""
    sentence = SENTENCE_END.split(text[-CLOSING:])[-1]
    if _REJECTED.search(sentence):
        return None
    _, verb, said = _EQUALS.split(sentence)[-3:] if _EQUALS.search(sentence) else ("", "", "")
    named = options.matching(said) if verb else ""
    return Conclusion(Reading(named, "text"), "choice_text", conclusive=False) if len(named) == 1 else None
