"""Boards: what one consists of, and what it looks like when it is filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardTask:
    """A task on a board, with the margin and alpha declared for it."""

    task: str
    margin: float | None = None
    alpha: float | None = None
    samples: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A leaderboard, and the suite that fills it."""

    name: str
    title: str
    tasks: tuple[BoardTask, ...]
    references: tuple[str, ...]
    """Reference models, in column order."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One score on a board, with where it comes from. Scores in percent."""

    value: float
    se: float | None
    """Sampling standard error: measured for a run, assumed from n and k for a published number; None if unknown."""
    interval: tuple[float, float] | None
    """95 % interval of a repeat on the same items (measured cells only)."""
    population_interval: tuple[float, float] | None
    """95 % interval for questions like these (measured cells only)."""
    n_items: int | None
    samples: int | None
    """k; None if not stated."""
    date: str | None
    source: str
    """Where it was published, or `run <id>`."""
    exact: bool = False
    """A property of the items: it has no noise."""
    notes: tuple[str, ...] = ()
    rank: tuple[int, int] | None = None
    """(best, worst) rank among the rows with a score here, 1 = highest. All ranks of a column hold together with 95 %;
    they speak of sampling noise only, not of protocols. None if there is no other row to rank it with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardRow:
    """One model: published (by others), measured (by a run), or a baseline (counted from the items)."""

    model: str
    kind: str
    """`published`, `baseline` or `measured`."""
    cells: Mapping[str, Cell]
    """Task -> score; a task without a score is absent."""
    average: Cell | None = None
    """Mean over all tasks of the board, each with the same weight; None if one has no score, or there is only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """A filled board."""

    board: str
    title: str
    tasks: tuple[str, ...]
    titles: Mapping[str, str]
    rows: tuple[LeaderboardRow, ...]
    note: str = ""
