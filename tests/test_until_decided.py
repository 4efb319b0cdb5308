"""`evalkit run --until-decided` against a real HTTP endpoint on loopback: what is asked for, what is stored and said.

Thirty problems, as many as AIME has, so that published scores can be compared with; problem i has the answer i. How
soon a rule decides is not tested here, only that it does where every sane rule would.
"""

from __future__ import annotations

import hashlib
import json
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply, Script

from evalkit.cli.main import main

ROOT = Path(__file__).parent.parent
N_ITEMS = 30
UNREACHABLE = ["--against", "deepseek-v3", "--margin", 0.001]
"""A published 39.2 % of 30 problems: with a model as good as that, its own noise alone is larger than the margin."""


def write_aime(folder: Path) -> Path:
    """Data and task files of two benchmarks; their items are not pinned."""
    (folder / "tasks").mkdir()
    for name in ("aime24", "aime25"):
        data = folder / "data" / name
        data.mkdir(parents=True)
        rows = [{"id": str(i), "problem": f"{name}: problem number {i}.", "answer": str(i)} for i in range(N_ITEMS)]
        (data / "test.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        shipped = (ROOT / "tasks" / "math" / f"{name}.yaml").read_text()
        unpinned = "".join(line for line in shipped.splitlines(keepends=True) if "items_digest" not in line)
        (folder / "tasks" / f"{name}.yaml").write_text(unpinned)
    return folder


@pytest.fixture
def aime(tmp_path: Path) -> Path:
    return write_aime(tmp_path)


def question(body: dict[str, Any]) -> tuple[str, int]:
    found = re.search(r"(aime2\d): problem number (\d+)\.", body["messages"][-1]["content"])
    assert found
    return found[1], int(found[2])


def model(share: Callable[[str], float], delay_s: float = 0.0) -> Script:
    """Right on a share of the problems of each task, drawn anew for every seed; every answer is another text."""

    def script(body: dict[str, Any]) -> Reply:
        task, i = question(body)
        draw = hashlib.sha256(f"{task} {i} {body['seed']}".encode()).digest()[0] / 256
        answer = i if draw < share(task) else 999
        return Reply(content=rf"Try {body['seed']} of {i}: \boxed{{{answer}}}", delay_s=delay_s)

    return script


RIGHT = model(lambda task: 1.0)
MIDDLING = model(lambda task: 12 / 30)
GOOD = model(lambda task: 0.8)


def args(endpoint: Endpoint, aime: Path, *more: object, tasks: tuple[str, ...] = ("aime24",)) -> list[object]:
    where = ["--model", "openai:test-model", "--base-url", endpoint.url, "--data-dir", aime / "data"]
    files = [aime / "tasks" / f"{task}.yaml" for task in tasks]
    return ["run", *files, *where, "--seed", 0, "--until-decided", *more]


def only_run(folder: Path = Path("runs")) -> Path:
    (found,) = [p for p in folder.iterdir() if not p.name.startswith(".")]
    return found


def rounds(result: Any, task: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = result.json["tasks"][task]["rounds"]
    return found


def stored(run: Path) -> dict[tuple[int, int], tuple[Any, ...]]:
    with sqlite3.connect(run / "samples.sqlite") as db:
        sql = "SELECT item, sample, status, value, answer FROM samples"
        return {(item, sample): tuple(rest) for item, sample, *rest in db.execute(sql)}


def asked(endpoint: Endpoint) -> Counter[tuple[str, int, int]]:
    return Counter((*question(body), body["seed"]) for body in endpoint.bodies)


def test_a_clear_case_is_decided_early(cli: Cli, aime: Path) -> None:
    with Endpoint(RIGHT) as endpoint:
        result = cli(*args(endpoint, aime, "--against", "gpt-4o", "--json", "--concurrency", 16))
    assert result.code == 0, result.err
    taken = rounds(result)
    after = taken["decided_after"]
    assert taken["most"] == 64 and 1 <= after <= 32
    task = result.json["tasks"][0]
    assert task["samples_owed"] == 0 and task["estimate"]["samples_owed"] == 0
    assert task["statuses"] == {"scored": after * N_ITEMS}, "what decided it is what is estimated"
    assert after * N_ITEMS <= len(endpoint.bodies) <= (after + 2) * N_ITEMS, "at most what was under way goes beyond"
    assert f"aime24: decided after {after} of at most 64 rounds" in (only_run() / "run.log").read_text()
    assert json.loads((only_run() / "summary.json").read_text())["tasks"][0]["rounds"] == taken
    n_before = len(endpoint.bodies)
    again = cli("run", "--resume", only_run(), "--json")
    assert again.code == 0 and rounds(again) == taken and len(endpoint.bodies) == n_before, "nothing is owed"


def test_what_is_printed(cli: Cli, aime: Path) -> None:
    with Endpoint(RIGHT) as endpoint:
        result = cli(*args(endpoint, aime, "--against", "gpt-4o"))
    (line,) = [line for line in result.out.splitlines() if "decided" in line]
    after = int(re.match(r"aime24: decided after (\d+) of at most 64 rounds;", line)[1])  # type: ignore[index]
    assert "owed" not in result.out
    last = [line for line in result.err.splitlines() if re.match(r"[\d,]+/", line)][-1]
    done, total = (int(n.replace(",", "")) for n in re.match(r"([\d,]+)/([\d,]+)", last).groups())  # type: ignore[union-attr]
    assert done == total >= after * N_ITEMS, "the total shrinks to what is wanted"


def test_rounds_are_asked_for_one_ahead_and_no_further(cli: Cli, aime: Path) -> None:
    """With one slow answer in each round: the next round is sent meanwhile, the one after it is not."""
    slow_s, n_rounds = 0.3, 5
    arrived: dict[tuple[int, int], float] = {}

    def script(body: dict[str, Any]) -> Reply:
        _, i = question(body)
        arrived[i, body["seed"]] = time.monotonic()
        reply = MIDDLING(body)
        reply.delay_s = slow_s if i == 0 else 0.0
        return reply

    with Endpoint(script) as endpoint:
        result = cli(*args(endpoint, aime, *UNREACHABLE, "--max-samples", n_rounds, "--concurrency", 100))
        assert result.code == 0, result.err
    assert len(arrived) == n_rounds * N_ITEMS
    first, last = ([f(arrived[i, r] for i in range(N_ITEMS)) for r in range(n_rounds)] for f in (min, max))
    answered = [arrived[0, r] + slow_s for r in range(n_rounds)]
    assert all(first[r] >= answered[r - 2] for r in range(2, n_rounds)), "two rounds ahead"
    ahead = [last[r] < answered[r - 1] for r in range(1, n_rounds)]
    assert ahead[0] and any(ahead[1:]), "one round ahead; the first look takes long, since it imports much"


def test_answers_are_not_drawn_again_after_looking(cli: Cli, aime: Path) -> None:
    with Endpoint(MIDDLING) as endpoint:
        assert cli(*args(endpoint, aime, *UNREACHABLE, "--max-samples", 3)).code == 0
        refused = cli("run", "--resume", only_run(), "--retry", "unparsed")
        assert refused.code == 2 and "errored samples only" in refused.err
        assert cli("run", "--resume", only_run(), "--retry", "errored").code == 0


def test_an_undecided_run_is_no_failure(cli: Cli, aime: Path) -> None:
    with Endpoint(MIDDLING) as endpoint:
        result = cli(*args(endpoint, aime, *UNREACHABLE, "--max-samples", 5))
        assert result.code == 0, result.err
        assert "aime24: not decided after 5 of at most 5 rounds" in result.out
        assert len(endpoint.bodies) == 5 * N_ITEMS and set(asked(endpoint).values()) == {1}
        summary = json.loads((only_run() / "summary.json").read_text())["tasks"][0]
        assert summary["rounds"] == {"complete": 5, "most": 5, "decided_after": None}
        assert summary["samples_owed"] == 0 and summary["statuses"] == {"scored": 150}
        assert cli("run", "--resume", only_run()).code == 0 and len(endpoint.bodies) == 150
        refused = cli("run", "--resume", only_run(), "--extend", "--samples", 9, "--data-dir", aime / "data")
        assert refused.code == 2 and "error rates hold for the items and the most rounds" in refused.err


def test_tasks_end_one_by_one(cli: Cli, aime: Path) -> None:
    """One is decided soon, the other never; the first takes no part in what is asked for the second."""
    script = model(lambda task: 12 / 30 if task == "aime24" else 1.0)
    against = ["--against", "deepseek-v3,deepseek-r1-distill-qwen-1.5b", "--margin", 0.001, "--max-samples", 40]
    with Endpoint(script) as endpoint:
        result = cli(*args(endpoint, aime, *against, "--json", tasks=("aime24", "aime25")))
        assert result.code == 0, result.err
    n_asked = Counter(task for task, _, _ in asked(endpoint))
    never, soon = rounds(result, 0), rounds(result, 1)
    assert never == {"complete": 40, "most": 40, "decided_after": None}
    assert 30 * N_ITEMS < n_asked["aime24"] <= 40 * N_ITEMS
    assert soon["decided_after"] <= 32 and n_asked["aime25"] <= (soon["decided_after"] + 2) * N_ITEMS
    assert [task["samples_owed"] for task in result.json["tasks"]] == [0, 0]


Decided = tuple[dict[str, Any], dict[tuple[int, int], Any]]
"""(rounds, samples of these rounds)"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Decided:
    """A run that nothing disturbs; since it depends on no timing, one is enough for all."""
    folder = write_aime(tmp_path_factory.mktemp("undisturbed"))
    with Endpoint(GOOD) as endpoint, pytest.raises(SystemExit) as ended:
        main([str(a) for a in args(endpoint, folder, "--against", "deepseek-v3", "--out", folder / "runs")])
    assert not ended.value.code
    run = only_run(folder / "runs")
    found = json.loads((run / "summary.json").read_text())["tasks"][0]["rounds"]
    return found, within(run, found["decided_after"])


def within(run: Path, n_rounds: int) -> dict[tuple[int, int], Any]:
    return {key: row for key, row in stored(run).items() if key[1] < n_rounds}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_ended_resumes_to_the_same_decision(
    cli: Cli, aime: Path, evalkit_process: Any, undisturbed: Decided, number: int
) -> None:
    """Ended in the middle of a round, twice; no answer that is stored is asked for again."""
    against = ["--against", "deepseek-v3", "--concurrency", 8]
    expected, samples = undisturbed
    assert expected["decided_after"] >= 2
    with Endpoint(model(lambda task: 0.8, delay_s=0.05)) as endpoint:
        command = args(endpoint, aime, *against)
        for n_more in (20, 25):
            n_before = len(endpoint.bodies)
            process = evalkit_process(*command)
            deadline = time.monotonic() + 60
            while len(endpoint.bodies) < n_before + n_more and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            run = only_run()
            if number == signal.SIGINT:
                assert process.returncode == 130 and "at most" in err and "samples owed" in err
            time.sleep(0.2)
            kept = len(stored(run))
            assert kept < len(samples)
            command = ["run", "--resume", run]
        n_before = len(endpoint.bodies)
        held = set(stored(run))
        result = cli("run", "--resume", run, "--json")
        assert result.code == 0, result.err
        repeated = {(i, seed) for body in endpoint.bodies[n_before:] for i, seed in [(question(body)[1], body["seed"])]}
    assert not held & repeated
    assert rounds(result)["decided_after"] == expected["decided_after"]
    assert within(run, expected["decided_after"]) == samples
    assert result.json["tasks"][0]["samples_owed"] == 0


def test_a_failed_sample_holds_up_nothing_and_is_owed_again(cli: Cli, aime: Path, undisturbed: Decided) -> None:
    expected, samples = undisturbed

    def failing(body: dict[str, Any]) -> Reply:
        return Reply(status=400) if (question(body)[1], body["seed"]) == (3, 1) else GOOD(body)

    with Endpoint(failing) as endpoint:
        result = cli(*args(endpoint, aime, "--against", "deepseek-v3", "--json"))
        assert result.code in (0, 3), result.err
        assert result.json["tasks"][0]["statuses"]["errored"] == 1 and rounds(result)["decided_after"]
        endpoint.script = GOOD
        n_before = len(endpoint.bodies)
        resumed = cli("run", "--resume", only_run(), "--json")
    assert resumed.code == 0, resumed.err
    assert (*question(endpoint.bodies[n_before]), endpoint.bodies[n_before]["seed"]) == ("aime24", 3, 1)
    assert rounds(resumed)["decided_after"] == expected["decided_after"]
    assert within(only_run(), expected["decided_after"]) == samples
    if rounds(result)["decided_after"] >= expected["decided_after"]:
        assert len(endpoint.bodies) == n_before + 1


def test_a_budget_ends_it_before(cli: Cli, aime: Path, undisturbed: Decided) -> None:
    """An answer takes 15 tokens; with more of them the run goes on to what it would have been."""
    expected, samples = undisturbed
    with Endpoint(GOOD) as endpoint:
        few = args(endpoint, aime, "--against", "deepseek-v3", "--max-tokens-total", 15 * 40, "--json")
        stopped = cli(*few)
        assert stopped.code == 4 and "at most" in stopped.err and len(endpoint.bodies) <= 45
        assert rounds(stopped)["decided_after"] is None and stopped.json["tasks"][0]["samples_owed"] > 0
        result = cli("run", "--resume", only_run(), "--json")
        assert result.code == 0, result.err
        assert max(asked(endpoint).values()) == 1
    assert rounds(result)["decided_after"] == expected["decided_after"]
    assert within(only_run(), expected["decided_after"]) == samples


def test_margin_and_alpha_are_declared_with_the_run(cli: Cli, aime: Path) -> None:
    declared = ["--against", "gpt-4o", "--margin", 0.2, "--alpha", 0.1]
    with Endpoint(RIGHT) as endpoint:
        assert cli(*args(endpoint, aime, *declared)).code == 0
        ordinary = [a for a in args(endpoint, aime, *declared, "--out", "ordinary") if a != "--until-decided"]
        assert cli(*ordinary, "--samples", 1).code == 0
    for folder, until_decided, samples in (("runs", True, 64), ("ordinary", False, 1)):
        run = only_run(Path(folder))
        spec = json.loads((run / "run.json").read_text())["spec"]
        (task,) = spec["tasks"]
        assert (task["margin"], task["alpha"], task["samples"]) == (0.2, 0.1, samples)
        assert spec["until_decided"] is until_decided and spec["references"] == ["gpt-4o"]
        (compared,) = cli("compare", run, "--json").json["comparisons"]
        assert (compared["verdict"]["margin"], compared["verdict"]["alpha"]) == (0.2, 0.1)
        assert not any("chosen after" in note for note in compared["verdict"]["notes"])
    assert json.loads((only_run(Path("ordinary")) / "summary.json").read_text())["tasks"][0]["rounds"] is None


BAD = [
    ([], "decided against whom? Give --against"),
    (["--against", "o1", "--samples", 4], "--samples: --until-decided takes as many as it needs"),
    (["--against", "o1", "-k", 4, "--max-samples", 4], "--max-samples"),
    (["--against", "o1", "--max-samples", 0], "--max-samples"),
    (["--against", "o1", "--margin", 0], "--margin"),
    (["--against", "o1", "--margin", 1], "--margin"),
    (["--against", "o1", "--margin", "nan"], "--margin"),
    (["--against", "o1", "--alpha", 0.5], "--alpha"),
    (["--against", "constant-answer"], "aime24 can never be decided: constant-answer: no published score"),
    (["--against", "o1", "--limit", 10], "aime24 can never be decided: o1: the run has 10 items, the reference 30"),
]


@pytest.mark.parametrize(("more", "words"), BAD, ids=lambda v: " ".join(map(str, v)) if isinstance(v, list) else None)
def test_wrong_usage_is_said_before_anything_is_kept(cli: Cli, aime: Path, more: list[object], words: str) -> None:
    task = aime / "tasks" / "aime24.yaml"
    result = cli("run", task, "--model", "fake:x", "--data-dir", aime / "data", "--until-decided", *more)
    assert result.code == 2 and words in result.err, result.err
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_the_most_samples_need_a_run_that_can_end_before(cli: Cli, aime: Path) -> None:
    result = cli("run", aime / "tasks" / "aime24.yaml", "--model", "fake:x", "--max-samples", 8)
    assert result.code == 2 and "--max-samples goes with --until-decided" in result.err
