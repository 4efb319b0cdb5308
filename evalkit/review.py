"""Which samples of a run deserve to be read: where graders differ, where an answer may have been missed, where the gold
is not the published one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from evalkit.scoring.errata import Corrections
from evalkit.store import Key, RunStore
from evalkit.types import Json, Score, Status

_TAIL_CHARS = 300
_SEARCHED_CHARS = 100_000
_NUMBER = re.compile(r"[-−]?\d[\d,]*(\.\d+)?|[-−]?\.\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One sample to be read."""

    task: str
    item: str
    sample: int
    targets: tuple[Json, ...]
    """What the answer was compared with; several if the item has several right golds."""
    published: Json
    """The gold as published."""
    score: Score
    opinions: tuple[Score, ...]
    """Of the graders that judge otherwise; who it is stands in `scorer`."""
    tail: str
    """The end of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How many there are, and the first of them."""

    n: int
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The lists of one run."""

    disagreements: Listing
    """Another grader judges otherwise than the score does."""
    missed: Listing
    """Unparsed, although the text contains the target."""
    corrected: Listing
    """Scored against a corrected gold."""


@dataclass(slots=True)
class _List:
    """Counts all, keeps as many as are shown: a text is read only for those."""

    limit: int
    n: int = 0
    cases: list[Case] = field(default_factory=list)

    def add(self, reader: _Reader, key: Key, opinions: Iterable[Score] = ()) -> None:
        self.n += 1
        if len(self.cases) < self.limit:
            self.cases.append(reader.case(key, tuple(opinions)))

    @property
    def listing(self) -> Listing:
        return Listing(n=self.n, cases=tuple(self.cases))


class _Reader:
    """Samples of a run with their targets."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._corrections = {task.name: Corrections(task.errata) for task in store.record.spec.tasks}

    def targets(self, key: Key) -> tuple[Json, ...]:
        return self._corrections[key[0]].targets(self._store.item(key[0], key[1]))

    def case(self, key: Key, opinions: tuple[Score, ...]) -> Case:
        task, position, sample = key
        item = self._store.item(task, position)
        return Case(
            task=task,
            item=item.id,
            sample=sample,
            targets=self._corrections[task].targets(item),
            published=item.target,
            score=self._store.score(key),
            opinions=opinions,
            tail=self._store.generation(key).answer[-_TAIL_CHARS:],
        )


def review(store: RunStore, limit: int) -> Review:
    """All lists, each with at most `limit` cases in it."""
    reader = _Reader(store)
    disagreements, missed, corrected = _List(limit), _List(limit), _List(limit)
    for task in store.record.spec.tasks:
        for key, opinions in _different(store, task.name).items():
            disagreements.add(reader, key, opinions)
        for position, sample in store.with_status(task.name, Status.UNPARSED):
            key = task.name, position, sample
            text = store.generation(key).answer
            if any(contains(text, target) for target in reader.targets(key)):
                missed.add(reader, key)
        for position, sample in store.corrected(task.name):
            corrected.add(reader, (task.name, position, sample))
    return Review(disagreements=disagreements.listing, missed=missed.listing, corrected=corrected.listing)


def _different(store: RunStore, task: str) -> dict[Key, list[Score]]:
    found: dict[Key, list[Score]] = {}
    for grader in store.opinions.graders(task):
        for position, sample, opinion in store.opinions.different(task, grader):
            found.setdefault((task, position, sample), []).append(opinion)
    return dict(sorted(found.items()))


def contains(text: str, target: Json) -> bool:
    """Whether the target stands in the text as a whole number or whole words, not as a part of longer ones.

    Case, spaces, dollar signs and commas between thousands do not count. A hint to readers, not a grade.
    """
    wanted = _normal(str(target))
    if not wanted:
        return False
    if _NUMBER.fullmatch(wanted):
        number = re.sub(r"(\.\d*?)0+$", r"\1", wanted).rstrip(".") if "." in wanted else wanted
        zeros = "0*" if "." in number else r"(?:\.0+)?"
        pattern = rf"(?<![\w.\-−]){re.escape(number)}{zeros}(?![\w]|[.,]\d)"
    else:
        before, after = (r"(?<!\w)" if wanted[0].isalnum() else ""), (r"(?!\w)" if wanted[-1].isalnum() else "")
        pattern = before + re.escape(wanted) + after
    return re.search(pattern, _normal(text[-_SEARCHED_CHARS:])) is not None


def _normal(text: str) -> str:
    text = re.sub(r"\\[,!;: ]|\$", "", text.casefold())
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"\s*([\\{}()\[\]^_=+*/])\s*", r"\1", text)
    return " ".join(text.split())
