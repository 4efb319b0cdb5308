"""The fields of a record: what each must hold, and how it is asked for.

One table serves reading, `add` and `import`, so that no field is checked in two ways.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date as Date
from typing import Any

MEASURES = ("mean_accuracy", "majority", "pass_at_k", "other")
SETTINGS = ("temperature", "top_p", "top_k", "max_tokens")
"""What a source can say that it left to the endpoint."""
TIERS = ("primary", "copy_of_primary", "page_excerpt", "secondary")

Check = Callable[[Any], str | None]
"""What is wrong with a value, or None."""

_SLUG = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of a record."""

    name: str
    check: Check
    help: str
    required: bool = False
    nullable: bool = True
    """Whether null may stand for what the source does not state."""
    kind: str = "text"
    """`text`, `number`, `flag` or `names`: how its text on a command line is read."""

    def complaint(self, value: Any) -> str | None:
        """What is wrong with `value`, with the value."""
        if value is None and self.nullable:
            return None
        wrong = self.check(value)
        return None if wrong is None else f"{wrong}, not {value!r}"

    def parse(self, text: str) -> Any:
        """The value that a text on a command line stands for; what cannot be read stays text, for `complaint`."""
        if self.kind == "names":
            return [name.strip() for name in text.split(",") if name.strip()]
        if self.kind == "flag":
            return {"true": True, "yes": True, "false": False, "no": False}.get(text.casefold(), text)
        if self.kind == "number":
            for reader in (int, float):
                try:
                    return reader(text)
                except ValueError:
                    continue
        return text


def text(value: Any) -> str | None:
    """Text that says something."""
    return None if isinstance(value, str) and value.strip() else "must be text"


def count(value: Any) -> str | None:
    """A whole number of at least 1."""
    ok = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return None if ok else "must be a whole number of at least 1, or null with the words in a note"


def _slug(value: Any) -> str | None:
    ok = isinstance(value, str) and _SLUG.fullmatch(value)
    return None if ok else "must be lower-case letters, digits, dots and dashes"


def _number(low: float, high: float = math.inf) -> Check:
    span = "" if low == -math.inf else f" of at least {low:g}" if high == math.inf else f" between {low:g} and {high:g}"

    def check(value: Any) -> str | None:
        ok = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return None if ok and low <= value <= high else f"must be a number{span}"

    return check


def _shots(value: Any) -> str | None:
    ok = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100
    return None if ok else "must be a whole number between 0 and 100"


def _one_of(*names: str) -> Check:
    return lambda value: None if value in names else f"must be one of {', '.join(names)}"


def _date(value: Any) -> str | None:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            Date.fromisoformat(value + "-01-01"[len(value) - 4 :] if len(value) < 10 else value)
        except ValueError:
            return "is not a day of the calendar"
        return None
    return "must be quoted text such as '2025', '2025-01' or '2025-01-23', or null"


def _any_text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be text, or empty text for none"


def _settings(value: Any) -> str | None:
    ok = isinstance(value, list) and all(name in SETTINGS for name in value)
    return None if ok else f"must be a list of {', '.join(SETTINGS)}"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _required(name: str, check: Check, help: str, kind: str = "text") -> Field:
    return Field(name=name, check=check, help=help, required=True, nullable=False, kind=kind)


def _optional(name: str, check: Check, help: str, kind: str = "text") -> Field:
    return Field(name=name, check=check, help=help, kind=kind)


FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        _required("id", _slug, "name of the record, once in the file"),
        _required("model", _slug, "short name of the model, for example o1"),
        _required("title", text, "name of the model as it is written"),
        _optional("version", text, "which snapshot or weights"),
        _optional("variant", text, "part of what is measured: a window of contests, a reasoning effort, a subset"),
        _required("metric", text, "metric as the source calls it"),
        _required("measures", _one_of(*MEASURES), f"what the number estimates: {', '.join(MEASURES)}"),
        _required("value", _number(-math.inf), "the number", "number"),
        _required("unit", text, "'%' for accuracies"),
        _optional("n_items", count, "number of items, where it is not that of the benchmark", "number"),
        _optional("samples", count, "samples an item (k)", "number"),
        _optional("samples_note", text, "what the source says of k where that is no number"),
        _optional("temperature", _number(0), "sampling temperature", "number"),
        _optional("top_p", _number(0, 1), "nucleus sampling, top_p", "number"),
        _optional("top_k", count, "sampling among the top_k tokens", "number"),
        _optional("max_tokens", count, "most tokens of an answer", "number"),
        _optional("shots", _shots, "solved examples in the prompt", "number"),
        _optional("system_prompt", _any_text, "text of the system prompt; empty if the source says there was none"),
        _optional("scoring", text, "how answers were extracted and graded, in words"),
        _optional("not_sent", _settings, f"left to the endpoint, as the source says: {', '.join(SETTINGS)}", "names"),
        _optional("protocol", text, "what else the source says of the protocol, in words"),
        _optional("follows", _slug, "named protocol that comes nearest"),
        _optional("prompt_digest", text, "digest of the prompt, if it is one of evalkit's (`evalkit tasks show`)"),
        _optional("exact", _flag, "true for a number that no protocol changes, such as a chance level", "flag"),
        _required("reported_by", text, "who reported the number: the vendor, or which third party"),
        _required("source", text, "title of the source and the place in it"),
        _required("tier", _one_of(*TIERS), f"how near the source is: {', '.join(TIERS)}"),
        Field(name="date", check=_date, help="date of the source: '2025', '2025-01' or '2025-01-23'", required=True),
        _optional("default", _flag, "true for the record of its cell that is compared with", "flag"),
        _optional("reason", text, "why it is the default, or why it is kept beside the default"),
        _optional("per_item", text, "file with the results item by item, below the folder of the reference files"),
        _optional("per_item_note", text, "where these results come from, and who graded them by which rules"),
    )
}
"""In the order in which a record is written."""
