"""What other graders say of the stored answers: a table beside the scores, which never changes one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from evalkit.errors import StoreError
from evalkit.store.totals import Query
from evalkit.types import Score, Status

Key = tuple[str, int, int]
"""Task name, position of the item, sample number."""

JUDGE = "judge:"
"""How the name of a grader begins that is a model; it is asked about unparsed answers only."""
_PAGE = 512
_PUT = "INSERT OR REPLACE INTO opinions VALUES(?,?,?,?,?,?,?,?)"
DROP_OPINIONS = "DELETE FROM opinions WHERE task=? AND sample=? AND item=?"
_FIRST, _SECOND = "(coalesce(s.value, 0) >= 1)", "(coalesce(o.value, 0) >= 1)"
_DIFFERENT = f"""
SELECT s.item, s.sample, o.status, o.value, o.answer, o.reason
FROM opinions o JOIN samples s USING(task, sample, item)
WHERE o.task=?1 AND o.grader=?2 AND o.status != 'errored' AND s.status NOT NULL AND s.status != 'errored'
AND (?3 IS NULL OR s.status=?3) AND {_FIRST} != {_SECOND}
ORDER BY s.item, s.sample
"""


def asked_of(grader: str) -> Status | None:
    """The only status of answers that a grader is asked about; None for all answers."""
    return Status.UNPARSED if grader.startswith(JUDGE) else None


class Opinions:
    """The table of one run directory. A grader is a name, such as `math-verify@1` or `judge:some-model`."""

    def __init__(self, query: Query, put: Callable[[str, tuple[Any, ...]], None], tasks: Mapping[str, int]) -> None:
        self._query = query
        self._put = put
        self._tasks = tasks

    def put(self, key: Key, grader: str, score: Score) -> None:
        """Store an opinion; an earlier one of the same grader is replaced."""
        task, item, sample = key
        columns = (score.status, score.value, score.answer, score.reason)
        self._put(_PUT, (self._tasks[task], sample, item, grader, *columns))

    def clear(self, task: str) -> None:
        """Forget all opinions of a task: they are of golds that hold no more."""
        self._put("DELETE FROM opinions WHERE task=?", (self._tasks[task],))

    def graders(self, task: str) -> list[str]:
        """Who has an opinion on a task."""
        sql = "SELECT DISTINCT grader FROM opinions WHERE task=? ORDER BY grader"
        return [grader for (grader,) in self._query(sql, (self._tasks[task],))]

    def missing(self, task: str, grader: str) -> Iterator[tuple[int, int]]:
        """(position, sample) of every answer that this grader is to be asked about and has no opinion on."""
        sql = (
            "SELECT sample, item FROM samples s WHERE task=?1 AND text_digest NOT NULL AND (?3 IS NULL OR status=?3)"
            " AND (sample, item) > (?4, ?5) AND NOT EXISTS (SELECT 1 FROM opinions o WHERE o.task=s.task"
            " AND o.sample=s.sample AND o.item=s.item AND o.grader=?2) ORDER BY sample, item LIMIT ?6"
        )
        at = (-1, -1)
        while rows := self._query(sql, (self._tasks[task], grader, asked_of(grader), *at, _PAGE)):
            at = rows[-1]
            yield from ((item, sample) for sample, item in rows)

    def marks(self, task: str, grader: str) -> list[tuple[int, int, str, float | None]]:
        """(sample, position, status, value) of every opinion of a grader."""
        sql = "SELECT sample, item, status, value FROM opinions WHERE task=? AND grader=?"
        return self._query(sql, (self._tasks[task], grader))

    def different(self, task: str, grader: str) -> list[tuple[int, int, Score]]:
        """(position, sample, opinion) of the answers that this grader judges otherwise than the score does."""
        rows = self._query(_DIFFERENT, (self._tasks[task], grader, asked_of(grader)))
        if damaged := {status for _, _, status, *_ in rows} - set(Status):
            raise StoreError(f"an opinion of {grader} on {task} is damaged: {damaged.pop()!r} is no status")
        return [
            (item, sample, Score(status=Status(status), value=value, answer=answer, reason=reason, scorer=grader))
            for item, sample, status, value, answer, reason in rows
        ]
