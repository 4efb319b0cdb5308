"""`evalkit metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape

from evalkit import audit
from evalkit.cli.common import json_option, note, print_json, print_table
from evalkit.errors import UsageError
from evalkit.report import format as fmt
from evalkit.scores import TaskScores, first_rounds, one_sample_each, task_scores
from evalkit.stats import Metric, MetricValue, metric_value, parse_metric, readings, usual_metrics
from evalkit.stopping import UntilDecided
from evalkit.store import RunStore


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--metric", "names", multiple=True, metavar="NAME", help="For example pass@8; may be repeated.")
@json_option
def metrics(run: Path, names: tuple[str, ...], as_json: bool) -> None:
    """Compute metrics of k samples for the run in directory RUN, for any k up to the samples of an item.

    NAME is pass@K (one of K is right), g-pass@K:TAU (the share TAU of K is right; 1 asks for all), mg-pass@K (its
    mean over TAU from 0.5 to 1), maj@K or cons@K (the most frequent answer is right). Without --metric: pass, g-pass
    with TAU 1 and maj at K = 2, 4, 8, ... Values are exact expectations over all ways to draw K of an item's samples;
    intervals are for new items. Errored samples are left out, other samples without a score count as wrong.
    """
    wanted = [parse_metric(name) for name in names]
    faults: list[str] = []
    tasks = []
    with RunStore.open(run) as store:
        spec = store.record.spec
        copied = audit.copied(spec.tasks, {task.name: store.totals(task.name) for task in spec.tasks})
        for task in spec.tasks:
            scores = task_scores(store, task)
            if spec.until_decided:
                n = UntilDecided(store).full_rounds(task, scores)
                faults.append(
                    f"{task.name}: of a run with --until-decided only the {n} rounds that asked every item count"
                )
                scores = first_rounds(scores, n)
            if task.name in copied:
                faults.append(f"{task.name}: {copied[task.name]}, so each item has one")
                scores = one_sample_each(scores)
            found: list[MetricValue] = []
            try:
                found = _task_metrics(scores, task.name, wanted)
            except UsageError as fault:
                faults.append(f"{task.name}: {fault}")
            tasks.append((task.name, found))
    if not any(found for _, found in tasks):
        raise UsageError("; ".join(faults) or f"{run}: metrics of k samples need two samples of each item at least")
    for remark in faults:
        note(remark)
    if as_json:
        print_json({"run": store.record.id, "tasks": [{"task": name, "metrics": found} for name, found in tasks]})
    else:
        _print(tasks)


def _task_metrics(scores: TaskScores, task: str, wanted: Sequence[Metric]) -> list[MetricValue]:
    values = readings(scores.values, scores.statuses, task).headline
    return [
        metric_value(metric, values, scores.labels, clusters=scores.clusters)
        for metric in wanted or usual_metrics(values)
    ]


def _print(tasks: Sequence[tuple[str, Sequence[MetricValue]]]) -> None:
    rows = [
        [escape(name), m.metric, fmt.percent(m.value), fmt.interval(m.population), str(m.n_items), str(m.n_left_out)]
        for name, found in tasks
        for m in found
    ]
    print_table(["task", "metric", "value %", "new items", "items", "left out"], rows)
    click.echo(
        "new items = 95 % interval for questions like these; left out = items with fewer than K samples that count"
    )
