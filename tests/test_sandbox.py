"""The sandbox as a machine: it starts where it can, says why where it cannot, survives much, and leaves nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evalkit.errors import SandboxUnavailable, UnknownName
from evalkit.scoring.sandbox import (
    Examination,
    Failed,
    Kind,
    Limits,
    Outcome,
    Programs,
    Run,
    Sandbox,
    Source,
    backends,
)
from evalkit.scoring.sandbox.inside.leftovers import remove
from evalkit.scoring.sandbox.worker import Worker
from evalkit.types import SandboxChoice

BACKENDS = ("namespaces", "landlock", "bwrap")
SQUARE = "def f(x): return x * x"
TESTS = "assert f(2) == 4\nassert f(3) == 9\n"


def made(backend: str, workers: int = 1) -> Sandbox:
    try:
        return Sandbox(SandboxChoice(backend=backend), workers=workers)
    except SandboxUnavailable as fault:
        pytest.skip(str(fault))


def program(sandbox: Sandbox, code: str, **limits: float) -> Run:
    source = Source(variants=(code,), name="__main__")
    (run,) = sandbox.programs(Programs(source=source, inputs=[""], limits=Limits(**limits)))  # type: ignore[arg-type]
    return run


def examined(sandbox: Sandbox, code: str, tests: str = TESTS, **limits: float) -> Outcome:
    source = Source(variants=(code,))
    job = Examination(source=source, tests=tests, entry_point="f", limits=Limits(**limits))  # type: ignore[arg-type]
    return sandbox.examine(job)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything temporary goes in this test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def below(pid: int) -> set[int]:
    """A process and all that descend from it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, before = {pid}, 0
    while len(found) != before:
        before = len(found)
        found |= {child for child, parent in parents.items() if parent in found}
    return found


def soon(holds: Callable[[], bool]) -> bool:
    """Whether it holds within the moment that a process takes to end."""
    until_s = time.monotonic() + 5
    while not holds() and time.monotonic() < until_s:
        time.sleep(0.01)
    return holds()


MIXED = [
    "print(1)",
    "1/0",
    "def (",
    "import os; os._exit(3)",
    "import os; os.mkdir('a'); os.chmod('.', 0)",
    "open('left', 'w').write('x'); import os; os.symlink('/', 'root')",
    "import threading, time\nfor _ in range(3): threading.Thread(target=time.sleep, args=(9,)).start()",
    "import os\nfor n in range(200): open(str(n), 'w')",
    "print('x' * 3_000_000)",
    "x = bytearray(8 << 30)",
    "import os; os.kill(os.getpid(), 9)",
    "import os; os.fork()",
]


