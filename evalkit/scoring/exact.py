"""The `exact` scorer: the extracted answer equals a target as text, up to case, spaces and quotation marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from evalkit.errors import UsageError
from evalkit.scoring import extract
from evalkit.scoring.grade import Extracted, Judged, grade
from evalkit.scoring.prose import sentence_end
from evalkit.types import Generation, Item, Json, Score

_FORMS = ("NFC", "NFD", "NFKC", "NFKD")
_SWITCHES = {"case": False, "punctuation": True, "articles": True, "spaces": True}
FORM_ARGS = (*_SWITCHES, "unicode")
"""The `scorer_args` of a `TextForm`."""
_WRAPPED = re.compile(r"\$?\s*\\(?:text(?:bf|it|rm|sf|tt)?|mathrm|mathbf|mbox)\s*\{([^{}]*)\}\s*\$?")
_DENIED = re.compile(r"\b(?:not|never|neither|nor)\s+(?:\w+\s+)?$|n['’]t\s+$", re.IGNORECASE)
_BARE = re.compile(r"[*_`\"'“”\s]*(?!I\b)(\S+(?: \S+){0,3})\s*")
_MAX_BARE = 40
"""Characters of a reply that is nothing but an answer."""
_ARTICLES = re.compile(r"(?<!\S)(?:a|an|the)(?!\S)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TextForm:
    """Which differences between two texts count. Runs of spaces and outer quotation marks never do."""

    case: bool = False
    punctuation: bool = True
    articles: bool = True
    """The English ones."""
    spaces: bool = True
    unicode: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = None
    """Normal form in which both are compared, for example `NFKC` (fullwidth digits, ligatures)."""

    def of(self, text: str) -> str:
        """What is left of `text`."""
        if self.unicode is not None:
            text = unicodedata.normalize(self.unicode, text)
        if not self.articles:
            text = _ARTICLES.sub(" ", text)
        if not self.punctuation:
            text = "".join(" " if unicodedata.category(c)[0] == "P" else c for c in text)
        text = re.sub(r"\s+", " " if self.spaces else "", text).strip().strip("\"'“”‘’").strip()
        return text if self.case else text.casefold()


def text_form(scorer: str, args: Mapping[str, Json]) -> TextForm:
    """The form that `scorer_args` ask for; raises `UsageError`."""
    given: dict[str, Any] = {name: args.get(name, default) for name, default in _SWITCHES.items()}
    for name, value in given.items():
        if not isinstance(value, bool):
            raise UsageError(f"scorer {scorer}: {name} must be true (it counts) or false, not {value!r}")
    form = args.get("unicode")
    if form is not None and form not in _FORMS:
        raise UsageError(f"scorer {scorer}: unicode must be one of {', '.join(_FORMS)}, not {form!r}")
    return TextForm(unicode=form, **given)


def accepted(target: Json, separator: str | None) -> list[str]:
    """The targets of an item: a list, or one text that `separator` divides."""
    several = target if isinstance(target, (list, tuple)) else [target]
    texts = [str(t) for t in several]
    return [part for t in texts for part in (t.split(separator) if separator else [t])]


def text_arg(scorer: str, args: Mapping[str, Json], name: str) -> str | None:
    """An argument that is text, if it is given; raises `UsageError`."""
    value = args.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise UsageError(f"scorer {scorer}: {name} must be text that is not empty, not {value!r}")
    return value


def bare(text: str) -> Extracted | None:
    """A reply of a few words in one line, such as `**Yes**.`"""
    text = text.strip()
    found = _BARE.fullmatch(text) if len(text) <= _MAX_BARE else None
    answer = sentence_end(found[1]).rstrip(".!") if found is not None and not text.endswith((":", "?")) else ""
    return Extracted(answer, "bare", conclusive=False) if answer else None


class ExactScorer:
    """`scorer: exact`.

    `scorer_args`: `fallback` (`last_line`, `last_number`) allows a guess; `choices: [yes, no]` makes the answer the
    last of these words in the concluding form; `case`, `punctuation`, `articles`, `spaces` say whether they count
    (`TextForm`), `unicode` in which normal form; `separator` divides a target into several that are accepted alike.
    """

    name = "exact"
    version = "2"

    def __init__(self, args: Mapping[str, Json]) -> None:
        self._fallback = extract.allowed_fallback(self.name, args, "choices", "separator", *FORM_ARGS)
        self._form = text_form(self.name, args)
        self._separator = text_arg(self.name, args, "separator")
        choices = args.get("choices") or ()
        if not isinstance(choices, (list, tuple)):
            raise UsageError(f"scorer exact: choices must be a list of words, not {choices!r}")
        words = "|".join(re.escape(str(c)) for c in choices)
        self._choices = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if words else None

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation against `item.target`, or any of them if it is a list."""
        right = {self._form.of(t) for t in accepted(item.target, self._separator)}
        return grade(
            generation,
            self._extract,
            lambda answer: Judged(float(self._form.of(answer) in right), "text"),
            f"{self.name}@{self.version}",
        )

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same: nothing here takes long."""
        return self.score(item, generation)

    def close(self) -> None:
        """Nothing to stop."""

    def _extract(self, text: str) -> Extracted | None:
        found = extract.final_answer(text, self._fallback) or bare(text)
        if found is None:
            return None
        if (wrapped := _WRAPPED.fullmatch(found.answer)) is not None:
            found = replace(found, answer=wrapped[1].strip())
        if self._choices is None:
            return found
        named = list(self._choices.finditer(found.answer))
        if len({self._form.of(n.group()) for n in named}) != 1 or _DENIED.search(found.answer[: named[0].start()]):
            return None
        return replace(found, answer=named[0].group())
