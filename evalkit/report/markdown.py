"""Leaderboard as Markdown: a table for each group of columns, aligned so that it can be read as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from evalkit.report.board import in_words
from evalkit.report.boardtext import NONE, BoardText, Score, Section
from evalkit.report.legend import STATEMENTS_TITLE, VERDICT_LEGEND
from evalkit.types import CLAIM, MEASURED, Leaderboard

_SPECIAL = re.compile(r"[\\|*_`\[\]~$]|&(?=#?\w+;)")
_STYLES = {MEASURED: "**", CLAIM: "*"}
_VERDICT_HEAD = ("task", "run", "against", "difference", "margin", "verdict")


class MarkdownExporter:
    """`--format md`."""

    def render(self, table: Leaderboard) -> str:
        """Title, tables, verdicts, statements, a legend, lettered notes and numbered sources.

        A rank column stands after each column of scores that has ranks.
        """
        text = in_words(table)
        lines = [f"# {_text(text.title)}", ""]
        for section in text.sections:
            lines += [f"## {_text(section.title)}", ""] if section.title else []
            lines += [*_aligned(_grid(section), left=(0, 1)), ""]
        lines += [*_verdicts(text), *_statements(text)]
        for remark in text.remarks:
            lines += [_text(remark), ""]
        lines += [f"- {_styled(term)}: {_text(meaning)}" for term, meaning in text.legend] + [""]
        lines += [f"{note.label}: {_text(note.text)}  " for note in text.notes]
        lines += [""] if text.notes else []
        lines += [f"[{number}] {_text(source)}  " for number, source in enumerate(text.sources, 1)]
        return "\n".join(lines).rstrip() + "\n"


def _grid(section: Section) -> list[list[str]]:
    ranked = [head.ranked for head in section.heads]
    titles = [_text(head.title) for head in section.heads]
    grid = [["model", "kind", *_spread(titles, ["rank"] * len(titles), ranked)]]
    for row in section.lines:
        style = _STYLES.get(row.kind, "")
        scores = [NONE if score is None else _score(score) for score in row.scores]
        ranks = [NONE if score is None else score.rank for score in row.scores]
        grid.append([f"{style}{_text(row.model)}{style}", row.kind, *_spread(scores, ranks, ranked)])
    return grid


def _verdicts(text: BoardText) -> Iterable[str]:
    if text.verdicts:
        rows = [(v.task, v.model, v.reference, v.difference, v.margin, v.outcome) for v in text.verdicts]
        grid = [_VERDICT_HEAD, *([_text(word) for word in row] for row in rows)]
        yield from ("## Verdicts", "", *_aligned(grid, left=(0, 1, 2, 5)), "", VERDICT_LEGEND, "")
    if text.claims:
        yield from (*(f"- {_text(claim)}" for claim in text.claims), "")


def _statements(text: BoardText) -> Iterable[str]:
    if text.statements:
        yield from (f"## {STATEMENTS_TITLE}", "")
        yield from (f"- *{_text(model)}*: {_text(said)}" for model, said in text.statements)
        yield ""


def _spread(scores: Sequence[str], ranks: Sequence[str], ranked: Sequence[bool]) -> list[str]:
    """Each score, followed by its rank where the column has ranks."""
    pairs = zip(scores, ranks, ranked, strict=True)
    return [text for score, rank, has_rank in pairs for text in ([score, rank] if has_rank else [score])]


def _aligned(grid: Sequence[Sequence[str]], left: Sequence[int]) -> list[str]:
    """Lines of a Markdown table, head first: columns at `left` to the left, the others to the right."""
    widths = [max(3, *(cell_len(text) for text in column)) for column in zip(*grid, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padding = [" " * (width - cell_len(text)) for width, text in zip(widths, cells, strict=True)]
        texts = [t + p if i in left else p + t for i, (t, p) in enumerate(zip(cells, padding, strict=True))]
        return "| " + " | ".join(texts) + " |"

    rule = [("-" * (w + 2)) if i in left else ("-" * (w + 1) + ":") for i, w in enumerate(widths)]
    return [line(grid[0]), "|" + "|".join(rule) + "|", *(line(cells) for cells in grid[1:])]


def _score(score: Score) -> str:
    """`**61.2** (58.0 to 64.0), 62 % of samples [2, †a]`."""
    style = _STYLES.get(score.kind, "")
    text = f"{style}{score.value}{style}" + (f" {score.bar}" if score.bar else "")
    return f"{', '.join((text, *score.remarks))} [{', '.join(score.marks)}]"


def _styled(term: str) -> str:
    style = _STYLES.get(term, "")
    return f"{style}{term}{style}"


def _text(text: str) -> str:
    """Names come from files of others: no cell may break the table or smuggle markup in."""
    return _SPECIAL.sub(lambda found: "&amp;" if found[0] == "&" else "\\" + found[0], text).replace("<", "&lt;")
