"""Servers that go away and come back, replicas, and what no request can mend: over real HTTP."""

from __future__ import annotations

import itertools
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from conftest import Cli, Result
from support.endpoint import Endpoint, Reply
from support.faulty import FAULTS, FaultyEndpoint, slow_stream


def good(number: int, before: int) -> None:
    return None


PROFILE = """
timeouts: {{connect: 2, first_token: 5, idle: 5, patience: {patience_s}}}
retries: {{attempts: 3, backoff: 0.02}}
"""


def run(
    cli: Cli, data_dir: Path, *endpoints: FaultyEndpoint, more: tuple[object, ...] = (), patience_s: float = 20
) -> Result:
    Path("profile.yaml").write_text(PROFILE.format(patience_s=patience_s))
    urls = [part for endpoint in endpoints for part in ("--base-url", endpoint.url)]
    model = ["-m", "openai:test-model", "--profile", "profile.yaml", *urls]
    return cli("run", "gsm8k", *model, "--data-dir", data_dir, "--quiet", "--json", "--seed", 0, *more)


def only_run() -> Path:
    return next(p for p in Path("runs").iterdir() if not p.name.startswith("."))


def log() -> str:
    return (only_run() / "run.log").read_text()


def since_first(endpoint: FaultyEndpoint) -> float:
    """Seconds since the first request; 0 before it."""
    return time.monotonic() - endpoint.asked_at[0] if endpoint.asked_at else 0.0


def meanwhile(when: Callable[[], bool], then: Callable[[], Any]) -> threading.Thread:
    """Do something as soon as a condition holds, while the command runs."""

    def wait() -> None:
        deadline = time.monotonic() + 30
        while not when() and time.monotonic() < deadline:
            time.sleep(0.01)
        then()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_restart_is_waited_out(cli: Cli, data_dir: Path) -> None:
    """The server refuses connections for a second: no sample is lost, none is marked as failed."""
    with FaultyEndpoint(good, latency_s=0.05) as endpoint:

        def restart() -> None:
            endpoint.down()
            time.sleep(1)
            endpoint.up()

        thread = meanwhile(lambda: endpoint.n_requests > 20, restart)
        result = run(cli, data_dir, endpoint, more=("--samples", 5, "--concurrency", 4))
        thread.join()
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 100}
    assert f"{endpoint.url} is gone" in log() and "is back" in log()
    assert all(n == 1 for n in endpoint.answered.values())


@pytest.mark.parametrize("concurrency", [1, 16])
def test_a_gateway_without_its_server_is_waited_out(cli: Cli, data_dir: Path, concurrency: int) -> None:
    """502 for every request for a while, far more often than a request may fail."""

    def plan(number: int, before: int) -> str | None:
        return "502" if 0.5 < since_first(endpoint) < 1.5 else None

    with FaultyEndpoint(plan, latency_s=0.05) as endpoint:
        endpoint.listing = lambda: 502 if plan(0, 0) else 200
        result = run(cli, data_dir, endpoint, more=("--samples", concurrency, "--concurrency", concurrency))
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 20 * concurrency}
    assert endpoint.met["502"] >= 1 and "is gone (http_502" in log()


def test_a_server_that_only_fails_marks_no_sample(cli: Cli, data_dir: Path) -> None:
    """A dead engine behind a living front answers 500 to everything: that is an outage, and no request's fault."""
    broken = threading.Event()
    with FaultyEndpoint(lambda number, before: "500" if broken.is_set() else None, latency_s=0.05) as endpoint:
        thread = meanwhile(lambda: endpoint.n_requests > 20, broken.set)
        options = ("--samples", 10, "--concurrency", 16)
        result = run(cli, data_dir, endpoint, more=options, patience_s=1)
        thread.join()
        assert result.code == 1 and "is gone (http_500: status 500)" in result.err
        broken.clear()
        resumed = cli("run", "--resume", only_run(), "--quiet", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["tasks"][0]["statuses"] == {"scored": 200}
    assert all(n == 1 for n in endpoint.answered.values())


def test_a_short_restart_is_over_soon(cli: Cli, data_dir: Path) -> None:
    """However many requests were in flight."""
    up: list[float] = []
    with FaultyEndpoint(good, latency_s=0.2) as endpoint:

        def restart() -> None:
            endpoint.down()
            time.sleep(1)
            endpoint.up()
            up.append(time.monotonic())

        thread = meanwhile(lambda: endpoint.n_requests > 64, restart)
        result = run(cli, data_dir, endpoint, more=("--samples", 20, "--concurrency", 64))
        thread.join()
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 400}
    assert min(at for at in endpoint.asked_at if at > up[0]) - up[0] < 5


