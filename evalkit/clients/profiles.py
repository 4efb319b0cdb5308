"""Model profiles: what is known of an endpoint, in one YAML file, so that a command need not repeat it.

base_urls: [http://npu-1:8000/v1, http://npu-2:8000/v1]    # replicas of one model
api_key_env: MY_KEY
limit_parameter: max_completion_tokens
refuses: [temperature, top_p]       # settings that the model answers with an error, or does not apply
limits: {concurrency: 64, requests_per_minute: 500, tokens_per_minute: 200000}    # for each of them
timeouts: {connect: 10, first_token: 1h, idle: 10m, patience: 15m}      # seconds, or with a unit
retries: {attempts: 6, backoff: 0.5}                       # tries of a request, seconds before the second
prices: {input: 0.55, output: 2.19, currency: USD, date: 2025-01-20, source: price page}    # of a million tokens
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from evalkit.clients.limits import duration_s
from evalkit.types import EndpointSpec, ModelSpec, Prices
from evalkit.yamlfile import Document, load

_KEYS = {"base_urls", "api_key_env", "limit_parameter", "refuses", "limits", "timeouts", "retries", "prices"}
_LIMITS = ("concurrency", "requests_per_minute", "tokens_per_minute")
_TIMEOUTS = ("connect", "first_token", "idle", "patience")
_RETRIES = ("attempts", "backoff")
_SETTINGS = ("temperature", "top_p", "top_k", "max_tokens")
_OPENAI = "api.openai.com"
_OPENAI_REASONING = re.compile(r"(o\d|gpt-5)(-|$)")
"""o1, o3-mini, gpt-5 and their snapshots take no sampling settings (OpenAI's guide to reasoning models)."""
_PRICES = ("input", "output", "currency", "date", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile as read."""

    fields: Mapping[str, Any]
    """Fields of `EndpointSpec` that it names."""
    limit_parameter: str | None = None
    refuses: tuple[str, ...] | None = None
    """Settings that must not be sent; None if the profile does not say."""

    def over(self, spec: EndpointSpec) -> EndpointSpec:
        """The spec with what the profile names."""
        return dataclasses.replace(spec, **self.fields)


def load_profile(path: Path) -> Profile:
    """Read a profile; raises `TaskError` with file, line and field."""
    doc = load(path)
    doc.check_keys(doc.data, _KEYS)
    endpoint: dict[str, Any] = {}
    urls = doc.data.get("base_urls", [])
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise doc.error("base_urls", "must be a list of addresses")
    if urls:
        endpoint["base_urls"] = tuple(url.rstrip("/") for url in urls)
    if (variable := doc.text("api_key_env")) is not None:
        endpoint["api_key_env"] = variable
    for key, value in _mapping(doc, "limits", _LIMITS).items():
        endpoint[key] = None if value == "auto" else _whole(doc, f"limits.{key}", value)
    for key, value in _mapping(doc, "timeouts", _TIMEOUTS).items():
        endpoint[f"{key}_s"] = _time(doc, f"timeouts.{key}", value)
    retries = _mapping(doc, "retries", _RETRIES)
    if "attempts" in retries:
        endpoint["attempts"] = _whole(doc, "retries.attempts", retries["attempts"])
    if "backoff" in retries:
        endpoint["backoff_s"] = _number(doc, "retries.backoff", retries["backoff"], above_zero=True)
    if "prices" in doc.data:
        endpoint["prices"] = _prices(doc)
    limit = doc.text("limit_parameter")
    return Profile(fields=endpoint, limit_parameter=limit, refuses=_refuses(doc))


def refused(model: ModelSpec, profile: Profile | None) -> tuple[str, ...]:
    """Settings that a model is known to refuse: as its profile says, else OpenAI's reasoning models at OpenAI."""
    if profile is not None and profile.refuses is not None:
        return profile.refuses
    try:
        hosts = {urlsplit(url).hostname for url in model.endpoint.base_urls}
    except ValueError:  # no address at all: the client says so
        return ()
    if model.kind == "openai" and hosts == {_OPENAI} and _OPENAI_REASONING.match(model.name):
        return ("temperature", "top_p")
    return ()


def _refuses(doc: Document) -> tuple[str, ...] | None:
    found = doc.data.get("refuses")
    if found is None:
        return None
    if not isinstance(found, list) or not all(name in _SETTINGS for name in found):
        raise doc.error("refuses", f"must be a list of {', '.join(_SETTINGS)}")
    return tuple(found)


def _prices(doc: Document) -> Prices:
    given = _mapping(doc, "prices", _PRICES)
    for key in ("input", "output"):
        if key not in given:
            raise doc.error(f"prices.{key}", "missing: the price of a million tokens")
    words = {key: str(given[key]) for key in ("currency", "date", "source") if given.get(key) is not None}
    return Prices(
        input=_number(doc, "prices.input", given["input"]),
        output=_number(doc, "prices.output", given["output"]),
        **words,
    )


def _mapping(doc: Document, key: str, allowed: tuple[str, ...]) -> dict[str, Any]:
    value = doc.data.get(key, {})
    if not isinstance(value, dict):
        raise doc.error(key, "must be a mapping")
    doc.check_keys(value, set(allowed), f"{key}.")
    return value


def _whole(doc: Document, field: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise doc.error(field, "must be a whole number of at least 1")
    return value


def _time(doc: Document, field: str, value: Any) -> float:
    found = duration_s(str(value))
    if not found:
        raise doc.error(field, f"{value!r} is no time: write seconds, or 90s, 15m, 1h30m")
    return found


def _number(doc: Document, field: str, value: Any, above_zero: bool = False) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    if not good or (above_zero and value == 0):
        raise doc.error(field, "must be a number " + ("above 0" if above_zero else "of at least 0"))
    return float(value)
