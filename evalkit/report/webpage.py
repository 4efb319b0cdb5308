"""Leaderboard as one self-contained web page: its style and its script are inside, and it loads nothing.

Policy: the page's Content-Security-Policy allows exactly that style and that script, by their SHA-256, so that nothing
a file of others might smuggle in could run. All text is escaped. Every number is readable without its drawing and
without colours, and the page without its script, which only sorts.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import jinja2
from markupsafe import Markup

from evalkit.report import legend
from evalkit.report.board import in_words
from evalkit.report.boardtext import NONE, Head, Score, Section
from evalkit.types import MEASURED, Leaderboard

WIDTH_PX = 132
_EDGE_PX = 6
_PADDING = 0.04
"""Of the width of an axis, on both sides."""
_Z = 1.96
"""Assumed bars are drawn as 95 % intervals, as the measured ones are."""
DRAWN = (
    "Bars are 95 % intervals. Filled dot and thick bar: measured, for a repeat on the same items, and thin for "
    "questions like these. Hollow dot and thin bar: published, plus and minus 1.96 assumed standard errors. Dashed: a "
    "claim. Square: exact. A dot without a bar: not known. Each column has its own axis; its ends stand in its head."
)
WORD_SIGNS = {
    "superior": "▲", "equivalent": "●", "non_inferior": "◆", "inferior": "▼", "inconclusive": "?",
    "not_comparable": "×",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What the drawings of a column reach from and to, in its unit: whole numbers, since its head shows them."""

    low: int
    high: int

    def x(self, value: float) -> float:
        """Pixels from the left."""
        share = (value - self.low) / (self.high - self.low)
        return round(_EDGE_PX + min(1.0, max(0.0, share)) * (WIDTH_PX - 2 * _EDGE_PX), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Pixel positions of a score with its error bars."""

    kind: str
    """`published`, `claim`, `baseline` or `measured`."""
    x: float
    inner: tuple[float, float] | None
    outer: tuple[float, float] | None


class WebPageExporter:
    """`--format html`."""

    def render(self, table: Leaderboard) -> str:
        """The whole page as text."""
        style, script = _file("webpage.css"), _file("webpage.js")
        env = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        page = env.from_string(_file("webpage.html.jinja")).render(
            text=in_words(table),
            legend=legend,
            none=NONE,
            axes=_axes,
            draw=_draw,
            samples=_samples(),
            drawn=DRAWN,
            signs=WORD_SIGNS,
            width=WIDTH_PX,
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
        return page.rstrip() + "\n"


def _file(name: str) -> str:
    return files("evalkit.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """A source expression of a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _axes(section: Section) -> list[Axis]:
    """One for each column."""
    return [
        _axis([line.scores[i] for line in section.lines if line.scores[i]], head)
        for i, head in enumerate(section.heads)
    ]


def _axis(scores: Sequence[Score | None], head: Head) -> Axis:
    ends = [end for score in scores if score is not None for bar in _bars(score) if bar is not None for end in bar]
    ends += [score.cell.value for score in scores if score is not None]
    low, high = min(ends), max(ends)
    room = _PADDING * (high - low) or 1.0
    low, high = math.floor(low - room), math.ceil(high + room)
    return Axis(low=max(0, low), high=min(100, high)) if head.column.unit == "%" else Axis(low=low, high=high)


def _bars(score: Score) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """(95 % interval on the same items, for questions like these), as far as there are any."""
    cell = score.cell
    if cell.interval is not None or cell.se is None or cell.error_bar in {"exact", "unknown"}:
        return cell.interval, cell.population_interval
    low, high = cell.value - _Z * cell.se, cell.value + _Z * cell.se
    return (max(0.0, low), min(100.0, high)), None


def _draw(score: Score, axis: Axis) -> Drawing:
    inner, outer = ((axis.x(bar[0]), axis.x(bar[1])) if bar is not None else None for bar in _bars(score))
    return Drawing(kind=score.kind, x=axis.x(score.cell.value), inner=inner, outer=outer)


def _samples() -> dict[str, Drawing]:
    """How each kind looks, for the legend."""
    middle = WIDTH_PX / 2
    bars = {
        "published": ((middle - 30, middle + 30), None),
        "claim": ((middle - 30, middle + 30), None),
        "baseline": (None, None),
        MEASURED: ((middle - 20, middle + 20), (middle - 36, middle + 36)),
    }
    return {kind: Drawing(kind=kind, x=middle, inner=inner, outer=outer) for kind, (inner, outer) in bars.items()}
