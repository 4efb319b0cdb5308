"""The registry of published scores: `leaderboards/references/<benchmark>.yaml` -> `Reference`.

Policy: nothing is averaged and nothing is thrown away. Where sources disagree on a cell (model, measures,
variant), all records stay and exactly one mean accuracy is the default, with the reason beside it. A majority
vote, a re-ranking or a rating can never stand in for a mean accuracy: the metric's name is checked
against what the record says it measures.

    benchmark: AIME 2024    title
    task: aime24            evalkit task that measures the same thing, or null
    items: 30               size of the benchmark, used where a record states none; null if unknown
    note: ...               what may be compared with what; left out where there is nothing to say
    records:
      - id: ...             unique in the file; `Reference.id` is `<file stem>/<id>`
        model: o1           short name; `title` and `version` say which one exactly
        ...                 `fields.FIELDS` lists every field of a record and what it must hold

Further folders (`EVALKIT_REFERENCES_DIR`) extend the shipped one: `folders` says how. Results item by item stand in
files of their own, which are read only when asked for: `item_results`.
"""

from evalkit.references.adding import (
    Home,
    Rows,
    add_records,
    add_results,
    attach_results,
    home_of,
    own_folder,
    rows_of_file,
)
from evalkit.references.fields import FIELDS, MEASURES, SETTINGS, TIERS, Field
from evalkit.references.folders import (
    FOLDERS_VARIABLE,
    Checked,
    check_files,
    folders_with,
    load_references,
    read_folders,
    shipped,
)
from evalkit.references.item_results import PerItem, item_results, per_item, read_results, results_text
from evalkit.references.lookup import (
    IMPLIED_EFFORTS,
    IMPLIED_VARIANTS,
    declared,
    default,
    find,
    known_model,
    models,
    resolve_model,
    split_variant,
    stem,
    task_name,
)

__all__ = [
    "FIELDS",
    "FOLDERS_VARIABLE",
    "IMPLIED_EFFORTS",
    "IMPLIED_VARIANTS",
    "MEASURES",
    "SETTINGS",
    "TIERS",
    "Checked",
    "Field",
    "Home",
    "PerItem",
    "Rows",
    "add_records",
    "add_results",
    "attach_results",
    "check_files",
    "declared",
    "default",
    "find",
    "folders_with",
    "home_of",
    "item_results",
    "known_model",
    "load_references",
    "models",
    "own_folder",
    "per_item",
    "read_folders",
    "read_results",
    "resolve_model",
    "results_text",
    "rows_of_file",
    "shipped",
    "split_variant",
    "stem",
    "task_name",
]
