"""Numbers of system calls on x86_64 and aarch64, as in the kernel's unistd.h, by what they are allowed for.

The list is of what is allowed: a call that no kernel has yet is refused. Left out on purpose are, among others,
sockets, ptrace and its kin, memfd_create (memory that no limit counts), io_uring, bpf, keys, mounts and namespaces.
"""

from __future__ import annotations

import platform

MACHINES = {"x86_64": 0, "aarch64": 1}

_PLAIN = """
read 0 63 | write 1 64 | readv 19 65 | writev 20 66 | pread64 17 67 | pwrite64 18 68 | preadv 295 69
pwritev 296 70 | preadv2 327 286 | pwritev2 328 287 | open 2 - | openat 257 56 | openat2 437 437 | creat 85 -
close 3 57 | close_range 436 436 | stat 4 - | fstat 5 80 | lstat 6 - | newfstatat 262 79 | statx 332 291
lseek 8 62 | access 21 - | faccessat 269 48 | faccessat2 439 439 | readlink 89 - | readlinkat 267 78
getdents 78 - | getdents64 217 61 | getcwd 79 17 | chdir 80 49 | fchdir 81 50 | dup 32 23 | dup2 33 -
dup3 292 24 | fcntl 72 25 | ioctl 16 29 | ftruncate 77 46 | fallocate 285 47 | mkdir 83 - | mkdirat 258 34
rmdir 84 - | unlink 87 - | unlinkat 263 35 | rename 82 - | renameat 264 38 | renameat2 316 276 | link 86 -
linkat 265 37 | symlink 88 - | symlinkat 266 36 | umask 95 166 | fsync 74 82 | fdatasync 75 83 | flock 73 32
sendfile 40 71 | copy_file_range 326 285 | splice 275 76 | tee 276 77 | fadvise64 221 223 | statfs 137 43
fstatfs 138 44 | mmap 9 222 | munmap 11 215 | mprotect 10 226 | mremap 25 216 | brk 12 214 | madvise 28 233
mincore 27 232 | msync 26 227 | pipe 22 - | pipe2 293 59 | poll 7 - | ppoll 271 73 | select 23 -
pselect6 270 72 | epoll_create 213 - | epoll_create1 291 20 | epoll_ctl 233 21 | epoll_wait 232 -
epoll_pwait 281 22 | eventfd 284 - | eventfd2 290 19 | timerfd_create 283 85 | timerfd_settime 286 86
timerfd_gettime 287 87 | socketpair 53 199 | sendto 44 206 | recvfrom 45 207 | sendmsg 46 211 | recvmsg 47 212
shutdown 48 210 | getsockopt 55 209 | setsockopt 54 208 | getsockname 51 204 | getpeername 52 205
getpid 39 172 | gettid 186 178 | getppid 110 173 | getpgrp 111 - | getpgid 121 155 | getsid 124 156
getuid 102 174 | geteuid 107 175 | getgid 104 176 | getegid 108 177 | getresuid 118 148 | getresgid 120 150
getgroups 115 158 | exit 60 93 | exit_group 231 94 | wait4 61 260 | waitid 247 95 | set_robust_list 273 99
get_robust_list 274 100 | rseq 334 293 | set_tid_address 218 96 | futex 202 98 | futex_waitv 449 449
sched_yield 24 124 | sched_getaffinity 204 123 | sched_getscheduler 145 120 | sched_getparam 143 121
sched_get_priority_max 146 125 | sched_get_priority_min 147 126 | getrlimit 97 163 | prlimit64 302 261
getrusage 98 165 | times 100 153 | uname 63 160 | sysinfo 99 179 | getcpu 309 168 | getpriority 140 141
gettimeofday 96 169 | time 201 - | clock_gettime 228 113 | clock_getres 229 114 | clock_nanosleep 230 115
nanosleep 35 101 | timer_create 222 107 | timer_settime 223 110 | timer_gettime 224 108 | timer_delete 226 111
timer_getoverrun 225 109 | setitimer 38 103 | getitimer 36 102 | alarm 37 - | pause 34 - | rt_sigaction 13 134
rt_sigprocmask 14 135 | rt_sigreturn 15 139 | rt_sigpending 127 136 | rt_sigtimedwait 128 137
rt_sigsuspend 130 133 | sigaltstack 131 132 | kill 62 129 | tgkill 234 131 | clone 56 220 | arch_prctl 158 -
prctl 157 167 | getrandom 318 278 | restart_syscall 219 128 | membarrier 324 283 | capget 125 90
"""

# Attributes of files by their path, which Landlock does not cover: only where nothing but a private folder is writable.
_FILES = """
chmod 90 - | fchmod 91 52 | fchmodat 268 53 | fchmodat2 452 452 | utime 132 - | utimes 235 - | futimesat 261 -
utimensat 280 88 | setxattr 188 5 | lsetxattr 189 6 | fsetxattr 190 7 | getxattr 191 8 | lgetxattr 192 9
fgetxattr 193 10 | listxattr 194 11 | llistxattr 195 12 | flistxattr 196 13 | truncate 76 45 | chown 92 -
fchown 93 55 | lchown 94 - | fchownat 260 54
"""

# For tasks whose programs start others, or serve themselves over sockets, in a network namespace where nobody else is.
_PROCESSES = """
socket 41 198 | bind 49 200 | listen 50 201 | accept 43 202 | accept4 288 242 | connect 42 203
recvmmsg 299 243 | sendmmsg 307 269 | fork 57 - | vfork 58 - | clone3 435 435 | execve 59 221 | execveat 322 281
setpgid 109 154 | setsid 112 157
"""

# What the sandbox itself calls.
_OWN = """
mount 165 40 | umount2 166 39 | pivot_root 155 41 | unshare 272 97 | setns 308 268 | capset 126 91
seccomp 317 277 | landlock_create_ruleset 444 444 | landlock_add_rule 445 445 | landlock_restrict_self 446 446
"""


def numbers(table: str) -> dict[str, int]:
    """Name -> number on this machine, for those that it has; raises `OSError` on an unknown machine."""
    machine = platform.machine()
    if machine not in MACHINES:
        raise OSError(0, "system calls of " + machine + " are not known")
    found = {}
    for entry in table.replace("\n", "|").split("|"):
        if entry.strip():
            name, *both = entry.split()
            if both[MACHINES[machine]] != "-":
                found[name] = int(both[MACHINES[machine]])
    return found


def plain() -> dict[str, int]:
    """What every program may call."""
    return numbers(_PLAIN)


def files() -> dict[str, int]:
    """Attributes of files."""
    return numbers(_FILES)


def processes() -> dict[str, int]:
    """Starting other programs."""
    return numbers(_PROCESSES)


def own() -> dict[str, int]:
    """What confines."""
    return numbers(_OWN)
