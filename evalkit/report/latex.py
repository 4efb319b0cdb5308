"""Leaderboard as LaTeX that a paper can `\\input`: booktabs tables, then notes and sources as small print.

Policy: it compiles with pdflatex, lualatex and xelatex and needs no package but booktabs. A group with many columns
becomes several tables, so that none is wider than the text of an article. Whatever pdflatex has no letter for is handed
to a macro that shows the letter where the engine has it and its code point where it has not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from evalkit.report.board import in_words
from evalkit.report.boardtext import NONE, BoardText, Head, Line, Score, Section
from evalkit.report.legend import STATEMENTS_TITLE, VERDICT_LEGEND
from evalkit.types import CLAIM, MEASURED, Leaderboard

_WIDTH_CHARS = 84
"""What fits in 345 pt, the text width of an article, in \\scriptsize (measured by compiling)."""
_GAP_CHARS = 2
_HEAD_CHARS, _NAME_CHARS = 12, 30
"""Longer ones are set on two lines."""
_PREAMBLE = """\
% {title}
% Written by evalkit. In the preamble: \\usepackage{{booktabs}}
% Nothing else is needed; pdflatex, lualatex and xelatex all compile it.
"""
_LETTER = """\
% Letters that pdflatex lacks appear as their code points there. With lualatex or xelatex they appear as they are,
% if the font has them (Chinese: \\usepackage{ctex}).
\\providecommand{\\evalkitletter}[2]{\\ifdefined\\Umathcode #2\\else{\\ttfamily U+#1}\\fi}
"""
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "±": r"$\pm$", "†": r"$\dagger$", "‡": r"$\ddagger$", "–": "--", "—": "---",
    "−": "$-$", "×": r"$\times$", "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$",
    "·": r"$\cdot$", "°": r"$^{\circ}$",
    "µ": r"$\mu$", "α": r"$\alpha$", "β": r"$\beta$", "→": r"$\to$", "∞": r"$\infty$", "²": "$^2$", "³": "$^3$",
    "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\dots{}", "§": r"\S{}", "©": r"\copyright{}", "ß": r"\ss{}",
    "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}",
    "ı": r"\i{}", "\u00a0": "~", "\u2009": " ", "\u202f": " ", "\u2011": "-",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u0304": "=", "\u0306": "u ",
    "\u0307": ".",
    "\u030a": "r ", "\u030b": "H ", "\u030c": "v ", "\u0327": "c ", "\u0323": "d ",
}  # fmt: skip


class LatexExporter:
    """`--format latex`."""

    def render(self, table: Leaderboard) -> str:
        """Tables with the label `tab:evalkit-BOARD-N`, statements, a legend, lettered notes and numbered sources."""
        text = in_words(table)
        label = "tab:evalkit-" + (re.sub(r"[^A-Za-z0-9]+", "-", table.board).strip("-") or "board")
        tables = [part for section in text.sections for part in _parts(section)]
        body = [_table(part, text.title, f"{label}-{i}") for i, part in enumerate(tables, 1)]
        runs = list(dict.fromkeys((v.model, v.run) for v in text.verdicts))
        body += [_verdicts(text, model, run, f"{label}-verdicts-{i}") for i, (model, run) in enumerate(runs, 1)]
        body.append(_small_print(text))
        joined = "\n".join(body)
        title = text.title.encode("ascii", "replace").decode()
        return _PREAMBLE.format(title=title) + (_LETTER if r"\evalkitletter" in joined else "") + "\n" + joined


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands: no character keeps a meaning, and none is outside ASCII but as an argument."""
    return "".join(_letter(char) for char in text)


def _letter(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if char.isascii():
        return char
    base, *marks = list(unicodedata.normalize("NFD", char))
    if base.isascii() and base.isalpha() and len(marks) == 1 and marks[0] in _ACCENTS:
        dotless = {"i": r"\i", "j": r"\j"}.get(base, base)
        return f"{{\\{_ACCENTS[marks[0]]}{{{dotless}}}}}"
    if unicodedata.combining(char):
        return ""
    return f"\\evalkitletter{{{ord(char):04X}}}{{{char}}}"


# --- tables ----------------------------------------------------------------------------------


def _parts(section: Section) -> Iterable[Section]:
    """A section in tables that are narrow enough, each with the rows that have a score in it."""
    names = max(_chars(part) for line in section.lines for part in _stacked(line.model, _NAME_CHARS))
    names += max(len(line.kind) for line in section.lines)
    start, width = 0, names
    for i, head in enumerate(section.heads):
        own = _width(head, [line.scores[i] for line in section.lines])
        if i > start and width + own > _WIDTH_CHARS:
            yield _part(section, start, i)
            start, width = i, names
        width += own
    yield _part(section, start, len(section.heads))


def _part(section: Section, start: int, stop: int) -> Section:
    rows = [
        Line(model=row.model, kind=row.kind, versions=row.versions, scores=row.scores[start:stop])
        for row in section.lines
        if any(row.scores[start:stop])
    ]
    return Section(title=section.title, heads=section.heads[start:stop], lines=tuple(rows))


def _chars(text: str) -> int:
    """Width of a text; a letter that may appear as its code point counts as that."""
    return sum(7 if _letter(char).startswith(r"\evalkitletter") else 1 for char in text)


def _width(head: Head, scores: Sequence[Score | None]) -> int:
    """Characters of a column, with its ranks; marks are set small."""
    shown = [len(", ".join((f"{s.value} {s.bar}", *s.remarks))) + len(",".join(s.marks)) // 2 for s in scores if s]
    return (
        max(*map(_chars, _stacked(head.title, _HEAD_CHARS)), *shown)
        + _GAP_CHARS
        + (4 + _GAP_CHARS if head.ranked else 0)
    )


def _stacked(text: str, longest: int) -> list[str]:
    """Text on two lines if it is long, broken at the space nearest to its middle, or else behind a `/` or `-`."""
    breaks = [i + 1 for i, char in enumerate(text) if char == " "] or [i + 1 for i, c in enumerate(text) if c in "/-"]
    if len(text) <= longest or not breaks:
        return [text]
    middle = min(breaks, key=lambda i: abs(i - len(text) / 2))
    return [text[:middle].rstrip(), text[middle:]]


def _box(text: str, longest: int, align: str, kind: str = "") -> str:
    """Escaped text, in a table of its own if it takes two lines."""
    lines = [_styled(kind, escape(part)) for part in _stacked(text, longest)]
    if len(lines) == 1:
        return lines[0]
    return rf"\begin{{tabular}}[b]{{@{{}}{align}@{{}}}}" + r"\\".join(lines) + r"\end{tabular}"


def _table(section: Section, title: str, label: str) -> str:
    columns = "ll" + "".join("rr" if head.ranked else "r" for head in section.heads)
    heads = ["model", "kind"]
    for head in section.heads:
        heads.append(_box(head.title, _HEAD_CHARS, "r"))
        heads += ["rank"] if head.ranked else []
    rows = []
    for line in section.lines:
        cells = [_box(line.model, _NAME_CHARS, "l", line.kind), line.kind]
        for head, score in zip(section.heads, line.scores, strict=True):
            cells.append("--" if score is None else _score(score))
            cells += [escape(NONE if score is None else score.rank)] if head.ranked else []
        rows.append(cells)
    caption = f"{title}: {section.title}" if section.title else title
    return _environment(caption, label, columns, heads, rows)


def _environment(caption: str, label: str, columns: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    body = [" & ".join(cells) + r" \\" for cells in rows]
    lines = (
        r"\begin{table}[htbp]",
        r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape(caption)}}}\vspace{{4pt}}",
        rf"\label{{{label}}}",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    )
    return "\n".join(lines)


def _score(score: Score) -> str:
    """`\\textbf{61.2} (58.0 to 64.0)$^{\\mathrm{2,\\dag a}}$`."""
    words = [_styled(score.kind, escape(score.value)) + (f" {escape(score.bar)}" if score.bar else "")]
    words += [escape(remark) for remark in score.remarks]
    marks = ",".join(mark.replace("†", r"\dagger ").replace("‡", r"\ddagger ") for mark in score.marks)
    return ", ".join(words) + rf"$^{{\mathrm{{{marks}}}}}$"


def _styled(kind: str, text: str) -> str:
    """Measured rows are bold and claims slanted."""
    command = {MEASURED: r"\textbf", CLAIM: r"\textit"}.get(kind)
    return f"{command}{{{text}}}" if command else text


def _verdicts(text: BoardText, model: str, run: str, label: str) -> str:
    heads = ["task", "against", "difference", "margin", "verdict"]
    found = [v for v in text.verdicts if (v.model, v.run) == (model, run)]
    rows = [
        [*(_box(name, _NAME_CHARS // 2, "l") for name in (v.task, v.reference)),
         *(escape(word) for word in (v.difference, v.margin, v.outcome))]
        for v in found
    ]  # fmt: skip
    caption = f"{text.title}: verdicts on {model} (run {run}). {VERDICT_LEGEND}"
    return _environment(caption, label, "llrrl", heads, rows)


# --- small print -----------------------------------------------------------------------------


def _small_print(text: BoardText) -> str:
    """Not inside a table: it may be longer than a page."""
    paragraphs = [_prose(claim) for claim in text.claims]
    if text.statements:
        paragraphs.append(rf"\textit{{{STATEMENTS_TITLE}.}}")
        paragraphs += [_prose(f"{model}: {said}") for model, said in text.statements]
    paragraphs += [_prose(remark) for remark in text.remarks]
    paragraphs += [rf"{_styled(term, escape(term))}: {_prose(meaning)}" for term, meaning in text.legend]
    paragraphs += [rf"{escape(note.label)}: {_prose(note.text)}" for note in text.notes]
    paragraphs += [rf"[{number}] {_prose(source)}" for number, source in enumerate(text.sources, 1)]
    start = r"\begingroup\footnotesize\raggedright\setlength{\parindent}{0pt}"
    return start + "\n" + "".join(f"{paragraph}\\par\n" for paragraph in paragraphs) + "\\endgroup\n"


def _prose(text: str) -> str:
    """Escaped text whose addresses may break behind a slash."""
    return escape(text).replace("/", r"\slash{}")
