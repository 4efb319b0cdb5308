"""Windows of dates: `livecodebench:2024-08..2025-01` has the items of these months.

Both ends are included; a month stands for its first day at the start and for its last at the end. Days are those that
the data write: nothing is moved between time zones. What a task file says of its items (`n_items`, `items_digest`) is
of its default window, and is not said of any other.
"""

from __future__ import annotations

import calendar
import dataclasses
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from evalkit.errors import TaskError, UsageError
from evalkit.types import TaskSpec, Window

_MONTH = re.compile(r"(\d{4})-(\d\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def read(text: str, field: str) -> Window:
    """`2024-08..2025-01` or `2024-08-15..2024-09-30`; raises `ValueError` saying what is wrong with it."""
    first, dots, last = text.partition("..")
    if not dots:
        raise ValueError(f"{text!r} is no window of dates: write FIRST..LAST, for example 2024-08..2025-01")
    window = Window(field=field, first=_day(first, at_end=False), last=_day(last, at_end=True))
    if window.last < window.first:
        raise ValueError(f"the window {text} ends before it starts")
    return window


def name_of(base: str, text: str) -> str | None:
    """What a task is called on a window: `livecodebench:2024-08..2025-01`; None if `text` is no window."""
    try:
        return f"{base}:{read(text, '')}"
    except ValueError:
        return None


def within(task: TaskSpec, text: str) -> TaskSpec:
    """A task, as its file declares it, on the window that the user names; raises `UsageError`."""
    if task.window is None:
        raise UsageError(f"task {task.name}:{text}: {task.name} has no window of dates; leave out :{text}")
    try:
        window = read(text, task.window.field)
    except ValueError as fault:
        raise UsageError(f"task {task.base}:{text}: {fault}") from None
    if window == task.window:
        return task
    return dataclasses.replace(task, name=f"{task.base}:{window}", window=window, n_items=None, items_digest=None)


def holds(task: TaskSpec, window: Window, row: Mapping[str, Any]) -> bool:
    """Whether a row lies in the window; raises `TaskError` if it has no date there."""
    if window.field not in row:
        raise _wrong(task, f"no field {window.field!r}; a row has: {', '.join(row)}")
    value = str(row[window.field])[:10]  # of a text such as 2024-08-17T00:00:00, or of what a hub data set gives
    try:
        day = _day(value, at_end=False) if _DAY.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None:
        raise _wrong(task, f"{window.field} is {row[window.field]!r} in a row, which is no date such as 2024-08-17")
    return window.first <= day <= window.last


def _wrong(task: TaskSpec, message: str) -> TaskError:
    return TaskError(message, file=task.source_file, field="metadata.evalkit.window.field")


def _day(text: str, *, at_end: bool) -> str:
    try:
        if month := _MONTH.fullmatch(text):
            year, number = int(month[1]), int(month[2])
            return date(year, number, calendar.monthrange(year, number)[1] if at_end else 1).isoformat()
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass  # a month 13, a 30th of February
    raise ValueError(f"{text!r} is no month such as 2024-08 and no day such as 2024-08-15")
