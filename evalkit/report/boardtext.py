"""A filled board as all formats show it: the parts, and how numbers and texts of others are written in them."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.report.format import plain
from evalkit.types import BoardVerdict, Cell, Column, Leaderboard

AVERAGE = "average"
AVERAGE_COLUMN = Column(key=AVERAGE, title=AVERAGE, task=None, benchmark=AVERAGE)
"""Stands for the mean over all tasks of the board."""
NONE = "–"
INFORMAL = "†"
NOT_COMPARABLE = "‡"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A lettered note."""

    mark: str
    """`†`, `‡` or nothing."""
    letter: str
    text: str

    @property
    def label(self) -> str:
        return self.mark + self.letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A cell as it is shown."""

    cell: Cell
    kind: str
    """`published`, `claim`, `baseline` or `measured`: how it looks."""
    value: str
    bar: str
    """`± 7.4`, `± ?`, `(58.0 to 64.0)` or nothing."""
    remarks: tuple[str, ...]
    """What stands beside the number in words: `claim`, `62 % of samples`."""
    rank: str
    """`2–5`, or a dash."""
    source: int
    notes: tuple[Note, ...]

    @property
    def marks(self) -> tuple[str, ...]:
        """Number of the source, then labels of the notes."""
        return (str(self.source), *(note.label for note in self.notes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A column as it is shown."""

    column: Column
    title: str
    """With metric, variant and unit where they matter."""
    ranked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of a section."""

    model: str
    kind: str
    versions: tuple[str, ...]
    """Which models exactly, as the sources of the section say."""
    scores: tuple[Score | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A group of columns, with the rows that have a score in it."""

    title: str
    heads: tuple[Head, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictLine:
    """A verdict as it is shown: words, and points."""

    task: str
    model: str
    run: str
    reference: str
    difference: str
    margin: str
    outcome: str
    verdict: BoardVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardText:
    """Everything that is said of a board, in the order in which it is said."""

    title: str
    sections: tuple[Section, ...]
    verdicts: tuple[VerdictLine, ...]
    claims: tuple[str, ...]
    statements: tuple[tuple[str, str], ...]
    """(model, what was said of it, by whom and where)."""
    legend: tuple[tuple[str, str], ...]
    """(what is explained, its explanation)."""
    remarks: tuple[str, ...]
    notes: tuple[Note, ...]
    sources: tuple[str, ...]
    """In the order of their numbers, from 1."""


def yardstick(table: Leaderboard) -> str:
    """What the cells are held against, in words."""
    return line(table.protocol).partition(" (")[0] if table.protocol else "the protocol of the task"


def line(text: str) -> str:
    """A text of others on one line."""
    return " ".join(plain(text).split())


def number(value: float, unit: str) -> str:
    """`79.2` in percent, `2029` in other units."""
    return f"{value:.1f}" if unit == "%" else f"{value:g}"
