"""How a run behaves with very many samples. Prints JSON.

    python benchmarks/scale.py [--samples 1000000] [--requests 1000000] [--concurrency 64]

`resume`: time and memory to the first missing request on resume, and the size of a sample on disk. The stored run is
made through the store's own interface, with one sample missing in its last round. Opening and finding it runs in a
process of its own, whose peak memory is the figure.

`running`: `evalkit run` sends so many requests to endpoint.py, which answers at once and tersely, without streaming.
Once a second the resident memory of the client and its descendants is read, beside the number of answers so far;
`ratio` is the memory at the last answer over that at a tenth of the requests (100,000 of 1,000,000). `summarize` is the
estimation of the whole stored run in a process of its own.

A part is left out with `--samples 0` or `--requests 0`.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from support import Endpoint, Process, about, evalkit, memory_mb, yardstick_s

N_ITEMS = 1_000
EVERY_S = 1.0


def make(folder: Path, n_samples: int) -> float:
    """A finished run of the `fake` client but for one sample; returns CPU seconds a sample."""
    import dataclasses

    from evalkit.planning import create_run
    from evalkit.tasks.items import ItemLoader
    from evalkit.tasks.loader import load_task
    from evalkit.types import Generation, ModelSpec, RunSpec, Score, Status, Usage

    data = folder / "data" / "gsm8k"
    data.mkdir(parents=True)
    rows = [{"question": f"What is {i} + {i}?", "answer": f"#### {i + i}"} for i in range(N_ITEMS)]
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tasks = Path(__file__).parent.parent / "tasks" / "math" / "gsm8k.yaml"
    task = dataclasses.replace(load_task(tasks), samples=n_samples // N_ITEMS)
    spec = RunSpec(tasks=(task,), model=ModelSpec(kind="fake", name="x"))
    store = create_run(spec, folder, ItemLoader(data.parent), {}, run_id="run")
    started = time.process_time()
    with store:
        for sample in range(task.samples):
            for item in range(N_ITEMS):
                if (sample, item) == (task.samples - 1, N_ITEMS - 1):
                    continue
                key = ("gsm8k", item, sample)
                text = rf"Twice {item} is, as attempt {sample} finds, \boxed{{{2 * item}}}"
                usage = Usage(prompt_tokens=20, completion_tokens=30)
                store.put_generation(key, Generation(answer=text, finish_reason="stop", usage=usage, latency_s=0.1))
                store.put_score(key, Score(status=Status.SCORED, value=1.0, answer=str(2 * item), scorer="math@1"))
    return (time.process_time() - started) / n_samples


def resume(run: Path) -> None:
    """Find the first sample that is owed, as `evalkit run --resume` does; prints JSON."""
    wall, cpu = time.perf_counter(), time.process_time()
    from evalkit.agenda import Agenda, progress_of
    from evalkit.runner import request_for
    from evalkit.store import RunStore

    imported = time.perf_counter()
    with RunStore.open(run, writer=True) as store:
        planned, finished = progress_of(store)
        agenda = Agenda(store)
        agenda.begin()
        work = agenda.next()
        assert work is not None
        request = request_for(work, seed=1)
        found = {
            "wall_s": time.perf_counter() - wall,
            "of_which_imports_s": imported - wall,
            "cpu_s": time.process_time() - cpu,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "owed": planned - finished,
            "first_owed": [request.item_id, request.sample],
        }
    print(json.dumps(found))


def summarize(run: Path) -> None:
    """Estimate a finished run, as at its end; prints JSON."""
    from evalkit.store import RunStore
    from evalkit.summary import summarize as estimate

    wall, cpu = time.perf_counter(), time.process_time()
    with RunStore.open(run) as store:
        n_samples = estimate(store).n_samples
    found = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu, "n_samples": n_samples}
    print(json.dumps({**found, "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def alone(option: str, run: Path) -> dict[str, Any]:
    """What this script prints with this option, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, option, str(run)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stored(n_samples: int) -> dict[str, Any]:
    """Make the run and resume it."""
    with tempfile.TemporaryDirectory() as folder:
        store_cpu_s = make(Path(folder), n_samples)
        run = Path(folder) / "run"
        size = sum(file.stat().st_size for file in run.iterdir())
        return {
            "n_samples": n_samples,
            "store_cpu_us_a_sample": 1e6 * store_cpu_s,
            "bytes_a_sample": size / n_samples,
            "resume": alone("--resume", run),
            "yardstick_s": yardstick_s(),
        }


def running(n_requests: int, concurrency: int) -> dict[str, Any]:
    """Run so many requests, and watch the memory."""
    n_items = min(N_ITEMS, n_requests)
    with tempfile.TemporaryDirectory() as name, Endpoint("--text", "tiny") as endpoint:
        folder = Path(name)
        command = evalkit(folder, endpoint.url, n_items, n_requests // n_items, concurrency, "--no-stream")
        begun_s = time.monotonic()
        process = Process(command, folder)
        seen: list[dict[str, float]] = []
        while (usage := process.end(wait=False)) is None:
            answered = endpoint.stats()["answered"]
            seen.append({"answered": answered, "at_s": time.monotonic() - begun_s, **memory_mb(process.pid)})
            time.sleep(EVERY_S)
        stats = endpoint.stats()
        run = next(folder.glob("runs/*/run.json")).parent
        with sqlite3.connect(f"{(run / 'samples.sqlite').as_uri()}?mode=ro", uri=True) as database:
            n_stored = database.execute("SELECT count(*) FROM samples WHERE status NOT NULL").fetchone()[0]
        summary = alone("--summarize", run)
    n = stats["answered"]
    asking = [one for one in seen if one["answered"] < n]
    steps = [next(one for one in asking if one["answered"] >= n * tenth / 10) for tenth in range(1, 10)]
    steps.append(asking[-1])
    return {
        "n_requests": n,
        "n_stored": n_stored,
        "concurrency": concurrency,
        "wall_s": usage.ended_s - begun_s,
        "asking_s": stats["last_s"] - stats["first_s"],
        "last_answer_to_exit_s": usage.ended_s - stats["last_s"],
        "cpu_ms_a_request": 1e3 * usage.cpu_s / n,
        "rss_mb_at_a_tenth": steps[0]["rss_mb"],
        "rss_mb_at_the_end": steps[-1]["rss_mb"],
        "ratio": steps[-1]["rss_mb"] / steps[0]["rss_mb"],
        "ratio_anonymous": steps[-1]["rss_anon_mb"] / steps[0]["rss_anon_mb"],
        "peak_rss_mb_asking": max(one["rss_mb"] for one in asking),
        "peak_rss_mb": usage.peak_rss_mb,
        "memory": steps,
        "summarize": summary,
        "yardstick_s": yardstick_s(),
    }


def main() -> None:
    """Both parts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--resume", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--summarize", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.resume:
        resume(args.resume)
    elif args.summarize:
        summarize(args.summarize)
    else:
        report = about("scale")
        if args.samples:
            report |= stored(args.samples)
        if args.requests:
            report["running"] = running(args.requests, args.concurrency)
        print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
