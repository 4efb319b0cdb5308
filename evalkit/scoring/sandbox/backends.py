"""The ways of putting an interpreter where model-written code can do no harm, from the strongest to none.

| name | what is around the process | needs |
|---|---|---|
| `namespaces` | user, PID, mount, network, IPC and UTS namespaces, a root of its own | user namespaces, or root |
| `bwrap` | the same, made by bubblewrap | the program bwrap |
| `landlock` | nothing: Landlock and seccomp in the process | Linux 5.13 |
| `docker`, `podman` | a container without network, read-only | the program, and an image with Python |
| `none` | nothing but rlimits | the user's word |

In all but the last, each process is also sealed by seccomp and rlimits, and by Landlock where the kernel has it.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.errors import SandboxUnavailable

PYTHON_VARIABLE = "EVALKIT_SANDBOX_PYTHON"
IMAGE_VARIABLE = "EVALKIT_SANDBOX_IMAGE"
_IMAGE = "python:3.11-slim"
_ROOM_BYTES = 512 * 2**20
_SHARED = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_PROGRAMS = ("/bin", "/usr/bin")
_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/usr/share/zoneinfo")
_PRIVATE = ("/tmp", "/var/tmp", "/scratch")
ENVIRONMENT = {
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONHASHSEED": "0",  # sets and dicts in the same order each time: the same text gets the same grade
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
}
"""All that a program inside finds in its environment."""

# The first frame holds the modules as text, so that nothing of evalkit need exist where the interpreter runs.
_BOOT = """
import importlib.util, json, os, struct, sys
sys.path[:] = [p for p in sys.path if p]
def take(n):
    data = b''
    while len(data) < n:
        part = os.read(0, n - len(data))
        if not part:
            sys.exit(1)
        data += part
    return data
first = json.loads(take(struct.unpack('>I', take(4))[0]))
modules = dict(first['modules'])
class Sent:
    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name in modules else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__name__
        exec(compile(modules.pop(name), '<sandbox ' + name + '>', 'exec'), module.__dict__)
sys.meta_path.insert(0, Sent())
import wire, zygote
zygote.main(first['wanted'], wire.Channel(0, 1, 2**28, 0))
"""
_MODULES = (
    *("syscalls", "confine", "seccomp", "leftovers", "room"),
    *("wire", "children", "solution", "examiner", "judge", "suite", "zygote"),
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that the sandbox can run, and what lies where."""

    executable: str
    read_only: tuple[str, ...]
    """Files and folders without which it cannot run."""
    libraries: tuple[str, ...]
    """Folders of installed packages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How one zygote is started."""

    command: Sequence[str]
    wanted: Mapping[str, object]
    scratch: Path | None = None
    """A folder made for it, to be removed when it has ended."""
    environment: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)
    together_bytes: int | None = None
    """What all of its processes may take together; None: somebody else sees to that."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a backend is asked to start."""

    interpreter: Interpreter
    libraries: tuple[str, ...] = ()
    """Packages that are imported before the first job."""
    processes: bool = False
    """Whether answers may start other programs, which then must be there."""
    memory_bytes: int = 2**30
    """What a process may take."""
    without: frozenset[str] = frozenset()
    """Layers to leave out: only for tests which show that each is needed."""


def interpreter(executable: str | None = None) -> Interpreter:
    """The Python of `executable`, of EVALKIT_SANDBOX_PYTHON, or this one; raises `SandboxUnavailable`."""
    return _asked(executable or os.environ.get(PYTHON_VARIABLE) or sys.executable)


@functools.cache
def _asked(asked: str) -> Interpreter:
    try:
        found = subprocess.run(
            [asked, "-c", _ASK], capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL
        )
        paths = json.loads(found.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as fault:
        raise SandboxUnavailable(
            f"the interpreter {asked} cannot be run ({fault}); set {PYTHON_VARIABLE} to one that can"
        ) from None
    wanted = [*paths["standard"], *_SHARED, *_FILES]
    return Interpreter(
        executable=paths["executable"],
        read_only=tuple(_outermost(p for p in wanted if Path(p).exists())),
        libraries=tuple(_outermost(paths["packages"])),
    )


_ASK = """
import json, os, sys, sysconfig
paths = sysconfig.get_paths()
base = getattr(sys, '_base_executable', sys.executable) or sys.executable
standard = {paths['stdlib'], paths['platstdlib'], os.path.join(sys.base_prefix, 'lib')}
standard |= {os.path.realpath(p) for p in standard}
packages = {paths['purelib'], paths['platlib']}
packages |= {p for p in sys.path if p.endswith(('site-packages', 'dist-packages'))}
print(json.dumps({'executable': os.path.realpath(base), 'standard': sorted(standard), 'packages': sorted(packages)}))
"""


def _outermost(paths: object) -> list[str]:
    """Paths that lie below no other."""
    found: list[str] = []
    for path in sorted(set(paths), key=len):  # type: ignore[call-overload]
        if not any(path.startswith(other + "/") for other in found):
            found.append(path)
    return found


def first_message(launch: Launch) -> dict[str, object]:
    """What a zygote is told first: its own program, and what it is to be."""
    folder = Path(__file__).with_name("inside")
    modules = [[name, (folder / f"{name}.py").read_text(encoding="utf-8")] for name in _MODULES]
    return {"modules": modules, "wanted": dict(launch.wanted)}


def _python(executable: str) -> list[str]:
    return [executable, "-s", "-S", "-B", "-X", "utf8", "-c", _BOOT]


def _together(setup: Setup) -> int | None:
    """Two processes at their limit, the zygote, and files in memory."""
    return None if setup.without & {"rlimits", "cgroup"} else 2 * setup.memory_bytes + 2**30


def _shown(setup: Setup) -> list[str]:
    """What an answer finds inside."""
    own = setup.interpreter
    packages = own.libraries if setup.libraries else ()
    programs = (*_PROGRAMS, str(Path(own.executable).parent)) if setup.processes else ()
    return [*own.read_only, *packages, *(p for p in programs if Path(p).exists())]


def _private(setup: Setup) -> str:
    """Where an answer's own folder lies inside: an environment below /tmp must not be hidden by it."""
    shown = [*_shown(setup), setup.interpreter.executable]
    free = (p for p in _PRIVATE if not any(path == p or path.startswith(p + "/") for path in shown))
    return next(free)


def _environment(setup: Setup) -> dict[str, str]:
    """All that an answer finds in its environment."""
    return {name: _private(setup) if value == _PRIVATE[0] else value for name, value in ENVIRONMENT.items()}


def _wanted(setup: Setup, *, namespaces: bool, scratch: str | None = None, sealed: bool = True) -> dict[str, object]:
    return {
        "namespaces": namespaces and "namespaces" not in setup.without,
        "landlock": sealed and "landlock" not in setup.without,
        "seccomp": sealed and "seccomp" not in setup.without,
        "rlimits": "rlimits" not in setup.without,
        "own_users": namespaces and "namespaces" not in setup.without,
        "landlock_needed": False,
        "read_only": _shown(setup),
        "private": _private(setup),
        "scratch": scratch or _private(setup),
        "libraries": list(setup.libraries),
        "libraries_from": list(setup.interpreter.libraries) if setup.libraries else [],
    }


def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="evalkit-sandbox-"))


