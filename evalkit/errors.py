"""The error tree. Everything a user can cause or must hear about is an `EvalkitError`.

    EvalkitError                  exit 1
    ├── UsageError                exit 2   unknown name, bad option
    │   └── UnknownName           exit 2   with the nearest names
    ├── TaskError                 exit 2   a task, prompt, board or reference file is wrong (file, line, field)
    ├── DatasetError              exit 2   items cannot be had: which file or dataset was wanted, how to mirror it
    ├── MissingExtra              exit 2   an optional package is not installed
    ├── SandboxUnavailable        exit 2   model-written code cannot be run safely here: what to install
    ├── StoreError                exit 2   a run directory cannot be read or does not fit
    │   └── WriteFailed           exit 1   it could be read, but not written (full disk, no permission)
    └── EndpointError             exit 1   the endpoint cannot be used at all (down, wrong key, wrong model)
        └── AuthError             exit 1   401/403: stops the run at once

Each message says what is wrong, where, and what to do. Failures of single samples are data
(`types.Failure`), not exceptions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EvalkitError(Exception):
    """Base of all errors shown to users: one line, no traceback."""

    exit_code = 1


class UsageError(EvalkitError):
    """The command cannot mean anything."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that is in no table."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        self.kind = kind
        self.name = name
        self.nearest = nearest(name, known)
        message = f"unknown {kind} {name!r}"
        if self.nearest:
            message += f"; did you mean {', '.join(self.nearest)}?"
        if hint:
            message += f" ({hint})"
        super().__init__(message)


class TaskError(EvalkitError):
    """A YAML or template file is wrong."""

    exit_code = 2

    def __init__(self, message: str, *, file: str, line: int | None = None, field: str | None = None) -> None:
        self.file = file
        self.line = line
        self.field = field
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {field + ': ' if field else ''}{message}")


class DatasetError(EvalkitError):
    """The items of a task cannot be had."""

    exit_code = 2


class MissingExtra(EvalkitError):
    """An optional dependency is not installed."""

    exit_code = 2

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional package; install it with: pip install 'evalkit[{extra}]'")


class SandboxUnavailable(EvalkitError):
    """Model-written code cannot be run here, or not in the way asked for."""

    exit_code = 2

    def __init__(self, message: str, reason: str = "") -> None:
        self.reason = reason or message
        """Why, without what to do about it."""
        super().__init__(message)


class StoreError(EvalkitError):
    """A run directory is missing, damaged, locked, or belongs to another specification."""

    exit_code = 2


class WriteFailed(StoreError):
    """What was to be kept could not be written."""

    exit_code = 1


class EndpointError(EvalkitError):
    """The endpoint cannot be used for this run at all."""


class AuthError(EndpointError):
    """401 or 403: no later request can succeed either."""


def nearest(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """Names close to `name`, best first; case does not count, and a shared part of a path helps."""
    by_fold = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), by_fold, n=limit, cutoff=0.5)
    close += [k for k in by_fold if k not in close and name.casefold() in k]
    return [by_fold[k] for k in close[:limit]]
