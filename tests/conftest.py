"""Shared fixtures: the command line as a subprocess or in process, and small data folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evalkit.cli.main import main


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--write-golden`: write what is compared exactly anew, to be looked at as a change of these files."""
    parser.addoption("--write-golden", action="store_true", help="rewrite tests/golden instead of comparing with it")


@dataclass
class Result:
    """What a command printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """Calls `evalkit` in this process, from an empty working folder."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *args: object) -> Result:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in args])
        captured = self._capsys.readouterr()
        code = ended.value.code
        return Result(code if isinstance(code, int) else 0, captured.out, captured.err)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, in an empty folder, without the user's settings."""
    for name in [n for n in os.environ if n.startswith("EVALKIT_") or n.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Cli(capsys)


@pytest.fixture
def evalkit_process(tmp_path: Path) -> Any:
    """Start `evalkit` as a process of its own."""

    def start(*args: object, **kwargs: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "evalkit", *map(str, args)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **kwargs,
        )

    return start


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A mirror with a little GSM8K-shaped data: question i asks for i + i."""
    folder = tmp_path / "data" / "gsm8k"
    folder.mkdir(parents=True)
    rows = [{"question": f"What is {i} + {i}?", "answer": f"It is {i}+{i}.\n#### {i + i}"} for i in range(20)]
    (folder / "test.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return tmp_path / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real benchmark files."""
    folder = os.environ.get("EVALKIT_DATA_DIR")
    if not folder:
        pytest.skip("EVALKIT_DATA_DIR is not set: no real benchmark files")
    return Path(folder)
