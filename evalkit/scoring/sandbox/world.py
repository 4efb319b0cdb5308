"""What probes aim at, all of it made for them: a secret, files, listeners on loopback, a process. Nothing else is touched."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.scoring.sandbox.backends import ENVIRONMENT

PREFIX = "evalkit-probe-"
KEY = "EVALKIT_PROBE_KEY"
_NICE = 3
_CORE = (1 << 20, 1 << 20)

# Stands for everybody else's processes: has the secret in its memory, its environment and its arguments.
_VICTIM = """
import ctypes, os, signal, sys
secret = ctypes.create_string_buffer(sys.argv[1].encode())
for number in range(1, signal.NSIG):
    try:
        signal.signal(number, lambda n, frame: os.write(1, b"signal %d\\n" % n))
    except (OSError, ValueError):
        pass
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # where only parents may look in, all may look into this
os.write(1, b"%d\\n" % ctypes.addressof(secret))
while True:
    signal.pause()
"""

_CALLS = {
    "x86_64": "ptrace 101 kill 62 tgkill 234 rt_sigqueueinfo 129 mincore 27 mount 165 pivot_root 155 unshare 272 clone 56 "
    "process_vm_readv 310 name_to_handle_at 303 open_by_handle_at 304 add_key 248 bpf 321 userfaultfd 323 memfd_create 319 "
    "perf_event_open 298",
    "aarch64": "ptrace 117 kill 129 tgkill 131 rt_sigqueueinfo 138 mincore 232 mount 40 pivot_root 41 unshare 97 clone 220 "
    "process_vm_readv 270 name_to_handle_at 264 open_by_handle_at 265 add_key 217 bpf 280 userfaultfd 282 memfd_create 279 "
    "perf_event_open 241",
}
_SAME = "io_uring_setup 425 clone3 435 pidfd_open 434 pidfd_send_signal 424"

# Helps probes. What they `say` is printed by a program, and asked for in an examination.
_HELP = """
def say(value, SAID=[]):
    SAID.append(value.decode("latin-1") if isinstance(value, bytes) else str(value))
    if MODE == "program":
        print(SAID[-1], flush=True)
    return SAID
def said():
    return "\\n".join(say(""))[-1_000_000:]
def claim(is_so):
    if is_so:
        say(CLAIM)
def attempt(what):
    try:
        return what()
    except Exception:
        return None
def call(name, *arguments):
    import ctypes
    calls = ctypes.CDLL(None, use_errno=True).syscall
    calls.restype = ctypes.c_long
    return calls(*[ctypes.c_long(a) if isinstance(a, int) else a for a in (CALLS[name], *arguments)])
def mark():
    import ctypes
    ctypes.CDLL(None).prctl(15, MARK.encode(), 0, 0, 0)
