"""Read YAML with positions, so that every complaint can name file and line.

Files are hostile input: only plain values are built, duplicate keys are refused, and the tag `!function`
becomes a `FunctionRef` that nothing here imports.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evalkit.errors import TaskError, nearest
from evalkit.types import FunctionRef

_MAX_NODES = 100_000
"""An alias counts each time it is used, so that a small file cannot unfold into a huge one."""
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML mapping and the line of each of its fields, by dotted path."""

    file: str
    data: dict[str, Any]
    lines: dict[str, int]

    def error(self, field: str, message: str) -> TaskError:
        """An error that points at `field` (or the nearest enclosing field that has a line)."""
        path = field
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return TaskError(message, file=self.file, line=self.lines.get(path), field=field)

    def text(self, key: str) -> str | None:
        """The text under a key of the top level, None if there is none; raises `TaskError` for anything else."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, str):
            raise self.error(key, "must be text")
        return value

    def check_keys(self, mapping: dict[str, Any], allowed: set[str], prefix: str = "") -> None:
        """Refuse keys that are not allowed, naming the nearest that is."""
        for key in mapping:
            if key not in allowed:
                close = nearest(str(key), allowed, limit=1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; allowed: {', '.join(sorted(allowed))}"
                raise self.error(f"{prefix}{key}", f"unknown key{hint}")


def load(path: Path) -> Document:
    """Parse one file whose top level is a mapping; raises `TaskError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise TaskError(f"cannot be read: {fault}", file=str(path)) from fault
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise TaskError("the file must hold a mapping of keys", file=str(path), line=1)
        lines: dict[str, int] = {}
        data = _build(loader, node, "", lines, str(path))
        del lines[""]
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise TaskError(f"not valid YAML: {getattr(fault, 'problem', fault)}", file=str(path), line=line) from fault
    except RecursionError:
        raise TaskError("nested too deeply", file=str(path)) from None
    finally:
        loader.dispose()
    return Document(str(path), data, lines)


def _build(loader: Any, node: Any, path: str, lines: dict[str, int], file: str) -> Any:
    line = node.start_mark.line + 1
    lines[""] = lines.get("", 0) + 1
    if lines[""] > _MAX_NODES:
        raise TaskError(f"more than {_MAX_NODES} values: are aliases nested?", file=file, line=line)
    if path:
        lines.setdefault(path, line)
    if isinstance(node, yaml.MappingNode):
        own = [k.value for k, _ in node.value if k.tag == "tag:yaml.org,2002:str"]
        for key_node, _ in node.value:
            if own.count(key_node.value) > 1:
                raise TaskError(
                    "key is given twice", file=file, line=key_node.start_mark.line + 1, field=str(key_node.value)
                )
        loader.flatten_mapping(node)
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(loader.construct_object(key_node, deep=True))
            child = f"{path}.{key}" if path else key
            lines[child] = key_node.start_mark.line + 1
            result[key] = _build(loader, value_node, child, lines, file)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, n, f"{path}.{i}", lines, file) for i, n in enumerate(node.value)]
    if node.tag == "!function":
        module, _, attr = str(node.value).rpartition(".")
        if not module or not attr.isidentifier():
            raise TaskError("!function needs module.attribute", file=file, line=line, field=path)
        return FunctionRef(module=module, attr=attr, folder=str(Path(file).parent))
    if node.tag.startswith("!"):
        raise TaskError(f"tag {node.tag} is not allowed", file=file, line=line, field=path)
    try:
        return loader.construct_object(node, deep=True)
    except (ValueError, KeyError, AttributeError, TypeError) as fault:  # what PyYAML raises for `2026-99-99`, `!!int x`
        raise TaskError(f"not a valid value: {node.value!r} ({fault})", file=file, line=line, field=path) from None
