"""Options that say where, how fast and how patiently a model is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from evalkit.clients import DEFAULT_KEY_ENV
from evalkit.clients.limits import duration_s
from evalkit.clients.profiles import Profile, load_profile
from evalkit.errors import UsageError
from evalkit.types import EndpointSpec, ModelSpec

F = TypeVar("F", bound=Callable[..., Any])


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Option callback: seconds out of `90`, `90s`, `15m`, `1h30m`."""
    if value is None:
        return None
    found = duration_s(value)
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


def given_endpoint_options() -> str:
    """Those of them that stand on the command line, as they are written there."""
    context = click.get_current_context()
    written = (option for option in context.command.params if option.name in ENDPOINT_OPTIONS)
    source = context.get_parameter_source
    return ", ".join(o.opts[0] for o in written if source(str(o.name)) is ParameterSource.COMMANDLINE)


def profile_of(options: dict[str, Any], before: ModelSpec | None = None) -> Profile | None:
    """The profile that was named, if any; raises `TaskError`, and `UsageError` if it would change the run `before`."""
    if not options["profile"]:
        return None
    profile = load_profile(options["profile"])
    if before is not None and profile.limit_parameter not in (None, before.limit_parameter):
        raise UsageError(
            f"{options['profile']}: limit_parameter {profile.limit_parameter!r} is not that of the run, "
            f"{before.limit_parameter!r}; what is sent cannot change on the way"
        )
    return profile


def endpoint_of(options: dict[str, Any], profile: Profile | None, before: EndpointSpec | None = None) -> EndpointSpec:
    """What the options ask for. The command line wins over the profile, and that over the environment.

    `before` is what a run has that is resumed or repeated: it keeps what neither the command line nor the profile
    names, whatever the environment says.
    """
    source = click.get_current_context().get_parameter_source
    spec = before or EndpointSpec(base_urls=options["base_urls"], api_key_env=DEFAULT_KEY_ENV)
    spec = profile.over(spec) if profile else spec
    given = {name: options[name] for name in _OPTIONS if source(name) is ParameterSource.COMMANDLINE}
    spec = dataclasses.replace(spec, **given)
    return dataclasses.replace(spec, base_urls=tuple(url.rstrip("/") for url in spec.base_urls))
