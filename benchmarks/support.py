"""What the benchmark scripts share: the endpoint, the clients' commands, and what Linux tells of a process."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

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
_LOADED = ("aiohttp", "msgspec", "numpy", "uvloop", "lm-eval", "math-verify", "sympy")


class Endpoint:
    """`with Endpoint("--latency-s", "0.2") as endpoint: endpoint.url`: endpoint.py in a process of its own."""

    def __init__(self, *options: str) -> None:
        self._command = [sys.executable, str(HERE / "endpoint.py"), *options]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.line()}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.communicate()

    def line(self) -> str:
        """Wait for the next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def release(self) -> None:
        """Let go what `--hold-first` holds."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def stats(self) -> dict[str, Any]:
        """What it has counted."""
        with urllib.request.urlopen(f"{self.url}/stats", timeout=60) as response:
            found: dict[str, Any] = json.load(response)
        return found


@dataclass(frozen=True)
class Usage:
    """What a client has used until its end, children included; `peak_rss_mb` is of its largest process."""

    cpu_s: float
    peak_rss_mb: float
    ended_s: float


class Process:
    """A client that runs."""

    def __init__(self, command: list[str], folder: Path) -> None:
        # Bytecode is kept between runs, as it is where a client is installed.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": "none"}
        self._log = folder / "client.log"
        self._command = command
        with self._log.open("w") as out:
            self.pid = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out).pid

    def end(self, wait: bool = True) -> Usage | None:
        """Its usage once it has ended; None if it runs on and is not waited for."""
        pid, status, usage = os.wait4(self.pid, 0 if wait else os.WNOHANG)
        if pid == 0:
            return None
        if status:
            raise SystemExit(f"{' '.join(self._command)} failed:\n{self._log.read_text()[-2000:]}")
        return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, time.monotonic())


def finish(command: list[str], folder: Path) -> Usage:
    """Run a client to its end."""
    usage = Process(command, folder).end()
    assert usage is not None
    return usage


def questions(folder: Path, n_items: int) -> Path:
    """A mirror with so many questions."""
    file = folder / f"{n_items}" / "gsm8k" / "test.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"question": f"Number {i}: what is 9 + 9? " + "Think of it. " * 15, "answer": "#### 18"} for i in range(n_items)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def evalkit(folder: Path, url: str, n_items: int, samples: int, concurrency: int | str, *options: str) -> list[str]:
    """The command that sends items x samples requests through `evalkit run`."""
    data = questions(folder, n_items).parent.parent
    command = [sys.executable, "-m", "evalkit", "run", "gsm8k", "-m", "openai:mock", "--base-url", f"{url}/v1"]
    command += ["--data-dir", str(data), "--samples", str(samples), "--concurrency", str(concurrency), "--quiet"]
    return [*command, *options]


def lm_eval(folder: Path, url: str, n_items: int, concurrency: int) -> list[str]:
    """The command that sends so many questions through lm-eval."""
    tasks = folder / f"tasks-{n_items}"
    tasks.mkdir(exist_ok=True)
    file = tasks / "test.jsonl"
    file.write_text(questions(folder, n_items).read_text().replace("#### ", ""))
    (tasks / "bench.yaml").write_text(TASK.format(file=file))
    args = f"model=mock,base_url={url}/v1/chat/completions,num_concurrent={concurrency},tokenized_requests=False"
    command = [sys.executable, "-m", "lm_eval", "--model", "local-chat-completions", "--model_args", args]
    return [*command, "--tasks", "bench", "--include_path", str(tasks), "--apply_chat_template"]


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [one for child in file.read_text().split() for one in family(int(child))]
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds so far of a process that runs, with its descendants."""
    total = 0.0
    for one in family(pid):
        total += time.clock_gettime((~one << 3) | 2)  # the CPU clock of another process: clock_getcpuclockid(3)
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")  # of children that ended
    return total


def memory_mb(pid: int) -> dict[str, float]:
    """Resident memory of a process and its descendants, all of it and what belongs to no file."""
    sums = {"VmRSS": 0, "RssAnon": 0}
    for one in family(pid):
        with contextlib.suppress(OSError):
            rows = (line.split() for line in Path(f"/proc/{one}/status").read_text().splitlines())
            values = {row[0].rstrip(":"): row[1] for row in rows if len(row) > 1}
            for name in sums:
                sums[name] += int(values.get(name, 0))
    return {"rss_mb": sums["VmRSS"] / 1024, "rss_anon_mb": sums["RssAnon"] / 1024}


def yardstick_s() -> float:
    """CPU seconds of three million additions: how fast the machine is at the moment."""
    cpu_s, total = time.process_time(), 0
    for number in range(3_000_000):
        total += number
    return time.process_time() - cpu_s


def about(name: str) -> dict[str, Any]:
    """What every result says of where it was measured."""
    versions = {}
    for package in _LOADED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    machine = {"machine": platform.platform(), "n_cores": os.cpu_count(), "python": platform.python_version()}
    return {"benchmark": name, **machine, "versions": versions}
