"""Grade rows of a file: `{id, target, prediction}` or `{id, target, output}`, one result for each, in their order.

With the items of a task, a row names its item instead: `{id, task_id, completion}` or `{id, task_id, output}`.
`prediction` (or `completion`) is a bare answer, which nothing is searched for. `output` is all that a model wrote, its
reasoning included; `reasoning`, `reasoning_closed` and `finish_reason` say what an endpoint said beside it. `choices`
and `question` are what the item asked; `metadata` and `args` are what the scorer needs besides, as in a task file.
A row that cannot be graded gets the status `errored` and the reason: no row ends the file.
"""

from __future__ import annotations

import collections
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from evalkit.clients import reasoning
from evalkit.codec import convert
from evalkit.contracts import GradesAnswers, RunsCode, Scorer
from evalkit.registry import build_scorer
from evalkit.types import Failure, Generation, Item, Json, SandboxChoice, Score, Status

_TEXTS = ("prediction", "completion", "output")
_BARE = _TEXTS[:2]
_SHOWN_REASONS = 3
_AHEAD = 8
"""Rows a thread is ahead of the one whose result is written next."""


class BadRow(Exception):
    """A line that is no row; the message says why, `name` is its id if it has one."""

    name: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing to grade."""

    id: Json
    item: Item
    generation: Generation
    prediction: str | None
    """The bare answer, if it is one."""
    args: Mapping[str, Json] = field(default_factory=dict)
    label: Json = None
    """What somebody else says of it: 1 or 0, if anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """A row's result."""

    id: Json
    """Its own, or the number of its line."""
    number: int
    score: Score
    label: Json = None
    item: str | None = None
    """Id of the task's item that it answers, if the rows are those of a task."""
    bad: bool = False
    """Whether it could not be graded, which is the fault of the row, of its item or of this machine."""

    def line(self) -> dict[str, Json]:
        """What stands in the file of results."""
        score = self.score
        return {
            "id": self.id,
            "status": score.status.value,
            "value": score.value,
            "answer": score.answer,
            "step": score.step,
            "reason": score.reason,
            **({"item": self.item, **score.detail} if self.item is not None else score.detail),
        }