@pytest.mark.parametrize("backend", BACKENDS)
def test_300_executions_leave_nothing(backend: str, scratch: Path) -> None:
    """No process, file, mount or descriptor: neither while it runs, nor when it is closed."""

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    mounts = Path("/proc/mounts").read_text()
    n_before = descriptors()
    with made(backend) as sandbox:
        (pid,) = sandbox.pids()
        n_open, processes, folders = descriptors(), below(pid), sorted(scratch.rglob("*"))
        judges = 1  # the process that examines may stay for the next examination
        for number in range(300):
            code = MIXED[number % len(MIXED)]
            if number % 2:
                program(sandbox, code, cpu_s=2, wall_s=5)
            else:
                examined(sandbox, code, cpu_s=2, wall_s=5)
        assert sandbox.pids() == [pid]
        assert soon(lambda: len(set(below(pid)) - set(processes)) <= judges)
        assert descriptors() <= n_open and sorted(scratch.rglob("*")) == folders
    assert descriptors() <= n_before, "fewer if what other tests left was collected meanwhile"
    assert (list(scratch.iterdir()), Path("/proc/mounts").read_text()) == ([], mounts)
    assert soon(lambda: not any(Path(f"/proc/{p}").exists() for p in processes))


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_job_has_an_empty_folder_and_the_same_environment(backend: str) -> None:
    look = "import os; print(os.listdir('.'), os.listdir(os.environ['TMPDIR'])); open('left', 'w').write('x')"
    names = "import os; print(sorted(set(os.environ)))"
    with made(backend) as sandbox:
        for _ in range(3):
            assert program(sandbox, look).output == "[] []\n"
            assert (
                examined(sandbox, "import os\nhere = os.listdir('.')\nopen('left', 'w')", "assert here == []").kind
                is None
            )
        found = set(json.loads(program(sandbox, names).output.replace("'", '"')))
        assert found - {"PWD"} == set(backends.ENVIRONMENT)
        assert program(sandbox, "import os; print(os.environ['PATH'])").output.strip() == backends.ENVIRONMENT["PATH"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_jobs_at_a_time_do_not_see_each_other(backend: str) -> None:
    code = """
import glob, os, sys, time
open("mine", "w").write("x")
until = time.monotonic() + 0.4
seen = set()
while time.monotonic() < until:
    for at in (".", "/tmp", ".."):
        for folder, _, files in os.walk(at):
            seen |= {os.path.realpath(os.path.join(folder, name)) for name in files}
    time.sleep(0.01)
print(seen == {os.path.realpath("mine")}, len(seen))
"""
    with made(backend, workers=2) as sandbox, ThreadPoolExecutor(2) as threads:
        runs = list(threads.map(lambda _: program(sandbox, code), range(2)))
        assert len(sandbox.pids()) == 2
    assert [run.output for run in runs] == ["True 1\n"] * 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_worker_is_replaced(backend: str, scratch: Path) -> None:
    with made(backend) as sandbox:
        (pid,) = sandbox.pids()
        started = threading.Event()

        def kill() -> None:
            started.wait()
            time.sleep(0.2)
            os.kill(pid, signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        started.set()
        assert program(sandbox, "import time; time.sleep(0.6); print('done')").output == "done\n"
        thread.join()
        assert examined(sandbox, SQUARE).kind is None
        assert sandbox.pids() != [pid]
    assert list(scratch.iterdir()) == []


def test_close_ends_what_runs() -> None:
    sandbox = Sandbox(workers=2)
    with ThreadPoolExecutor(2) as threads:
        jobs = [threads.submit(program, sandbox, "import time; time.sleep(20)") for _ in range(2)]
        while len(sandbox.pids()) < 2:
            time.sleep(0.01)
        time.sleep(0.2)
        start = time.monotonic()
        sandbox.close()
        for job in jobs:
            with pytest.raises(Failed, match="stopped"):
                job.result(timeout=10)
    assert time.monotonic() - start < 5
    with pytest.raises(Failed, match="stopped"):
        program(sandbox, "print(1)")


# Where it cannot start ------------------------


@pytest.mark.parametrize("named", ["/nonexistent", "/bin/true", "/etc"])
def test_a_missing_interpreter_is_named(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(backends.PYTHON_VARIABLE, named)
    with pytest.raises(SandboxUnavailable, match=f"{named} cannot be run.*set {backends.PYTHON_VARIABLE}"):
        Sandbox()


def test_none_must_be_meant() -> None:
    with pytest.raises(SandboxUnavailable, match="--allow-unsafe-code"):
        Sandbox(SandboxChoice(backend="none"))
    with Sandbox(SandboxChoice(backend="none", allow_unsafe=True), workers=1) as sandbox:
        assert sandbox.tier.startswith("none (rlimits")
        assert program(sandbox, "print(1)").output == "1\n"
        assert examined(sandbox, SQUARE).kind is None


def test_an_unknown_sandbox_is_refused() -> None:
    with pytest.raises(UnknownName, match="namespaces"):
        Sandbox(SandboxChoice(backend="namespace"))


@pytest.mark.parametrize("backend", ["bwrap", "docker", "podman"])
def test_a_missing_program_is_named(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match=f"program {backend} is not installed"):
        Sandbox(SandboxChoice(backend=backend))


def test_where_nothing_works_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason of each, and never by the sandbox that is none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(backends.sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailable) as fault:
        Sandbox(SandboxChoice(allow_unsafe=True))
    for name in set(backends.BACKENDS) - {"none"}:
        assert f"{name}: " in str(fault.value)
    assert "none: " not in str(fault.value) and "docs/sandbox.md" in str(fault.value)


def test_the_landlock_tier_needs_landlock(scratch: Path) -> None:
    """A kernel without it is refused, not used without."""
    made("landlock").close()
    launch = backends.BACKENDS["landlock"](backends.Setup(backends.interpreter()))
    with pytest.raises(SandboxUnavailable, match="no Landlock"):
        Worker(dataclasses.replace(launch, wanted={**launch.wanted, "landlock": False}))
    assert list(scratch.iterdir()) == []


# Containers: a stand-in for docker checks what it is asked for, and runs the interpreter here ------------------------

STAND_IN = """#!{python}
import os, sys
args = sys.argv[1:]
text = " ".join(args)
wanted = [
    "run --rm --interactive", "--network none", "--read-only", "--cap-drop ALL", "--user 65534:65534",
    "--security-opt no-new-privileges", "--memory 8g", "--pids-limit 512", "--ipc private", "--entrypoint python3",
]
missing = [w for w in wanted if w not in text]
forbidden = [w for w in ("--privileged", "-v", "--volume", "--mount", "--env-file", "host") if w in args]
if missing or forbidden:
    sys.exit(f"asked without {{missing}}, with {{forbidden}}")
place = args.index("{image}")
env = dict(args[n + 1].split("=", 1) for n in range(place) if args[n] == "--env")
os.execve(sys.executable, [sys.executable, *args[place + 1 :]], env)
"""


@pytest.mark.parametrize("tool", ["docker", "podman"])
def test_a_container_is_asked_for_with_every_restriction(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = tmp_path / tool
    stand_in.write_text(STAND_IN.format(python=sys.executable, image="some/image:1"))
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv(backends.IMAGE_VARIABLE, "some/image:1")
    monkeypatch.setenv("SOME_API_KEY", "secret")
    with Sandbox(SandboxChoice(backend=tool), workers=1) as sandbox:
        assert sandbox.tier.startswith(f"{tool} (seccomp")
        assert examined(sandbox, SQUARE).kind is None
        assert examined(sandbox, "def f(x): return x").kind is Kind.WRONG_ANSWER
        assert program(sandbox, "import os; print(os.environ.get('SOME_API_KEY'))").output == "None\n"


def test_a_container_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the daemon' >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxUnavailable, match="Cannot connect to the daemon"):
        Sandbox(SandboxChoice(backend="docker"))


# Whatever an answer does, it gets a verdict ------------------------


@pytest.fixture(scope="module")
def any_sandbox() -> object:
    with Sandbox(workers=1) as sandbox:
        yield sandbox


HOSTILE = [
    ("", Kind.EXCEPTION),
    ("\0", Kind.COMPILE),
    ("x = '\ud800'", Kind.COMPILE),
    ("\x7fELF\x02\x01\x01", Kind.COMPILE),
    ("(" * 100_000, Kind.COMPILE),
    ("x = 1\n" * 1_700_000, Kind.COMPILE),
    ("def f(x): raise ValueError('\\ud800\\0')", Kind.EXCEPTION),
    ("def f(x): return '\\ud800'", Kind.WRONG_ANSWER),
    ("def f(x): return float('nan')", Kind.WRONG_ANSWER),
    ("def f(x): return 10 ** 10_000", Kind.WRONG_ANSWER),
    ("def f(x): return [0] * (1 << 40)", Kind.MEMORY),
    ("def f(x): return f(x)", Kind.EXCEPTION),
    ("import sys; sys.exit(0)", Kind.EXCEPTION),
    ("def f(x): import os; os._exit(0)", Kind.EXIT),
    ("def f(x): return 'x' * 200_000_000", Kind.OUTPUT_LIMIT),
    ("f = 7", Kind.EXCEPTION),
]


@pytest.mark.parametrize(("code", "kind"), HOSTILE, ids=[repr(code[:30]) for code, _ in HOSTILE])
def test_a_hostile_answer_has_a_verdict_that_can_be_stored(any_sandbox: Sandbox, code: str, kind: Kind) -> None:
    outcome = examined(any_sandbox, code, cpu_s=5, wall_s=20)
    assert outcome.kind is kind, outcome
    assert outcome.reason and outcome.reason.encode()
    assert examined(any_sandbox, SQUARE).kind is None


def test_outputs_of_one_program_are_bounded_together(any_sandbox: Sandbox) -> None:
    """What is allowed for one input, on each of forty, in bytes that grow on the wire."""
    source = Source(variants=("import sys; sys.stdout.buffer.write(b'\\xff' * 1_000_000)",), name="__main__")
    runs = any_sandbox.programs(Programs(source=source, inputs=[""] * 40))
    assert runs[-1].kind is Kind.OUTPUT_LIMIT and 30 < len(runs) < 40


def test_what_is_left_behind_is_removed_and_nothing_else(tmp_path: Path) -> None:
    """Links are not followed, folders may be locked and of any depth."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "kept").write_text("x")
    left = tmp_path / "left"
    (left / "locked" / "below").mkdir(parents=True)
    (left / "link").symlink_to(outside)
    (left / "locked" / "link").symlink_to(outside)
    (left / "locked" / "below").chmod(0)
    (left / "locked").chmod(0)
    here = Path.cwd()
    os.chdir(left)
    for _ in range(1500):
        Path("d" * 50).mkdir()
        os.chdir("d" * 50)
    os.chdir(here)
    remove(str(left))
    assert [p.name for p in tmp_path.iterdir()] == ["outside"]
    assert (outside / "kept").read_text() == "x" and outside.stat().st_mode & 0o777 == 0o755


INVENTED = """
import os, struct, time
for data in (b'["ready"]', b'["raise", "' + b"%d" * 30_000_000 + b'", "text"]'):
    data = memoryview(struct.pack(">I", len(data)) + data)
    while data:
        data = data[os.write(3, data):]
time.sleep(20)
"""


def test_what_an_answer_has_the_judge_keep_is_not_kept_for_the_next() -> None:
    """Names of exceptions, here: one process examines many answers, and its memory is bounded."""
    limits = {"memory_bytes": 2**28}
    right = "def f(x): return [x * x] * 1_000_000"
    with Sandbox(workers=1, memory_bytes=2**28) as sandbox:
        for number in range(9):
            assert examined(sandbox, INVENTED % number, **limits).kind is Kind.EXCEPTION
        assert examined(sandbox, right, "assert f(2) == [4] * 1_000_000", **limits).kind is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")
def test_where_memory_runs_out_the_program_goes_first() -> None:
    """Not the zygote: an answer could so make itself an error of the sandbox, which does not count as wrong."""
    with made("namespaces") as sandbox, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(program, sandbox, "import time\ntime.sleep(1)")
        (pid,) = sandbox.pids()
        found = {}
        until_s = time.monotonic() + 5
        while max(found.values(), default=0) < 1000 and not waiting.done() and time.monotonic() < until_s:
            found = {one: priority(one) for one in (pid, *descendants(pid))}
            time.sleep(0.02)
        assert sorted(found.values())[-1] == 1000
        assert sorted(found.values())[0] == found[pid] < 1000
        assert waiting.result().kind is None


def priority(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())
    return 0


def descendants(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            found += [child, *descendants(child)]
    return found
