"""The audit at the end of a run: each thing that deserves a second look, produced by a real endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply


def number(body: dict[str, Any]) -> int:
    return int(body["messages"][-1]["content"].split("What is ")[1].split(" ")[0])


def good(body: dict[str, Any], **more: Any) -> Reply:
    """Different words for each seed."""
    return Reply(content=rf"By way {body.get('seed')}: \boxed{{{2 * number(body)}}}", **more)


def every_fourth(other: Callable[[dict[str, Any]], Reply]) -> Callable[[dict[str, Any]], Reply]:
    return lambda body: other(body) if number(body) % 4 == 0 else good(body)


def served(name: str, body: dict[str, Any]) -> Reply:
    choice = {"message": {"content": good(body).content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 10}
    return Reply(raw=json.dumps({"model": name, "choices": [choice], "usage": usage}).encode())


CASES: dict[str, tuple[Callable[[dict[str, Any]], Reply], list[object], list[str]]] = {
    "clean": (good, [], []),
    "served-by-another": (
        lambda body: served("other", body),
        ["--no-stream"],
        ["asked for test-model, served by other"],
    ),
    "several-models": (
        lambda body: served("new" if number(body) > 9 else "old", body),
        ["--no-stream", "--concurrency", 1],
        ["several model ids were served: old (20 samples, 20", "new (20 samples, 20"],
    ),
    "identical": (
        lambda body: Reply(content=r"\boxed{0}"),
        [],
        ["seems to ignore temperature or seed; they count as one"],
    ),
    "some-identical": (
        every_fourth(lambda body: Reply(content=r"\boxed{0}")),
        [],
        ["5 of 20 items have identical samples although temperature is not 0"],
    ),
    "greedy": (lambda body: Reply(content=r"\boxed{0}"), ["--temperature", 0], ["as they should be at temperature 0"]),
    "not-greedy": (good, ["--temperature", 0], ["temperature 0, and yet the samples of 20 of 20 items differ"]),
    "truncated": (
        every_fourth(lambda body: Reply(content="Let me", finish_reason="length")),
        [],
        ["10 of 40 answers were cut off (token limit reached before an answer: 10)"],
    ),
    "refused": (
        every_fourth(lambda body: Reply(content="", finish_reason="content_filter")),
        [],
        ["10 of 40 answers are refusals (finish reason content_filter: 10)"],
    ),
    "errored": (
        every_fourth(lambda body: Reply(status=400, error={"message": "no such parameter"})),
        [],
        ["10 of 40 requests failed (http_400: no such parameter: 10)"],
    ),
    "empty": (every_fourth(lambda body: Reply(content="")), [], ["10 of 40 answers are empty"]),
    "omitted": (
        good,
        ["--omit", "temperature", "--omit", "max_tokens"],
        ["left to the endpoint: max_tokens (the task has 32768), temperature (the task has 0.6)"],
    ),
    "over-the-limit": (
        lambda body: good(body, usage={"completion_tokens": 99, "prompt_tokens": 1}),
        ["--max-tokens", 50],
        ["40 answers have more than the 50 tokens that were the limit"],
    ),
    "no-usage": (lambda body: good(body, usage=None), [], ["the endpoint reports no token counts"]),
    "some-usage": (every_fourth(lambda body: good(body, usage=None)), [], ["10 answers came without token counts"]),
    "no-finish-reason": (lambda body: good(body, finish_reason=None), [], ["40 answers came without a finish reason"]),
}


@pytest.mark.parametrize("name", CASES)
def test_audit(cli: Cli, data_dir: Path, name: str) -> None:
    script, options, expected = CASES[name]
    with Endpoint(script) as endpoint:
        args = [
            "run",
            "gsm8k",
            "-m",
            "openai:test-model",
            "--base-url",
            endpoint.url,
            "--data-dir",
            data_dir,
            "--quiet",
        ]
        assert cli(*args, "--samples", 2, "--seed", 0, *options).code == (3 if name == "errored" else 0)
    kept = json.loads((next(Path("runs").iterdir()) / "summary.json").read_text())["tasks"][0]["audit"]
    findings = [f for f in kept if "benchmark's 1319 items" not in f]
    text = "; ".join(findings)
    assert all(words in text for words in expected), text
    assert bool(findings) == bool(expected), text


def test_the_audit_is_on_screen_and_in_the_report(cli: Cli, data_dir: Path) -> None:
    shown = cli("run", "gsm8k", "-m", "fake:x", "--data-dir", data_dir, "--quiet", "--seed", 3)
    words = "not sent although asked for: temperature, top_p, max_tokens, seed (20 samples)"
    assert f"audit gsm8k: {words}" in shown.out
    run = next(Path("runs").iterdir())
    assert cli("report", run).code == 0
    assert words in (run / "report.html").read_text()


def test_nothing_to_say_is_said(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "sums.yaml").write_text(
        "task: sums\ndataset_path: me/sums\ntest_split: test\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\n"
        "generation_kwargs: {until: []}\nmetadata: {version: 1.0, evalkit: {scorer: math}}\n"
    )
    (folder / "sums").mkdir()
    (folder / "sums" / "test.jsonl").write_text('{"q": "What is 1 + 1?", "a": "2"}\n')
    with Endpoint(good) as endpoint:
        args = ["run", "sums", "-m", "openai:test-model", "--base-url", endpoint.url, "--quiet"]
        result = cli(*args, "--tasks-dir", folder, "--data-dir", folder)
    assert result.code == 0 and "audit: nothing dropped" in result.out