def test_answers_may_take_longer_than_patience(cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that streams works, whatever it did before."""
    monkeypatch.setitem(FAULTS, "slow-stream", slow_stream)

    def plan(number: int, before: int) -> str | None:
        return "503" if since_first(endpoint) < 0.5 else "slow-stream"

    with FaultyEndpoint(plan) as endpoint:
        endpoint.listing = lambda: 503 if 0 < since_first(endpoint) < 0.5 else 200
        result = run(cli, data_dir, endpoint, more=("--limit", 8, "--concurrency", 4), patience_s=1)
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 8} and endpoint.met["503"] >= 1


def test_429_beside_answers_that_stream_is_no_end(cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at a time, each for longer than patience; whatever comes beside them is refused."""
    monkeypatch.setitem(FAULTS, "slow-stream", slow_stream)

    def plan(number: int, before: int) -> str | None:
        return "slow-stream" if endpoint.in_flight <= 2 else "429"

    with FaultyEndpoint(plan) as endpoint:
        result = run(cli, data_dir, endpoint, more=("--limit", 4, "--concurrency", 4), patience_s=1)
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 4} and endpoint.met["429"] >= 2


@pytest.mark.parametrize("fault", ["503", "reset-before-headers", "500"])
def test_questions_that_never_work_end_as_what_they_are(cli: Cli, data_dir: Path, fault: str) -> None:
    """The last ones left, with nothing else to show that the server works."""
    with FaultyEndpoint(lambda number, before: fault if number in {5, 11, 19} else None) as endpoint:
        result = run(cli, data_dir, endpoint, more=("--concurrency", 8), patience_s=1)
    assert result.code == 3, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 17, "errored": 3}


def test_a_replica_that_serves_nothing_does_not_stop_the_other(cli: Cli, data_dir: Path) -> None:
    with FaultyEndpoint(good, latency_s=0.02) as one, FaultyEndpoint(lambda number, before: "404") as two:
        result = run(cli, data_dir, one, two, more=("--samples", 5, "--concurrency", 4))
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 100}


def test_patience_ends_and_the_run_can_be_resumed(cli: Cli, data_dir: Path) -> None:
    with FaultyEndpoint(good, latency_s=0.05) as endpoint:
        thread = meanwhile(lambda: endpoint.n_requests > 20, endpoint.down)
        result = run(cli, data_dir, endpoint, more=("--samples", 5, "--concurrency", 4), patience_s=1)
        thread.join()
        assert result.code == 1
        assert "is gone (" in result.err and "waited 1 s" in result.err and "--resume" in result.err
        endpoint.up()
        resumed = cli("run", "--resume", only_run(), "--quiet", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["tasks"][0]["statuses"] == {"scored": 100}
    assert all(n == 1 for n in endpoint.answered.values())


def test_replicas_share_the_load(cli: Cli, data_dir: Path) -> None:
    with FaultyEndpoint(good, latency_s=0.02) as one, FaultyEndpoint(good, latency_s=0.02) as two:
        result = run(cli, data_dir, one, two, more=("--samples", 10, "--concurrency", 3))
    assert result.code == 0, result.err
    assert one.n_requests + two.n_requests == 200
    assert min(one.n_requests, two.n_requests) > 60
    assert max(one.most_in_flight, two.most_in_flight) <= 3


def test_the_less_loaded_replica_gets_more(cli: Cli, data_dir: Path) -> None:
    with FaultyEndpoint(good, latency_s=0.01) as quick, FaultyEndpoint(good, latency_s=0.2) as slow:
        result = run(cli, data_dir, quick, slow, more=("--samples", 10, "--concurrency", 4))
    assert result.code == 0, result.err
    assert quick.n_requests > 3 * slow.n_requests > 0


def test_a_dead_replica_is_taken_out_and_probed_back_in(cli: Cli, data_dir: Path) -> None:
    with FaultyEndpoint(good, latency_s=0.05) as one, FaultyEndpoint(good, latency_s=0.05) as two:
        seen: dict[str, int] = {}

        def restart() -> None:
            two.down()
            time.sleep(1)
            seen["down"] = two.n_requests
            two.up()

        thread = meanwhile(lambda: two.n_requests > 10, restart)
        result = run(cli, data_dir, one, two, more=("--samples", 20, "--concurrency", 4))
        thread.join()
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 400}
    assert f"{two.url} is gone" in log() and f"{two.url} is back" in log()
    assert two.n_requests > seen["down"] + 20, "it works again"


