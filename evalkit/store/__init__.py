"""The run directory: `run.json`, `samples.sqlite`, `summary.json`, `run.log`. And answers kept across runs."""

from evalkit.store.files import write_file
from evalkit.store.responses import ResponseCache
from evalkit.store.run import SCHEMA, Key, RunStore
from evalkit.store.totals import Totals

__all__ = ["SCHEMA", "Key", "ResponseCache", "RunStore", "Totals", "write_file"]
