"""Confine the calling process: rlimits, capabilities, Landlock, seccomp; build the room around it: namespaces, a root.

Only the standard library and the C library by ctypes, since this runs where nothing else is. Linux on x86_64, aarch64.
Each function does one thing, completely, or raises `OSError`: nothing is weakened in silence.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import socket
import struct

import syscalls  # type: ignore[import-not-found]  # its neighbour, under the name it has inside

NOBODY = 65534

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 4, 22, 38, 47
_PR_CAPBSET_DROP = 24
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_LOCKED_FLAGS = 2 | 4 | 8 | 1024 | 2048 | 4096
"""nosuid, nodev, noexec, noatime, nodiratime, relatime, as statvfs has them: a user namespace must keep them."""

_OWN_FILES = {"hosts": "127.0.0.1 localhost\n", "passwd": "nobody:x:65534:65534:nobody:/:/bin/false\n"}
"""In /etc, in place of this machine's."""

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


# namespaces and the root ------------------------------------------------------------------------------------------


def unshare(flags: int) -> None:
    """New namespaces for this process (a new PID namespace: for its children)."""
    _checked(_libc.unshare(flags), "unshare")


def join(fd: int, kind: int) -> None:
    """Enter the namespace behind `fd`."""
    _checked(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    encoded = [text.encode() or None for text in (source, target, kind, data)]
    _checked(_libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]), "mount " + target)


def loopback() -> None:
    """Switch on the only interface of a new network namespace, for programs that serve themselves."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def fresh_tmp(target: str, size: int) -> None:
    """A namespace of mounts with an empty file system of `size` bytes at `target`, gone with the process."""
    unshare(CLONE_NEWNS)
    mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={size},nr_inodes=4096,mode=700")


def enter_room(read_only: list[str], private: str) -> int:
    """Put this process into namespaces of its own, with a root of `read_only`, a few devices and an empty `private`.

    It becomes nobody. Its children are in a new PID namespace. Gives an fd of the /proc outside, which is the only way
    left to it, for `PidNamespace`.
    """
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    if os.geteuid() == 0:
        # A root that an unprivileged namespace inherits is locked: nobody in it can undo a mount.
        unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
        loopback()
        _build_root(read_only, private)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        _checked(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl")  # else /proc/self is not ours
        unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)
        _map_ids(proc, NOBODY, NOBODY)
    else:
        uid, gid = os.geteuid(), os.getegid()
        everything = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
        unshare(CLONE_NEWUSER | CLONE_NEWPID | everything)
        _map_ids(proc, uid, gid)
        loopback()
        _build_root(read_only, private)
    return proc


def _map_ids(proc: int, uid: int, gid: int) -> None:
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {uid} 1"),
        ("gid_map", f"{NOBODY} {gid} 1"),
    ):
        fd = os.open("self/" + name, os.O_WRONLY, dir_fd=proc)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def _build_root(read_only: list[str], private: str) -> None:
    """A root of two steps, since what is bound may lie below the folder that the first one takes."""
    mount("none", "/", flags=_MS_REC | _MS_PRIVATE)
    mount("tmpfs", "/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    os.mkdir("/tmp/old")
    os.mkdir("/tmp/new")
    number = syscalls.own()["pivot_root"]
    _checked(_syscall(number, b"/tmp", b"/tmp/old"), "pivot_root")
    os.chdir("/")
    mount("tmpfs", "/new", "tmpfs", _MS_NOSUID | _MS_NODEV, "size=1m,mode=755")
    for path in read_only:
        _bind(path)
    for name in ("null", "zero", "full", "random", "urandom"):
        if os.path.exists("/old/dev/" + name):
            _bind("/dev/" + name, device=True)
    os.makedirs("/new" + private, 0o700)
    os.makedirs("/new/etc", 0o755, exist_ok=True)
    for name, text in _OWN_FILES.items():
        with open("/new/etc/" + name, "wb") as file:  # as bytes: a codec could not be imported at this moment
            file.write(text.encode())
    mount("", "/new", flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    os.chdir("/new")
    _checked(_syscall(number, b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _MNT_DETACH), "umount")
    os.chdir("/")


def _bind(path: str, device: bool = False) -> None:
    """Show what lies at `path` outside at the same place inside, read-only; links on the way are followed."""
    source, target = "/old" + _resolved(path), "/new" + path
    if os.path.isdir(source):
        os.makedirs(target, 0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    mount(source, target, flags=_MS_BIND)
    kept = os.statvfs(source).f_flag & _LOCKED_FLAGS
    flags = (kept & (2 | 4 | 8)) | (1024 if kept & 1024 else 0) | (2048 if kept & 2048 else 0)
    flags |= 1 << 21 if kept & 4096 else 0  # MS_RELATIME
    if not device:
        flags |= _MS_NODEV
    mount("", target, flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | flags)


def _resolved(path: str) -> str:
    """The real path, where the old root lies below /old: a link that starts with / means the old root."""
    parts, done, hops = path.strip("/").split("/"), "", 0
    while parts:
        step = done + "/" + parts.pop(0)
        if os.path.islink("/old" + step) and hops < 40:
            hops += 1
            target = os.readlink("/old" + step)
            if target.startswith("/"):
                done = ""
            parts = [p for p in target.split("/") if p not in ("", ".")] + parts
        elif step.endswith("/.."):
            done = os.path.dirname(done)
        else:
            done = step
    return done or "/"


class PidNamespace:
    """Gives each child a PID namespace of its own, which dies with it."""

    def __init__(self, proc: int) -> None:
        """In the first process of the room; raises `OSError` where that is not allowed."""
        self._own = os.open("self/ns/pid", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
        self._proc = proc

    def fork(self) -> int:
        """`os.fork`, the child being process 1 of its namespace, and the first to go where memory runs out."""
        unshare(CLONE_NEWPID)
        try:
            pid = os.fork()
        except OSError:
            join(self._own, CLONE_NEWPID)
            raise
        if pid:
            join(self._own, CLONE_NEWPID)
        else:
            # Else the kernel takes the largest: many small programs could have the zygote killed, and so be no verdict.
            with contextlib.suppress(OSError):
                fd = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=self._proc)
                os.write(fd, b"1000")
                os.close(fd)
        return pid


# the process itself -----------------------------------------------------------------------------------------------


def die_with_parent() -> None:
    """SIGKILL when the parent ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)


