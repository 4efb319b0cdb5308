"""Runs that are ended: by signals, by SIGKILL at any moment, by a full disk. Nothing stored is lost or repeated."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply
from support.faulty import FaultyEndpoint


def good(number: int, before: int) -> None:
    return None


def command(endpoint: Any, data_dir: Path, *more: object) -> list[object]:
    model = ["-m", "openai:test-model", "--base-url", endpoint.url]
    return ["run", "gsm8k", *model, "--data-dir", data_dir, "--quiet", *more]


def only_run(folder: Path = Path("runs")) -> Path:
    return next(p for p in folder.iterdir() if not p.name.startswith("."))


def stored(run: Path) -> list[tuple[Any, ...]]:
    """What a run holds, without times."""
    sql = (
        "SELECT s.item, s.sample, s.owed, s.status, s.value, s.answer, s.step, s.reason, s.scorer, s.finish_reason,"
        " s.served_model, s.prompt_tokens, s.completion_tokens, s.text_digest, g.item NOT NULL"
        " FROM samples s LEFT JOIN generations g USING(task, sample, item) ORDER BY s.sample, s.item"
    )
    with sqlite3.connect(run / "samples.sqlite") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return db.execute(sql).fetchall()


def wait_until(holds: Any, process: Any, seconds: float = 120.0) -> None:
    """Until something holds, while a process works on it."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


FAULTS = ["hang-before-headers", "hang-in-the-middle", "429-retry-after", "503"]
ENDS = [*((fault, signal.SIGINT) for fault in FAULTS), ("503", signal.SIGTERM)]
"""Both signals have one handler: what the requests wait for is varied with one of them."""


@pytest.mark.parametrize(("fault", "number"), ENDS)
def test_a_signal_ends_the_run_within_two_seconds(
    data_dir: Path, evalkit_process: Any, tmp_path: Path, fault: str, number: int
) -> None:
    """Whatever the requests wait for; what has been answered is stored and graded."""

    def plan(question: int, before: int) -> str | None:
        return fault if question >= 5 else None

    with FaultyEndpoint(plan) as endpoint:
        process = evalkit_process(*command(endpoint, data_dir, "--concurrency", 8))
        wait_until(lambda: sum(endpoint.answered.values()) == 5 and endpoint.met[fault] >= 2, process)
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
        assert time.monotonic() - began < 2
    assert process.returncode == 130 and "--resume" in err and "Traceback" not in err
    scored = [row for row in stored(only_run(tmp_path / "runs")) if row[3] == "scored"]
    assert len(scored) == 5


def test_a_signal_does_not_wait_for_a_slow_comparison(data_dir: Path, evalkit_process: Any, tmp_path: Path) -> None:
    """Answers on which a computer algebra system works for seconds are graded later."""

    def hostile(body: dict[str, Any]) -> Reply:
        return Reply(content=r"\boxed{\sum_{k=1}^{99999999} \frac{1}{k^{k}} + 9^{9^{9^{9}}}}")

    with Endpoint(hostile) as endpoint:
        process = evalkit_process(*command(endpoint, data_dir, "--concurrency", 8))
        wait_until(lambda: len(endpoint.bodies) == 20, process)
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        took_s = time.monotonic() - began
    assert process.returncode == 130 and "Traceback" not in err
    assert took_s < 2
    assert len(stored(only_run(tmp_path / "runs"))) == 20, "answers are stored before they are graded"


def test_two_runners_on_one_directory(cli: Cli, data_dir: Path, evalkit_process: Any) -> None:
    """The second is refused; a lock of one that was killed is no lock."""
    with FaultyEndpoint(good, latency_s=0.3) as endpoint:
        process = evalkit_process(*command(endpoint, data_dir, "--concurrency", 2))
        wait_until(lambda: endpoint.n_requests >= 2, process)
        for refused in (cli("run", "--resume", only_run()), cli("score", only_run())):
            assert refused.code == 2 and "another evalkit process" in refused.err
        process.kill()
        process.communicate()
        endpoint.latency_s = 0.0
        assert cli("run", "--resume", only_run(), "--quiet").code == 0


@pytest.mark.slow
def test_a_hundred_kills(data_dir: Path, evalkit_process: Any, tmp_path: Path) -> None:
    """SIGKILL at random moments, resumed each time: in the end the store is that of an undisturbed run."""
    dice = random.Random(11)
    options = ["--samples", 100, "--seed", 0, "--concurrency", 6]
    n_kills = 100
    with FaultyEndpoint(good, latency_s=0.15) as endpoint:
        args = command(endpoint, data_dir, *options, "--out", "killed")
        for kill in range(n_kills):
            n_before = endpoint.n_requests
            process = evalkit_process(*args)
            if kill % 4:  # somewhere in the middle of the requests; else somewhere in the start
                wait_until(lambda n=n_before: endpoint.n_requests > n, process)  # type: ignore[misc]
                time.sleep(dice.uniform(0, 0.5))
            else:
                time.sleep(dice.uniform(0.2, 1.2))
            assert process.poll() is None, process.communicate()
            process.send_signal(signal.SIGKILL)
            process.communicate()
            if made := list((tmp_path / "killed").glob("[!.]*")):
                args = ["run", "--resume", made[0], "--quiet"]
        n_stored = len(stored(only_run(tmp_path / "killed")))
        assert 200 < n_stored < 2000, "the kills met a run at work"
        endpoint.latency_s = 0.0
        finished = evalkit_process("run", "--resume", only_run(tmp_path / "killed"), "--quiet", "--json")
        out, err = finished.communicate(timeout=120)
        assert finished.returncode == 0, err
        n_again = sum(n - 1 for n in endpoint.answered.values())
        assert n_again <= n_kills * 2 * 6, "only what was in flight, or came within the last commit, is repeated"

        undisturbed = evalkit_process(*command(endpoint, data_dir, *options, "--out", "quiet"))
        assert undisturbed.wait(120) == 0
    assert json.loads(out)["tasks"][0]["statuses"] == {"scored": 2000}
    assert stored(only_run(tmp_path / "killed")) == stored(only_run(tmp_path / "quiet"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_full_disk(cli: Cli, data_dir: Path, small_disk: Path) -> None:
    """A clear error; what was stored stays; after space is made the run goes on."""

    def long(body: dict[str, Any]) -> Reply:
        return Reply(content=r"So it is \boxed{0}.", reasoning=random.Random(str(body)).randbytes(20_000).hex())

    with Endpoint(long) as endpoint:
        args = command(
            endpoint, data_dir, "--samples", 4, "--seed", 0, "--no-stream", "--concurrency", 4, "--out", small_disk
        )
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * 1_000_000)
        full = subprocess.run(
            [sys.executable, "-m", "evalkit", *map(str, args)], capture_output=True, text=True, timeout=120, check=False
        )
        assert full.returncode == 1 and "writing the run failed" in full.stderr and "resume" in full.stderr
        assert "disk" in full.stderr and "Traceback" not in full.stderr
        run = only_run(small_disk)
        n_before = len(endpoint.bodies)
        still = cli("run", "--resume", run, "--quiet")
        assert still.code == 1 and "Traceback" not in still.err, "still no space: said again"
        n_between = len(endpoint.bodies)
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
        n_stored = len(stored(run))
        assert 0 < n_stored < 80
        resumed = cli("run", "--resume", run, "--quiet", "--json")
        assert resumed.code == 0, resumed.err
    assert resumed.json["tasks"][0]["statuses"] == {"scored": 80}
    assert len(endpoint.bodies) - n_between == 80 - n_stored
    assert n_before <= n_between
    assert all(row[-1] for row in stored(run)), "every sample has its generation"
