"""The run directory as others meet it: read while written, read-only, damaged, on a full disk."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply


def zero(body: dict[str, Any]) -> Reply:
    return Reply(content=r"\boxed{0}", reasoning="x" * 400)


def run_args(endpoint: Endpoint, data_dir: Path, *more: object) -> list[object]:
    model = ["--model", "openai:test-model", "--base-url", endpoint.url]
    return ["run", "gsm8k", *model, "--data-dir", data_dir, "--quiet", *more]


def only_run() -> Path:
    return next(p for p in Path("runs").iterdir() if not p.name.startswith("."))


@pytest.fixture
def finished(cli: Cli, data_dir: Path) -> Path:
    with Endpoint(zero) as endpoint:
        assert cli(*run_args(endpoint, data_dir)).code == 0
    return only_run()


def test_a_run_can_be_read_while_it_is_written(cli: Cli, data_dir: Path, evalkit_process: Any) -> None:
    def slow(body: dict[str, Any]) -> Reply:
        return Reply(delay_s=0.2)

    with Endpoint(slow) as endpoint:
        process = evalkit_process(*run_args(endpoint, data_dir, "--concurrency", 1))
        try:
            while len(endpoint.bodies) < 4:
                time.sleep(0.02)
            result = cli("compare", only_run(), "--against", "gpt-4o", "--json")
        finally:
            process.kill()
            process.communicate()
    assert result.code == 0, result.err
    assert 2 <= sum(result.json["comparisons"][0]["estimate"]["statuses"].values()) < 20
    assert result.json["comparisons"][0]["estimate"]["samples_owed"] > 0


def test_a_full_disk_is_said_and_nothing_stored_is_lost(cli: Cli, data_dir: Path, evalkit_process: Any) -> None:
    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))

    def long(body: dict[str, Any]) -> Reply:
        return Reply(reasoning=os.urandom(10_000).hex(), delay_s=0.1)

    with Endpoint(long) as endpoint:
        args = run_args(endpoint, data_dir, "--samples", 4, "--concurrency", 2, "--no-stream")
        process = evalkit_process(*args, preexec_fn=limit_files)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "writing the run failed" in err and "resume" in err and "Traceback" not in err
        with sqlite3.connect(only_run() / "samples.sqlite") as db:
            (stored,) = db.execute("SELECT count(*) FROM samples").fetchone()
        assert stored > 0
        n_before = len(endpoint.bodies)
        endpoint.script = zero
        result = cli("run", "--resume", only_run(), "--json", "--quiet")
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 80}
    assert len(endpoint.bodies) - n_before == 80 - stored


def test_a_read_only_run_directory_can_be_checked(finished: Path) -> None:
    """Root writes anywhere, so as root the capability for that is dropped first."""
    as_root = os.geteuid() == 0
    if as_root and shutil.which("setpriv") is None:
        pytest.skip("as root this needs setpriv")
    drop = ["setpriv", "--bounding-set", "-dac_override"] if as_root else []
    (finished / "run.lock").unlink()
    finished.chmod(0o555)
    try:
        command = [*drop, sys.executable, "-m", "evalkit", "compare", str(finished), "--against", "gpt-4o"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "gpt-4o" in done.stdout
        score = subprocess.run([*command[:-4], "score", str(finished)], capture_output=True, text=True, timeout=60)
        assert score.returncode == 1 and "cannot write to" in score.stderr
    finally:
        finished.chmod(0o755)


DAMAGE = [
    ("run.json", b"{", "not a valid RunRecord"),
    ("run.json", b'{"schema": 1}', "not a valid RunRecord"),
    ("samples.sqlite", b"not a database, whatever its name says" * 99, "file is not a database"),
]


@pytest.mark.parametrize(("name", "content", "words"), DAMAGE)
def test_damage_is_named(cli: Cli, finished: Path, name: str, content: bytes, words: str) -> None:
    (finished / name).write_bytes(content)
    result = cli("compare", finished, "--against", "o1")
    assert result.code == 2, result.err
    assert words in result.err and name in result.err and "Traceback" not in result.err


EDITS = [
    ("UPDATE generations SET body=x'00112233'", ["score", "run --resume"]),
    ("UPDATE samples SET status='weird'", ["compare --against o1", "report", "score"]),
    ("UPDATE items SET body=x'00'", ["score"]),
    ("UPDATE samples SET status=NULL; UPDATE items SET body=x'00'", ["run --resume"]),
]


@pytest.mark.parametrize(("edit", "command"), [(edit, command) for edit, commands in EDITS for command in commands])
def test_damaged_rows_are_named(cli: Cli, finished: Path, edit: str, command: str) -> None:
    with sqlite3.connect(finished / "samples.sqlite") as db:
        db.executescript(edit + ("; UPDATE samples SET status=NULL" if "generations" in edit else ""))
    name, *options = command.split()
    result = cli(name, finished, *options) if name != "run" else cli("run", "--resume", finished, "--quiet")
    assert result.code == 2, result.err
    assert "samples.sqlite" in result.err and "is damaged" in result.err and "Traceback" not in result.err


def test_rows_of_no_item_are_named(cli: Cli, finished: Path) -> None:
    with sqlite3.connect(finished / "samples.sqlite") as db:
        db.execute("UPDATE samples SET item=999 WHERE item=3")
    result = cli("compare", finished, "--against", "o1")
    assert result.code == 2 and "item 999" in result.err and "Traceback" not in result.err


def test_what_cannot_be_written_is_an_error_of_the_run(cli: Cli, data_dir: Path) -> None:
    """Whatever goes wrong in the writing thread, a run must not end as if all were stored."""
    with Endpoint(lambda body: Reply(usage={"completion_tokens": 10**19, "prompt_tokens": 3})) as endpoint:
        result = cli(*run_args(endpoint, data_dir, "--json"))
    assert result.code == 0 and result.json["tasks"][0]["statuses"] == {"scored": 20}
    assert result.json["tasks"][0]["totals"]["completion_tokens"] == 0, "an impossible count is no count"


def test_a_newer_schema_is_refused(cli: Cli, finished: Path) -> None:
    file = finished / "run.json"
    file.write_text(file.read_text().replace('"schema": 5', '"schema": 99'))
    result = cli("score", finished)
    assert result.code == 2 and "schema 99" in result.err
