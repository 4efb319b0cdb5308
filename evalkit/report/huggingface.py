"""One run's scores for its model's repository on the Hugging Face hub: `.eval_results/*.yaml` and `model-index`.

Policy: only what was measured is exported, of one run, and only what is what its column says: scores that are not
comparable or of a run that is not finished are left out, and so are tasks without a dataset on the hub. A comment in
the file says which. Formats: `EvalResultEntry` (huggingface.co/docs/hub/eval-results) and `EvalResult` (the model
card's `model-index`) of the Python package huggingface_hub. Both want links for sources; a run has none, so it is named
in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from evalkit.errors import UsageError
from evalkit.report.boardtext import line, yardstick
from evalkit.types import MEASURED, Cell, Column, Leaderboard, LeaderboardRow

_Scores = list[tuple[Column, Cell]]


class EvalResultsExporter:
    """`--format hf-eval-results`: a file for the folder `.eval_results` of a model repository."""

    def render(self, table: Leaderboard) -> str:
        """A list with one entry a task; scores in percent. Raises `UsageError` unless there is exactly one run."""
        row = _run(table, "hf-eval-results")
        scores, left_out = _sorted_out(table, row)
        comments = [
            f"{line(row.model)} on {line(table.title)}",
            "Put it into the model's repository as .eval_results/evalkit.yaml",
            "task_id: the name of the task in evalkit. The hub wants the one in the dataset's eval.yaml: check it.",
        ]
        entries = [_entry(column, cell, table) for column, cell in scores]
        return _written(entries, comments + left_out)


class ModelIndexExporter:
    """`--format hf-model-index`: the `model-index` of a model card, to be put into the head of its README.md."""

    def render(self, table: Leaderboard) -> str:
        """One model with one result a task; scores in percent. Raises `UsageError` unless there is exactly one run."""
        row = _run(table, "hf-model-index")
        scores, left_out = _sorted_out(table, row)
        name = line(row.model).rpartition("/")[2] or line(row.model)
        index = {"model-index": [{"name": name, "results": [_result(column, cell) for column, cell in scores]}]}
        comments = [f"{line(row.model)} on {line(table.title)}", "Put it between the --- lines of README.md"]
        return _written(index, comments + left_out)


def _run(table: Leaderboard, form: str) -> LeaderboardRow:
    rows = [row for row in table.rows if row.kind == MEASURED]
    if len(rows) != 1:
        found = "no run" if not rows else f"{len(rows)} runs ({', '.join(line(row.model) for row in rows)})"
        raise UsageError(
            f"{form} exports the measured scores of one run, and the board has {found}: give the directory of one run"
        )
    return rows[0]


def _sorted_out(table: Leaderboard, row: LeaderboardRow) -> tuple[_Scores, list[str]]:
    """(what can be exported, what is left out and why)."""
    kept: _Scores = []
    left_out = []
    for column in table.columns:
        cell = row.cells.get(column.key)
        if cell is None:
            continue
        reason = _why_not(column, cell)
        if reason:
            left_out.append(f"left out: {line(column.title)}: {reason}")
        else:
            kept.append((column, cell))
    return kept, left_out


def _why_not(column: Column, cell: Cell) -> str:
    if cell.not_comparable:
        return "not comparable: " + "; ".join(line(reason) for reason in cell.not_comparable)
    if cell.samples_owed:
        planned = f" of {cell.samples_planned}" if cell.samples_planned else ""
        return f"not finished: {cell.samples_owed}{planned} samples are missing"
    return "" if column.dataset else "its data are in no dataset on the hub"


def _entry(column: Column, cell: Cell, table: Leaderboard) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "dataset": {"id": column.dataset, "task_id": column.task or column.benchmark},
        "value": round(cell.value, 4),
    }
    if cell.date:
        entry["date"] = cell.date
    words = [*_in_words(cell)]
    if cell.informal:
        words.append(f"informal against {yardstick(table)}: {', '.join(map(line, cell.informal))}")
    entry["notes"] = "; ".join([*words, *map(line, cell.notes)])
    return entry


def _in_words(cell: Cell) -> list[str]:
    """`avg@4, k = 4, 30 items`, both error bars, and the run."""
    counts = [cell.metric] if cell.metric else []
    counts += [f"k = {cell.samples}"] if cell.samples is not None else []
    counts += [f"{cell.n_items} items"] if cell.n_items is not None else []
    words = [", ".join(counts)] if counts else []
    if cell.se is not None:
        words.append(f"standard error {cell.se:.2f} points (sampling, same items)")
    bars = (("the same items", cell.interval), ("questions like these", cell.population_interval))
    words += [f"95 % interval for {what} {bar[0]:.1f} to {bar[1]:.1f}" for what, bar in bars if bar is not None]
    return [*words, f"evalkit {line(cell.source)}"]


def _result(column: Column, cell: Cell) -> dict[str, Any]:
    """The hub shows `value` and `name`; `args` holds what the number was computed from, and its error bars."""
    dataset = {"name": line(column.title), "type": column.dataset}
    dataset |= {"config": column.dataset_config} if column.dataset_config else {}
    dataset |= {"split": column.split} if column.split else {}
    metric = line(cell.metric) or "mean accuracy"
    args = {
        "k": cell.samples,
        "n_items": cell.n_items,
        "interval_95_same_items": _rounded(cell.interval),
        "interval_95_new_items": _rounded(cell.population_interval),
        "date": cell.date,
        "run": cell.run,
        "informal": [line(field) for field in cell.informal] or None,
    }
    metrics: list[dict[str, Any]] = [
        {
            "type": "accuracy",
            "name": metric,
            "value": round(cell.value, 4),
            "args": {key: value for key, value in args.items() if value is not None},
        }
    ]
    if cell.se is not None:
        name = f"standard error of {metric} (sampling, same items)"
        metrics.append({"type": "accuracy_stderr", "name": name, "value": round(cell.se, 4)})
    return {"task": {"type": "text-generation", "name": "Text Generation"}, "dataset": dataset, "metrics": metrics}


def _rounded(bar: tuple[float, float] | None) -> list[float] | None:
    return None if bar is None else [round(end, 4) for end in bar]


def _written(data: Any, comments: Sequence[str]) -> str:
    body = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return "".join(f"# {comment}\n" for comment in comments) + body
