"""The `exact` scorer: the extracted answer equals the target as text, up to case, spaces and quotation marks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evalkit.scoring import extract
from evalkit.scoring.grade import Extracted, Judged, grade
from evalkit.types import Generation, Item, Json, Score


class ExactScorer:
    """`scorer: exact`.

    `scorer_args`: `fallback` (`last_line`, `last_number`) allows a guess; `choices: [yes, no]` makes the answer the
    last of these words in the concluding form.
    """

    name = "exact"
    version = "1"

    def __init__(self, args: Mapping[str, Json]) -> None:
        self._fallback = extract.allowed_fallback(self.name, args, "choices")
        choices = args.get("choices") or ()
        words = "|".join(re.escape(str(c)) for c in choices)
        self._choices = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if words else None

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade one generation against `item.target`."""
        return grade(
            generation,
            self._extract,
            lambda answer: Judged(float(normal(answer) == normal(str(item.target))), "text"),
            f"{self.name}@{self.version}",
        )

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same: nothing here takes long."""
        return self.score(item, generation)

    def close(self) -> None:
        """Nothing to stop."""

    def _extract(self, text: str) -> Extracted | None:
        found = extract.final_answer(text, self._fallback)
        if found is None or self._choices is None:
            return found
        named = self._choices.findall(found.answer)
        if len({normal(n) for n in named}) != 1:
            return None
        return Extracted(named[0], found.step, found.conclusive)


def normal(text: str) -> str:
    """Text without case, outer quotation marks and differences in spacing."""
    return re.sub(r"\s+", " ", text).strip().strip("\"'“”‘’").casefold()
