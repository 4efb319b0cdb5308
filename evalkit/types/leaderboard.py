"""Boards: what one consists of, and what it looks like when it is filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.types.statistics import Outcome

PUBLISHED = "published"
CLAIM = "claim"
BASELINE = "baseline"
MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardTask:
    """A task on a board, with the margin and alpha declared for it."""

    task: str
    margin: float | None = None
    alpha: float | None = None
    samples: int | None = None
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardColumn:
    """A column of published numbers only: of a benchmark that no task measures, or of another metric than the mean."""

    benchmark: str
    """Stem of the reference file."""
    title: str | None = None
    measures: str = "mean_accuracy"
    unit: str | None = None
    """For `measures: other`, where a benchmark has ratings and percentiles: which of them."""
    variant: str | None = None
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardReference:
    """A published model on a board."""

    model: str
    variant: str | None = None
    """For example a reasoning effort, where the model was published with several."""

    @property
    def label(self) -> str:
        return self.model if self.variant is None else f"{self.model} ({self.variant})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What somebody said of a model without a number that could stand in a column."""

    model: str
    statement: str
    reported_by: str
    source: str
    date: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A leaderboard, and the suite that fills it."""

    name: str
    title: str
    tasks: tuple[BoardTask, ...]
    references: tuple[BoardReference, ...]
    """Reference models, in row order."""
    columns: tuple[BoardColumn, ...] = ()
    """After the tasks."""
    against: tuple[str, ...] = ()
    """Reference models that a run gets verdicts against; if none are named, all of `references`."""
    protocol: str | None = None
    """Named protocol of the suite, which every row is held against."""
    order: str = "given"
    """`given`, or the task or column key by which rows stand, best first."""
    statements: tuple[Statement, ...] = ()
    note: str = ""

    @property
    def rivals(self) -> tuple[str, ...]:
        """Models that a run of this suite declares as references."""
        return self.against or tuple(dict.fromkeys(entry.model for entry in self.references))


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a filled board."""

    key: str
    """What cells are found by: the task, or the benchmark with `:measures`, `:unit`, `[variant]` where they matter."""
    title: str
    task: str | None
    benchmark: str
    """Stem of the reference file; the task's name where nobody published anything."""
    measures: str = "mean_accuracy"
    """`mean_accuracy`, `majority`, `pass_at_k` or `other`."""
    variant: str = ""
    """Window or subset; empty for the whole."""
    unit: str = "%"
    group: str = ""
    dataset: str | None = None
    """Hub name of the data, if a task says so."""
    dataset_config: str | None = None
    split: str | None = None
    margin: float | None = None
    alpha: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherValue:
    """Another published record of a cell."""

    record: str
    value: float
    metric: str
    version: str | None
    reported_by: str
    source: str
    date: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One score on a board, with where it comes from. Scores in the unit of the column."""

    value: float
    metric: str = ""
    """As the source calls it; `avg@k` of a run."""
    error_bar: str
    """Its kind: `measured`, `assumed` (binomial, from n and k), `exact` (none needed), `unknown`; `mixed` (average)."""
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
    record: str | None = None
    """Id of the reference, if it is one."""
    run: str | None = None
    """Id of the run, if it is one."""
    version: str | None = None
    """Which model exactly: the source's words, or the id that the endpoint gave."""
    claim: bool = False
    """A vendor's number of which neither sampling, token limit, k nor prompt is stated."""
    informal: tuple[str, ...] = ()
    """Protocol fields in which the cell differs from what the board declares, or that its source does not state."""
    not_comparable: tuple[str, ...] = ()
    """Why it measures something else than the column."""
    samples_owed: int = 0
    """Samples of the run that are still missing."""
    samples_planned: int | None = None
    """Samples that the whole run has; None for published cells."""
    others: tuple[OtherValue, ...] = ()
    """What else was published for this cell."""
    notes: tuple[str, ...] = ()
    rank: tuple[int, int] | None = None
    """(best, worst) rank among the rows with a score here, 1 = highest. All ranks of a column hold together with 95 %;
    they speak of sampling noise only, not of protocols. None if there is no other row to rank it with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardRow:
    """One model: published (by others), measured (by a run), or a baseline (counted from the items)."""

    model: str
    kind: str
    """`published`, `claim` (nothing but claims), `baseline` or `measured`."""
    cells: Mapping[str, Cell]
    """Column key -> score; a column without a score is absent."""
    average: Cell | None = None
    """Mean over all tasks of the board, each with the same weight; None if one has no score, or there is only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardVerdict:
    """What `evalkit compare` says of a run on the board, in the board's words."""

    model: str
    run: str
    column: str
    reference: str
    outcome: Outcome
    informal: bool
    difference: float | None
    """Points; so is the interval."""
    interval: tuple[float, float] | None
    margin: float
    """Points."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardClaim:
    """What the verdicts of a run against one reference show together."""

    model: str
    run: str
    reference: str
    on_all: bool
    """On par or better on every task of the board: none may be missing."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """A filled board."""

    board: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[LeaderboardRow, ...]
    protocol: str | None = None
    """Named protocol of the board, with its digest; None: the protocol of each task."""
    verdicts: tuple[BoardVerdict, ...] = ()
    claims: tuple[BoardClaim, ...] = ()
    statements: tuple[Statement, ...] = ()
    note: str = ""
