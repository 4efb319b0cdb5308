"""The run directory: `run.json`, `samples.sqlite`, `summary.json`, `run.log`. And answers kept across runs."""

from evalkit.store.opinions import JUDGE, Key, Opinions, asked_of
from evalkit.store.responses import ResponseCache
from evalkit.store.run import SCHEMA, RunStore, require_readable
from evalkit.store.totals import Totals

__all__ = [
    "JUDGE",
    "SCHEMA",
    "Key",
    "Opinions",
    "ResponseCache",
    "RunStore",
    "Totals",
    "asked_of",
    "require_readable",
]
