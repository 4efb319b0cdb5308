"""Grading against corrected golds, around any scorer: the one place where errata meet an answer.

The scorer sees the item with a corrected target in place of the published one; where several targets are right, with
each in turn, and the best score counts. What is graded this way is marked in the score.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

from evalkit.contracts import Scorer
from evalkit.types import Errata, Erratum, Generation, Item, Json, Score, Status, TaskSpec


class Corrections:
    """Which erratum an item has. Remembers what it found: looking for texts costs more than an id."""

    def __init__(self, errata: Errata | None) -> None:
        known = errata.items if errata else ()
        self._by_id = {erratum.item: erratum for erratum in known if erratum.item is not None}
        self._by_text = [(erratum, [_squeeze(piece) for piece in erratum.text]) for erratum in known if erratum.text]
        self._found: dict[str, Erratum | None] = {}

    def about(self, item: Item) -> Erratum | None:
        """The erratum that speaks of this item, whether or not its gold is still the published one."""
        if item.id not in self._found:
            self._found[item.id] = self._by_id.get(item.id) or self._by_its_text(item)
        return self._found[item.id]

    def of(self, item: Item) -> Erratum | None:
        """The erratum to apply."""
        erratum = self.about(item)
        return erratum if erratum is not None and is_published(erratum, item) else None

    def targets(self, item: Item) -> tuple[Json, ...]:
        """What an answer may agree with."""
        erratum = self.of(item)
        return erratum.targets if erratum is not None else (item.target,)

    def _by_its_text(self, item: Item) -> Erratum | None:
        if not self._by_text or not item.messages:
            return None
        question = _squeeze(item.messages[-1][1])
        return next((erratum for erratum, pieces in self._by_text if _in_order(pieces, question)), None)


class CorrectingScorer:
    """A scorer whose items are corrected first."""

    def __init__(self, scorer: Scorer, errata: Errata) -> None:
        self._scorer = scorer
        self._corrections = Corrections(errata)
        self.name = scorer.name
        self.version = scorer.version

    def score(self, item: Item, generation: Generation) -> Score:
        """Grade against the corrected targets."""
        erratum = self._corrections.of(item)
        if erratum is None:
            return self._scorer.score(item, generation)
        return _best([self._scorer.score(other, generation) for other in _variants(item, erratum)], erratum)

    def score_at_once(self, item: Item, generation: Generation) -> Score | None:
        """The same, unless one of the targets takes a worker."""
        erratum = self._corrections.of(item)
        if erratum is None:
            return self._scorer.score_at_once(item, generation)
        scores = [self._scorer.score_at_once(other, generation) for other in _variants(item, erratum)]
        known = [score for score in scores if score is not None]
        return _best(known, erratum) if len(known) == len(scores) else None

    def close(self) -> None:
        """Stop the workers of the scorer."""
        self._scorer.close()


def correcting(scorers: Mapping[str, Scorer], tasks: Iterable[TaskSpec]) -> dict[str, Scorer]:
    """The scorers of tasks, around those whose task has errata a `CorrectingScorer`."""
    return {
        task.name: CorrectingScorer(scorers[task.name], task.errata) if task.errata else scorers[task.name]
        for task in tasks
    }


def is_published(erratum: Erratum, item: Item) -> bool:
    """Whether the item has the gold that the erratum corrects."""
    return erratum.published.strip().casefold() == str(item.target).strip().casefold()


def _variants(item: Item, erratum: Erratum) -> Iterable[Item]:
    return (dataclasses.replace(item, target=target) for target in erratum.targets)


def _best(scores: list[Score], erratum: Erratum) -> Score:
    """Status does not depend on the target but for what could not be compared: any value is better than none."""
    best = max(scores, key=lambda score: -1.0 if score.value is None else score.value)
    return dataclasses.replace(best, erratum=erratum.reason) if best.status is Status.SCORED else best


def _in_order(pieces: list[str], text: str) -> bool:
    at = 0
    for piece in pieces:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text)
