"""Runs probes against sandboxes, whole and with layers left out; also as a program, for another user of this machine.

`python -m support.probing held BACKEND` and `... shown` print what got through, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
from collections.abc import Iterator

from evalkit.scoring.sandbox import Sandbox
from evalkit.scoring.sandbox.probes import Probe, attempt, concerns, load
from evalkit.scoring.sandbox.world import World
from evalkit.types import SandboxChoice

LAYERS = frozenset({"namespaces", "landlock", "seccomp", "rlimits", "environment"})
"""What can be left out."""


def held(backend: str) -> dict[str, str]:
    """Each probe that got through the whole sandbox, with what it got."""
    found = {}
    with World() as world, Sandbox(SandboxChoice(backend=backend), workers=1) as sandbox:
        for probe in load():
            for mode in probe.modes if concerns(probe, backend) else ():
                found[f"{probe.name} ({mode})"] = attempt(sandbox, probe, mode, world)
    return found


def takes_layers(probe: Probe) -> bool:
    """Whether a test can let it through by leaving layers out."""
    who = "root" if os.geteuid() == 0 else "user"
    here = probe.needs in ("", who) and probe.machine in ("", platform.machine())
    return here and not (probe.shown or probe.beyond or probe.libraries) and set(probe.held_by) <= LAYERS


def shown() -> dict[str, str]:
    """Each probe with what it gets without the layers that hold it, and with each of them as the only one that does."""
    found = {}
    with World() as world, contextlib.ExitStack() as open_now:
        made: dict[frozenset[str], Sandbox] = {}
        for probe, without, label in _ways():
            if without not in made:
                choice = SandboxChoice(backend="namespaces")
                made[without] = open_now.enter_context(Sandbox(choice, workers=1, without=without))
            for mode in probe.modes:
                found[f"{probe.name} ({mode}) {label}"] = attempt(made[without], probe, mode, world)
    return found


def _ways() -> Iterator[tuple[Probe, frozenset[str], str]]:
    for probe in filter(takes_layers, load()):
        layers = frozenset(probe.held_by)
        yield probe, layers, "without " + ", ".join(sorted(layers))
        if len(layers) > 1:
            for only in sorted(layers):
                yield probe, layers - {only}, f"with {only} only"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(shown() if sys.argv[1] == "shown" else held(sys.argv[2])))
