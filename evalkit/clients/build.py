"""`openai:NAME` and options -> a client."""

from __future__ import annotations

from evalkit.contracts import Client
from evalkit.errors import UsageError
from evalkit.registry import CLIENTS
from evalkit.types import ModelSpec


def parse_model(text: str) -> tuple[str, str]:
    """Split `kind:name`; raises `UsageError`."""
    kind, colon, name = text.partition(":")
    if not colon or not name:
        raise UsageError(f"--model must be KIND:NAME, not {text!r}; kinds: {', '.join(CLIENTS.names())}")
    if kind not in CLIENTS.names():
        CLIENTS.get(kind)
    return kind, name


def build(spec: ModelSpec) -> Client:
    """The client of `spec`; raises `UnknownName` or `UsageError`."""
    client: Client = CLIENTS.get(spec.kind)(spec)
    return client