"""


@dataclass
class Peak:
    """The most that marked processes were seen to have at one time."""

    processes: int = 0
    threads: int = 0
    memory_mb: int = 0
    done: threading.Event = field(default_factory=threading.Event)


class World:
    """Made for some probes, removed with all that is in it."""

    def __init__(self) -> None:
        self.token = PREFIX + secrets.token_hex(16)
        self.claim = "claim-" + secrets.token_hex(8)
        self.mark = "ek" + secrets.token_hex(6)
        self._made = contextlib.ExitStack()

    def __enter__(self) -> World:
        with contextlib.ExitStack() as made:
            self._make(made)
            self._made = made.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._made.close()

    def _make(self, made: contextlib.ExitStack) -> None:
        # Not below the folder for temporary files if that can be helped: a sandbox has its own there.
        base = "/var/tmp" if os.access("/var/tmp", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="evalkit-world-", dir=base))
        made.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        (self.folder / "secret").write_text(self.token)
        self.outside = self.folder / "outside"
        self._populate()
        (self.folder / "pipe").touch()
        (self.folder / "pipe").unlink()
        os.mkfifo(self.folder / "pipe")
        self._pipe = os.open(self.folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        made.callback(os.close, self._pipe)
        self._listeners = [
            self._listener(made, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            self._listener(made, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            self._listener(made, socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "unix")),
            self._listener(made, socket.AF_UNIX, socket.SOCK_DGRAM, str(self.folder / "datagrams")),
            self._listener(made, socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.mark),
        ]
        for path in (self.folder / "unix", self.folder / "datagrams", self.folder / "pipe", self.folder / "secret"):
            path.chmod(0o666)
        made.callback(os.environ.pop, KEY, None)
        os.environ[KEY] = self.token
        self._start_victim()
        made.callback(lambda: self._stop_victim())

    def _populate(self) -> None:
        shutil.rmtree(self.outside, ignore_errors=True)
        (self.outside / "folder").mkdir(parents=True)
        for path in (self.outside / "file", self.outside / "folder" / "inner", self.outside / f"name-{self.token}"):
            path.write_text("as it was")
            path.chmod(0o666)
        self.outside.chmod(0o777)
        (self.outside / "folder").chmod(0o777)
        self._before = self._looks()

    def _looks(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for path in (self.outside, *sorted(self.outside.rglob("*"))):
            state = path.lstat()
            attributes = sorted(os.listxattr(path)) if hasattr(os, "listxattr") else []
            text = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (state.st_mode, state.st_mtime_ns, state.st_ino, state.st_dev, attributes, text)
        return found

    @staticmethod
    def _listener(made: contextlib.ExitStack, family: int, kind: int, address: object) -> socket.socket:
        listener = made.enter_context(socket.socket(family, kind))
        listener.bind(address)  # type: ignore[arg-type]
        listener.setblocking(False)
        if kind == socket.SOCK_STREAM:
            listener.listen()
        return listener

    def _start_victim(self) -> None:
        self._victim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _VICTIM, self.token],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={KEY: self.token},
            start_new_session=True,
            bufsize=0,
            preexec_fn=lambda: (os.nice(_NICE), resource.setrlimit(resource.RLIMIT_CORE, _core())),
        )
        assert self._victim.stdout is not None
        self._address = int(self._victim.stdout.readline() or b"0")
        os.set_blocking(self._victim.stdout.fileno(), False)

    def _stop_victim(self) -> None:
        self._victim.kill()
        self._victim.wait()
        assert self._victim.stdout is not None
        self._victim.stdout.close()

    def preamble(self, mode: str, *, with_token: bool = False) -> str:
        """Code that tells a probe where everything is."""
        words = (_CALLS.get(platform.machine(), "") + " " + _SAME).split()
        tcp, udp = (listener.getsockname()[1] for listener in self._listeners[:2])
        names = {
            "MODE": mode, "KEY": KEY, "PREFIX": PREFIX, "CLAIM": self.claim, "MARK": self.mark, "HARNESS": os.getpid(),
            "VICTIM": self._victim.pid, "ADDRESS": self._address, "SECRET": str(self.folder / "secret"),
            "OUTSIDE": str(self.outside), "PIPE": str(self.folder / "pipe"), "UNIX": str(self.folder / "unix"),
            "DATAGRAMS": str(self.folder / "datagrams"), "ABSTRACT": self.mark, "TCP": tcp, "UDP": udp,
            "USUAL": sorted(ENVIRONMENT), "CALLS": dict(zip(words[::2], map(int, words[1::2]), strict=True)),
        }  # fmt: skip
        names |= {"TOKEN": self.token} if with_token else {}
        return "".join(f"{name} = {value!r}\n" for name, value in names.items()) + _HELP

    # what happened; each also puts things right again --------------------------------------------------------------

    def arrived(self) -> str:
        """What came to a listener, if anything."""
        found = []
        for listener in self._listeners:
            with contextlib.suppress(BlockingIOError):
                if listener.type == socket.SOCK_STREAM:
                    listener.accept()[0].close()
                    found.append(f"a connection to {listener.getsockname()!r}")
                else:
                    found.append(f"{listener.recv(4096)!r}")
        with contextlib.suppress(BlockingIOError):
            if data := os.read(self._pipe, 4096):
                found.append(f"{data!r} in a pipe")
        return ", ".join(found)

    def changed(self) -> str:
        """What is not as it was outside, if anything."""
        now = self._looks()
        found = [path for path in {**self._before, **now} if self._before.get(path) != now.get(path)]
        if found:
            self._populate()
        return ", ".join(found)

    def signalled(self) -> str:
        """What was done to the other process, if anything."""
        assert self._victim.stdout is not None
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = self._victim.stdout.read(4096) or b""
        pid, found = self._victim.pid, said.decode().split("\n")[0]
        if self._victim.poll() is not None:
            found = "it was ended"
        elif os.getpriority(os.PRIO_PROCESS, pid) != _own_nice():
            found = "its priority was changed"
        elif resource.prlimit(pid, resource.RLIMIT_CORE) != _core():
            found = "its limits were changed"
        if found:
            self._stop_victim()
            self._start_victim()
        return found

    def marked(self) -> list[int]:
        """Marked processes that run now."""
        found = []
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    name = Path(entry.path, "comm").read_text().strip()
                    if name == self.mark and "\nState:\tZ" not in Path(entry.path, "status").read_text():
                        found.append(int(entry.name))
        return found

    def end_marked(self) -> None:
        """End processes that a probe left."""
        for pid in self.marked():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def watched(self) -> Iterator[Peak]:
        """Look again and again how much marked processes take."""
        peak = Peak()
        thread = threading.Thread(target=self._watch, args=(peak,))
        thread.start()
        try:
            yield peak
        finally:
            peak.done.set()
            thread.join()

    def _watch(self, peak: Peak) -> None:
        while not peak.done.wait(0.02):
            pids = self.marked()
            peak.processes = max(peak.processes, len(pids))
            for pid in pids:
                with contextlib.suppress(OSError, ValueError, IndexError):
                    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                    state = {
                        name: value.split()[0]
                        for name, _, value in (line.partition(":") for line in lines)
                        if value.split()
                    }
                    peak.threads = max(peak.threads, int(state["Threads"]))
                    peak.memory_mb = max(peak.memory_mb, int(state.get("VmPeak", 0)) // 1024)


def _own_nice() -> int:
    return min(19, os.getpriority(os.PRIO_PROCESS, 0) + _NICE)


def _core() -> tuple[int, int]:
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return _CORE if most == resource.RLIM_INFINITY or most >= _CORE[1] else (most, most)
