"""What is shown while a run goes on: plain lines in a pipe, a panel in a real terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.faulty import FaultyEndpoint

from evalkit.cli import progress

PROFILE = "prices: {input: 1, output: 1000, currency: EUR}\nretries: {attempts: 6, backoff: 0.05}\n"


def sometimes_busy(number: int, before: int) -> str | None:
    return "503" if number == 7 and not before else None


def args(endpoint: FaultyEndpoint, data_dir: Path, *more: object) -> list[str]:
    Path("profile.yaml").write_text(PROFILE)
    model = ["-m", "openai:test-model", "--base-url", endpoint.url, "--profile", "profile.yaml"]
    return [str(a) for a in ["run", "gsm8k", *model, "--data-dir", data_dir, "--seed", 0, *more]]


def test_plain_lines(cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PLAIN_EVERY_S", 0.5)
    with FaultyEndpoint(sometimes_busy, latency_s=0.1) as endpoint:
        result = cli(*args(endpoint, data_dir, "--samples", 4, "--concurrency", 4))
    assert result.code == 0, result.err
    lines = [line for line in result.err.splitlines() if re.match(r"\d+/80", line)]
    assert 4 <= len(lines) <= 8, "one at the start, two a second, one at the end"
    assert lines[0].startswith("0/80")
    middle, last = lines[2], lines[-1]
    for words in (
        r"score so far 100\.0 % ± \d",
        r"\d+ tokens/s",
        "4 of 4 requests in flight",
        r"cost 0\.\d+ EUR",
        "left",
    ):
        assert re.search(words, middle), (words, middle)
    assert "tried again: http_503 4" in last and last.startswith("80/80") and "left" not in last


def test_quiet_is_quiet(cli: Cli, data_dir: Path) -> None:
    with FaultyEndpoint(sometimes_busy) as endpoint:
        result = cli(*args(endpoint, data_dir, "--quiet"))
    assert re.fullmatch(r"run directory: \S+\n", result.err)


def in_terminal(command: list[str], folder: Path) -> str:
    """Run in a pseudo-terminal; everything that was written to it."""
    controller, terminal = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"}
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=folder, env=env)
    os.close(terminal)
    parts, deadline = [], time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([controller], [], [], 0.2)[0]:
            try:
                parts.append(os.read(controller, 65536))
            except OSError:  # the terminal is gone with its last process
                break
        elif process.poll() is not None:
            break
    assert process.wait(10) == 0
    os.close(controller)
    return b"".join(parts).decode()


def test_a_panel_in_a_terminal(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    with FaultyEndpoint(sometimes_busy, latency_s=0.2) as endpoint:
        command = [sys.executable, "-m", "evalkit", *args(endpoint, data_dir, "--samples", 15)]
        written = in_terminal(command, tmp_path)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    for words in (
        "300/300",
        "100 %",
        r"score so far 100\.0 % ±",
        "requests in flight",
        "cost",
        "tried again: http_503",
    ):
        assert re.search(words, text), words
    assert re.search(r"concurrency \d+: \S+: throughput grew", text), "the reason of a change is shown"
    assert text.count("/300") >= 3, "it is redrawn"
    assert "audit gsm8k" in text


def test_rates_follow_the_recent_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was slow for an hour and is fast now is judged by now."""
    from evalkit.budget import Budget, Spending
    from evalkit.types import Generation, Score, Status, Usage

    clock: dict[str, float] = {"s": 0.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock["s"])
    shown = progress.Progress()
    shown.started(1000, 0, Spending(Budget(), None))

    def work(seconds: int, a_second: int) -> None:
        generation: Any = Generation(answer="x", usage=Usage(completion_tokens=10))
        for _ in range(seconds):
            clock["s"] += 1
            for _ in range(a_second):
                shown.sample("t", generation, Score(status=Status.SCORED, value=1.0))
            shown.tick(4)

    work(3600, 0)
    assert shown.left() == ""
    work(200, 2)
    assert shown.left() == "5:00 left" and shown.rates()[0] == "20 tokens/s"
