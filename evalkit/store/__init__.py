"""The run directory: `run.json`, `samples.sqlite`, `summary.json`, `run.log`."""

from evalkit.store.files import write_file
from evalkit.store.run import SCHEMA, Key, RunStore, Totals

__all__ = ["SCHEMA", "Key", "RunStore", "Totals", "write_file"]
