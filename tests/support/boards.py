"""A filled board made by hand, with everything that a board can hold, and one with the names of an attacker."""

from __future__ import annotations

import re
from typing import Any

from evalkit.types import (
    BoardClaim,
    BoardVerdict,
    Cell,
    Column,
    Leaderboard,
    LeaderboardRow,
    OtherValue,
    Outcome,
    Statement,
)

R1_PAPER = "DeepSeek-R1 paper (arXiv 2501.12948 v1), Table 4"
RUN = "2025-03-02-qwen-c0ffee"

HOSTILE = [
    "=HYPERLINK('http://x')",
    "+1",
    "@SUM(1)",
    "-2",
    " \t=1+1",
    "\u200b\uff1d1+1",
    "\r\n=1",
    "a;=1+1",
    "a|b",
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "{{ 7 * 7 }}{% raw %}",
    "[red]x[/red]",
    "[link](http://x)",
    "two\nlines",
    "**bold** `code` ~~x~~ $y$ &lt;",
    "\\input{/etc/passwd} \\\\ 100% a&b #1 ^^41 ~ {",
    "讯飞 Łódź naïve ﬁ 🙂 ‮reversed",
    "# comment: {a: [1, 'x\"",
]
"""Names that are formulas, markup, commands or comments somewhere."""


def published(value: float, source: str = R1_PAPER, **more: Any) -> Cell:
    given: dict[str, Any] = {
        "metric": "pass@1", "error_bar": "assumed", "se": None, "interval": None, "population_interval": None,
        "n_items": 30, "samples": None, "date": "2025-01-22", "source": source,
        "notes": ("vendor self-report", "k not stated"),
    }  # fmt: skip
    return Cell(value=value, **(given | more))


def measured(value: float, low: float, high: float, **more: Any) -> Cell:
    given: dict[str, Any] = {
        "metric": "avg@4", "error_bar": "measured", "se": round((high - low) / 3.92, 2), "interval": (low, high),
        "population_interval": (max(0.0, low - 9), min(100.0, high + 9)), "n_items": 30, "samples": 4,
        "date": "2025-03-02",
        "source": f"run {RUN}", "run": RUN, "version": "qwen3-served", "samples_planned": 120,
    }  # fmt: skip
    return Cell(value=value, **(given | more))


COLUMNS = (
    Column(key="arena", title="Arena-Hard", task=None, benchmark="arena_hard", measures="other"),
    Column(
        key="aime24", title="AIME 2024", task="aime24", benchmark="aime24", group="Mathematics",
        dataset="HuggingFaceH4/aime_2024", split="train", margin=0.05, alpha=0.05,
    ),
    Column(
        key="math500", title="MATH-500", task="math500", benchmark="math", group="Mathematics",
        dataset="HuggingFaceH4/MATH-500", split="test", margin=0.02, alpha=0.05,
    ),
    Column(key="gpqa", title="GPQA Diamond", task="gpqa", benchmark="gpqa", group="Mathematics"),
    Column(
        key="aime24:majority", title="AIME 2024", task=None, benchmark="aime24", measures="majority",
        group="Mathematics",
    ),
    Column(
        key="codeforces:Elo", title="Codeforces rating", task=None, benchmark="codeforces", measures="other",
        unit="Elo",
        group="Code",
    ),
    Column(
        key="livecodebench[2024-08..2025-01]", title="LiveCodeBench", task=None, benchmark="livecodebench",
        variant="2024-08..2025-01", group="Code",
    ),
)  # fmt: skip

OTHERS = (
    OtherValue(
        record="o1-2024-09", value=74.4, metric="pass@1", version="o1-0912", reported_by="OpenAI", date="2024-09-12",
        source="Learning to reason with LLMs", reason="an earlier snapshot",
    ),
    OtherValue(
        record="o1-matharena", value=81.7, metric="avg@4", version=None, reported_by="MathArena", date=None,
        source="matharena.ai", reason=None,
    ),
)  # fmt: skip

