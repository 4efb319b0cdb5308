"""Lazy tables: a name -> "module:attr" string, imported on first use only.

Built-ins stand in the table; other packages add theirs by entry points of the group `evalkit.<kind>s`
(for example `evalkit.clients`). Nothing registers itself on import.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from evalkit.contracts import RunsCode, Scorer
from evalkit.errors import UnknownName
from evalkit.types import Item, Json, RunSpec, SandboxChoice


class Table:
    """Names of one kind of extension."""

    def __init__(self, kind: str, builtin: Mapping[str, str]) -> None:
        self.kind = kind
        self._builtin = dict(builtin)

    def names(self) -> list[str]:
        """All known names, built-in and installed."""
        return sorted(set(self._builtin) | set(self._installed()))

    def get(self, name: str) -> Any:
        """Import and return what `name` stands for; raises `UnknownName`."""
        target = self._builtin.get(name) or self._installed().get(name)
        if target is None:
            raise UnknownName(self.kind, name, self.names(), "known: " + ", ".join(self.names()))
        module, _, attr = target.partition(":")
        return getattr(importlib.import_module(module), attr)

    def _installed(self) -> dict[str, str]:
        return {e.name: e.value for e in entry_points(group=f"evalkit.{self.kind}s")}


CLIENTS = Table(
    "client",
    {
        "openai": "evalkit.clients.openai_chat:OpenAIChatClient",
        "local": "evalkit.clients.local:LocalClient",
        "fake": "evalkit.clients.fake:FakeClient",
    },
)

SCORERS = Table(
    "scorer",
    {
        "math": "evalkit.scoring.math:MathScorer",
        "math-verify": "evalkit.scoring.math_verify:MathVerifyScorer",
        "choice": "evalkit.scoring.choice:ChoiceScorer",
        "exact": "evalkit.scoring.exact:ExactScorer",
        "numeric": "evalkit.scoring.numeric:NumericScorer",
        "list": "evalkit.scoring.list:ListScorer",
        "json": "evalkit.scoring.json:JsonScorer",
        "regex": "evalkit.scoring.regex:RegexScorer",
        "code": "evalkit.scoring.code:CodeScorer",
        "reasoning_gym": "evalkit.scoring.reasoning_gym:ReasoningGymScorer",
    },
)

EXPORTERS = Table(
    "exporter",
    {
        "md": "evalkit.report.markdown:MarkdownExporter",
        "csv": "evalkit.report.csv:CsvExporter",
        "csv-verdicts": "evalkit.report.csv:CsvVerdictsExporter",
        "json": "evalkit.report.json:JsonExporter",
        "latex": "evalkit.report.latex:LatexExporter",
        "html": "evalkit.report.webpage:WebPageExporter",
        "hf-eval-results": "evalkit.report.huggingface:EvalResultsExporter",
        "hf-model-index": "evalkit.report.huggingface:ModelIndexExporter",
    },
)


def build_scorer(name: str, args: Mapping[str, Json], sandbox: SandboxChoice) -> Scorer:
    """A scorer; `sandbox` is where one that runs code runs it. Raises `UnknownName` or `UsageError`."""
    factory = SCORERS.get(name)
    made: Scorer = factory(args, sandbox) if getattr(factory, "runs_code", False) else factory(args)
    return made


def build_scorers(spec: RunSpec, sandbox: SandboxChoice) -> dict[str, Scorer]:
    """A scorer per task; raises `UnknownName` or `UsageError` for what a task file asks for."""
    return {task.name: build_scorer(task.scorer, task.scorer_args, sandbox) for task in spec.tasks}


@contextmanager
def graders(spec: RunSpec, sandbox: SandboxChoice) -> Iterator[Callable[[str, Item], str | None]]:
    """Says of a task's items why they could not be graded here, if so; while it is open.

    Raises what would keep all of them from being graded, such as `SandboxUnavailable`.
    """
    scorers = build_scorers(spec, sandbox)
    try:
        running = {name: scorer for name, scorer in scorers.items() if isinstance(scorer, RunsCode)}
        for runner in running.values():
            runner.require()
        yield lambda task, item: running[task].lacking(item) if task in running else None
    finally:
        for scorer in scorers.values():
            scorer.close()
