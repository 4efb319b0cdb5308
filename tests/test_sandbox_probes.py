"""Every probe is held by every sandbox that works here, for this user and, where this one is root, for an ordinary one;
and gets through without what holds it, so that none of these tests passes for nothing."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest
from support import probing

from evalkit.errors import SandboxUnavailable
from evalkit.scoring.sandbox import Sandbox, probes, world
from evalkit.scoring.sandbox.backends import PYTHON_VARIABLE
from evalkit.scoring.sandbox.jobs import Examination, Source, Suite
from evalkit.scoring.sandbox.world import World
from evalkit.types import SandboxChoice

ROOT = Path(__file__).parents[1]
BACKENDS = ("namespaces", "landlock", "bwrap")
USERS = ("this user", "an ordinary user")
NOBODY = 65534
ALL = probes.load()


def works(backend: str) -> bool:
    try:
        Sandbox(SandboxChoice(backend=backend), workers=1).close()
    except SandboxUnavailable:
        return False
    return True


@functools.cache
def pythons_of_an_ordinary_user() -> list[str]:
    """Interpreters of this version that nobody may run, with the packages that evalkit needs."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = []
    for python in (sys.executable, *(f"{at}/{name}" for at in ("/usr/bin", "/usr/local/bin", "/opt/python/bin"))):
        try:
            done = as_nobody(python, "-c", "import evalkit.scoring.sandbox")
        except OSError:
            continue
        found += [python] if done.returncode == 0 else []
    return found