def limit(limits: dict[str, int]) -> None:
    """Hard rlimits by name (`AS`, `CPU`, ...): seconds and bytes as setrlimit has them."""
    for name, value in limits.items():
        number = getattr(resource, "RLIMIT_" + name)
        most = resource.getrlimit(number)[1]
        if most != resource.RLIM_INFINITY:
            value = min(value, most)
        resource.setrlimit(number, (value, value))


def bound_privileges() -> None:
    """No child can have a capability that this process could not keep for itself: whatever is run, none is gained."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # the last one, or not allowed: then there is none to drop


def drop_privileges() -> None:
    """No capability, and none to be had by running anything."""
    _libc.prctl(_PR_CAP_AMBIENT, 4, 0, 0, 0)
    _checked(_syscall(_CAPSET, _NO_CAPABILITIES_HEADER, _NO_CAPABILITIES), "capset")
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl")


_CAPSET = syscalls.own()["capset"]
_NO_CAPABILITIES_HEADER = ctypes.c_char_p(struct.pack("Ii", 0x20080522, 0))
_NO_CAPABILITIES = ctypes.c_char_p(b"\0" * 24)


# Landlock ---------------------------------------------------------------------------------------------------------


def landlock_version() -> int:
    """0 if the kernel has none."""
    version: int = _syscall(syscalls.own()["landlock_create_ruleset"], None, 0, 1)
    return max(0, version)


_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = 1, 2, 4, 8, 16, 32
_MAKE_DIR, _MAKE_REG, _MAKE_FIFO, _MAKE_SYM, _REFER, _TRUNCATE = 128, 256, 1 << 10, 1 << 12, 1 << 13, 1 << 14
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
KEPT = 512
"""Descriptors from here on outlive `_settle` in a child, until Landlock is applied."""
_LINKED = (1 << 13) - 1
"""All rights that Landlock 1 knows."""


def _kept(path: str) -> int:
    """A descriptor of `path` above those that a child closes first."""
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, KEPT)
    finally:
        os.close(fd)


class Landlock:
    """Which paths may be read and written; all others may be neither. Completed and applied in each child."""

    def __init__(self, version: int, readable: list[str], processes: bool = False) -> None:
        """With `processes`, programs may be run and sockets used; only where the network namespace is private."""
        handled = _LINKED | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
        handled |= 1 << 15 if version >= 5 else 0
        network = 3 if version >= 4 and not processes else 0
        scoped = 3 if version >= 6 else 0
        self._handled = handled
        self._calls = syscalls.own()
        self._attributes = struct.pack("QQQ", handled, network, scoped)
        self._size = 8 if version < 4 else 16 if version < 6 else 24
        right = _READ_FILE | _READ_DIR | (_EXECUTE if processes else 0)
        self._processes = processes
        self._readable = [(_kept(p), os.path.isdir(p), right) for p in readable]
        for name in ("null", "zero", "full", "random", "urandom"):
            if os.path.exists("/dev/" + name):
                right = _READ_FILE | (_WRITE_FILE if name in ("null", "full") else 0)
                self._readable.append((_kept("/dev/" + name), False, right))

    def apply(self, writable: str | None) -> None:
        """Confine this process, which must not gain privileges any more; only `writable` may be changed."""
        attributes = ctypes.c_char_p(self._attributes)
        fd = _checked(_syscall(self._calls["landlock_create_ruleset"], attributes, self._size, 0), "landlock")
        for path, is_folder, right in self._readable:
            self._allow(fd, path, right if is_folder else right & _OF_FILES)
        if writable is not None:
            path = os.open(writable, os.O_PATH | os.O_CLOEXEC)
            right = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG
            right |= _MAKE_FIFO | _MAKE_SYM | _REFER | _TRUNCATE | (_EXECUTE if self._processes else 0)
            self._allow(fd, path, right)
            os.close(path)
        _checked(_syscall(self._calls["landlock_restrict_self"], fd, 0), "landlock_restrict_self")
        os.close(fd)
        os.closerange(KEPT, KEPT + 2 * len(self._readable) + 64)

    def _allow(self, ruleset: int, path: int, right: int) -> None:
        rule = ctypes.c_char_p(struct.pack("=Qi", right & self._handled, path))
        _checked(_syscall(self._calls["landlock_add_rule"], ruleset, 1, rule, 0), "landlock_add_rule")
