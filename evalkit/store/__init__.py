"""The run directory: `run.json`, `samples.sqlite`, `summary.json`, `run.log`. And answers kept across runs."""

from evalkit.store.files import write_file
from evalkit.store.opinions import Agreement, Key, Opinions
from evalkit.store.responses import ResponseCache
from evalkit.store.run import SCHEMA, RunStore, require_readable
from evalkit.store.totals import Totals

__all__ = [
    "SCHEMA",
    "Agreement",
    "Key",
    "Opinions",
    "ResponseCache",
    "RunStore",
    "Totals",
    "require_readable",
    "write_file",
]
