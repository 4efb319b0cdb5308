"""Leaderboard as a Markdown table with ranks and numbered sources, aligned so that it can be read as it is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from evalkit.types import Cell, Leaderboard

_LEGEND = (
    "Scores in percent. *published*: taken from the source given, ± is the sampling standard error assumed from the "
    "number of questions and samples (an unstated k counts as 1). *baseline*: a property of the items, exact. "
    "**measured**: by an evalkit run, with the 95 % interval of a repeat on the same items."
)
_RANK_LEGEND = (
    "*rank*: place among the rows with a score in the column before it. 2–5: any place from 2 to 5 is possible; a "
    "single number: no other place is. All ranks of a column hold together with 95 %. They speak of sampling noise "
    "only, not of protocols: rows with other prompts, token limits or parts of a benchmark are ranked all the same."
)
_NO_AVERAGE = "No row has a score on all {} tasks, so there is no average."


class MarkdownExporter:
    """`--format md`."""

    def render(self, table: Leaderboard) -> str:
        """A title, one table, a legend, and a numbered list of sources.

        A rank column stands after each column of scores that has ranks, an average after the tasks if a row has one.
        """
        sources: dict[str, int] = {}
        titles = [_text(table.titles[task]) for task in table.tasks]
        rows = [[row.cells.get(task) for task in table.tasks] for row in table.rows]
        averaged = any(row.average for row in table.rows)
        if averaged:
            titles.append(f"average of {len(table.tasks)}")
            rows = [[*cells, row.average] for cells, row in zip(rows, table.rows, strict=True)]
        ranked = [any(cell and cell.rank for cell in column) for column in zip(*rows, strict=True)]
        grid = [["model", "kind", *_spread(titles, ["rank"] * len(titles), ranked)]]
        for row, cells in zip(table.rows, rows, strict=True):
            name = f"**{_text(row.model)}**" if row.kind == "measured" else _text(row.model)
            scores = [_score(cell, sources) for cell in cells]
            grid.append([name, row.kind, *_spread(scores, [_rank(cell) for cell in cells], ranked)])
        lines = [f"# {_text(table.title)}", "", *_aligned(grid, n_left=2), "", _LEGEND, ""]
        if any(ranked):
            lines += [_RANK_LEGEND, ""]
        if len(table.tasks) > 1 and not averaged:
            lines += [_NO_AVERAGE.format(len(table.tasks)), ""]
        if table.note:
            lines += [_text(table.note), ""]
        lines += [f"[{number}] {_text(source)}  " for source, number in sources.items()]
        return "\n".join(lines).rstrip() + "\n"


def _spread(scores: Sequence[str], ranks: Sequence[str], ranked: Sequence[bool]) -> list[str]:
    """Each score, followed by its rank where the column has ranks."""
    pairs = zip(scores, ranks, ranked, strict=True)
    return [text for score, rank, has_rank in pairs for text in ([score, rank] if has_rank else [score])]


def _aligned(grid: Sequence[Sequence[str]], n_left: int) -> list[str]:
    """Lines of a Markdown table, head first: the first `n_left` columns to the left, the others to the right."""
    widths = [max(3, *(cell_len(text) for text in column)) for column in zip(*grid, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padding = [" " * (width - cell_len(text)) for width, text in zip(widths, cells, strict=True)]
        texts = [t + p if i < n_left else p + t for i, (t, p) in enumerate(zip(cells, padding, strict=True))]
        return "| " + " | ".join(texts) + " |"

    rule = [("-" * (w + 2)) if i < n_left else ("-" * (w + 1) + ":") for i, w in enumerate(widths)]
    return [line(grid[0]), "|" + "|".join(rule) + "|", *(line(cells) for cells in grid[1:])]


def _score(cell: Cell | None, sources: dict[str, int]) -> str:
    if cell is None:
        return "–"
    words = [cell.source, *([cell.date] if cell.date else []), *cell.notes]
    number = sources.setdefault("; ".join(words), len(sources) + 1)
    if cell.interval is not None:
        return f"**{cell.value:.1f}** ({cell.interval[0]:.1f} to {cell.interval[1]:.1f}) [{number}]"
    if cell.exact:
        return f"{cell.value:.1f} [{number}]"
    return f"{cell.value:.1f} ± {'?' if cell.se is None else f'{cell.se:.1f}'} [{number}]"


def _rank(cell: Cell | None) -> str:
    """`3` where it is certain, else `2–5`."""
    if cell is None or cell.rank is None:
        return "–"
    best, worst = cell.rank
    return str(best) if best == worst else f"{best}–{worst}"


def _text(text: str) -> str:
    """Names come from files of others: no cell may break the table or smuggle markup in."""
    plain = " ".join(text.split())
    for char in "\\|*_`[]":
        plain = plain.replace(char, "\\" + char)
    return plain.replace("<", "&lt;")
