"""Protocols: what a run, a published number and a named protocol state of themselves, and where two of them differ.

Policy: protocol first. Before any number is compared, both sides are compared field by field of a stated table
(`fields`). `fatal`: another thing was measured, and there is no verdict. `major`: the verdict is informal. `minor`: it
is reported. Not stated is unknown, never equal.
"""

from evalkit.protocols.diff import diff, item_mismatches, of_run, run_and_reference, run_and_run
from evalkit.protocols.fields import DEFAULT, FIELDS, SENT
from evalkit.protocols.sides import NAMED, Items, Side, of_named, of_reference, of_task, snapshot_of

__all__ = [
    "DEFAULT",
    "FIELDS",
    "NAMED",
    "SENT",
    "Items",
    "Side",
    "diff",
    "item_mismatches",
    "of_named",
    "of_reference",
    "of_run",
    "of_task",
    "run_and_reference",
    "run_and_run",
    "snapshot_of",
]
