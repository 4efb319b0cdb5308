"""Speed of `evalkit.stats`: estimates and verdicts of a whole suite, metrics of other k, and the bootstrap.

    python benchmarks/stats_speed.py > stats_speed.json

A suite is 20 tasks x 500 items x 64 samples with statuses, answers and clusters, as a run's arrays are. Timed are
all estimates (headline, both bounds, both error bars, secondary metrics) together with a verdict against two
published numbers for each task; a comparison with a second such run, paired by item; maj@16 of one task; and
10,000 bootstrap means of 1,319 items, beside `scipy.stats.bootstrap`. Seconds are of one thread, the best of
several rounds, as is their CPU time; reading a run directory is not in them.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable

import numpy as np
import scipy.stats
from support import about, yardstick_s

from evalkit import stats
from evalkit.types import Difference, TaskEstimate, Verdict

N_TASKS, N_ITEMS, N_SAMPLES = 20, 500, 64
ALPHA, MARGIN = 0.05, 0.02
SCORED, UNPARSED = (
    next(code for code, status in enumerate(stats.STATUSES) if status == name) for name in ("scored", "unparsed")
)


def suite(seed: int) -> list[dict[str, np.ndarray]]:
    """Arrays of the tasks of a run: items from hopeless to easy, wrong answers spread over 30 values."""
    rng = np.random.default_rng(seed)
    tasks = []
    for _ in range(N_TASKS):
        shape = (N_ITEMS, N_SAMPLES)
        right = rng.random(shape) < rng.beta(0.6, 0.4, N_ITEMS)[:, None]
        statuses = np.full(shape, SCORED, dtype=np.int8)
        statuses[rng.random(shape) < 0.02] = UNPARSED
        labels = np.where(right, 0, rng.integers(1, 31, shape)) * 2**50
        labels[statuses != SCORED] = -1
        values = np.where(statuses == SCORED, right.astype(float), np.nan)
        tasks.append({"values": values, "statuses": statuses, "labels": labels, "clusters": np.arange(N_ITEMS) // 4})
    return tasks


def estimates(tasks: list[dict[str, np.ndarray]], clustered: bool) -> list[TaskEstimate]:
    return [
        stats.task_estimate(
            f"task-{i}",
            task["values"],
            task["statuses"],
            labels=task["labels"],
            clusters=task["clusters"].tolist() if clustered else None,
        )
        for i, task in enumerate(tasks)
    ]


def verdicts(found: list[TaskEstimate]) -> list[Verdict]:
    """Each task against two references."""

    def against(task: TaskEstimate, value: float, alpha: float) -> list[Difference]:
        readings = (task.headline, task.as_wrong, task.excluded)
        return [
            stats.against_reference(r, value=value, n_items=N_ITEMS, samples=N_SAMPLES, alpha=alpha)
            for r in readings
            if r is not None
        ]

    decided = []
    for task in found:
        for value in (0.57, 0.61):
            headline, *bounds = against(task, value, ALPHA)
            at = functools.partial(against, task, value)
            decided.append(
                stats.verdict(headline, bounds, margin=MARGIN, alpha=ALPHA, subject="a", reference="b", at=at)
            )
    return decided


def timed(call: Callable[[], object], rounds: int = 5) -> dict[str, float]:
    """Wall and CPU seconds of the quickest round."""
    found = []
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    best = min(found)
    return {"s": round(best[0], 4), "cpu_s": round(best[1], 4)}


def main() -> None:
    ours, theirs = suite(0), suite(1)
    values = np.random.default_rng(2).random(1319)
    right = ours[0]["values"].copy()
    right[np.isnan(right)] = 0.0
    result = {
        **about("stats_speed"),
        "yardstick_s": round(yardstick_s(), 4),
        "suite": {"tasks": N_TASKS, "items": N_ITEMS, "samples": N_SAMPLES},
        "estimates_and_verdicts": timed(lambda: verdicts(estimates(ours, clustered=False))),
        "the_same_with_clusters": timed(lambda: verdicts(estimates(ours, clustered=True))),
        "estimates": timed(lambda: estimates(ours, clustered=False)),
        "paired_with_another_run": timed(
            lambda: [stats.paired(a["values"], b["values"], alpha=ALPHA) for a, b in zip(ours, theirs, strict=True)]
        ),
        "maj_at_16_of_one_task": timed(lambda: stats.maj_at_k(ours[0]["labels"], right, 16), rounds=3),
        "pass_at_16_of_one_task": timed(lambda: stats.pass_at_k(right.sum(axis=1), N_SAMPLES, 16)),
        "bootstrap_10000_of_1319": timed(lambda: stats.bootstrap_means(values)),
        "bootstrap_10000_of_1319_scipy": timed(
            lambda: scipy.stats.bootstrap((values,), np.mean, n_resamples=10_000, method="percentile", batch=100),
            rounds=3,
        ),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
