"""Leaderboard as a Markdown table with numbered sources."""

from __future__ import annotations

from evalkit.types import Cell, Leaderboard

_LEGEND = (
    "Scores in percent. *published*: taken from the source given, ± is the sampling standard error assumed from the "
    "number of questions and samples (an unstated k counts as 1). *baseline*: a property of the items, exact. "
    "**measured**: by an evalkit run, with the 95 % interval of a repeat on the same items."
)


class MarkdownExporter:
    """`--format md`."""

    def render(self, table: Leaderboard) -> str:
        """A title, one table, a legend, and a numbered list of sources."""
        sources: dict[str, int] = {}
        lines = [f"# {_text(table.title)}", ""]
        lines.append("| model | kind | " + " | ".join(_text(table.titles[t]) for t in table.tasks) + " |")
        lines.append("|---|---|" + "---:|" * len(table.tasks))
        for row in table.rows:
            cells = [_cell(row.cells.get(task), sources) for task in table.tasks]
            name = f"**{_text(row.model)}**" if row.kind == "measured" else _text(row.model)
            lines.append(f"| {name} | {row.kind} | " + " | ".join(cells) + " |")
        lines += ["", _LEGEND, ""]
        if table.note:
            lines += [_text(table.note), ""]
        lines += [f"[{number}] {_text(source)}  " for source, number in sources.items()]
        return "\n".join(lines).rstrip() + "\n"


def _cell(cell: Cell | None, sources: dict[str, int]) -> str:
    if cell is None:
        return "–"
    words = [cell.source, *([cell.date] if cell.date else []), *cell.notes]
    number = sources.setdefault("; ".join(words), len(sources) + 1)
    if cell.interval is not None:
        return f"**{cell.value:.1f}** ({cell.interval[0]:.1f} to {cell.interval[1]:.1f}) [{number}]"
    if cell.exact:
        return f"{cell.value:.1f} [{number}]"
    return f"{cell.value:.1f} ± {'?' if cell.se is None else f'{cell.se:.1f}'} [{number}]"


def _text(text: str) -> str:
    """Names come from files of others: no cell may break the table or smuggle markup in."""
    plain = " ".join(text.split())
    for char in "\\|*_`[]":
        plain = plain.replace(char, "\\" + char)
    return plain.replace("<", "&lt;")
