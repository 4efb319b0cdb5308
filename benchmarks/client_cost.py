"""What a request costs the client, beside lm-eval in the same run. Prints JSON.

    python benchmarks/client_cost.py [--items 1319] [--samples 4] [--concurrency 256] [--without-lm-eval]

CPU is user + system time of the client process and its children. Marginal cost = (CPU of items x samples requests -
CPU of items requests) / difference, so that start-up does not enter; `start` is the CPU of a run of one request. All
is included: render, send, parse, store, extract, grade, summarise. lm-eval runs `local-chat-completions` on the same
questions (no streaming, no store), with as many questions instead of samples.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
TASK = """task: bench
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: [], do_sample: false, max_gen_toks: 512}}
filter_list:
  - {{name: box, filter: [{{function: regex, regex_pattern: 'boxed.(-?[0-9]+)'}}, {{function: take_first}}]}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1.0}}
"""


def measure(command: list[str], folder: Path) -> dict[str, float]:
    """CPU seconds and peak memory of one client process with its children."""
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": "none"}
    log = folder / "client.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{log.read_text()[-2000:]}")
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "peak_rss_mb": usage.ru_maxrss / 1024}


def questions(folder: Path, n_items: int) -> Path:
    """A mirror with so many questions."""
    file = folder / f"{n_items}" / "gsm8k" / "test.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"question": f"Number {i}: what is 9 + 9? " + "Think of it. " * 15, "answer": "#### 18"} for i in range(n_items)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def evalkit(folder: Path, url: str, concurrency: int, stream: bool) -> Callable[[int, int], dict[str, float]]:
    """Runs (items, samples) through `evalkit run`."""

    def run(n_items: int, samples: int) -> dict[str, float]:
        data = questions(folder, n_items).parent.parent
        command = [sys.executable, "-m", "evalkit", "run", "gsm8k", "-m", "openai:mock", "--base-url", f"{url}/v1"]
        command += ["--data-dir", str(data), "--samples", str(samples), "--concurrency", str(concurrency), "--quiet"]
        return measure([*command, "--stream" if stream else "--no-stream"], folder)

    return run


def lm_eval(folder: Path, url: str, concurrency: int) -> Callable[[int, int], dict[str, float]]:
    """Runs items x samples questions through lm-eval."""

    def run(n_items: int, samples: int) -> dict[str, float]:
        tasks = folder / f"tasks-{n_items * samples}"
        tasks.mkdir(exist_ok=True)
        rows = questions(folder, n_items * samples)
        file = tasks / "test.jsonl"
        file.write_text(rows.read_text().replace("#### ", ""))
        (tasks / "bench.yaml").write_text(TASK.format(file=file))
        args = f"model=mock,base_url={url}/v1/chat/completions,num_concurrent={concurrency},tokenized_requests=False"
        command = [sys.executable, "-m", "lm_eval", "--model", "local-chat-completions", "--model_args", args]
        return measure([*command, "--tasks", "bench", "--include_path", str(tasks), "--apply_chat_template"], folder)

    return run


def figures(run: Callable[[int, int], dict[str, float]], n_items: int, samples: int) -> dict[str, float]:
    """Start, marginal cost and memory of one client."""
    start, once, often = run(1, 1), run(n_items, 1), run(n_items, samples)
    return {
        "start_cpu_s": start["cpu_s"],
        "marginal_cpu_ms_a_request": 1e3 * (often["cpu_s"] - once["cpu_s"]) / (n_items * (samples - 1)),
        "peak_rss_mb": often["peak_rss_mb"],
    }


def main() -> None:
    """All clients against one endpoint, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=1319)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--without-lm-eval", action="store_true")
    args = parser.parse_args()
    command = [sys.executable, str(HERE / "endpoint.py")]
    endpoint = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert endpoint.stdout is not None
        url = f"http://127.0.0.1:{endpoint.stdout.readline().strip()}"
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            clients = {
                "evalkit": evalkit(folder, url, args.concurrency, stream=False),
                "evalkit, streaming 32 chunks": evalkit(folder, url, args.concurrency, stream=True),
            }
            if not args.without_lm_eval:
                clients["lm-eval local-chat-completions"] = lm_eval(folder, url, args.concurrency)
            found = {client: figures(run, args.items, args.samples) for client, run in clients.items()}
    finally:
        endpoint.terminate()
        endpoint.wait()
    versions = {name: importlib.metadata.version(name) for name in ("aiohttp", "lm-eval", "numpy")}
    about = {"benchmark": "client_cost", "machine": platform.platform(), "n_cores": os.cpu_count()}
    setting = {"items": args.items, "samples": args.samples, "concurrency": args.concurrency}
    report = {**about, "python": platform.python_version(), "versions": versions, **setting, "clients": found}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
