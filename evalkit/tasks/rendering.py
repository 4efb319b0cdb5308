"""Jinja in a sandbox: templates of others may read a row and nothing else."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import jinja2
import jinja2.sandbox
from jinja2.exceptions import SecurityError

from evalkit.errors import TaskError

_MAX_TEXT = 10_000_000
_MAX_EXPONENT = 1_000


class _Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Also bounds the two operators by which a short template could fill the memory."""

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and isinstance(right, (int, float)) and abs(right) > _MAX_EXPONENT:
            raise SecurityError("exponent too large")
        if operator == "*":
            for text, count in ((left, right), (right, left)):
                repeats = isinstance(text, (str, bytes, list, tuple)) and isinstance(count, int)
                if repeats and len(text) * count > _MAX_TEXT:
                    raise SecurityError("repetition too large")
        return super().call_binop(context, operator, left, right)


def _regex_replace(text: str, pattern: str, replacement: str = "", count: int = 0) -> str:
    """lm-eval's filter of the same name."""
    return re.sub(pattern, replacement, text, count=count)


def _environment() -> jinja2.Environment:
    env = _Sandbox(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    env.filters["regex_replace"] = _regex_replace
    return env


@functools.lru_cache(maxsize=512)
def _compiled(source: str) -> jinja2.Template:
    return _environment().from_string(source)


def template_problem(source: str) -> str | None:
    """What is wrong with the syntax of a template, if anything is."""
    try:
        _compiled(source)
    except jinja2.TemplateSyntaxError as fault:
        return f"template error: {fault.message}"
    return None


def render(source: str, values: Mapping[str, Any], *, file: str, field: str) -> str:
    """Render one template; raises `TaskError` naming the file and field it stands in."""
    try:
        return _compiled(source).render(**values)
    except jinja2.TemplateSyntaxError as fault:
        raise TaskError(f"template error: {fault.message}", file=file, field=field) from fault
    except jinja2.UndefinedError as fault:
        have = ", ".join(sorted(k for k in values if isinstance(k, str)))
        raise TaskError(f"{fault.message}; a row has: {have}", file=file, field=field) from fault
    except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, re.error) as fault:
        raise TaskError(f"template failed: {type(fault).__name__}: {fault}", file=file, field=field) from fault