def parse_row(line: bytes, number: int, items: Mapping[str, Item] | None = None) -> Row:
    """The row on a line of a file; raises `BadRow`."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise BadRow(f"not JSON: {fault}") from None
    if not isinstance(fields, dict):
        raise BadRow("not an object")
    try:
        return make_row(fields, fields.get("id", number), items)
    except BadRow as fault:
        fault.name = fields.get("id")
        raise


def make_row(fields: Mapping[str, Json], name: Json, items: Mapping[str, Item] | None = None) -> Row:
    """A row from its fields; raises `BadRow` where one is missing or of a wrong type."""
    item = None if items is None else _named_item(fields, items)
    if item is None and "target" not in fields:
        raise BadRow("no field target")
    texts = [name for name in _TEXTS if name in fields]
    if len(texts) != 1:
        raise BadRow(f"both {' and '.join(texts)}" if texts else f"neither {_BARE[items is not None]} nor output")
    metadata, args = fields.get("metadata") or {}, fields.get("args") or {}
    if not isinstance(metadata, dict) or not isinstance(args, dict):
        raise BadRow("metadata and args must be objects")
    if "choices" in fields:
        metadata = {**metadata, "choices": fields["choices"]}
    question = fields.get("question")
    messages = (("user", str(question)),) if question else ()
    prediction = fields[texts[0]] if texts[0] in _BARE else None
    if isinstance(prediction, (dict, list)):
        raise BadRow(f"{texts[0]} must be one answer, not {'a list' if isinstance(prediction, list) else 'an object'}")
    return Row(
        id=name,
        item=item or Item(id=str(name), messages=messages, target=fields["target"], metadata=metadata),
        generation=_generation(fields),
        prediction=None if prediction is None else str(prediction),
        args=args,
        label=fields.get("label"),
    )


def _named_item(fields: Mapping[str, Json], items: Mapping[str, Item]) -> Item:
    named = fields.get("task_id", fields.get("id"))
    if str(named) not in items:
        raise BadRow(f"the task has no item {named!r} (task_id)")
    return items[str(named)]


def _generation(fields: Mapping[str, Json]) -> Generation:
    text, trace = fields.get("output"), fields.get("reasoning") or ""
    if text is None:
        bare = next((fields[name] for name in _BARE if fields.get(name) is not None), "")
        text = str(bare)
        return Generation(answer=text, finish_reason=fields.get("finish_reason"))
    if not isinstance(text, str) or not isinstance(trace, str):
        raise BadRow("output and reasoning must be texts")
    trace, answer, closed = reasoning.split(text, trace)
    try:
        failure = convert(fields["failure"], Failure) if fields.get("failure") else None
    except ValueError as fault:
        raise BadRow(f"failure: {fault}") from None
    return Generation(
        answer=answer,
        reasoning=trace,
        reasoning_closed=closed and fields.get("reasoning_closed", True) is not False,
        finish_reason=fields.get("finish_reason"),
        failure=failure,
    )


class Grader:
    """Grades rows with one scorer; a row with `args` of its own gets one that has them. Thread-safe once built."""

    def __init__(
        self,
        scorer: str,
        args: Mapping[str, Json],
        sandbox: SandboxChoice = SandboxChoice(),  # noqa: B008  # immutable
        items: Mapping[str, Item] | None = None,
    ) -> None:
        """`items` are those of a task, by id; `sandbox` is where a scorer that runs code runs it."""
        self._name = scorer
        self._sandbox = sandbox
        self._items = items
        self._default = dict(args)
        self._scorers: dict[str, Scorer] = {}
        self.scorer_for({})

    def scorer_for(self, args: Mapping[str, Json]) -> Scorer:
        """The scorer with these arguments over the default ones; raises `UsageError`."""
        merged = self._default | dict(args)
        key = json.dumps(merged, sort_keys=True)
        if key not in self._scorers:
            self._scorers[key] = build_scorer(self._name, merged, self._sandbox)
        return self._scorers[key]

    @property
    def useful_jobs(self) -> int:
        """How many rows at once make it faster: each piece of code is run in a process of its own."""
        return os.cpu_count() or 1 if isinstance(self.scorer_for({}), RunsCode) else 1

    def grade(self, row: Row) -> Score:
        """The score of one row."""
        scorer = self.scorer_for(row.args)
        if row.prediction is not None and isinstance(scorer, GradesAnswers):
            return scorer.grade_answer(row.item, row.prediction)
        return scorer.score(row.item, row.generation)

    def grade_lines(self, lines: Iterable[bytes], jobs: int = 1) -> Iterator[Graded]:
        """One result for each line that is not empty, in their order; `jobs` lines are graded at once."""
        numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        if jobs == 1:
            yield from (self._result(number, line) for number, line in numbered)
            return
        waiting: collections.deque[Future[Graded]] = collections.deque()
        with ThreadPoolExecutor(jobs) as threads:
            for number, line in numbered:
                waiting.append(threads.submit(self._result, number, line))
                if len(waiting) >= jobs * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _result(self, number: int, line: bytes) -> Graded:
        try:
            row = parse_row(line, number, self._items)
        except BadRow as fault:
            name = number if fault.name is None else fault.name
            return Graded(id=name, number=number, score=self._errored(str(fault)), bad=True)
        try:
            item = None if self._items is None else row.item.id
            score = self.grade(row)
            bad = score.status is Status.ERRORED and row.generation.failure is None
            return Graded(id=row.id, number=number, score=score, label=row.label, item=item, bad=bad)
        except Exception as fault:  # the boundary of a row: whatever a scorer does with it, the others are graded
            score = self._errored(f"{type(fault).__name__}: {fault}")
            return Graded(id=row.id, number=number, score=score, label=row.label, bad=True)

    def _errored(self, reason: str) -> Score:
        return Score(status=Status.ERRORED, reason=reason, scorer=self._name)

    def close(self) -> None:
        """Stop the workers of all scorers."""
        for scorer in self._scorers.values():
            scorer.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A row that is graded otherwise than before; None where one of the two has no such row."""

    id: Json
    before: Mapping[str, Json]
    after: Mapping[str, Json] | None


