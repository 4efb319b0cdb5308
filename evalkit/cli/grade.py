"""`evalkit grade`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click

from evalkit.cli.common import (
    data_options,
    json_option,
    note,
    print_json,
    sandbox_of,
    sandbox_options,
    tasks_dir_option,
)
from evalkit.contracts import Explains
from evalkit.errors import UsageError
from evalkit.grading import BadRow, Earlier, Flip, Graded, Grader, Row, Tally, make_row
from evalkit.tasks import catalog
from evalkit.tasks.items import ItemLoader
from evalkit.types import Json, Score


@click.command()
@click.option("--target", help="The right answer.")
@click.option("--answer", help="A bare answer: it is not searched for in prose.")
@click.option("--output-text", help="All that a model wrote, instead of --answer.")
@click.option("--choices", help="The options of a multiple-choice question: a JSON list, or texts with | between.")
@click.option("--question", help="What was asked, where the scorer uses it.")
@click.option("--explain", is_flag=True, help="Show which steps were tried and how each ended.")
@click.option("--input", "source", type=click.Path(path_type=Path), help="JSON Lines to grade; - is standard input.")
@click.option("--output", "sink", type=click.Path(path_type=Path), help="Results; - (default) is standard output.")
@click.option(
    "--diff", type=click.Path(path_type=Path, exists=True), help="Earlier results: show what came out otherwise."
)
@click.option("--task", help="Grade answers to this task: rows name its items by task_id, and its scorer grades them.")
@click.option("--scorer", help="Scorer, as in a task file; default that of --task, else math.")
@click.option("--scorer-args", multiple=True, help="KEY=VALUE or a JSON object; may be repeated.")
@click.option("--jobs", type=click.IntRange(1), help="Rows graded at once; default 1, for code as many as cores.")
@sandbox_options
@tasks_dir_option
@data_options
@json_option
def grade(
    target: str | None,
    answer: str | None,
    output_text: str | None,
    choices: str | None,
    question: str | None,
    explain: bool,
    source: Path | None,
    sink: Path | None,
    diff: Path | None,
    task: str | None,
    scorer: str | None,
    scorer_args: tuple[str, ...],
    jobs: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Grade one answer (--target with --answer), or a file of them (--input).

    A row of the file is {"id", "target", "prediction"} (a bare answer) or {"id", "target", "output"} (all that a model
    wrote, with its reasoning), optionally with "choices", "question", "finish_reason" and "label" (1 right, 0 wrong).
    With --task a row is {"id", "task_id", "completion"} or {"id", "task_id", "output"}, where a completion continues
    the item's prompt. A result is {"id", "status", "value", "answer", "step", "reason"}, for code with "kind", "tests"
    and "sandbox". Exit code 1 if a row could not be graded, or if
    --diff finds a row that came out otherwise.
    """
    if (source is None) == (target is None):
        raise click.UsageError("give either --input, or --target with --answer")
    if task is not None and source is None:
        raise click.UsageError("--task goes with --input")
    with contextlib.closing(_grader(task, scorer, _arguments(scorer_args), options)) as grader:
        if source is not None:
            if answer is not None or output_text is not None:
                raise click.UsageError("--answer and --output-text go with --target, not with --input")
            raise click.exceptions.Exit(_grade_file(grader, source, sink, diff, jobs or grader.useful_jobs))
        if (answer is None) == (output_text is None):
            raise click.UsageError("--target needs either --answer or --output-text")
        given = {"prediction": answer} if answer is not None else {"output": output_text}
        fields: dict[str, Json] = {"target": target, "question": question, **given}
        if choices is not None:
            fields["choices"] = _choices(choices)
        _grade_one(grader, make_row(fields, "-"), explain, as_json)


def _grader(task: str | None, scorer: str | None, args: dict[str, Json], options: dict[str, Any]) -> Grader:
    """The scorer that was named, or a task's with the arguments that the task gives it."""
    sandbox = sandbox_of(options)
    if task is None:
        return Grader(scorer or "math", args, sandbox)
    spec = catalog.find(task, options["task_folders"])
    loader = ItemLoader(options["data_dir"], options["trusted"])
    items = {item.id: item for item in loader.items(spec)}
    own = dict(spec.scorer_args) if scorer in (None, spec.scorer) else {}
    return Grader(scorer or spec.scorer, own | args, sandbox, items)


