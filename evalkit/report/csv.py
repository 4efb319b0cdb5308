"""Leaderboard as CSV: one line per model and task, and one for the average where there is one."""

from __future__ import annotations

import csv
import io

from evalkit.types import Cell, Leaderboard

COLUMNS = (
    "model", "kind", "task", "score_percent", "se_points", "same_items_low", "same_items_high", "new_items_low",
    "new_items_high", "rank_best", "rank_worst", "n_items", "k", "date", "source", "notes",
)  # fmt: skip
AVERAGE = "average"
"""In the column `task`: the mean over all tasks of the board."""


class CsvExporter:
    """`--format csv`."""

    def render(self, table: Leaderboard) -> str:
        """A header and one line per filled cell, the average of a row after its tasks."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in table.rows:
            cells = [(task, row.cells.get(task)) for task in table.tasks] + [(AVERAGE, row.average)]
            for name, cell in cells:
                if cell is not None:
                    writer.writerow([_safe(v) for v in (row.model, row.kind, name, *_values(cell))])
        return out.getvalue()


def _values(cell: Cell) -> tuple[object, ...]:
    same, new = cell.interval or ("", ""), cell.population_interval or ("", "")
    numbers = (cell.value, cell.se, *same, *new, *(cell.rank or ("", "")))
    rounded = tuple(round(n, 4) if isinstance(n, float) else n for n in numbers)
    return (*rounded, cell.n_items, cell.samples, cell.date, cell.source, "; ".join(cell.notes))


def _safe(value: object) -> object:
    """Spreadsheets run text that looks like a formula; a leading apostrophe keeps it text."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return "'" + value
    return value
