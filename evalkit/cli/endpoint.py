"""Options that say where, how fast and how patiently a model is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from evalkit.clients import DEFAULT_KEY_ENV
from evalkit.clients.limits import seconds
from evalkit.clients.profiles import Profile, load_profile
from evalkit.types import EndpointSpec

F = TypeVar("F", bound=Callable[..., Any])


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Option callback: seconds out of `90`, `90s`, `15m`, `1h30m`."""
    if value is None:
        return None
    found = seconds(value, 0.0)
    if not found:
        raise click.BadParameter(f"{value!r} is no duration: write seconds, or 90s, 15m, 1h30m", ctx, param)
    return found


def _concurrency(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    """Option callback: a number, or None for `auto`."""
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither auto nor a number of at least 1", ctx, param)
    return int(value)


_OPTIONS = {
    "base_urls": click.option(
        "--base-url",
        "base_urls",
        multiple=True,
        envvar="EVALKIT_BASE_URL",
        help="Endpoint of an openai: model, ending in /v1 or the like; several are replicas.  [env: EVALKIT_BASE_URL]",
    ),
    "api_key_env": click.option(
        "--api-key-env", metavar="NAME", help=f"Variable that holds the API key; default {DEFAULT_KEY_ENV}."
    ),
    "stream": click.option("--stream/--no-stream", default=True, show_default=True),
    "concurrency": click.option(
        "--concurrency",
        metavar="auto|N",
        callback=_concurrency,
        default="auto",
        show_default=True,
        help="Requests in flight at each endpoint; auto grows while throughput grows.",
    ),
    "requests_per_minute": click.option("--requests-per-minute", type=click.IntRange(1), help="At each endpoint."),
    "tokens_per_minute": click.option("--tokens-per-minute", type=click.IntRange(1), help="At each endpoint."),
    "connect_s": click.option("--connect-timeout", "connect_s", metavar="TIME", callback=duration, help="Default 10s."),
    "first_token_s": click.option(
        "--first-token-timeout",
        "first_token_s",
        metavar="TIME",
        callback=duration,
        help="Longest silence before the first token, or with --no-stream the answer; default 1h.",
    ),
    "idle_s": click.option(
        "--idle-timeout",
        "idle_s",
        metavar="TIME",
        callback=duration,
        help="Longest silence between tokens, default 10m.",
    ),
    "patience_s": click.option(
        "--patience",
        "patience_s",
        metavar="TIME",
        callback=duration,
        help="How long to wait for endpoints that went away; default 15m.",
    ),
}
ENDPOINT_OPTIONS = frozenset({*_OPTIONS, "profile"})
"""What a resumed run may change."""


def endpoint_options(command: F) -> F:
    """All of them, and `--profile`."""
    for option in reversed(_OPTIONS.values()):
        command = option(command)
    return click.option(
        "--profile",
        type=click.Path(path_type=Path, dir_okay=False),
        help="YAML file with addresses, limits, time-outs and prices of the model.",
    )(command)


def profile_of(options: dict[str, Any]) -> Profile | None:
    """The profile that was named, if any; raises `TaskError`."""
    return load_profile(options["profile"]) if options["profile"] else None


def endpoint_of(options: dict[str, Any], profile: Profile | None, before: EndpointSpec | None = None) -> EndpointSpec:
    """What the options ask for. The command line wins over the profile, and that over the environment.

    `before` is what a resumed run had: it keeps what the command line does not change, whatever the environment says.
    """
    source = click.get_current_context().get_parameter_source
    spec = profile.endpoint if profile else before or EndpointSpec()
    if before is None and not spec.base_urls:
        spec = dataclasses.replace(spec, base_urls=options["base_urls"])
    if before is not None and not spec.base_urls:
        spec = dataclasses.replace(spec, base_urls=before.base_urls, api_key_env=spec.api_key_env or before.api_key_env)
    given = {name: options[name] for name in _OPTIONS if source(name) is ParameterSource.COMMANDLINE}
    spec = dataclasses.replace(spec, **given)
    return dataclasses.replace(spec, api_key_env=spec.api_key_env or DEFAULT_KEY_ENV)
