"""A filled board in words: whatever all formats say alike. A format only lays it out and escapes it.

Policy: a reader sees of every score what kind of number it is (published, claim, baseline, measured), what its error
bar is made of, and where it comes from. Sources are numbered, reasons for caution are lettered, and equal ones are
given once. Texts come from files of others: here they are put on one line, without what could steer a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from evalkit.report.boardtext import (
    AVERAGE,
    AVERAGE_COLUMN,
    INFORMAL,
    NONE,
    NOT_COMPARABLE,
    BoardText,
    Head,
    Line,
    Note,
    Score,
    Section,
    VerdictLine,
    line,
    number,
    yardstick,
)
from evalkit.report.legend import cells_of, empty_columns, legend, remarks
from evalkit.types import (
    CLAIM,
    OUTCOME_LABELS,
    BoardVerdict,
    Cell,
    Column,
    Leaderboard,
    LeaderboardRow,
    OtherValue,
    Statement,
)

_NOT_STATED = " (not stated)"
_MEASURES = {"majority": "majority vote", "pass_at_k": "pass@k"}


@dataclass(slots=True)
class _Register:
    """Numbers for sources and letters for notes, given out as they are first needed."""

    sources: dict[tuple[str, ...], int] = field(default_factory=dict)
    notes: dict[tuple[str, str], Note] = field(default_factory=dict)

    def source(self, *words: str) -> int:
        return self.sources.setdefault(words, len(self.sources) + 1)

    def other_source(self, other: OtherValue) -> int:
        """The number of what is cited already, whatever else was said with it."""
        words = tuple(word for word in (line(other.source), line(other.date or "")) if word)
        cited = (number for known, number in self.sources.items() if known[: len(words)] == words)
        return next(cited, None) or self.source(*words, line(other.reported_by))

    def note(self, mark: str, text: str) -> Note:
        note = Note(mark=mark, letter=_letters(len(self.notes)), text=text)
        return self.notes.setdefault((mark, text), note)


def in_words(table: Leaderboard) -> BoardText:
    """A filled board as all formats show it."""
    register = _Register()
    for row in table.rows:
        for cell in cells_of(table, row):
            register.source(*_source(cell))
    sections = tuple(_sections(table, register))
    scores = [score for section in sections for shown in section.lines for score in shown.scores if score is not None]
    return BoardText(
        title=line(table.title),
        sections=sections,
        verdicts=tuple(_verdict(v, table.columns) for v in table.verdicts),
        claims=tuple(line(f"{c.model} against {c.reference}. {c.sentence}") for c in table.claims),
        statements=tuple((line(said.model), _statement(said)) for said in table.statements),
        legend=tuple(legend(scores)),
        remarks=tuple(remarks(table)),
        notes=tuple(register.notes.values()),
        sources=tuple("; ".join(words) for words in register.sources),
    )


# --- columns and rows ------------------------------------------------------------------------


def _sections(table: Leaderboard, register: _Register) -> Iterable[Section]:
    """Columns without a group first; the average at the end, in a section of its own where there are several."""
    names = sorted(dict.fromkeys(column.group for column in table.columns), key=bool)
    empty = {column.key for column in empty_columns(table)}
    groups = [(line(name), [c for c in table.columns if c.group == name and c.key not in empty]) for name in names]
    groups = [(name, columns) for name, columns in groups if columns]
    if any(row.average for row in table.rows):
        if len(groups) == 1:
            groups[0][1].append(AVERAGE_COLUMN)
        else:
            groups.append(("All tasks", [AVERAGE_COLUMN]))
    for name, columns in groups:
        rows = [
            (row, [row.average if c.key == AVERAGE else row.cells.get(c.key) for c in columns]) for row in table.rows
        ]
        rows = [(row, cells) for row, cells in rows if any(cells)]
        heads = [_head(c, [cells[i] for _, cells in rows]) for i, c in enumerate(columns)]
        lines = tuple(_line(row, cells, columns, table, register) for row, cells in rows)
        yield Section(title=name, heads=tuple(heads), lines=lines)


def _head(column: Column, cells: Sequence[Cell | None]) -> Head:
    title, found = line(column.title), [cell for cell in cells if cell is not None]
    words = [column.variant]
    if column.measures != "mean_accuracy":
        metrics = {cell.metric for cell in found if cell.metric}
        words.append(metrics.pop() if len(metrics) == 1 else _MEASURES.get(column.measures, ""))
    words.append("" if column.unit == "%" else column.unit)
    missing = list(dict.fromkeys(line(word) for word in words if line(word).casefold() not in title.casefold()))
    return Head(
        column=column,
        title=f"{title} ({', '.join(missing)})" if missing else title,
        ranked=any(cell.rank for cell in found),
    )


def _line(
    row: LeaderboardRow,
    cells: Sequence[Cell | None],
    columns: Sequence[Column],
    table: Leaderboard,
    register: _Register,
) -> Line:
    pairs = zip(columns, cells, strict=True)
    scores = tuple(None if cell is None else _score(row, cell, column, table, register) for column, cell in pairs)
    versions = dict.fromkeys(line(cell.version) for cell in cells if cell is not None and cell.version)
    model = line(row.model)
    return Line(model=model, kind=row.kind, versions=tuple(v for v in versions if v != model), scores=scores)


def _score(row: LeaderboardRow, cell: Cell, column: Column, table: Leaderboard, register: _Register) -> Score:
    remarks = ["claim"] if cell.claim and row.kind != CLAIM else []
    if cell.samples_owed:
        remarks.append(_progress(cell))
    if cell.rank is None:
        rank = NONE
    else:
        rank = str(cell.rank[0]) if cell.rank[0] == cell.rank[1] else f"{cell.rank[0]}–{cell.rank[1]}"
    return Score(
        cell=cell,
        kind=CLAIM if cell.claim else row.kind,
        value=number(cell.value, column.unit),
        bar=_bar(cell, column.unit),
        remarks=tuple(remarks),
        rank=rank,
        source=register.source(*_source(cell)),
        notes=tuple(_notes(cell, column, table, register)),
    )


def _bar(cell: Cell, unit: str) -> str:
    if cell.interval is not None:
        return f"({number(cell.interval[0], unit)} to {number(cell.interval[1], unit)})"
    if cell.error_bar == "exact":
        return ""
    return f"± {'?' if cell.se is None else number(cell.se, unit)}"


def _progress(cell: Cell) -> str:
    """Never 100 % while something is missing."""
    if not cell.samples_planned:
        return f"{cell.samples_owed} samples missing"
    return f"{max(0, 100 * (cell.samples_planned - cell.samples_owed) // cell.samples_planned)} % of samples"


def _source(cell: Cell) -> tuple[str, ...]:
    k = [] if cell.samples is None or cell.error_bar == "exact" else [f"k = {cell.samples}"]
    words = (cell.source, cell.date or "", *cell.notes, *k)
    return tuple(text for word in words if (text := line(word)))


def _notes(cell: Cell, column: Column, table: Leaderboard, register: _Register) -> Iterable[Note]:
    if cell.informal:
        silent = [line(f.removesuffix(_NOT_STATED)) for f in cell.informal if f.endswith(_NOT_STATED)]
        other = [line(f) for f in cell.informal if not f.endswith(_NOT_STATED)]
        parts = [f"differs in {', '.join(other)}"] if other else []
        parts += [f"not stated: {', '.join(silent)}"] if silent else []
        yield register.note(INFORMAL, f"held against {yardstick(table)}: {'; '.join(parts)}")
    if cell.not_comparable:
        yield register.note(NOT_COMPARABLE, "; ".join(line(reason) for reason in cell.not_comparable))
    if cell.others:
        yield register.note("", "also " + "; ".join(_other(other, column, register) for other in cell.others))


def _other(other: OtherValue, column: Column, register: _Register) -> str:
    """`74.4 (o1-0912, source 3: an earlier snapshot)`."""
    where = f"source {register.other_source(other)}" + (f": {line(other.reason)}" if other.reason else "")
    version = f"{line(other.version)}, " if other.version else ""
    return f"{number(other.value, column.unit)} ({version}{where})"


def _letters(index: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


# --- around the scores -----------------------------------------------------------------------


def _verdict(found: BoardVerdict, columns: Sequence[Column]) -> VerdictLine:
    title = next((c.title for c in columns if c.key == found.column), found.column)
    difference = NONE
    if found.difference is not None:
        difference = f"{found.difference:+.1f}"
        if found.interval is not None:
            difference += f" ({found.interval[0]:+.1f} to {found.interval[1]:+.1f})"
    return VerdictLine(
        task=line(title),
        model=line(found.model),
        run=line(found.run),
        reference=line(found.reference),
        difference=difference,
        margin=f"{found.margin:.1f}",
        outcome=OUTCOME_LABELS[found.outcome] + (" (informal)" if found.informal else ""),
        verdict=found,
    )


def _statement(said: Statement) -> str:
    """`on par with o1 (iFlytek; page of 2025-01-15)`; quotation marks are the board's, where words are quoted."""
    where = [line(said.reported_by), line(said.source), *([line(said.date)] if said.date else [])]
    return f"{line(said.statement)} ({'; '.join(where)})"
