"""`evalkit metrics`: metrics of any k from a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply


def run_gsm8k(cli: Cli, data_dir: Path, *more: object) -> Path:
    """Twenty items, four samples: even items right in samples 0, 1 and 2, odd ones in sample 0 only; else answer 1."""

    def script(body: dict[str, Any]) -> Reply:
        i = next(n for n in reversed(range(20)) if f"{n} + {n}" in body["messages"][-1]["content"])
        right = body["seed"] <= (2 if i % 2 == 0 else 0)
        return Reply(content=f"Sample {body['seed']}. #### {2 * i if right else 1}")

    with Endpoint(script) as endpoint:
        model = ["--model", "openai:test-model", "--base-url", endpoint.url, "--seed", 0]
        result = cli("run", "gsm8k", *model, "--data-dir", data_dir, "--quiet", "--samples", 4, *more)
    assert result.code == 0, result.err
    return next(p for p in Path("runs").iterdir() if not p.name.startswith("."))


def values(cli: Cli, run: Path, *metrics: str) -> dict[str, float]:
    result = cli("metrics", run, *(word for name in metrics for word in ("--metric", name)), "--json")
    assert result.code == 0, result.err
    (task,) = result.json["tasks"]
    return {m["metric"]: m["value"] for m in task["metrics"]}


def test_any_k_of_a_run(cli: Cli, data_dir: Path) -> None:
    run = run_gsm8k(cli, data_dir)
    found = values(cli, run, "pass@2", "g-pass@2:1", "mg-pass@2", "maj@3", "cons@4", "pass@1")
    assert found == {
        "pass@2": pytest.approx((1 + 1 / 2) / 2),
        "g-pass@2:1": pytest.approx((1 / 2 + 0) / 2),
        "mg-pass@2": pytest.approx((1 / 2 + 0) / 2),
        "maj@3": pytest.approx((1 + 0) / 2),
        "maj@4": pytest.approx((1 + 0) / 2),
        "pass@1": pytest.approx((3 / 4 + 1 / 4) / 2),
    }
    assert list(values(cli, run)) == ["pass@2", "pass@4", "g-pass@2:1", "g-pass@4:1", "maj@2", "maj@4"]
    printed = cli("metrics", run, "--metric", "pass@2").out
    assert "pass@2" in printed and "75.0" in printed and "new items" in printed


def test_what_cannot_be_computed_is_said(cli: Cli, data_dir: Path) -> None:
    run = run_gsm8k(cli, data_dir)
    unknown = cli("metrics", run, "--metric", "accuracy")
    assert (unknown.code, "unknown metric 'accuracy'" in unknown.err) == (2, True)
    more = cli("metrics", run, "--metric", "pass@8")
    assert (more.code, "pass@8 needs 8 samples of an item; no item has more than 4" in more.err) == (2, True)


def test_copies_of_one_text_are_one_sample(cli: Cli, data_dir: Path) -> None:
    def script(body: dict[str, Any]) -> Reply:
        return Reply(content="#### 4")

    with Endpoint(script) as endpoint:
        model = ["--model", "openai:test-model", "--base-url", endpoint.url]
        done = cli("run", "gsm8k", *model, "--data-dir", data_dir, "--quiet", "--samples", 4, "--temperature", 0)
        assert done.code == 0, done.err
    result = cli("metrics", next(Path("runs").glob("[!.]*")))
    assert result.code == 2
    assert "identical" in result.err
