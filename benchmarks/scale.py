"""How a run directory behaves with very many samples: time and memory to the first missing request on resume, and the
size of a sample on disk. Prints JSON.

    python benchmarks/scale.py [--samples 1000000]

The stored run is made through the store's own interface, with one sample missing in its last round. Opening and finding
it runs in a process of its own, whose peak memory is the figure.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

N_ITEMS = 1_000


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
    from evalkit.runner import owed, progress_of, request_for
    from evalkit.store import RunStore

    imported = time.perf_counter()
    with RunStore.open(run, writer=True) as store:
        planned, finished = progress_of(store)
        request = request_for(next(owed(store)), seed=1)
        found = {
            "wall_s": time.perf_counter() - wall,
            "of_which_imports_s": imported - wall,
            "cpu_s": time.process_time() - cpu,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "owed": planned - finished,
            "first_owed": [request.item_id, request.sample],
        }
    print(json.dumps(found))


def main() -> None:
    """Make the run, resume it, print both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--resume", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.resume:
        resume(args.resume)
        return
    with tempfile.TemporaryDirectory() as folder:
        store_cpu_s = make(Path(folder), args.samples)
        run = Path(folder) / "run"
        size = sum(file.stat().st_size for file in run.iterdir())
        command = [sys.executable, __file__, "--resume", str(run)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(
        json.dumps(
            {
                "benchmark": "scale",
                "machine": platform.platform(),
                "python": platform.python_version(),
                "n_samples": args.samples,
                "store_cpu_us_a_sample": 1e6 * store_cpu_s,
                "bytes_a_sample": size / args.samples,
                "resume": json.loads(done.stdout),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
