"""Runs whose answers are code: through the command line, on a loopback endpoint, with the real sandbox."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli
from support.endpoint import Endpoint, Reply

from evalkit.errors import SandboxUnavailable
from evalkit.scoring.sandbox import backends
from evalkit.scoring.sandbox.worker import Worker
from evalkit.tasks import catalog
from evalkit.tasks.items import ItemLoader

ROWS = [
    {"id": f"q{i}", "prompt": f'def times{i}(n):\n    """{i} times n."""\n', "entry_point": f"times{i}", "i": i}
    for i in range(1, 5)
]
TASK = """\
task: times
dataset_path: json
dataset_kwargs: {data_files: {test: times.jsonl}}
test_split: test
doc_to_text: "{{prompt}}"
doc_to_target: "assert {{entry_point}}(3) == 3 * {{i}}\\nassert {{entry_point}}(0) == 0"
generation_kwargs: {until: [], do_sample: true, temperature: 0.6, max_gen_toks: 100}
metadata:
  version: 1.0
  evalkit:
    scorer: code
    scorer_args: {cpu_s: 1, wall_s: 2}
    scorer_fields: {prompt: prompt, entry_point: entry_point}
    item_id: id
"""


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "times.yaml").write_text(TASK)
    (folder / "times.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder


def answering(body: dict[str, Any]) -> Reply:
    """Right for 1 and 2; 3 loops for ever; 4 is wrong."""
    i = int(body["messages"][-1]["content"].split("times")[1][0])
    body_of = {1: "return n", 2: "return n + n", 3: "while True: pass", 4: "return n"}[i]
    return Reply(content=f"```python\ndef times{i}(n):\n    {body_of}\n```")


def run(cli: Cli, endpoint: Endpoint, tasks: Path, *more: object) -> Any:
    where = ["--base-url", endpoint.url, "--tasks-dir", tasks, "--out", "runs", "--quiet"]
    return cli("run", "times", "-m", "openai:test-model", *where, *more)


def only_run() -> Path:
    (found,) = Path("runs").iterdir()
    return found


def details(folder: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(folder / "samples.sqlite") as db:
        return [json.loads(text) for (text,) in db.execute("SELECT detail FROM samples ORDER BY item")]


def test_code_is_run_and_its_ends_are_kept(cli: Cli, tasks: Path) -> None:
    with Endpoint(answering) as endpoint:
        result = run(cli, endpoint, tasks)
    assert result.code == 0, result.err
    assert "code that did not pass: timeout 1, wrong answer 1" in result.out.replace(
        "wrong answer 1, timeout 1", "timeout 1, wrong answer 1"
    )
    found = details(only_run())
    assert [d.get("kind") for d in found] == [None, None, "timeout", "wrong answer"]
    assert [d["tests"] for d in found] == ["..", "..", "F", "F"]
    assert all(d["sandbox"] and not d["sandbox"].startswith("none") for d in found)
    assert f"code was run in: {found[0]['sandbox']} (4 samples)" in result.out
    again = cli("score", only_run(), "--json")
    assert again.json["changed"] == {"times": 0} and details(only_run())[3]["kind"] == "wrong answer"


def test_without_a_sandbox_nothing_is_asked(cli: Cli, tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint(answering) as endpoint:
        result = run(cli, endpoint, tasks, "--sandbox", "none")
        assert result.code == 2 and "--allow-unsafe-code" in result.err
        result = run(cli, endpoint, tasks, "--sandbox", "bubble")
        assert result.code == 2 and "unknown sandbox 'bubble'" in result.err
        monkeypatch.setenv("EVALKIT_SANDBOX_PYTHON", "/nonexistent/python3")
        result = run(cli, endpoint, tasks)
        assert (
            result.code == 2
            and "/nonexistent/python3 cannot be run" in result.err
            and "EVALKIT_SANDBOX_PYTHON" in result.err
        )
    assert endpoint.bodies == [] and not list(Path().glob("runs/*"))


def test_a_run_without_a_sandbox_is_marked_and_forgets_the_permission(cli: Cli, tasks: Path) -> None:
    with Endpoint(answering) as endpoint:
        result = run(cli, endpoint, tasks, "--limit", 1, "--sandbox", "none", "--allow-unsafe-code")
    assert result.code == 0 and "1 samples were run WITHOUT A SANDBOX" in result.out.replace("\n", " ")
    assert "unsafe" not in (only_run() / "run.json").read_text()
    refused = cli("run", "--resume", only_run(), "--sandbox", "none")
    assert refused.code == 2 and "--allow-unsafe-code" in refused.err
    assert cli("score", only_run()).code == 0
    assert not details(only_run())[0]["sandbox"].startswith("none"), "graded again, it is run in a sandbox"


def test_items_that_cannot_be_graded_are_not_asked(cli: Cli, tasks: Path) -> None:
    needs = TASK.replace("cpu_s: 1,", "tests: unittest, libraries: [json, no_such_thing], cpu_s: 1,")
    needs = needs.replace("entry_point: entry_point}", "entry_point: entry_point, libraries: needs}")
    (tasks / "times.yaml").write_text(needs)
    rows = [{**row, "needs": "['json', 'no_such_thing']" if row["i"] > 2 else "['json']"} for row in ROWS]
    (tasks / "times.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Endpoint(answering) as endpoint:
        result = run(cli, endpoint, tasks)
    assert len(endpoint.bodies) == 2
    record = json.loads((only_run() / "run.json").read_text())
    assert record["left_out"] == {"times": {"q3": "needs no_such_thing", "q4": "needs no_such_thing"}}
    said = " ".join(result.out.split())
    assert "2 items were left out, since they cannot be graded here: needs no_such_thing (2); q3, q4" in said
    (tasks / "times.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[2:]))
    with Endpoint(answering) as endpoint:
        result = run(cli, endpoint, tasks)
    assert result.code == 2 and "no item can be graded here: needs no_such_thing" in result.err
    assert len(list(Path("runs").iterdir())) == 1 and endpoint.bodies == []


@pytest.mark.parametrize(
    ("task", "row"),
    [
        ("humaneval_plus", {"prompt": "def f():\n", "entry_point": "f", "test": "import numpy as np\n"}),
        (
            "mbpp_plus",
            {"prompt": "Write f.", "code": "def f(): 1", "test_list": ["f()"], "test": "import numpy as np\n"},
        ),
        ("humaneval", {"prompt": "def f():\n", "entry_point": "f", "test": "def check(f): pass"}),
        ("mbpp", {"text": "Write f.", "code": "def f(): 1", "test_list": ["f()"], "test_setup_code": ""}),
    ],
)
def test_items_whose_tests_need_a_library_say_so(task: str, row: dict[str, Any]) -> None:
    (item,) = ItemLoader().items_of(catalog.find(task, ()), [{"task_id": 1, **row}])
    assert item.metadata["libraries"] == ("numpy" if "numpy" in row.get("test", "") else "")


@pytest.mark.skipif(sys.platform != "linux", reason="landlock is one of Linux")
def test_where_programs_cannot_start_others_no_item_that_needs_it_is_asked(cli: Cli, tasks: Path) -> None:
    (tasks / "times.yaml").write_text(TASK.replace("cpu_s: 1,", "tests: unittest, processes: true, cpu_s: 1,"))
    with Endpoint(answering) as endpoint:
        result = run(cli, endpoint, tasks, "--sandbox", "landlock")
    assert endpoint.bodies == [] and result.code == 2
    assert "needs a sandbox that lets programs start others, as landlock does not" in result.err


def test_grade_stored_completions_of_a_task(cli: Cli, tasks: Path) -> None:
    lines = [
        {"id": "a", "task_id": "q1", "completion": "    return n\n"},
        {"id": "b", "task_id": "q1", "completion": "def times1(n):\n    return 1\n"},
        {"id": "c", "task_id": "q2", "output": "<think>hm</think>```python\ndef times2(n): return 2 * n\n```"},
        {"id": "d", "task_id": "q2", "output": "no idea"},
        {"id": "e", "task_id": "q9", "completion": "pass"},
        {"id": "f", "completion": "pass"},
        {"id": "g", "task_id": "q3"},
        {"id": "h", "task_id": "q3", "completion": "    return 3 * n", "output": "x"},
        {"id": "i", "task_id": "q3", "completion": ["    return 3 * n"]},
    ]
    Path("completions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "not json\n")
    args = ["--scorer", "code", "--task", "times", "--tasks-dir", tasks]
    result = cli("grade", *args, "--input", "completions.jsonl", "--output", "graded.jsonl")
    assert result.code == 1, "some rows could not be graded"
    found = [json.loads(line) for line in Path("graded.jsonl").read_text().splitlines()]
    assert [(f["id"], f["status"], f["value"]) for f in found[:4]] == [
        ("a", "scored", 1.0), ("b", "scored", 0.0), ("c", "scored", 1.0), ("d", "unparsed", None),
    ]  # fmt: skip
    assert [f.get("item") for f in found[:4]] == ["q1", "q1", "q2", "q2"]
    assert (found[1]["kind"], found[1]["tests"], found[3]["kind"]) == ("wrong answer", "F", "no code")
    reasons = [f["reason"] for f in found[4:]]
    assert "no item 'q9'" in reasons[0] and "no item 'f'" in reasons[1] and "neither completion nor" in reasons[2]
    assert "both completion and output" in reasons[3] and "not a list" in reasons[4] and "not JSON" in reasons[5]
    assert "2 items: pass@1 50.0 %, pass@2 100.0 %" in result.err
    only = cli("grade", "--task", "times", "--tasks-dir", tasks, "--target", "1", "--answer", "1")
    assert only.code == 2 and "--task goes with --input" in only.err


def test_what_cannot_be_graded_is_in_no_score(cli: Cli, tasks: Path) -> None:
    """Its reason and place are told, and the exit code says so: 0 % would be a statement about the model."""
    task = TASK.replace("{{i}}", "{{'(' if i == 2 else i}}")  # tests that do not parse
    (tasks / "times.yaml").write_text(task)
    lines = [{"task_id": f"q{i}", "completion": f"    return {i} * n\n"} for i in (1, 2, 3)]
    Path("rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = cli("grade", "--task", "times", "--tasks-dir", tasks, "--input", "rows.jsonl", "--output", "out.jsonl")
    assert result.code == 1
    assert "rows.jsonl:2: the item's tests cannot be used" in result.err
    assert "not graded, and in no score: the item's tests cannot be used" in result.err
    assert "2 items: pass@1 100.0 %" in result.err


def test_an_environment_below_tmp_is_not_hidden() -> None:
    """The answer's own folder then lies elsewhere, in each kind of sandbox that works here."""
    packages = Path(tempfile.mkdtemp(dir="/tmp")) / "lib" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "from_tmp.py").write_text("word = 'there'\n")
    own = backends.interpreter()
    setup = backends.Setup(dataclasses.replace(own, libraries=(str(packages),)), ("from_tmp",))
    try:
        for name in ("namespaces", "bwrap", "landlock"):
            try:
                worker = Worker(backends.BACKENDS[name](setup))
            except SandboxUnavailable as fault:
                assert "File exists" not in str(fault)
                continue
            assert worker.missing == (), name
            worker.kill()
    finally:
        shutil.rmtree(packages.parents[1])


def test_the_sandbox_of_the_machine_is_shown(cli: Cli) -> None:
    found = {row["sandbox"]: row for row in cli("sandbox", "list", "--json").json}
    assert found["none"]["works"] == "yes" and any(
        found[n]["works"] == "yes" for n in ("namespaces", "bwrap", "landlock")
    )
    assert all(row["what"] for row in found.values())


def test_what_is_missing_is_said_to_the_letter(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("EVALKIT_SANDBOX_PYTHON", "/nonexistent/[python]")
    assert "pip install 'evalkit[local]'" in cli("doctor").out
    assert "/nonexistent/[python]" in cli("sandbox", "list").out


def test_another_interpreter_may_run_the_code(cli: Cli, tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_SANDBOX_PYTHON", sys.executable)
    with Endpoint(answering) as endpoint:
        assert run(cli, endpoint, tasks, "--limit", 1).code == 0
    assert details(only_run())[0]["tests"] == ".."


def test_nothing_is_tested_where_nothing_is_isolated(cli: Cli) -> None:
    result = cli("sandbox", "selftest", "--sandbox", "none", "--allow-unsafe-code")
    assert result.code == 2 and "isolates nothing" in result.err
