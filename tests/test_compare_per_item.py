"""A run against a published number whose results are known item by item."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply

RECORD = """\
benchmark: GSM8K
task: gsm8k
items: 1319
records:
  - {id: own, model: our-model, title: Ours, metric: accuracy, measures: mean_accuracy, value: 80, unit: '%',
     samples: 1, n_items: 20, reported_by: us, source: our notes, tier: primary, date: null, default: true,
     per_item: items.jsonl, per_item_note: graded by hand}
"""


@pytest.fixture
def run(cli: Cli, data_dir: Path) -> Callable[..., Path]:
    """A run of the twenty sums by a model that has those right of which `right` says so."""

    def make(name: str, right: Callable[[int], bool], *more: object) -> Path:
        def script(body: dict[str, Any]) -> Reply:
            n = next(int(n) for n in re.findall(r"What is (\d+)", str(body["messages"])))
            return Reply(content=f"\\boxed{{{2 * n if right(n) else -1}}}")

        with Endpoint(script, model=name) as endpoint:
            where = ["--base-url", endpoint.url, "--data-dir", data_dir, "--out", name, "--quiet"]
            assert cli("run", "gsm8k", "-m", f"openai:{name}", *where, *more).code == 0
        return next(Path(name).glob("2*"))

    return make


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[dict[str, Any]]], None]:
    """Publish results by item for `our-model`, in a folder of one's own."""

    def write(rows: list[dict[str, Any]]) -> None:
        Path("refs").mkdir()
        Path("refs/gsm8k.yaml").write_text(RECORD, encoding="utf-8")
        Path("refs/items.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
        monkeypatch.setenv("EVALKIT_REFERENCES_DIR", str(Path("refs").resolve()))

    return write


def ids(run: Path) -> list[str]:
    """Ids of the run's items, in the order of the questions."""
    from evalkit.store import RunStore

    with RunStore.open(run) as store:
        return [name for name, _ in store.item_names("gsm8k")]


def test_pairing_agrees_with_pairing_two_runs(
    cli: Cli, run: Callable[..., Path], publish: Callable[[list[dict[str, Any]]], None]
) -> None:
    """The same results, once as another run and once as a publication, give the same difference and word."""
    ours = run("ours", lambda n: n % 4 != 0, "--margin", 0.2)
    theirs = run("theirs", lambda n: n % 5 != 0)
    names = ids(ours)
    publish([{"id": name, "k": 1, "successes": int(i % 5 != 0)} for i, name in enumerate(names)])
    (by_run,) = cli("compare", ours, theirs, "--json").json["comparisons"]
    (by_item,) = cli("compare", ours, "--against", "our-model", "--json").json["comparisons"]
    assert by_item["verdict"]["difference"] == by_run["verdict"]["difference"]
    assert by_item["verdict"]["difference"]["kind"] == "population"
    assert by_item["verdict"]["outcome"] == by_run["verdict"]["outcome"]
    assert "paired with the reference's results on 20 items" in by_item["verdict"]["notes"]


def test_a_part_of_the_items_can_be_compared_informally(
    cli: Cli, run: Callable[..., Path], publish: Callable[[list[dict[str, Any]]], None]
) -> None:
    """Without results by item this is another benchmark; with them the shared items count, and which is said."""
    ours = run("ours", lambda n: True, "--limit", 10)
    publish([{"id": name, "k": 2, "successes": 1} for name in ids(ours)] + [{"id": "x", "k": 1, "successes": 0}])
    (found,) = cli("compare", ours, "--against", "our-model", "--json").json["comparisons"]
    verdict = found["verdict"]
    assert verdict["difference"]["value"] == 0.5 and verdict["outcome"] == "superior" and verdict["informal"]
    (items,) = [m for m in found["mismatches"] if m["field"] == "items"]
    assert items["severity"] == "major" and "only the 10 items" in items["note"]
    assert "amount to 50.0 where 80 was published (graded by hand)" in " ".join(verdict["notes"])
    unpaired = cli("compare", ours, "--against", "our-model", "--kind", "benchmark", "--json").json["comparisons"]
    assert unpaired[0]["verdict"]["outcome"] == "not_comparable"


def test_a_verdict_holds_however_the_undecided_samples_were(
    cli: Cli, run: Callable[..., Path], publish: Callable[[list[dict[str, Any]]], None]
) -> None:
    """All right against half right and half undecided: ahead if those were wrong, not if they were right."""
    ours = run("ours", lambda n: True, "--limit", 20)
    names = ids(ours)
    half = [{"id": name, "k": 1, "successes": int(i < 10)} for i, name in enumerate(names)]
    publish(half)
    (certain,) = cli("compare", ours, "--against", "our-model", "--json").json["comparisons"]
    assert certain["verdict"]["outcome"] == "superior"
    rows = [row | ({} if row["successes"] else {"undecided": 1}) for row in half]
    Path("refs/items.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    (open_,) = cli("compare", ours, "--against", "our-model", "--json").json["comparisons"]
    assert open_["verdict"]["difference"]["value"] == certain["verdict"]["difference"]["value"] == 0.5
    assert open_["verdict"]["outcome"] == "inconclusive"
    assert "10 undecided, counted as wrong and, for the other bound, as right" in " ".join(open_["verdict"]["notes"])


def test_results_of_other_items_are_none(
    cli: Cli, run: Callable[..., Path], publish: Callable[[list[dict[str, Any]]], None]
) -> None:
    ours = run("ours", lambda n: True)
    publish([{"id": f"other-{i}", "k": 1, "successes": 1} for i in range(20)])
    (found,) = cli("compare", ours, "--against", "our-model", "--json").json["comparisons"]
    assert found["verdict"]["outcome"] == "not_comparable", "these are not the benchmark's pinned items"


def test_broken_results_are_named(
    cli: Cli, run: Callable[..., Path], publish: Callable[[list[dict[str, Any]]], None]
) -> None:
    ours = run("ours", lambda n: True)
    publish([{"id": "a", "k": 1, "successes": 3}])
    result = cli("compare", ours, "--against", "our-model")
    assert result.code == 2 and "items.jsonl" in result.err, result.err
