"""Leaderboard as CSV: one line for each score, the average of a row after its columns; and one for each verdict.

Policy: spreadsheets run text that looks like a formula, so such text gets a leading apostrophe; so does what would be a
field of its own to a program that separates them by semicolons. Numbers are written as numbers.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

from evalkit.report.boardtext import AVERAGE_COLUMN, line, number
from evalkit.types import Cell, Column, Leaderboard, OtherValue

COLUMNS = (
    "model", "kind", "group", "column", "title", "unit", "metric", "score", "error_bar", "se", "same_items_low",
    "same_items_high", "new_items_low", "new_items_high", "rank_best", "rank_worst", "n_items", "k", "date", "source",
    "record", "run", "version", "claim", "informal", "not_comparable", "samples_owed", "samples_planned", "others",
    "notes",
)  # fmt: skip
VERDICT_COLUMNS = (
    "model", "run", "column", "title", "reference", "outcome", "informal", "difference_points", "low_points",
    "high_points", "margin_points", "sentence",
)  # fmt: skip
_FORMULA = frozenset({"=", "+", "-", "@"})


class CsvExporter:
    """`--format csv`."""

    def render(self, table: Leaderboard) -> str:
        """A header and one line per filled cell; empty fields are not known or do not apply."""
        rows = []
        for row in table.rows:
            cells = [(column, row.cells.get(column.key)) for column in table.columns] + [(AVERAGE_COLUMN, row.average)]
            rows += [(row.model, row.kind, *_about(c), *_values(cell, c)) for c, cell in cells if cell is not None]
        return _written(COLUMNS, rows)


class CsvVerdictsExporter:
    """`--format csv-verdicts`."""

    def render(self, table: Leaderboard) -> str:
        """A header and one line per verdict, in points."""
        titles = {column.key: column.title for column in table.columns}
        rows = [
            (
                v.model, v.run, v.column, titles.get(v.column, v.column), v.reference, v.outcome.value,
                _yes(v.informal), v.difference, *(v.interval or (None, None)), v.margin, v.sentence,
            )
            for v in table.verdicts
        ]  # fmt: skip
        return _written(VERDICT_COLUMNS, rows)


def _about(column: Column) -> tuple[str, ...]:
    return column.group, column.key, column.title, column.unit


def _values(cell: Cell, column: Column) -> tuple[object, ...]:
    nothing = (None, None)
    return (
        cell.metric, cell.value, cell.error_bar, cell.se, *(cell.interval or nothing),
        *(cell.population_interval or nothing), *(cell.rank or nothing), cell.n_items, cell.samples, cell.date,
        cell.source, cell.record, cell.run, cell.version, _yes(cell.claim), "; ".join(cell.informal),
        "; ".join(cell.not_comparable), cell.samples_owed, cell.samples_planned,
        "; ".join(_other(other, column) for other in cell.others), "; ".join(cell.notes),
    )  # fmt: skip


def _other(other: OtherValue, column: Column) -> str:
    """`74.4 (source, date)`."""
    return f"{number(other.value, column.unit)} ({', '.join(filter(None, (other.source, other.date)))})"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _written(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_safe(value) for value in row] for row in rows)
    return out.getvalue()


def _safe(value: object) -> object:
    """Text on one line that is no formula; numbers to four digits."""
    if isinstance(value, float):
        return round(value, 4)
    return ";".join(map(_tamed, line(value).split(";"))) if isinstance(value, str) else value


def _tamed(text: str) -> str:
    """An apostrophe before what is a formula, also in full-width letters or behind what does not show."""
    start = next((i for i, char in enumerate(text) if unicodedata.category(char)[0] not in "ZC"), len(text))
    is_formula = unicodedata.normalize("NFKC", text[start : start + 1]) in _FORMULA
    return f"{text[:start]}'{text[start:]}" if is_formula else text
