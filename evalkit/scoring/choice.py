"""The `choice` scorer: which option of a multiple-choice question an answer names.

A letter, the text of an option, or both are accepted; two options in one conclusion, or a letter beside the text of
another option, are refused (`unparsed`), and so is everything that concludes on none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from evalkit.errors import UsageError
from evalkit.scoring.conclusion import concluded
from evalkit.scoring.grade import Extracted, Judged, grade
from evalkit.scoring.options import Options, options_in, options_of
from evalkit.scoring.statements import Conclusion
from evalkit.tasks.choices import LETTERS
from evalkit.types import Generation, Item, Json, Score, Status

TARGETS = ("letter", "index", "text")
_DEFAULT_LETTERS = LETTERS[:10]
_INVERTED = re.compile(
    r"\b(?:NOT|EXCEPT|LEAST)\b|\bexcept\b|\b(?:is|are)\s+(?:not|false|incorrect|wrong|untrue|inaccurate)\b"
    r"|\b(?:false|incorrect|wrong|untrue|inaccurate)\s+(?:statement|option|one|claim|sentence)s?\b"
)
"""Questions that ask for the option that is not right."""


class ChoiceScorer:
    """`scorer: choice`.

    The options are `item.metadata["choices"]`, else the lettered list in `metadata["question"]` or in the last message;
    without either only letters count. `scorer_args`: `letters` (default `ABCDEFGHIJ`) are those letters; `target`
    (`letter`, `index` counted from 0, `text`) says what `item.target` is. Without it a whole number (not text) is an
    index, and text is a letter (`B`, `(B)`), else an option's text, else the digits of an index.
    """

    name = "choice"
    version = "2"

    def __init__(self, args: Mapping[str, Json]) -> None:
        unknown = ", ".join(sorted(set(args) - {"letters", "target"}))
        if unknown:
            raise UsageError(f"scorer choice: unknown scorer_args {unknown}; known: letters, target")
        self._letters = args.get("letters", _DEFAULT_LETTERS)
        if not (isinstance(self._letters, str) and re.fullmatch(r"[A-Z]{2,26}", self._letters)):
            raise UsageError(f"scorer choice: letters must be capital letters such as ABCDE, not {self._letters!r}")
        self._target = args.get("target")
        if self._target is not None and self._target not in TARGETS:
            raise UsageError(f"scorer choice: target must be one of {', '.join(TARGETS)}, not {self._target!r}")

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation against `item.target`."""
        options = _options(item, self._letters)
        right = _target_letters(item.target, options, self._target)
        found: list[Conclusion] = []

        def extract(text: str) -> Extracted | None:
            conclusion = concluded(text, options)
            if conclusion is None:
                return None
            found.append(conclusion)
            return Extracted(", ".join(conclusion.reading.letter), conclusion.step, conclusion.conclusive)

        def judge(answer: str) -> Judged:
            reading = found[-1].reading
            if reading.problem:
                return Judged(None, reading.how, reading.problem)
            if not right:
                return Judged(None, reading.how, f"the target {str(item.target)[:80]!r} is none of the options")
            return Judged(float(answer in right), reading.how)

        score = grade(generation, extract, judge, f"{self.name}@{self.version}")
        refused = score.status is Status.ERRORED and found and found[-1].reading.problem
        # An answer that names no single option is the model's failure, not the harness's.
        return replace(score, status=Status.UNPARSED) if refused else score

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same: nothing here takes long."""
        return self.score(item, generation)

    def close(self) -> None:
        """Nothing to stop."""


def _options(item: Item, letters: str) -> Options:
    choices = item.metadata.get("choices")
    question = str(item.metadata.get("question") or next((t for r, t in reversed(item.messages) if r == "user"), ""))
    options = options_of(choices if isinstance(choices, (list, tuple)) else options_in(question), letters)
    return replace(options, inverted=True) if _INVERTED.search(question) else options


def _target_letters(target: Json, options: Options, what: str | None) -> str:
    """The letters that are right; none if the target is no option of this question."""
    index = isinstance(target, int) and not isinstance(target, bool)
    text = str(target).strip()
    if what == "index" or (what is None and index):
        return _at(text, options)
    letter = re.fullmatch(r"[(\[]?\s*([A-Za-z])\s*[)\].]?", text)
    if what != "text" and letter is not None and letter[1].upper() in options.letters:
        return letter[1].upper()
    found = options.matching(text) if what != "letter" else ""
    return found or (_at(text, options) if what is None and options.texts else "")


def _at(digits: str, options: Options) -> str:
    return options.letters[int(digits)] if digits.isdecimal() and int(digits) < len(options.letters) else ""