class Earlier:
    """What a file says of each row: results of this command, or cases with `status` and `value`."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        """Raises `BadRow` for a line without `status`."""
        self._rows: dict[str, collections.deque[dict[str, Json]]] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                status = row["status"]
            except (ValueError, RecursionError, KeyError, TypeError):
                raise BadRow(f"{number}: no object with a status") from None
            key = str(row.get("id", number))
            self._rows.setdefault(key, collections.deque()).append({**row, "status": status})

    def flip(self, now: Graded) -> Flip | None:
        """The flip of a row, if it is one; a row that the file does not have is none."""
        rows = self._rows.get(str(now.id))
        if not rows:
            return None
        before, after = rows.popleft(), now.line()
        same = (before["status"], before.get("value")) == (after["status"], after["value"])
        return None if same else Flip(id=now.id, before=before, after=after)

    def missing(self) -> list[Flip]:
        """Rows of the file that no result came for."""
        return [Flip(id=row.get("id"), before=row, after=None) for rows in self._rows.values() for row in rows]


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of what was graded."""

    n: int = 0
    statuses: collections.Counter[str] = field(default_factory=collections.Counter)
    value_sum: float = 0.0
    labelled: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    bad: collections.Counter[str] = field(default_factory=collections.Counter)
    """Why rows could not be graded."""
    kinds: collections.Counter[str] = field(default_factory=collections.Counter)
    """Of code that did not pass."""
    by_item: dict[str, list[bool]] = field(default_factory=dict)
    """Of a task: item -> whether each of its rows is right, without those that say nothing of the model."""

    def add(self, graded: Graded) -> None:
        """Count one result. A right answer that got no value is a false negative; a wrong one without is not judged."""
        score = graded.score
        self.n += 1
        self.statuses[score.status.value] += 1
        if graded.bad:
            self.bad[score.reason or ""] += 1
        self.value_sum += score.value or 0.0
        if (kind := score.detail.get("kind")) is not None:
            self.kinds[str(kind)] += 1
        if graded.item is not None and score.status is not Status.ERRORED:
            self.by_item.setdefault(graded.item, []).append(score.value == 1.0)
        if graded.label is None:
            return
        right = bool(graded.label)
        self.labelled += 1
        self.false_negatives += right and score.value != 1.0
        self.false_positives += not right and bool(score.value)

    def text(self) -> str:
        """One line."""
        scored = self.statuses["scored"]
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.statuses.items()))
        parts = [f"{self.n} rows: {counts or 'nothing'}"]
        if scored:
            parts.append(f"mean value of the scored {self.value_sum / scored:.4f}")
        if self.kinds:
            parts.append("not passed: " + ", ".join(f"{kind} {n}" for kind, n in self.kinds.most_common()))
        if self.bad:
            shown = ", ".join(f"{reason:.100} ({n})" for reason, n in self.bad.most_common(_SHOWN_REASONS))
            parts.append(f"not graded, and in no score: {shown}{', ...' if len(self.bad) > _SHOWN_REASONS else ''}")
        if self.by_item:
            parts.append(self._passes())
        if self.labelled:
            parts.append(
                f"of {self.labelled} labelled rows {self.false_positives} false positives, "
                f"{self.false_negatives} false negatives"
            )
        return "; ".join(parts)

    def _passes(self) -> str:
        """pass@1, and pass@k for the k that every item has; of the items that have a row that was graded."""
        from evalkit.stats.metrics import pass_at_k  # here, since most files have no use for numpy

        right = [sum(rows) for rows in self.by_item.values()]
        n = [len(rows) for rows in self.by_item.values()]
        ks = sorted({1, min(n)})
        shown = ", ".join(f"pass@{k} {100 * float(pass_at_k(right, n, k).mean()):.1f} %" for k in ks)
        return f"{len(n)} items: {shown}"
