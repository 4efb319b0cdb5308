"""Resolve `!function` references: code of the task's author, run only from folders that the user trusts."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evalkit import resources
from evalkit.errors import TaskError
from evalkit.types import FunctionRef


def resolve(ref: FunctionRef, trusted: Sequence[Path] = ()) -> Callable[..., Any]:
    """Import the function from the module beside the task file; raises `TaskError` if its folder is not trusted."""
    folder = Path(ref.folder).resolve()
    roots = [resources.folder("tasks").resolve(), *(p.resolve() for p in trusted)]
    name = f"{ref.module}.{ref.attr}"
    if not any(folder.is_relative_to(root) for root in roots):
        raise TaskError(
            f"!function {name} is code in a folder that is not trusted; read it, then pass --trust {ref.folder}",
            file=ref.folder,
        )
    file = folder / (ref.module.replace(".", "/") + ".py")
    spec = importlib.util.spec_from_file_location(f"evalkit_task_{ref.module}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise TaskError(f"!function {name}: no module {file.name} beside the task file", file=ref.folder)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function = getattr(module, ref.attr, None)
    if not callable(function):
        raise TaskError(f"!function {name}: {file.name} has no function {ref.attr}", file=ref.folder)
    found: Callable[..., Any] = function
    return found