def _grade_one(grader: Grader, row: Row, explain: bool, as_json: bool) -> None:
    score = grader.grade(row)
    scorer = grader.scorer_for(row.args)
    path = []
    if explain and isinstance(scorer, Explains):
        path = scorer.explain(row.item, row.generation, bare=row.prediction is not None)
    if as_json:
        shown: dict[str, Json] = _shown(score)
        print_json({**shown, "path": [list(step) for step in path]} if explain else shown)
        return
    for name, value in _shown(score).items():
        if value is not None:
            click.echo(f"{name + ':':8} {value}")
    if path:
        click.echo("path:")
        width = max(len(step) for step, _ in path)
        for step, outcome in path:
            click.echo(f"  {step:{width}}  {outcome}")


def _shown(score: Score) -> dict[str, Json]:
    return {
        "status": score.status.value,
        "value": score.value,
        "answer": score.answer,
        "step": score.step,
        "reason": score.reason,
        "scorer": score.scorer,
    }


def _grade_file(grader: Grader, source: Path, sink: Path | None, diff: Path | None, jobs: int) -> int:
    earlier = _earlier(diff) if diff is not None else None
    tally, n_flips = Tally(), 0
    with _reading(source) as lines, _writing(sink) as out:
        for graded in grader.grade_lines(lines, jobs):
            out.write(_line(graded))
            tally.add(graded)
            if graded.bad:
                note(f"{source}:{graded.number}: {graded.score.reason}")
            flip = earlier.flip(graded) if earlier is not None else None
            if flip is not None:
                n_flips += 1
                note(_flip_text(flip))
    missing = earlier.missing() if earlier is not None else []
    for lost in missing:
        note(_flip_text(lost))
    note(tally.text())
    if earlier is not None:
        note(f"{n_flips} rows came out otherwise than in {diff}, {len(missing)} of its rows were not graded")
    return int(bool(tally.bad or n_flips or missing))


def _line(graded: Graded) -> bytes:
    """A lone surrogate, which no encoding has, stays the escape that it was."""
    return (json.dumps(graded.line(), ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _earlier(file: Path) -> Earlier:
    try:
        with file.open("rb") as lines:
            return Earlier(lines)
    except BadRow as fault:
        raise UsageError(f"{file}:{fault}") from None


def _flip_text(flip: Flip) -> str:
    return f"{flip.id}: {_outcome(flip.before)} -> {_outcome(flip.after) if flip.after else 'not graded'}"


def _outcome(row: Any) -> str:
    value = "" if row.get("value") is None else f" {row['value']:g}"
    why = [str(row[name]) for name in ("step", "reason") if row.get(name)]
    answer = f" {row['answer']!r}" if row.get("answer") is not None else ""
    return f"{row['status']}{value}{answer}" + (f" ({'; '.join(why)})" if why else "")


def _arguments(given: tuple[str, ...]) -> dict[str, Json]:
    """Scorer arguments from `KEY=VALUE` (the value as JSON if it is that, as text if not) and JSON objects."""
    found: dict[str, Json] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if text.lstrip().startswith("{"):
            whole = _json_or(text, None)
            if not isinstance(whole, dict):
                raise click.BadParameter(f"{text!r} is not a JSON object", param_hint="--scorer-args")
            found |= whole
        elif equals:
            found[name.strip()] = _json_or(value, value)
        else:
            raise click.BadParameter(f"{text!r} is neither KEY=VALUE nor a JSON object", param_hint="--scorer-args")
    return found


def _choices(text: str) -> list[Json]:
    listed = _json_or(text, None)
    return listed if isinstance(listed, list) else [choice.strip() for choice in text.split("|")]


def _json_or(text: str, otherwise: Json) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return otherwise


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[IO[bytes]]:
    if str(source) == "-":
        yield sys.stdin.buffer
        return
    try:
        handle = source.open("rb")
    except OSError as fault:
        raise UsageError(f"cannot read {source}: {fault.strerror}") from None
    with handle:
        yield handle


@contextlib.contextmanager
def _writing(sink: Path | None) -> Iterator[IO[bytes]]:
    if sink is None or str(sink) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        handle = sink.open("wb")
    except OSError as fault:
        raise UsageError(f"cannot write {sink}: {fault.strerror}") from None
    with handle:
        yield handle
