"""What stands around the scores of a board: what its signs mean, of those that occur on it, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalkit.report.boardtext import AVERAGE, INFORMAL, NOT_COMPARABLE, Score, line
from evalkit.types import BASELINE, CLAIM, MEASURED, PUBLISHED, Cell, Column, Leaderboard, LeaderboardRow

VERDICT_LEGEND = (
    "Difference: run minus reference in points, with the interval that the verdict is read from. Margin: how many "
    "points count as the same, declared before the run."
)
STATEMENTS_TITLE = "Said without a number that could be checked"
_KINDS = {
    PUBLISHED: "taken from the source given; ± is the sampling standard error, assumed from the number of questions "
    "and samples (an unstated k counts as 1).",
    CLAIM: "a vendor's own number, or a copy of one, of which neither sampling, token limit, k nor prompt is stated; "
    "± as for published.",
    BASELINE: "a property of the items, exact: it has no ±.",
    MEASURED: "by an evalkit run, with the 95 % interval of a repeat on the same items.",
}
_UNKNOWN = "how far off the number may be is not known."
_MIXED = "the average is over measured and published scores, and so is its standard error."
_INFORMAL = "informal: the protocol differs from what the board declares, or is not stated; the note says where."
_NOT_COMPARABLE = "not comparable: it measures something else than the column; the note says what."
_PARTIAL = "the run is not finished, and this is its score so far."
_RANK = (
    "place among the rows with a score in the column. 2–5: any place from 2 to 5 is possible; a single number: no "
    "other place is. All ranks of a column hold together with 95 %. They speak of sampling noise only, not of "
    "protocols: rows with other prompts or token limits are ranked all the same; what is not comparable has no rank."
)
_UNITS = "Scores in percent, unless the head of a column names another unit."
_NO_AVERAGE = "No row has a score on every task, so there is no average."


def legend(scores: Sequence[Score]) -> Iterable[tuple[str, str]]:
    """Of what occurs on the board, and of nothing else."""
    yield from ((kind, text) for kind, text in _KINDS.items() if any(score.kind == kind for score in scores))
    if any(score.bar.endswith("?") for score in scores):
        yield "± ?", _UNKNOWN
    if any(score.cell.error_bar == "mixed" for score in scores):
        yield AVERAGE, _MIXED
    if any(score.cell.samples_owed for score in scores):
        yield "% of samples", _PARTIAL
    if any(score.cell.informal for score in scores):
        yield INFORMAL, _INFORMAL
    if any(score.cell.not_comparable for score in scores):
        yield NOT_COMPARABLE, _NOT_COMPARABLE
    if any(score.cell.rank for score in scores):
        yield "rank", _RANK


def remarks(table: Leaderboard) -> Iterable[str]:
    """Sentences about the board as a whole, its own note last."""
    yield _UNITS if any(column.unit != "%" for column in table.columns) else "Scores in percent."
    if table.protocol:
        yield f"Protocol of the board: {line(table.protocol)}."
    columns = [line(column.title) for column in empty_columns(table)]
    if columns:
        yield f"Nobody has a score here: {', '.join(columns)}."
    empty = [row for row in table.rows if not cells_of(table, row)]
    published = [line(row.model) for row in empty if row.kind != MEASURED]
    measured = [line(row.model) for row in empty if row.kind == MEASURED]
    if published:
        yield f"No published score on this board: {', '.join(published)}."
    if measured:
        yield f"A run without a task of this board: {', '.join(measured)}."
    if sum(column.task is not None for column in table.columns) > 1 and not any(row.average for row in table.rows):
        yield _NO_AVERAGE
    if table.note:
        yield line(table.note)


def empty_columns(table: Leaderboard) -> list[Column]:
    """Columns without a single score: they are named below the tables instead."""
    return [column for column in table.columns if not any(column.key in row.cells for row in table.rows)]


def cells_of(table: Leaderboard, row: LeaderboardRow) -> list[Cell]:
    """The scores of a row in the order of the columns, its average last."""
    found = [row.cells.get(column.key) for column in table.columns] + [row.average]
    return [cell for cell in found if cell is not None]