_SILENT = ("prompt (not stated)", "token limit (not stated)")
_O1 = {
    "aime24": published(
        79.2, "OpenAI, o1 and new tools for developers", date="2024-12-17", se=7.41, informal=_SILENT, others=OTHERS,
        record="o1-openai-2024-12", version="o1-2024-12-17", rank=(1, 4),
    ),
    "math500": published(96.4, n_items=500, se=0.83, informal=("temperature", *_SILENT), record="o1-math", rank=(1, 3)),
    "gpqa": published(75.7, n_items=198, se=3.05, informal=_SILENT, rank=(1, 2)),
    "codeforces:Elo": published(2061, error_bar="unknown", n_items=None, metric="rating"),
    "livecodebench[2024-08..2025-01]": published(63.4, error_bar="unknown", n_items=None, notes=("third party",)),
}  # fmt: skip
_R1 = {
    "arena": published(92.3, error_bar="unknown", n_items=None, metric="win rate"),
    "aime24": published(79.8, n_items=30, se=1.6, samples=64, notes=("vendor self-report",), rank=(1, 3)),
    "math500": published(97.3, n_items=500, se=0.72, samples=4, notes=("vendor self-report",), rank=(1, 3)),
    "gpqa": published(71.5, n_items=198, se=3.21, informal=_SILENT, rank=(1, 3)),
    "aime24:majority": published(86.7, metric="cons@64", error_bar="unknown", samples=64),
    "codeforces:Elo": published(2029, error_bar="unknown", n_items=None, metric="rating"),
    "livecodebench[2024-08..2025-01]": published(
        65.9, error_bar="unknown", n_items=None, notes=("vendor self-report",)
    ),
}
_CLAIM = {
    "math500": published(98.1, "iFlytek press release, 2025-01-15 (页)", se=0.6, n_items=500, claim=True, rank=(1, 3))
}
_CONSTANT = {
    "gpqa": published(
        27.8, "the items: always (A)", date=None, error_bar="exact", n_items=198, notes=(), rank=(5, 5)
    ),
}  # fmt: skip
_RUN = {
    "aime24": measured(61.25, 55.0, 67.5, rank=(2, 4), notes=("3 samples unparsed",)),
    "math500": measured(
        94.05, 92.8, 95.2, rank=(4, 4), n_items=500, samples_owed=757, samples_planned=2000,
        informal=("temperature",), not_comparable=(),
    ),
    "gpqa": measured(
        68.9, 65.1, 72.7, rank=(1, 4), n_items=100, not_comparable=("100 of 198 items", "other golds than published"),
    ),
}  # fmt: skip
_AVERAGE = Cell(
    value=84.1, metric="mean of 3 tasks", error_bar="mixed", se=2.6, interval=None, population_interval=None,
    n_items=None, samples=None, date=None, source="mean of the 3 tasks of the board", rank=(1, 2),
)  # fmt: skip


def full_board() -> Leaderboard:
    """Two groups and columns without one; every kind of row, of error bar and of footnote; verdicts and statements."""
    return Leaderboard(
        board="full",
        title="Parity with o1 & R1: 50 % of what_is claimed",
        columns=COLUMNS,
        rows=(
            LeaderboardRow(model="o1", kind="published", cells=_O1, average=_AVERAGE),
            LeaderboardRow(model="deepseek-r1", kind="published", cells=_R1),
            LeaderboardRow(model="讯飞-x1_claimed", kind="claim", cells=_CLAIM),
            LeaderboardRow(model="spark-x1", kind="published", cells={}),
            LeaderboardRow(model="constant-answer", kind="baseline", cells=_CONSTANT),
            LeaderboardRow(model="qwen/qwen3_14b", kind="measured", cells=_RUN),
        ),
        protocol="deepseek-r1 (sha256:0123abcd)",
        verdicts=(
            BoardVerdict(
                model="qwen/qwen3_14b", run=RUN, column="aime24", reference="deepseek-r1", outcome=Outcome.INFERIOR,
                informal=False, difference=-18.55, interval=(-25.1, -12.0), margin=5.0,
                sentence="Behind by 12 or more.",
            ),
            BoardVerdict(
                model="qwen/qwen3_14b", run=RUN, column="math500", reference="o1", outcome=Outcome.INCONCLUSIVE,
                informal=True, difference=-2.35, interval=(-4.2, -0.5), margin=2.0, sentence="Neither is shown.",
            ),
            BoardVerdict(
                model="qwen/qwen3_14b", run=RUN, column="gpqa", reference="o1", outcome=Outcome.NOT_COMPARABLE,
                informal=False, difference=None, interval=None, margin=4.0, sentence="100 of 198 items.",
            ),
        ),
        claims=(
            BoardClaim(
                model="qwen/qwen3_14b", run=RUN, reference="deepseek-r1", on_all=False,
                sentence="qwen/qwen3_14b against deepseek-r1: parity is not shown on every task (behind on 1 of 2).",
            ),
        ),
        statements=(
            Statement(
                model="spark-x1", statement="on par with OpenAI o1 and DeepSeek R1", reported_by="iFlytek",
                source="press release (~2025) #1", date="2025-04-21",
            ),
        ),
        note="Margins were declared before any run; a {brace}, a ^hat and a back\\slash are part of this note – "
        "±2 ≤ 5.",
    )  # fmt: skip


def shown(text: str) -> str:
    """A hostile name as it is shown: on one line, and nothing in it steers."""
    return " ".join(re.sub(r"[\x00-\x1f\u202e]", " ", text).split())


def board_of(model: str, source: str = "somewhere") -> Leaderboard:
    """A published row and a measured one of the given name and source, on two columns."""
    cells = {"aime24": measured(61.25, 58.0, 64.0, source=source, notes=("a note",), rank=(2, 2), metric=source)}
    other = {"aime24": published(79.2, "a page", se=7.4, date=None, notes=("k not stated",), rank=(1, 2))}
    return Leaderboard(
        board="b",
        title="A board",
        columns=(
            Column(key="aime24", title="AIME 2024", task="aime24", benchmark="aime24"),
            Column(key="math500", title="MATH-500", task="math500", benchmark="math"),
        ),
        rows=(
            LeaderboardRow(model="o1", kind="published", cells=other),
            LeaderboardRow(model=model, kind="measured", cells=cells),
        ),
    )