def test_a_replica_that_is_dead_from_the_start(cli: Cli, data_dir: Path) -> None:
    with FaultyEndpoint(good) as one, FaultyEndpoint(good) as two:
        two.down()
        result = run(cli, data_dir, one, two, more=("--samples", 2))
        assert result.code == 0, result.err
        assert "left out for now" in log() and one.n_requests == 40
        one.down()
        both = run(cli, data_dir, one, two, more=("--out", "none"))
    assert both.code == 1 and "cannot reach" in both.err


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://no-such-host.invalid/v1", "cannot reach http://no-such-host.invalid"),
        ("http://127.0.0.1:9/v1", "refused"),
    ],
)
def test_an_address_that_nobody_answers_is_said_at_once(cli: Cli, data_dir: Path, url: str, words: str) -> None:
    started = time.monotonic()
    result = cli("run", "gsm8k", "-m", "openai:x", "--base-url", url, "--data-dir", data_dir, "--quiet")
    assert result.code == 1 and words in result.err and "--resume" in result.err
    assert len(result.err.strip().splitlines()) <= 4 and time.monotonic() - started < 15


def test_a_certificate_that_is_not_trusted_is_said(cli: Cli, data_dir: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with FaultyEndpoint(good, tls=context) as endpoint:
        result = run(cli, data_dir, endpoint)
    assert result.code == 1 and "certificate verify failed" in result.err.lower()
    assert endpoint.n_requests == 0


def test_a_key_that_expires_in_the_middle(cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-first-0123456")
    with FaultyEndpoint(good, latency_s=0.05, key="sk-first-0123456") as endpoint:
        had: list[int] = []

        def expire() -> None:
            endpoint.key = "sk-second-0123456"
            had.append(endpoint.n_requests)

        thread = meanwhile(lambda: endpoint.n_requests > 20, expire)
        result = run(cli, data_dir, endpoint, more=("--samples", 5, "--concurrency", 4, "--api-key-env", "MY_KEY"))
        thread.join()
        assert result.code == 1 and "refused the key" in result.err and "key expired" in result.err
        assert endpoint.n_requests <= had[0] + 3 * 4, "no further request after the first refusal"
        monkeypatch.setenv("MY_KEY", "sk-second-0123456")
        resumed = cli("run", "--resume", only_run(), "--quiet", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["tasks"][0]["statuses"] == {"scored": 100}
    assert all(n == 1 for n in endpoint.answered.values())


def test_nothing_is_sent_while_the_endpoint_asks_to_wait(cli: Cli, data_dir: Path) -> None:
    """One 429 holds all requests, not only its own."""
    times: list[float] = []

    def script(body: dict[str, Any]) -> Reply:
        times.append(time.monotonic())
        return Reply(status=429, headers={"Retry-After": "1"}) if len(times) == 5 else Reply(content=r"\boxed{0}")

    with Endpoint(script) as endpoint:
        args = ["run", "gsm8k", "-m", "openai:test-model", "--base-url", endpoint.url, "--data-dir", data_dir]
        assert cli(*args, "--concurrency", 1, "--quiet").code == 0
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert len(times) == 21 and gaps[4] >= 1.0 and all(gap < 0.9 for n, gap in enumerate(gaps) if n != 4)


def test_403_to_everything_is_about_the_key(cli: Cli, data_dir: Path) -> None:
    def plan(number: int, before: int) -> str | None:
        return "403" if number > 2 else None

    with FaultyEndpoint(plan) as endpoint:
        result = run(cli, data_dir, endpoint, more=("--concurrency", 1))
    assert result.code == 1 and "refused the key" in result.err
    assert endpoint.met["403"] == 8


def test_a_path_that_is_wrong_from_the_start_stops_the_run(cli: Cli, data_dir: Path) -> None:
    with FaultyEndpoint(lambda number, before: "404") as endpoint:
        result = run(cli, data_dir, endpoint, more=("--concurrency", 1))
    assert result.code == 1 and "knows no such page or model" in result.err and endpoint.n_requests == 1
