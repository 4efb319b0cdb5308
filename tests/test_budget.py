"""Budgets, prices, the response cache and limits a minute: what a run spends, over real HTTP."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, Result
from support.endpoint import Endpoint, Reply

PROFILE = """
prices: {input: 1000, output: 10000, currency: EUR, date: 2026-01-01, source: price page}
"""


def answer(body: dict[str, Any]) -> Reply:
    """5 prompt and 10 completion tokens."""
    return Reply(content=rf"As {body.get('seed')}: \boxed{{0}}", delay_s=0.01)


def run(cli: Cli, endpoint: Endpoint, data_dir: Path, *more: object) -> Result:
    Path("profile.yaml").write_text(PROFILE)
    model = ["-m", "openai:test-model", "--base-url", endpoint.url]
    return cli("run", "gsm8k", *model, "--data-dir", data_dir, "--quiet", "--json", "--concurrency", 4, *more)


def only_run(folder: str = "runs") -> Path:
    return next(p for p in Path(folder).iterdir() if not p.name.startswith("."))


def n_scored(result: Result) -> int:
    return sum(result.json["tasks"][0]["statuses"].values())


def test_tokens(cli: Cli, data_dir: Path) -> None:
    """15 tokens a sample: 300 are 20 samples; what is in flight is counted, so the budget is met and not overrun."""
    with Endpoint(answer) as endpoint:
        stopped = run(cli, endpoint, data_dir, "--samples", 5, "--max-tokens-total", 300)
        assert stopped.code == 4, stopped.err
        assert "the budget of 300 tokens is used up" in stopped.err and "--resume" in stopped.err
        assert 16 <= n_scored(stopped) <= 21 and n_scored(stopped) == len(endpoint.bodies)
        assert stopped.json["tasks"][0]["samples_owed"] == 100 - n_scored(stopped)
        same = cli("run", "--resume", only_run(), "--max-tokens-total", 300, "--quiet", "--json")
        assert same.code == 4 and n_scored(same) <= 21, "it holds for the run, not for the command"
        more = cli("run", "--resume", only_run(), "--max-tokens-total", 600, "--quiet", "--json")
        assert more.code == 4 and 36 <= n_scored(more) <= 41
        rest = cli("run", "--resume", only_run(), "--quiet", "--json")
        assert rest.code == 0 and n_scored(rest) == 100 == len(endpoint.bodies)


def test_cost(cli: Cli, data_dir: Path) -> None:
    """5 tokens at 0.001 and 10 at 0.01 EUR: 0.105 a sample."""
    with Endpoint(answer) as endpoint:
        stopped = run(cli, endpoint, data_dir, "--samples", 5, "--profile", "profile.yaml", "--max-cost", 2.1)
    assert stopped.code == 4 and "the budget of 2.1 EUR is used up" in stopped.err
    assert 16 <= n_scored(stopped) <= 21
    assert stopped.json["cost"] == pytest.approx(0.105 * n_scored(stopped))
    assert stopped.json["prices"]["date"] == "2026-01-01"
    kept = json.loads((only_run() / "summary.json").read_text())
    assert kept["cost"] == stopped.json["cost"]


def test_cost_without_prices_is_refused_before_anything_is_written(cli: Cli, data_dir: Path) -> None:
    with Endpoint(answer) as endpoint:
        result = run(cli, endpoint, data_dir, "--max-cost", 2)
    assert result.code == 2 and "--profile" in result.err
    assert not Path("runs").exists() and not endpoint.bodies


def test_time(cli: Cli, data_dir: Path) -> None:
    """A request that would go on for a minute does not keep the run."""
    with Endpoint(lambda body: Reply(delay_s=60 if "What is 9 " in str(body) else 0)) as endpoint:
        started = time.monotonic()
        result = run(cli, endpoint, data_dir, "--max-time", "2s")
        assert time.monotonic() - started < 8
    assert result.code == 4 and "the time of 2 s is over" in result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 19} and result.json["tasks"][0]["samples_owed"] == 1


def test_requests_per_minute(cli: Cli, data_dir: Path) -> None:
    with Endpoint(answer) as endpoint:
        result = run(cli, endpoint, data_dir, "--requests-per-minute", 7, "--max-time", "2s")
    assert result.code == 4 and len(endpoint.bodies) == 7 == n_scored(result)


def test_tokens_per_minute(cli: Cli, data_dir: Path) -> None:
    """What a request will need is known after the first answers: 15 tokens."""
    with Endpoint(answer) as endpoint:
        limits = ["--concurrency", 1, "--tokens-per-minute", 600, "--max-time", "2s"]
        result = run(cli, endpoint, data_dir, "--samples", 5, *limits)
    assert result.code == 4 and 25 <= len(endpoint.bodies) <= 40


def test_the_first_wave_is_bounded_too(cli: Cli, data_dir: Path) -> None:
    """Before an answer has shown what one takes, the token limit of the protocol is what it may take."""
    with Endpoint(answer) as endpoint:
        options = ["--samples", 20, "--concurrency", 100, "--max-tokens", 100, "--max-tokens-total", 450]
        result = run(cli, endpoint, data_dir, *options)
    assert result.code == 4, result.err
    assert 24 <= len(endpoint.bodies) <= 34, "450 tokens are 30 samples, not 100"


def test_without_usage_the_text_is_counted_in_every_execution(cli: Cli, data_dir: Path) -> None:
    """100 bytes of answer are 25 tokens; the question is about 40."""
    with Endpoint(lambda body: Reply(content=r"\boxed{0}" + "." * 91, usage=None)) as endpoint:
        options = ["--samples", 5, "--max-tokens-total", 1500]
        first = run(cli, endpoint, data_dir, *options)
        assert first.code == 4
        n_before = len(endpoint.bodies)
        assert 10 <= n_before <= 40
        again = cli("run", "--resume", only_run(), "--max-tokens-total", 1500, "--quiet", "--json")
    assert again.code == 4 and len(endpoint.bodies) == n_before


def test_what_was_paid_for_and_replaced_stays_paid(cli: Cli, data_dir: Path) -> None:
    with Endpoint(lambda body: Reply(content="Let me", finish_reason="length")) as endpoint:
        first = run(cli, endpoint, data_dir, "--profile", "profile.yaml")
        assert first.json["cost"] == pytest.approx(20 * 0.105)
        again = cli("run", "--resume", only_run(), "--retry", "truncated", "--quiet", "--json")
    assert again.json["cost"] == pytest.approx(40 * 0.105)


def cached(result: Result) -> int:
    return int(result.json["tasks"][0]["totals"]["n_cached"])


def test_an_identical_request_is_not_sent_twice(cli: Cli, data_dir: Path) -> None:
    with Endpoint(answer) as endpoint:
        args = ["--samples", 2, "--seed", 1, "--cache", "answers", "--profile", "profile.yaml"]
        first = run(cli, endpoint, data_dir, *args)
        assert first.code == 0, first.err
        assert len(endpoint.bodies) == 40 and cached(first) == 0
        second = run(cli, endpoint, data_dir, *args, "--out", "again")
        assert second.code == 0 and len(endpoint.bodies) == 40
    assert cached(second) == 40
    assert "40 of 40 answers come from the response cache" in second.json["tasks"][0]["audit"]
    assert first.json["cost"] > 0 and second.json["cost"] == 0, "what is cached is not paid for"
    assert second.json["tasks"][0]["totals"]["mean_latency_s"] is None, "nor timed"
    for name in ("estimate", "statuses"):
        assert first.json["tasks"][0][name] == second.json["tasks"][0][name]
    with sqlite3.connect(only_run("again") / "samples.sqlite") as db:
        assert db.execute("SELECT sum(cached) FROM samples").fetchone() == (40,)


OTHERS = [
    (["--seed", 2], 20),
    (["--temperature", 0.9], 20),
    (["--max-tokens", 99], 20),
    (["--extra", "min_p=0.1"], 20),
    (["--max-repetition", 100], 20),
    (["--limit-parameter", "max_completion_tokens"], 20),
    (["--samples", 2], 20),
    (["--concurrency", 1, "--no-stream", "--idle-timeout", 60], 0),
]


@pytest.mark.parametrize(("options", "n_asked"), OTHERS, ids=lambda v: str(v[0]) if isinstance(v, list) else None)
def test_what_defines_a_request_decides(cli: Cli, data_dir: Path, options: list[object], n_asked: int) -> None:
    with Endpoint(answer) as endpoint:
        base = ["--seed", 1, "--cache", "answers"]
        assert run(cli, endpoint, data_dir, *base).code == 0
        n_before = len(endpoint.bodies)
        given = [*base[2:], *options] if "--seed" in options else [*base, *options]
        assert run(cli, endpoint, data_dir, *given, "--out", "again").code == 0
        assert len(endpoint.bodies) - n_before == n_asked


def test_another_server_is_another_model(cli: Cli, data_dir: Path) -> None:
    with Endpoint(answer) as one, Endpoint(answer) as two:
        assert run(cli, one, data_dir, "--cache", "answers").code == 0
        assert run(cli, two, data_dir, "--cache", "answers").code == 0
        assert len(two.bodies) == 20


def test_failures_are_not_cached(cli: Cli, data_dir: Path) -> None:
    with Endpoint(lambda body: Reply(status=400)) as endpoint:
        assert run(cli, endpoint, data_dir, "--cache", "answers").code == 3
        endpoint.script = answer
        assert run(cli, endpoint, data_dir, "--cache", "answers", "--out", "again").code == 0
        assert len(endpoint.bodies) == 40


def test_what_is_asked_again_is_not_taken_from_the_cache(cli: Cli, data_dir: Path) -> None:
    with Endpoint(lambda body: Reply(content="Let me", finish_reason="length")) as endpoint:
        assert run(cli, endpoint, data_dir, "--cache", "answers").code == 0
        endpoint.script = answer
        again = cli("run", "--resume", only_run(), "--retry", "truncated", "--cache", "answers", "--quiet", "--json")
        assert len(endpoint.bodies) == 40 and again.json["tasks"][0]["statuses"] == {"scored": 20}
        third = run(cli, endpoint, data_dir, "--cache", "answers", "--out", "third")
    assert cached(third) == 20 and third.json["tasks"][0]["statuses"] == {"scored": 20}, "the better answer is kept"


def test_a_run_that_is_wholly_cached_needs_no_endpoint(cli: Cli, data_dir: Path) -> None:
    with Endpoint(answer) as endpoint:
        assert run(cli, endpoint, data_dir, "--cache", "answers").code == 0
    alone = run(cli, endpoint, data_dir, "--cache", "answers", "--out", "again")
    assert alone.code == 0, alone.err
    assert cached(alone) == 20


def test_a_damaged_cache_is_named(cli: Cli, data_dir: Path) -> None:
    Path("answers").mkdir()
    Path("answers/responses.sqlite").write_bytes(b"not a database, whatever its name says" * 99)
    with Endpoint(answer) as endpoint:
        result = run(cli, endpoint, data_dir, "--cache", "answers")
    assert result.code == 2 and "responses.sqlite" in result.err and "Traceback" not in result.err


PROFILES = [
    ("pricess: {input: 1}", "did you mean 'prices'"),
    ("prices: {input: 1}", "prices.output"),
    ("prices: {input: -1, output: 2}", "prices.input"),
    ("prices: {input: .nan, output: 2}", "prices.input"),
    ("limits: {concurrency: 0}", "limits.concurrency"),
    ("limits: {requests_per_minute: many}", "limits.requests_per_minute"),
    ("timeouts: {idle: 0}", "timeouts.idle"),
    ("timeouts: {idle: soon}", "15m"),
    ("timeouts: {total: 5}", "unknown key"),
    ("retries: {attempts: 0}", "retries.attempts"),
    ("base_urls: http://127.0.0.1:1/v1", "must be a list"),
    ("api_key_env: 5", "must be text"),
    ("- a list", "must hold a mapping"),
]


@pytest.mark.parametrize(("text", "words"), PROFILES)
def test_a_wrong_profile_is_said_with_file_and_field(cli: Cli, data_dir: Path, text: str, words: str) -> None:
    Path("mine.yaml").write_text(text)
    result = cli("run", "gsm8k", "-m", "openai:x", "--profile", "mine.yaml", "--data-dir", data_dir)
    assert result.code == 2 and words in result.err and "mine.yaml" in result.err, result.err
    assert not Path("runs").exists()


def test_the_command_line_wins_over_the_profile_and_that_over_the_environment(
    cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Endpoint(answer) as endpoint:
        monkeypatch.setenv("EVALKIT_BASE_URL", "http://127.0.0.1:9/v1")
        monkeypatch.setenv("MY_KEY", "sk-0123456789")
        Path("mine.yaml").write_text(
            f"base_urls: ['{endpoint.url}']\napi_key_env: MY_KEY\nlimit_parameter: max_new\n"
            "limits: {concurrency: 3, tokens_per_minute: 100000}\ntimeouts: {idle: 1m17s}\n"
        )
        args = ["run", "gsm8k", "-m", "openai:test-model", "--data-dir", data_dir, "--quiet"]
        result = cli(*args, "--profile", "mine.yaml", "--concurrency", 2)
        assert result.code == 0, result.err
        spec = json.loads((only_run() / "run.json").read_text())["spec"]["model"]
        told = spec["endpoint"]
        assert (told["concurrency"], told["tokens_per_minute"], told["idle_s"]) == (2, 100_000, 77)
        assert spec["limit_parameter"] == "max_new" and "max_new" in endpoint.bodies[0]
        assert endpoint.headers[0]["Authorization"] == "Bearer sk-0123456789"
        again = cli("run", "--resume", only_run(), "--extend", "--samples", 2, "--quiet", "--data-dir", data_dir)
        assert again.code == 0, again.err
        assert len(endpoint.bodies) == 40, "a resumed run does not listen to the environment"


def test_a_profile_on_resume_changes_only_what_it_names(cli: Cli, data_dir: Path) -> None:
    with Endpoint(answer) as endpoint:
        assert run(cli, endpoint, data_dir, "--no-stream", "--requests-per-minute", 5, "--max-time", "1s").code == 4
        args = ["run", "--resume", only_run(), "--profile", "profile.yaml", "--quiet", "--json"]
        again = cli(*args, "--max-time", "1s")
        assert again.code == 4 and again.json["cost"] > 0
        assert len(endpoint.bodies) <= 10 and not any(body.get("stream") for body in endpoint.bodies)
        Path("other.yaml").write_text("limit_parameter: max_completion_tokens\n")
        refused = cli("run", "--resume", only_run(), "--profile", "other.yaml")
        assert refused.code == 2 and "limit_parameter" in refused.err
        assert cli(*args, "--requests-per-minute", 5000).code == 0
    rescored = cli("score", only_run(), "--json").json
    assert rescored["summary"]["cost"] == pytest.approx(20 * 0.105), "the prices are those last given"


def test_a_run_json_is_repeated_elsewhere_but_not_as_something_else(cli: Cli, data_dir: Path) -> None:
    with Endpoint(answer) as one, Endpoint(answer) as two:
        assert run(cli, one, data_dir, "--limit", 3).code == 0
        file = only_run() / "run.json"
        again = cli("run", file, "--base-url", two.url, "--data-dir", data_dir, "--out", "again", "--quiet")
        assert again.code == 0 and len(two.bodies) == 3
        refused = cli("run", file, "--samples", 3, "--temperature", 0.1, "--out", "third")
        assert refused.code == 2 and "--samples, --temperature" in refused.err
        file.write_text(file.read_text().replace('"schema": 5', '"schema": 2'))
        old = cli("run", file, "--out", "third")
        assert old.code == 2 and "another version" in old.err
    assert not Path("third").exists()


OPTIONS = [
    (["--concurrency", "0"], "neither auto nor a number"),
    (["--concurrency", "many"], "neither auto nor a number"),
    (["--max-time", "x"], "no duration"),
    (["--max-time", "2025-11-24"], "no duration"),
    (["--idle-timeout", "0"], "no duration"),
    (["--max-cost", "-1"], "--max-cost"),
    (["--max-cost", "nan"], "nan is no amount"),
    (["--max-tokens-total", "0"], "--max-tokens-total"),
    (["--max-repetition", "5"], "--max-repetition"),
    (["--profile", "nowhere.yaml"], "nowhere.yaml"),
    (["--cache", "data/gsm8k/test.jsonl"], "--cache"),
    (["--base-url", "http://127.0.0.1:99999/v1"], "no valid host and port"),
    (["--base-url", "http://[::1/v1"], "no valid host and port"),
    (["--base-url", "http://127.0.0.1:9/v1", "--base-url", "http://127.0.0.1:9/v1/"], "given twice"),
    (["--retry", "errored"], "go with --resume"),
]


@pytest.mark.parametrize(("options", "words"), OPTIONS, ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_bad_options_are_one_clear_line(cli: Cli, data_dir: Path, options: list[str], words: str) -> None:
    base = [] if "--base-url" in options else ["--base-url", "http://127.0.0.1:9/v1"]
    result = cli("run", "gsm8k", "-m", "openai:x", *base, "--data-dir", data_dir, *options)
    assert result.code == 2 and words in result.err and "Traceback" not in result.err, result.err
    assert not Path("runs").exists()


def test_a_key_with_a_line_break_is_refused(cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-first-half\nsecond-half")
    result = cli("run", "gsm8k", "-m", "openai:x", "--base-url", "http://127.0.0.1:9/v1", "--data-dir", data_dir)
    assert result.code == 2 and "line break" in result.err and "half" not in result.err
    assert not Path("runs").exists()