def _launch(setup: Setup, wanted: Mapping[str, object], scratch: Path | None) -> Launch:
    around = os.environ if "environment" in setup.without else _environment(setup)
    command = _python(setup.interpreter.executable)
    together = _together(setup)
    return Launch(command=command, wanted=wanted, scratch=scratch, environment=around, together_bytes=together)


def _namespaces(setup: Setup) -> Launch:
    if not sys.platform.startswith("linux"):
        raise SandboxUnavailable("namespaces exist on Linux only")
    scratch = _scratch() if "namespaces" in setup.without else None
    wanted = _wanted(setup, namespaces=True, scratch=str(scratch) if scratch else None)
    return _launch(setup, wanted, scratch)


def _landlock(setup: Setup) -> Launch:
    if not sys.platform.startswith("linux"):
        raise SandboxUnavailable("Landlock exists on Linux only")
    scratch = _scratch()
    wanted = {
        **_wanted(setup, namespaces=False, scratch=str(scratch)),
        "landlock_needed": "landlock" not in setup.without,
    }
    return _launch(setup, wanted, scratch)


def _none(setup: Setup) -> Launch:
    scratch = _scratch()
    wanted = _wanted(setup, namespaces=False, scratch=str(scratch), sealed=False)
    return _launch(setup, wanted, scratch)


def _bwrap(setup: Setup) -> Launch:
    program = shutil.which("bwrap")
    if program is None:
        raise SandboxUnavailable("the program bwrap is not installed (Debian, Ubuntu: apt install bubblewrap)")
    own = setup.interpreter
    shown = [*_shown(setup), own.executable]
    binds = [part for path in shown for part in ("--ro-bind", os.path.realpath(path), path)]
    devices = [part for name in ("null", "zero", "full", "random", "urandom") for part in _device(name)]
    variables = [part for name, value in _environment(setup).items() for part in ("--setenv", name, value)]
    command = [
        program, "--unshare-user", "--unshare-all", "--uid", "65534", "--gid", "65534",
        "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv", *variables, *binds, *devices,
        "--size", str(_ROOM_BYTES), "--tmpfs", _private(setup), "--remount-ro", "/", "--chdir", "/", "--",
    ]  # fmt: skip
    wanted = {**_wanted(setup, namespaces=False), "own_users": True}
    command += _python(own.executable)
    return Launch(command=command, wanted=wanted, together_bytes=_together(setup))


def _device(name: str) -> tuple[str, ...]:
    return ("--dev-bind", f"/dev/{name}", f"/dev/{name}") if Path("/dev", name).exists() else ()


def _container(setup: Setup, tool: str) -> Launch:
    program = shutil.which(tool)
    if program is None:
        raise SandboxUnavailable(f"the program {tool} is not installed")
    image = os.environ.get(IMAGE_VARIABLE, _IMAGE)
    variables = [part for name, value in ENVIRONMENT.items() for part in ("--env", f"{name}={value}")]
    command = [
        program, "run", "--rm", "--interactive", "--network", "none", "--read-only", "--user", "65534:65534",
        "--tmpfs", f"/tmp:rw,nosuid,nodev,size={_ROOM_BYTES},mode=1777", "--cap-drop", "ALL",
        "--security-opt", "no-new-privileges", "--pids-limit", "512", "--memory", "8g", "--ipc", "private",
        "--entrypoint", "python3", *variables, image,
    ]  # fmt: skip
    # The paths are the container's own, which only the interpreter there knows; nothing of this machine is mounted.
    wanted = {**_wanted(setup, namespaces=False), "read_only": None, "libraries_from": []}
    return Launch(command=[*command, *_python("")[1:]], wanted=wanted, environment=os.environ)


BACKENDS: Mapping[str, Callable[[Setup], Launch]] = {
    "namespaces": _namespaces,
    "bwrap": _bwrap,
    "landlock": _landlock,
    "docker": functools.partial(_container, tool="docker"),
    "podman": functools.partial(_container, tool="podman"),
    "none": _none,
}
"""Name -> how it is started, the strongest first."""
