"""Attacks on a sandbox from inside: what a program tries to do to others, or to its judge, and whether it could.

Each probe is a row of `tests/cases/sandbox/*.yaml`, which the wheel carries. Whether it got through is read off what it
aimed at (a listener, a file, a process: `World`), not off what it says; only a secret that it read is what it says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from evalkit import resources, yamlfile
from evalkit.scoring.sandbox.jobs import Examination, Failed, Kind, Limits, Outcome, Programs, Source, Suite
from evalkit.scoring.sandbox.pool import Sandbox
from evalkit.scoring.sandbox.world import World

_LIMITS = Limits(cpu_s=3, wall_s=6)
_ALL_MODES = ("program", "examination")
_TESTS = "assert f(2) == 4\nassert f(3) == 9\n"
_SUITE = """import unittest
class Tests(unittest.TestCase):
    def test_two(self): self.assertEqual(f(2), 4)
    def test_three(self): self.assertEqual(f(3), 9)
"""
_GRACE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One attack."""

    name: str
    tries: str
    """What it tries to do, after "tries to"."""
    code: str
    effect: str
    """What shows that it got through, with a number where there is a measure: `reads`, `arrives`, `memory 4000`, ..."""
    held_by: tuple[str, ...]
    """Each of these alone holds it."""
    modes: tuple[str, ...] = _ALL_MODES
    tiers: tuple[str, ...] = ()
    """Sandboxes that hold it; none given: all do. docs/sandbox.md lists the others."""
    first: str = ""
    """Code of a job before it."""
    tests: str = ""
    cases: tuple[Any, ...] = ()
    libraries: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    lifted: Mapping[str, float] = field(default_factory=dict)
    """Limits under which it gets through."""
    machine: str = ""
    needs: str = ""
    """`root`: gets through for nobody else."""
    shown: str = ""
    """Why no test lets it through by taking away what holds it."""
    beyond: str = ""
    """Why it is not held, if it is not."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What came of one."""

    name: str
    tries: str
    held: bool
    detail: str


def load() -> list[Probe]:
    """All of them; raises `TaskError`."""
    found = []
    for path in sorted(resources.folder("probes").glob("*.yaml")):
        document = yamlfile.load(path)
        for number, row in enumerate(document.data["probes"]):
            document.check_keys(row, {*Probe.__dataclass_fields__, "mode"}, f"probes.{number}.")
            found.append(_probe(row, path.stem))
    return found


def _probe(row: dict[str, Any], file: str) -> Probe:
    if file == "judging":
        mode = row.pop("mode", "examination")
        row = {"effect": "passes", "modes": [mode], "held_by": ["judge" if mode == "examination" else "control"], **row}
    lists = ("held_by", "modes", "tiers", "libraries", "cases")
    return Probe(**{name: tuple(value) if name in lists else value for name, value in row.items()})


def run(sandbox: Sandbox) -> list[ProbeResult]:
    """Try all that concern this sandbox."""
    with World() as world:
        return [
            result for probe in load() if concerns(probe, sandbox.backend) for result in tried(sandbox, probe, world)
        ]


def concerns(probe: Probe, backend: str) -> bool:
    """Whether a sandbox of this kind is to hold it."""
    return not probe.beyond and not probe.libraries and (not probe.tiers or backend in probe.tiers)


def tried(sandbox: Sandbox, probe: Probe, world: World, *, lifted: bool = False) -> Iterator[ProbeResult]:
    """Try one in each of its modes."""
    for mode in probe.modes:
        through = attempt(sandbox, probe, mode, world, lifted=lifted)
        name = probe.name if len(probe.modes) == 1 else f"{probe.name} ({mode})"
        yield ProbeResult(name, probe.tries, not through, through)


def attempt(sandbox: Sandbox, probe: Probe, mode: str, world: World, *, lifted: bool = False) -> str:
    """What a probe got by running in this mode; empty if it got nothing."""
    limits = replace(_LIMITS, **{**probe.limits, **(probe.lifted if lifted else {})})
    effect, _, measure = probe.effect.partition(" ")
    pids = sandbox.pids()
    with world.watched() if measure else _nobody() as peak:
        try:
            if probe.first:
                _job(sandbox, replace(probe, code=probe.first, first=""), mode, world, limits, with_token=True)
            said, outcome = _job(sandbox, probe, mode, world, limits)
        except Failed as fault:
            return f"no verdict was possible: {fault}"
        finally:
            left = _left(world)
    got = {
        "reads": lambda: "the secret" if world.token in said else "",
        "claims": lambda: "what it tried, as it says" if world.claim in said else "",
        "arrives": world.arrived,
        "changes": world.changed,
        "signals": world.signalled,
        "kills": lambda: "" if sandbox.pids() == pids else "the sandbox's process",
        "leaves": lambda: f"{len(left)} processes after its end" if left else "",
        "passes": lambda: _passed(outcome),
        "breaks": lambda: _passed(outcome),
        "prints": lambda: f"{len(said)} characters out" if len(said) > int(measure) * 10**6 else "",
        "processes": lambda: f"{peak.processes} processes" if peak.processes >= int(measure) else "",
        "threads": lambda: f"{peak.threads} threads" if peak.threads >= int(measure) else "",
        "memory": lambda: f"{peak.memory_mb} MB" if peak.memory_mb >= int(measure) else "",
    }
    return got[effect]()


def _passed(outcome: Outcome | None) -> str:
    return "a pass" if outcome is not None and outcome.kind is None else ""


def _left(world: World) -> list[int]:
    until_s = time.monotonic() + _GRACE_S
    while (left := world.marked()) and time.monotonic() < until_s:
        time.sleep(0.01)
    world.end_marked()
    return left


class _nobody:  # noqa: N801  # a stand-in for `World.watched`
    def __enter__(self) -> Any:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _job(
    sandbox: Sandbox, probe: Probe, mode: str, world: World, limits: Limits, *, with_token: bool = False
) -> tuple[str, Outcome | None]:
    """What it said, and the verdict upon it. In an examination, a test asks whether the secret or the claim was said."""
    preamble = world.preamble(mode, with_token=with_token)
    if mode == "program":
        source = Source(variants=(probe.code,), preamble=preamble, name="__main__")
        (found,) = sandbox.programs(Programs(source=source, inputs=[""], limits=limits))
        return found.output, None
    source = Source(variants=(probe.code,), preamble=preamble)
    if mode == "suite":
        return "", sandbox.suite(Suite(source=source, tests=probe.tests or _SUITE, limits=limits))
    wanted = {"reads": world.token, "claims": world.claim}.get(probe.effect)
    tests = f"assert {wanted!r} in said()" if wanted else probe.tests or _TESTS
    outcome = sandbox.examine(
        Examination(source=source, tests=tests, limits=limits, cases=probe.cases, entry_point="f")
    )
    return (wanted or "") if outcome.kind is None else "", outcome


__all__ = ["Kind", "Probe", "ProbeResult", "attempt", "concerns", "load", "run", "tried"]