def as_nobody(python: str, *args: str) -> subprocess.CompletedProcess[str]:
    path = [str(ROOT), str(ROOT / "tests"), sysconfig.get_path("purelib")]
    env = {"PATH": os.defpath, "PYTHONPATH": ":".join(path), "PYTHONDONTWRITEBYTECODE": "1", PYTHON_VARIABLE: python}
    return subprocess.run(
        [python, *args], env=env, cwd="/", user=NOBODY, group=NOBODY, extra_groups=[],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def probed(user: str, *args: str) -> dict[str, str]:
    """What `support.probing` finds, as this user or another."""
    if user == USERS[0]:
        return probing.shown() if args[0] == "shown" else probing.held(args[1])
    if os.geteuid() != 0:
        pytest.skip("this user is an ordinary one, who is tested as this user")
    pythons = pythons_of_an_ordinary_user()
    if not pythons:
        pytest.skip("no interpreter of this version that an ordinary user may run")
    done = as_nobody(pythons[0], "-m", "support.probing", *args)
    if "SandboxUnavailable" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_there_are_probes_of_every_kind() -> None:
    assert len(ALL) >= 100
    assert len({probe.name for probe in ALL}) == len(ALL)
    layers = {layer for probe in ALL for layer in probe.held_by}
    assert probing.LAYERS | {"judge", "watch", "control"} <= layers
    for probe in ALL:
        assert probe.code.strip() and probe.tries and probe.held_by, probe.name
        compile(probe.code, probe.name, "exec")


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_probe_is_held(backend: str, user: str) -> None:
    if not works(backend):
        pytest.skip(f"the sandbox {backend} does not work here")
    found = probed(user, "held", backend)
    assert len(found) > 150
    assert {name: got for name, got in found.items() if got} == {}


@pytest.mark.parametrize("user", USERS)
def test_each_layer_is_needed_and_holds_alone(user: str) -> None:
    """Without all the layers of its row a probe gets through, in every mode; with one of them it does not."""
    if not works("namespaces"):
        pytest.skip("namespaces do not work here")
    found = probed(user, "shown")
    assert len(found) > 200
    assert [name for name, got in found.items() if " without " in name and not got] == []
    assert {name: got for name, got in found.items() if " only" in name and got} == {}


def test_every_row_says_how_it_is_shown_or_why_not() -> None:
    """A row is let through by leaving out layers, lifting limits or the naive judge, or says why none of these does."""
    for probe in ALL:
        ways = [
            set(probe.held_by) <= probing.LAYERS,
            bool(probe.lifted),
            bool({"judge", "control"} & set(probe.held_by)),
            bool(probe.shown),
            bool(probe.beyond),
        ]
        assert any(ways), probe.name


@pytest.mark.parametrize("probe", [p for p in ALL if p.lifted], ids=lambda p: p.name)
def test_without_its_limit_it_goes_on(probe: probes.Probe) -> None:
    with World() as made, Sandbox(workers=1) as sandbox:
        for mode in probe.modes:
            assert probes.attempt(sandbox, probe, mode, made, lifted=True), mode


JUDGED = [p for p in ALL if {"judge", "control"} & set(p.held_by) and not (p.shown or p.beyond or p.libraries)]

# What graders usually do: answer and tests in one process, which reports on a descriptor, or by its exit status.
NAIVE = """
import json, os, struct, sys
def judge():
    job = json.loads(sys.stdin.read())
    names = {"__name__": "solution"}
    def report(kind):
        data = json.dumps({"kind": kind, "reason": None, "held": 0}).encode()
        os.write(4, struct.pack(">I", len(data)) + data)
    exec(compile(job["preamble"], "<given>", "exec"), names)
    exec(compile(job["code"], "<answer>", "exec"), names)
    exec(compile(job["tests"], "<tests>", "exec"), names)
    if "unittest" in job["tests"]:
        import unittest
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(names["Tests"]).run(result)
        assert result.wasSuccessful()
    report(None)
judge()
"""


def naively_passed(probe: probes.Probe, aims: World, tests: str) -> bool:
    read, write = os.pipe()
    job = {"preamble": aims.preamble(probe.modes[0]), "code": probe.code, "tests": tests}
    try:
        done = subprocess.run(
            [sys.executable, "-S", "-c", f"import os; os.dup2({write}, 4); os.close({write})" + NAIVE],
            input=json.dumps(job), text=True, pass_fds=(write,), capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        os.close(write)
        report = os.read(read, 4096)
    finally:
        os.close(read)
    return json.loads(report[4:].split(b"}")[0] + b"}")["kind"] is None if report else done.returncode == 0


@pytest.mark.parametrize("probe", JUDGED, ids=lambda p: p.name)
def test_a_judge_in_the_same_process_is_fooled(probe: probes.Probe) -> None:
    with World() as made:
        wanted = f"assert {made.token!r} in said()" if probe.effect == "reads" else ""
        assert naively_passed(probe, made, wanted or probe.tests or probes.default_tests(probe.modes[0]))


def test_the_naive_judge_can_judge() -> None:
    probe = next(p for p in JUDGED if p.name == "os._exit")
    with World() as made:
        right, wrong = (probes.replace(probe, code=f"def f(x): return {text}") for text in ("x * x", "x"))
        assert naively_passed(right, made, probes.default_tests("examination"))
        assert not naively_passed(wrong, made, probes.default_tests("examination"))


@pytest.mark.parametrize("probe", [p for p in ALL if p.beyond], ids=lambda p: p.name)
def test_what_is_said_not_to_be_held_is_not(probe: probes.Probe) -> None:
    """Else the row, and docs/sandbox.md, would say too little of it."""
    with World() as made, Sandbox(workers=1) as sandbox:
        assert [probes.attempt(sandbox, probe, mode, made) for mode in probe.modes] == ["a pass"] * len(probe.modes)


@pytest.mark.parametrize("probe", [p for p in ALL if p.libraries], ids=lambda p: p.name)
def test_probes_with_libraries_are_held(probe: probes.Probe) -> None:
    with World() as made, Sandbox(workers=1, libraries=probe.libraries) as sandbox:
        if sandbox.missing:
            pytest.skip(f"the sandbox's interpreter lacks {sandbox.missing}")
        assert probes.attempt(sandbox, probe, "examination", made) == ""


def test_right_answers_pass_in_every_mode() -> None:
    """The tests that no probe passes can be passed."""
    source = Source(variants=("def f(x): return x * x",))
    with Sandbox(workers=1) as sandbox:
        examination = Examination(source=source, tests=probes.default_tests("examination"), entry_point="f")
        assert sandbox.examine(examination).kind is None
        assert sandbox.suite(Suite(source=source, tests=probes.default_tests("suite"))).kind is None


def test_selftest_tries_what_concerns_it_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(world, "BASES", (str(tmp_path),))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with Sandbox(workers=1) as sandbox:
        results = probes.run(sandbox)
        assert [r.name for r in results if not r.held] == []
        assert len({r.name for r in results}) == len(results) > 150
    assert list(tmp_path.iterdir()) == []
    assert probes.KEY not in os.environ


def test_selftest_says_what_gets_through() -> None:
    """A sandbox of which a layer is missing does not pass its own test."""
    if not works("namespaces"):
        pytest.skip("namespaces do not work here")
    without = frozenset({"namespaces", "landlock"})
    wanted = {"secret file", "overwrite a file", "named pipe"}
    some = [probe for probe in ALL if probe.name in wanted]
    with World() as made, Sandbox(SandboxChoice(backend="namespaces"), workers=1, without=without) as sandbox:
        results = [result for probe in some for result in probes.tried(sandbox, probe, made)]
    assert {r.name.partition(" (")[0] for r in results if not r.held and r.detail} == wanted


def test_bubblewrap_is_there_where_ci_installs_it() -> None:
    """`.ci/run` installs it, so that its tests are not skipped there."""
    if not os.environ.get("CI") or os.geteuid() != 0:
        pytest.skip("not where .ci/run installs it")
    assert shutil.which("bwrap")
