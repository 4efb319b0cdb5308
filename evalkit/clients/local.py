"""`--model local:smollm2`: the embedded llama.cpp server, started for the run and stopped after it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from evalkit.clients import weights
from evalkit.clients.openai_chat import OpenAIChatClient
from evalkit.codec import file_digest
from evalkit.errors import EndpointError, MissingExtra, UsageError
from evalkit.types import Event, Generation, Json, ModelSpec, Request

_START_LIMIT_S = 180.0
_STOP_LIMIT_S = 10.0
_IDLE_S = 900.0
_PATIENCE_S = 5.0
"""A server of one's own that is gone does not come back."""
DEFAULT_CONTEXT = 4096
_MAX_THREADS = 8
"""More do not help models small enough to be embedded."""
_SPIN_COUNT = "1000"
"""How long an idle thread of the runtime spins. By default it spins so long that one other busy process makes the
server 30 times slower (measured on 2 cores: 26 s instead of 0.9 s an answer); so it is 1.2 times slower alone."""


class LocalClient:
    """Options of the model spec: `gguf` (path of any other model file), `context` (tokens), `threads`."""

    def __init__(self, spec: ModelSpec) -> None:
        self.name = spec.name
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingExtra("the embedded model server", "local")
        self._spec = spec
        self._gguf = _model_file(spec)
        self._context = int(spec.options.get("context") or DEFAULT_CONTEXT)
        self._threads = int(spec.options.get("threads") or min(_MAX_THREADS, _usable_cores()))
        self._process: asyncio.subprocess.Process | None = None
        self._inner: OpenAIChatClient | None = None

    @property
    def capacity(self) -> int:
        """One: with more slots llama.cpp's answers depend on what else is in flight."""
        return 1

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return self._inner.in_flight if self._inner else 0

    def identity(self) -> Mapping[str, Json]:
        """Everything that its answers depend on."""
        return {key: value for key, value in self.describe().items() if key != "threads"}

    def describe(self) -> Mapping[str, Json]:
        """Runtime, weights and the settings that make answers reproducible."""
        return {
            "runtime": f"xllamacpp {version('xllamacpp')}",
            "weights": self._gguf.name,
            "weights_digest": file_digest(self._gguf),
            "slots": 1,
            "prompt_cache": False,
            "context": self._context,
            "threads": self._threads,
        }

    async def open(self, report: Callable[[Event], None]) -> None:
        """Start the server and wait until it answers; raises `EndpointError` with its last words."""
        _require_avx2()
        log = tempfile.TemporaryFile()  # noqa: SIM115 - the server writes to it for as long as it lives
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "evalkit.clients.local_server",
            "--gguf", str(self._gguf), "--alias", self.name,
            "--ctx", str(self._context), "--threads", str(self._threads),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            start_new_session=True, env={"GOMP_SPINCOUNT": _SPIN_COUNT, **os.environ},
        )  # fmt: skip
        try:
            url = await asyncio.wait_for(self._ready_url(), _START_LIMIT_S)
        except (TimeoutError, EndpointError):
            await self.close()
            log.seek(0)
            words = log.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise EndpointError(f"the embedded server did not start: {words[0] if words else 'no message'}") from None
        finally:
            log.close()
        endpoint = dataclasses.replace(
            self._spec.endpoint,
            base_urls=(f"{url}/v1",),
            api_key_env=None,
            concurrency=1,
            keep_alive=False,
            idle_s=_IDLE_S,
            patience_s=_PATIENCE_S,
        )
        self._inner = OpenAIChatClient(dataclasses.replace(self._spec, endpoint=endpoint))
        await self._inner.open(report)

    async def close(self) -> None:
        """Stop the server."""
        if self._inner is not None:
            await self._inner.close()
            self._inner = None
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_LIMIT_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def generate(self, request: Request) -> Generation:
        """Generate one sample."""
        if self._inner is None:
            raise EndpointError("the embedded server is not running")
        return await self._inner.generate(request)

    async def _ready_url(self) -> str:
        assert self._process is not None and self._process.stdout is not None
        async for line in self._process.stdout:
            if line.startswith(b"READY "):
                return line.split()[1].decode()
        raise EndpointError("the server ended")


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _model_file(spec: ModelSpec) -> Path:
    given = spec.options.get("gguf")
    if given:
        path = Path(str(given)).expanduser()
        if not path.is_file():
            raise UsageError(f"--gguf: no such file: {path}")
        return path
    entry = weights.known(spec.name)
    path_or_none = weights.cached(entry)
    if path_or_none is None:
        raise UsageError(
            f"the weights of {spec.name} are not here yet; fetch them with: evalkit models pull {spec.name}"
        )
    return path_or_none


def _require_avx2() -> None:
    """The prebuilt runtime dies without a message on x86 processors that lack AVX2."""
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
        if "flags" in text and "avx2" not in text:
            raise EndpointError("this processor has no AVX2, which the embedded model runtime needs; use --base-url")
