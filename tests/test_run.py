"""`evalkit run` against a real HTTP endpoint on loopback: what is stored, what is reported, what survives."""

from __future__ import annotations

import csv
import json
import re
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply


def doubling(body: dict[str, Any]) -> Reply:
    """Answers `What is i + i?` rightly, except where i is divisible by 4."""
    i = int(re.search(r"What is (\d+)", body["messages"][-1]["content"])[1])  # type: ignore[index]
    answer = 2 * i + (i % 4 == 0)
    return Reply(content=f"So the result is \\boxed{{{answer}}}.", reasoning="Adding.")


def run_args(endpoint: Endpoint, data_dir: Path, *more: object) -> list[object]:
    return [
        "run", "gsm8k", "--model", "openai:test-model", "--base-url", endpoint.url, "--data-dir", data_dir,
        "--out", "runs", *more,
    ]  # fmt: skip


def only_run(folder: Path = Path("runs")) -> Path:
    found = [p for p in folder.iterdir() if not p.name.startswith(".")]
    assert len(found) == 1
    return found[0]


def rows(run: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(run / "samples.sqlite") as db:
        return db.execute("SELECT item, sample, status, value, answer FROM samples").fetchall()


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_whole_road(cli: Cli, data_dir: Path, stream: str) -> None:
    def varied(body: dict[str, Any]) -> Reply:
        return Reply(content=f"Seed {body['seed']}. " + doubling(body).content)

    with Endpoint(varied) as endpoint:
        result = cli(*run_args(endpoint, data_dir, "--samples", 2, "--seed", 7, stream, "--json"))
        assert result.code == 0, result.err
    task = result.json["tasks"][0]
    assert task["statuses"] == {"scored": 40}
    assert task["estimate"]["headline"]["value"] == pytest.approx(15 / 20)
    assert task["totals"]["completion_tokens"] == 400
    assert task["estimate"]["secondary"] == {"pass@2": 0.75, "g-pass@2:1": 0.75, "maj@2": 0.75}
    run = only_run()
    assert len(rows(run)) == 40
    assert {b["seed"] for b in endpoint.bodies} == {7, 8}
    assert all(b["temperature"] == 0.6 and b["max_tokens"] == 32768 for b in endpoint.bodies)
    assert ("stream" in endpoint.bodies[0]) == (stream == "--stream")
    record = json.loads((run / "run.json").read_text())
    assert record["spec"]["tasks"][0]["samples"] == 2
    assert (run / "summary.json").is_file() and (run / "run.log").is_file()

    again = cli("run", run / "run.json", "--data-dir", data_dir, "--out", "again", "--json")
    assert again.code == 1, "the endpoint is gone"
    assert "cannot reach" in again.err and "--resume" in again.err


def test_score_compare_leaderboard_report_need_no_endpoint(cli: Cli, data_dir: Path) -> None:
    with Endpoint(doubling) as endpoint:
        assert cli(*run_args(endpoint, data_dir)).code == 0
    run = only_run()
    with sqlite3.connect(run / "samples.sqlite") as db:
        db.execute("UPDATE samples SET value = 0")
    rescored = cli("score", run, "--json").json
    assert rescored["changed"] == {"gsm8k": 15}
    assert rescored["summary"]["tasks"][0]["estimate"]["headline"]["value"] == pytest.approx(0.75)

    compared = cli("compare", run, "--against", "o1,gpt-4o", "--json").json["comparisons"]
    assert [c["model"] for c in compared] == ["o1", "gpt-4o"]
    assert all(c["verdict"]["outcome"] == "not_comparable" for c in compared)
    assert "20 items" in compared[1]["verdict"]["sentence"], "a subset is not the benchmark"

    table = cli("leaderboard", run, "--board", "reasoning", "--format", "json").json
    kinds = {row["model"]: row["kind"] for row in table["rows"]}
    assert kinds["o1"] == "published" and kinds["test-model"] == "measured"
    o1 = next(row for row in table["rows"] if row["model"] == "o1")
    assert o1["cells"]["aime24"]["value"] == 79.2 and "OpenAI" in o1["cells"]["aime24"]["source"]

    assert cli("leaderboard", run, "--format", "csv", "-o", "board.csv").code == 0
    with Path("board.csv").open(newline="") as handle:
        (row,) = [row for row in csv.DictReader(handle) if row["kind"] == "measured"]
    assert (row["model"], row["column"], float(row["score"])) == ("test-model", "gsm8k", 75)
    assert cli("report", run).out.strip().endswith("report.html")
    assert "test-model" in (run / "report.html").read_text()


def test_a_failed_request_is_not_a_wrong_answer(cli: Cli, data_dir: Path) -> None:
    def failing(body: dict[str, Any]) -> Reply:
        return Reply(status=400, error={"message": "no"}) if "What is 3 " in str(body["messages"]) else doubling(body)

    with Endpoint(failing) as endpoint:
        result = cli(*run_args(endpoint, data_dir, "--json"))
        assert result.code == 3, "1 of 20 samples failed: above the threshold"
        assert result.json["tasks"][0]["statuses"] == {"scored": 19, "errored": 1}
        assert result.json["tasks"][0]["estimate"]["headline"]["value"] == pytest.approx(14 / 19)
        assert result.json["tasks"][0]["estimate"]["as_wrong"]["value"] == pytest.approx(14 / 20)

        endpoint.script = doubling
        n_before = len(endpoint.bodies)
        resumed = cli("run", "--resume", only_run(), "--json")
        assert resumed.code == 0, resumed.err
        assert len(endpoint.bodies) == n_before + 1, "only the failed sample is asked again"
        assert resumed.json["tasks"][0]["statuses"] == {"scored": 20}


def test_transient_faults_are_retried(cli: Cli, data_dir: Path) -> None:
    faults = iter(
        [
            Reply(status=429, headers={"Retry-After": "0"}),
            Reply(status=503),
            Reply(cut=True),
            Reply(raw=b"data: {broken\n\n"),
        ]
    )

    def flaky(body: dict[str, Any]) -> Reply:
        return next(faults, None) or doubling(body)

    with Endpoint(flaky) as endpoint:
        result = cli(*run_args(endpoint, data_dir, "--limit", 3, "--json"))
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["statuses"] == {"scored": 3}
    assert len(endpoint.bodies) == 7


def test_kill_and_resume_repeats_no_finished_sample(cli: Cli, data_dir: Path, evalkit_process: Any) -> None:
    def slow(body: dict[str, Any]) -> Reply:
        reply = doubling(body)
        reply.delay_s = 0.1
        return reply

    with Endpoint(slow) as endpoint:
        process = evalkit_process(*run_args(endpoint, data_dir, "--samples", 3, "--seed", 0, "--concurrency", 2))
        deadline = time.monotonic() + 30
        while len(endpoint.bodies) < 14 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        run = only_run()
        time.sleep(0.3)
        stored = {(item, sample) for item, sample, *_ in rows(run)}
        assert 0 < len(stored) < 60
        n_before = len(endpoint.bodies)
        endpoint.script = doubling
        result = cli("run", "--resume", run, "--json")
        assert result.code == 0, result.err
        assert len(endpoint.bodies) - n_before == 60 - len(stored)
    final = rows(run)
    assert len(final) == 60 and all(status == "scored" for _, _, status, *_ in final)
    assert result.json["tasks"][0]["estimate"]["headline"]["value"] == pytest.approx(0.75)


def test_interrupt_keeps_everything_and_says_how_to_resume(cli: Cli, data_dir: Path, evalkit_process: Any) -> None:
    def slow(body: dict[str, Any]) -> Reply:
        reply = doubling(body)
        reply.delay_s = 0.2
        return reply

    with Endpoint(slow) as endpoint:
        process = evalkit_process(*run_args(endpoint, data_dir, "--samples", 5, "--concurrency", 2))
        deadline = time.monotonic() + 30
        while len(endpoint.bodies) < 6 and time.monotonic() < deadline:
            time.sleep(0.02)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert time.monotonic() - started < 5
    assert process.returncode == 130
    assert "--resume" in err and "Traceback" not in err
    assert all(status == "scored" for _, _, status, *_ in rows(only_run()))


def test_resume_refuses_a_changed_spec(cli: Cli, data_dir: Path) -> None:
    with Endpoint(doubling) as endpoint:
        assert cli(*run_args(endpoint, data_dir, "--limit", 2)).code == 0
        run = only_run()
        result = cli(*run_args(endpoint, data_dir, "--limit", 3, "--temperature", 0.9, "--resume", run))
    assert result.code == 2
    assert "limit" in result.err and "temperature" in result.err
    alone = cli("run", "--resume", run, "--temperature", 0.9, "--samples", 2)
    assert alone.code == 2 and "--samples, --temperature" in alone.err
    assert cli("run", "--resume", run, "--concurrency", 2, "--data-dir", data_dir).code == 0, "nothing is owed"


def test_wrong_key_stops_at_once_and_is_never_written(
    cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret-value")
    with Endpoint(doubling, key="another") as endpoint:
        result = cli(*run_args(endpoint, data_dir, "--api-key-env", "MY_KEY"))
    assert result.code == 1
    assert "refused the key" in result.err and "401" in result.err
    assert endpoint.bodies == []
    for path in only_run().rglob("*"):
        assert b"very-secret" not in path.read_bytes(), path
    assert "very-secret" not in result.err + result.out


def test_right_key_is_sent_and_never_written(cli: Cli, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret-value")
    with Endpoint(doubling, key="sk-very-secret-value") as endpoint:
        result = cli(*run_args(endpoint, data_dir, "--limit", 2, "--api-key-env", "MY_KEY"))
    assert result.code == 0, result.err
    for path in only_run().rglob("*"):
        assert b"very-secret" not in path.read_bytes(), path


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_endpoint_need_not_list_its_models(cli: Cli, data_dir: Path, status: int) -> None:
    with Endpoint(doubling) as endpoint:
        endpoint.models_status = status
        assert cli(*run_args(endpoint, data_dir, "--limit", 2)).code == 0


def test_a_model_that_is_not_served_is_named_with_what_is(cli: Cli, data_dir: Path) -> None:
    with Endpoint(doubling, model="test-modell") as endpoint:
        result = cli(*run_args(endpoint, data_dir))
    assert result.code == 2 and "did you mean test-modell" in result.err


def test_omitted_and_renamed_fields(cli: Cli, data_dir: Path) -> None:
    """What o-series models need: no temperature, another name for the token limit."""
    options = ["--omit", "temperature", "--omit", "top_p", "--limit-parameter", "max_completion_tokens"]
    extra = ["--extra", 'reasoning_effort="high"', "--extra", "logprobs=true", "--max-tokens", 25000]
    with Endpoint(doubling) as endpoint:
        assert cli(*run_args(endpoint, data_dir, "--limit", 1, *options, *extra)).code == 0
    body = {k: v for k, v in endpoint.bodies[0].items() if k not in {"messages", "model", "stream", "stream_options"}}
    assert body == {"max_completion_tokens": 25000, "reasoning_effort": "high", "logprobs": True}
    refused = cli(*run_args(endpoint, data_dir, "--omit", "temperature", "--temperature", 0.5))
    assert refused.code == 2 and "temperature: given and omitted" in refused.err


def test_two_writers_on_one_run_are_refused(cli: Cli, data_dir: Path, evalkit_process: Any) -> None:
    def slow(body: dict[str, Any]) -> Reply:
        reply = doubling(body)
        reply.delay_s = 1.0
        return reply

    with Endpoint(slow) as endpoint:
        process = evalkit_process(*run_args(endpoint, data_dir))
        while not endpoint.bodies:
            time.sleep(0.02)
        result = cli("run", "--resume", only_run())
        process.kill()
        process.communicate()
    assert result.code == 2 and "another evalkit process" in result.err


BAD = [
    (["run", "gsmk8", "--model", "fake:x"], 2, "did you mean gsm8k"),
    (["run", "gsm8k"], 2, "which model"),
    (["run", "--model", "fake:x"], 2, "which task"),
    (["run", "gsm8k", "--model", "opnai:x"], 2, "did you mean openai"),
    (["run", "gsm8k", "--model", "x"], 2, "KIND:NAME"),
    (["run", "gsm8k", "--model", "openai:x"], 2, "--base-url"),
    (["run", "--suite", "reasonin", "--model", "fake:x"], 2, "did you mean reasoning"),
    (["run", "gsm8k", "--model", "fake:x", "--data-dir", "nowhere"], 2, "nowhere/gsm8k/test.jsonl"),
    (["run", "gsm8k", "--model", "fake:x", "--against", "o11"], 2, "did you mean o1"),
    (["run", "--resume", "nowhere"], 2, "not a run directory"),
    (["compare", "nowhere", "--against", "o1"], 2, "not a run directory"),
    (["leaderboard", "--board", "x"], 2, "unknown board"),
    (["leaderboard", "--format", "xls"], 2, "unknown exporter"),
    (["references", "list", "--model", "o11"], 2, "did you mean o1"),
    (["models", "pull", "smollm"], 2, "did you mean smollm2"),
    (["tasks", "show", "aime2"], 2, "aime24"),
    (["taks"], 2, "did you mean tasks"),
]


@pytest.mark.parametrize(("args", "code", "words"), BAD, ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_bad_input_is_one_clear_line(cli: Cli, args: list[str], code: int, words: str) -> None:
    result = cli(*args)
    assert result.code == code, result.err
    assert words in result.err
    assert "Traceback" not in result.err
    assert not Path("runs").exists()


def test_fake_model_dry_run(cli: Cli, data_dir: Path) -> None:
    result = cli("run", "gsm8k", "--model", "fake:zero", "--data-dir", data_dir, "--json", "--quiet")
    assert result.code == 0, result.err
    assert result.json["tasks"][0]["estimate"]["headline"]["value"] == pytest.approx(1 / 20), "0 + 0 is 0"


def test_identical_samples_are_noticed(cli: Cli, data_dir: Path) -> None:
    """At temperature 0.6 two samples of every item should not all be the same text."""
    counter = iter(range(10_000))

    def varied(body: dict[str, Any]) -> Reply:
        return Reply(content=f"Try {next(counter)}. " + doubling(body).content)

    warnings = {}
    for script in (doubling, varied):
        with Endpoint(script) as endpoint:
            result = cli(*run_args(endpoint, data_dir, "--samples", 2, "--limit", 3, "--json"))
        warnings[script] = " ".join(result.json["tasks"][0]["audit"])
    assert "ignore temperature or seed" in warnings[doubling]
    assert "ignore" not in warnings[varied]
    with Endpoint(doubling) as endpoint:
        greedy = cli(*run_args(endpoint, data_dir, "--samples", 2, "--limit", 3, "--temperature", 0, "--json"))
    assert "ignore" not in " ".join(greedy.json["tasks"][0]["audit"]), "expected at temperature 0"


def test_declared_references_are_compared_at_the_end(cli: Cli, data_dir: Path) -> None:
    args = ["run", "gsm8k", "--model", "fake:x", "--data-dir", str(data_dir), "--limit", 2, "--quiet"]
    assert "Compared with references" not in cli(*args).out
    ended = cli(*args, "--against", "gpt-4o")
    assert ended.code == 0 and "Compared with references" in ended.out
    assert "not comparable" in ended.out and "evalkit compare runs/" in ended.err


def test_samples_are_issued_round_by_round(cli: Cli, data_dir: Path) -> None:
    """So that an interrupted run is a smaller run of all items."""
    with Endpoint(doubling) as endpoint:
        assert cli(*run_args(endpoint, data_dir, "--samples", 3, "--seed", 0, "--concurrency", 1)).code == 0
    assert [body["seed"] for body in endpoint.bodies] == [0] * 20 + [1] * 20 + [2] * 20


def test_retry_asks_again_for_what_it_names(cli: Cli, data_dir: Path) -> None:
    def sometimes(body: dict[str, Any]) -> Reply:
        cut = "What is 3 " in body["messages"][-1]["content"]
        return Reply(content="Let me think", finish_reason="length") if cut else doubling(body)

    with Endpoint(sometimes) as endpoint:
        first = cli(*run_args(endpoint, data_dir, "--json"))
        assert first.json["tasks"][0]["statuses"] == {"scored": 19, "truncated": 1}
        assert cli("run", "--resume", only_run(), "--json").json["tasks"][0]["statuses"]["truncated"] == 1
        n_before = len(endpoint.bodies)

        endpoint.script = lambda body: Reply(status=400)
        failed = cli("run", "--resume", only_run(), "--retry", "truncated", "--json")
        assert failed.json["tasks"][0]["statuses"] == {"scored": 19, "truncated": 1}, "no answer is lost to a failure"
        assert failed.code == 3 and failed.json["tasks"][0]["samples_owed"] == 1
        assert "1 were asked for again without success and keep their earlier answer" in failed.err

        endpoint.script = doubling
        again = cli("run", "--resume", only_run(), "--json")
    assert len(endpoint.bodies) == n_before + 2, "the one sample, twice"
    assert again.json["tasks"][0]["statuses"] == {"scored": 20}


def test_extend_asks_for_more_and_repeats_nothing(cli: Cli, data_dir: Path) -> None:
    with Endpoint(doubling) as endpoint:
        assert cli(*run_args(endpoint, data_dir, "--limit", 5)).code == 0
        run = only_run()
        extend = ["run", "--resume", run, "--extend", "--data-dir", data_dir, "--json"]
        more = cli(*extend, "--samples", 2)
        assert more.code == 0 and more.json["tasks"][0]["statuses"] == {"scored": 10}
        wider = cli(*extend, "--limit", 8)
        assert wider.code == 0 and wider.json["tasks"][0]["statuses"] == {"scored": 16}
        assert len(endpoint.bodies) == 16
        asked = [(b["messages"][-1]["content"]) for b in endpoint.bodies]
        assert all(asked.count(text) == 2 for text in asked)
        for less in (["--samples", 1], ["--limit", 4]):
            refused = cli(*extend, *less)
            assert refused.code == 2 and "may only grow" in refused.err
        assert cli("run", "--resume", run, "--samples", 4).code == 2, "not without --extend"
        again = cli("run", run / "run.json", "--data-dir", data_dir, "--out", "again", "--json")
        assert again.json["tasks"][0]["statuses"] == {"scored": 16}
    assert cli("compare", run, "--against", "gpt-4o").code == 0


def test_extend_refuses_other_data(cli: Cli, data_dir: Path) -> None:
    with Endpoint(doubling) as endpoint:
        assert cli(*run_args(endpoint, data_dir, "--limit", 5)).code == 0
        file = data_dir / "gsm8k" / "test.jsonl"
        file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
        result = cli("run", "--resume", only_run(), "--extend", "--limit", 8, "--data-dir", data_dir)
    assert result.code == 2 and "item 0 of the run" in result.err


def test_an_unknown_model_deletes_no_run_that_was_there(cli: Cli, data_dir: Path) -> None:
    with Endpoint(lambda body: Reply(status=400)) as endpoint:
        assert cli(*run_args(endpoint, data_dir)).code == 3, "all samples failed: none is finished"
    with Endpoint(doubling, model="another") as elsewhere:
        assert cli("run", "--resume", only_run(), "--base-url", elsewhere.url).code == 2
        assert len(rows(only_run())) == 20
        fresh = run_args(elsewhere, data_dir, "--out", "fresh")
        assert cli(*fresh).code == 2 and not list(Path("fresh").iterdir())
