"""Run against run: paired by item over what both have, and what several tasks show together."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Cli
from scipy.stats import t as student
from support.endpoint import Endpoint, Reply

TASK = """
task: NAME
dataset_path: nobody/NAME
test_split: test
doc_to_text: "{{problem}}"
doc_to_target: "{{answer}}"
output_type: generate_until
generation_kwargs: {until: [], do_sample: true, temperature: 0.6, top_p: 0.95, top_k: 20, max_gen_toks: 1000}
repeats: 1
metadata:
  version: 1.0
  evalkit: {title: Title of NAME, prompt: math/boxed, scorer: math, item_id: id, margin: MARGIN, cluster: CLUSTER}
"""

Right = Callable[[str, int, int], bool | None]
"""(task, item, attempt) -> right, wrong, or None for an answer that cannot be parsed."""


class Lab:
    """Makes tasks and runs of them in the working folder."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.n_runs = 0

    def task(
        self,
        name: str,
        n: int = 40,
        *,
        margin: float = 0.05,
        clusters: int = 0,
        ids: str = "",
        shift: int = 0,
        turned: bool = False,
    ) -> Path:
        """A task file; item i has the answer i + shift, and belongs to one of `clusters` if there are any."""
        groups = clusters or 1
        rows = [
            {"id": f"{ids}{i}", "problem": f"Item {i} of {name}.", "answer": str(i + shift), "group": i % groups}
            for i in (reversed(range(n)) if turned else range(n))
        ]
        Path("data", name).mkdir(parents=True, exist_ok=True)
        Path("data", name, "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        text = TASK.replace("NAME", name).replace("MARGIN", str(margin))
        text = text.replace(", cluster: CLUSTER", ", cluster: group" if clusters else "")
        path = Path(f"{name}.yaml")
        path.write_text(text)
        return path

    def run(self, right: Right, *options: object, model: str = "mine", copies: bool = False, fails: int = 0) -> Path:
        """A run; unless they are `copies`, answers are worded differently. The first `fails` items get no answer."""
        seen: Counter[tuple[str, int]] = Counter()

        def script(body: dict[str, Any]) -> Reply:
            found = re.search(r"Item (\d+) of (\w+)\.", body["messages"][-1]["content"])
            assert found is not None
            name, i = found[2], int(found[1])
            verdict = right(name, i, seen[name, i])
            seen[name, i] += 1
            if verdict is None:
                return Reply(content="No idea.")
            if i < fails:
                return Reply(status=400)
            remark = "" if copies else f"Try {sum(seen.values())}. "
            return Reply(content=rf"{remark}\boxed{{{i if verdict else 9999}}}")

        self.n_runs += 1
        out = Path(f"run{self.n_runs}")
        with Endpoint(script, model=model) as endpoint:
            where = ["--model", f"openai:{model}", "--base-url", endpoint.url, "--data-dir", "data", "--out", out]
            result = self.cli("run", *options, *where, "--quiet")
        assert result.code == (3 if fails else 0), result.err
        return out if (out / "run.json").exists() else next(out.iterdir())

    def compare(self, *args: object) -> dict[str, Any]:
        result = self.cli("compare", *args, "--json")
        assert result.code == 0, result.err
        found: dict[str, Any] = result.json
        return found


@pytest.fixture
def lab(cli: Cli) -> Lab:
    return Lab(cli)


def first(n: int) -> Right:
    return lambda name, i, attempt: i < n


def test_pairing_uses_what_both_runs_have_item_by_item(lab: Lab) -> None:
    """38 of 40 against 20 of 40, the twenty among the 38: the differences are 18 ones and 22 zeros."""
    task = lab.task("sums")
    ours, theirs = lab.run(first(38), task), lab.run(first(20), task, model="theirs")
    (c,) = lab.compare(ours, theirs)["comparisons"]
    d = np.array([1.0] * 18 + [0.0] * 22)
    difference = c["verdict"]["difference"]
    assert difference["value"] == pytest.approx(0.45)
    assert difference["se"] == pytest.approx(d.std(ddof=1) / math.sqrt(40))
    assert difference["kind"] == "population"
    arm = math.hypot(student.ppf(0.95, 39) * difference["se"], math.log(20) / 40)
    assert difference["interval"]["low"] == pytest.approx(0.45 - arm)
    assert (c["verdict"]["outcome"], c["verdict"]["informal"], c["mismatches"]) == ("superior", False, [])
    assert (
        "for new items" in c["verdict"]["sentence"] and "ahead of theirs on Title of sums" in c["verdict"]["sentence"]
    )
    assert (c["estimate"]["headline"]["value"], c["other"]["headline"]["value"]) == (0.95, 0.5)
    text = lab.cli("compare", ours, theirs).out
    assert "+45.0" in text and "new items" in text and "theirs" in text


def test_the_other_way_round_is_the_mirror_image(lab: Lab) -> None:
    task = lab.task("sums")
    a, b = lab.run(first(38), task), lab.run(first(20), task)
    (there,), (back,) = lab.compare(a, b)["comparisons"], lab.compare(b, a)["comparisons"]
    assert (there["verdict"]["outcome"], back["verdict"]["outcome"]) == ("superior", "inferior")
    assert there["verdict"]["difference"]["value"] == -back["verdict"]["difference"]["value"]
    assert there["verdict"]["p_ahead"] == pytest.approx(back["verdict"]["p_behind"])
    assert "(run " in there["model"], "two runs of one model are told apart"


def test_a_repeat_on_the_same_items_is_another_question(lab: Lab) -> None:
    """Items that are always right or always wrong: a repeat gives the same, other questions might not."""
    task = lab.task("sums", 100)
    a, b = lab.run(first(60), task, "--samples", 8), lab.run(first(57), task, "--samples", 8)
    (new,) = lab.compare(a, b)["comparisons"]
    (same,) = lab.compare(a, b, "--kind", "benchmark")["comparisons"]
    assert new["verdict"]["difference"]["value"] == same["verdict"]["difference"]["value"] == pytest.approx(0.03)
    assert same["verdict"]["outcome"] == "equivalent"
    assert new["verdict"]["outcome"] == "non_inferior"
    assert "for same items" in same["verdict"]["sentence"] and "for new items" in new["verdict"]["sentence"]


def test_unequal_k(lab: Lab) -> None:
    task = lab.task("sums")
    ours = lab.run(lambda name, i, attempt: attempt % 2 == 0, task, "--samples", 4)
    theirs = lab.run(first(10), task, model="theirs")
    (c,) = lab.compare(ours, theirs)["comparisons"]
    assert c["verdict"]["difference"]["value"] == pytest.approx(0.25)
    assert {m["field"]: m["severity"] for m in c["mismatches"]} == {"k": "minor"}
    assert not c["verdict"]["informal"]


def test_clusters_widen_the_interval(lab: Lab) -> None:
    """Both runs differ on whole groups of items: forty items are no more than eight."""

    def by_group(name: str, i: int, attempt: int) -> bool:
        return i % 8 < 3

    widths = []
    for clusters in (0, 8):
        task = lab.task("sums", clusters=clusters)
        a, b = lab.run(by_group, task), lab.run(first(0), task)
        (c,) = lab.compare(a, b)["comparisons"]
        interval = c["verdict"]["difference"]["interval"]
        widths.append(interval["high"] - interval["low"])
    assert "clustered by 8" in c["verdict"]["difference"]["method"]
    assert widths[1] > 2 * widths[0]


def test_a_limited_run_is_compared_on_the_shared_items(lab: Lab) -> None:
    task = lab.task("sums")
    part, whole = lab.run(first(10), task, "--limit", 10), lab.run(first(20), task)
    for args in ((part, whole), (whole, part)):
        (c,) = lab.compare(*args)["comparisons"]
        assert c["verdict"]["outcome"] in {"non_inferior", "inconclusive"}
        assert c["verdict"]["difference"]["value"] == 0, "all ten are right in both"
        assert c["estimate"]["headline"]["n_items"] == 10
        assert c["verdict"]["informal"]
        assert "only the 10 items that both runs have are compared" in c["verdict"]["sentence"]


@pytest.mark.parametrize(
    ("changed", "part"), [({"ids": "other-"}, "no item of sums in common"), ({"shift": 7}, "40 have other targets")]
)
def test_other_items_cannot_be_compared(lab: Lab, changed: dict[str, Any], part: str) -> None:
    ours = lab.run(first(20), lab.task("sums"))
    theirs = lab.run(first(20), lab.task("sums", **changed))
    (c,) = lab.compare(ours, theirs)["comparisons"]
    assert c["verdict"]["outcome"] == "not_comparable"
    assert part in c["verdict"]["sentence"]
    assert [m["severity"] for m in c["mismatches"]] == ["fatal"]


@pytest.mark.parametrize(
    ("option", "field"), [(["--temperature", 1], "temperature"), (["--max-tokens", 50], "max_tokens")]
)
def test_another_protocol_makes_it_informal(lab: Lab, option: list[object], field: str) -> None:
    task = lab.task("sums")
    ours, theirs = lab.run(first(38), task), lab.run(first(20), task, *option)
    (c,) = lab.compare(ours, theirs)["comparisons"]
    assert {m["field"]: m["severity"] for m in c["mismatches"]} == {field: "major"}
    assert "informal, since the protocols differ" in c["verdict"]["sentence"]
    assert f"major {field}: run " in lab.cli("compare", ours, theirs).out


def test_samples_without_a_score_can_decide(lab: Lab) -> None:
    """Silent on half and right otherwise, against right on half and wrong otherwise."""
    task = lab.task("sums")
    ours = lab.run(lambda name, i, attempt: True if i < 20 else None, task)
    theirs = lab.run(lambda name, i, attempt: i % 2 == 0, task)
    (c,) = lab.compare(ours, theirs)["comparisons"]
    assert c["verdict"]["outcome"] == "inconclusive"
    assert "samples without a score decide" in c["verdict"]["notes"][-1]
    assert c["verdict"]["p_ahead"] > 0.05, "a lead only where silence is left out is none"


def test_the_margin_is_the_first_runs(lab: Lab) -> None:
    ours = lab.run(first(38), lab.task("sums", margin=0.05))
    theirs = lab.run(first(20), lab.task("sums", margin=0.1))
    (c,) = lab.compare(ours, theirs)["comparisons"]
    assert c["verdict"]["margin"] == 0.05 and not c["verdict"]["informal"]
    assert c["verdict"]["notes"] == ["the other run declared a margin of 0.1, this one 0.05"]


def test_items_are_paired_by_id_not_by_place(lab: Lab) -> None:
    ours = lab.run(first(20), lab.task("sums"))
    theirs = lab.run(first(20), lab.task("sums", turned=True), "--samples", 2)
    (c,) = lab.compare(ours, theirs)["comparisons"]
    assert (c["verdict"]["difference"]["value"], c["verdict"]["difference"]["se"]) == (0, 0)
    assert not c["verdict"]["informal"]


def test_items_without_a_value_on_one_side_are_left_out_and_counted(lab: Lab) -> None:
    task = lab.task("sums")
    ours, theirs = lab.run(first(40), task), lab.run(first(4), task, model="theirs", fails=4)
    (c,) = lab.compare(ours, theirs)["comparisons"]
    assert c["verdict"]["difference"]["assumptions"] == ["4 items without a value on both sides left out"]
    assert c["verdict"]["difference"]["value"] == 1 and c["verdict"]["outcome"] == "superior"
    assert c["estimate"]["headline"]["n_items"] == c["other"]["headline"]["n_items"] == 36
    assert "4 items without a value on both sides left out" in lab.cli("compare", ours, theirs).out


def test_copies_of_one_answer_are_one_sample(lab: Lab) -> None:
    task = lab.task("sums")
    base = lab.run(first(20), task, model="theirs")
    found = [
        lab.compare(lab.run(first(30), task, "--samples", k, copies=True), base, "--kind", "benchmark") for k in (1, 16)
    ]
    once, often = (f["comparisons"][0]["verdict"]["difference"]["interval"] for f in found)
    assert once == often


def test_a_run_is_not_compared_with_itself(lab: Lab) -> None:
    run = lab.run(first(3), lab.task("sums", 5))
    result = lab.cli("compare", run, run)
    assert result.code == 2 and "compared with itself" in result.err


def test_runs_and_published_numbers_mix(lab: Lab) -> None:
    task = lab.task("aime24", 30)
    ours, theirs = lab.run(first(20), task), lab.run(first(10), task, model="theirs")
    found = {c["model"]: c for c in lab.compare(ours, theirs, "--against", "o1")["comparisons"]}
    kinds = {name: c["verdict"]["difference"]["kind"] for name, c in found.items()}
    assert kinds == {"theirs": "population", "o1": "benchmark"}
    text = lab.cli("compare", ours, theirs, "--against", "o1").out
    assert "for new items" in text and "for same items" in text


# --- several tasks --------------------------------------------------------------------------


def suite(lab: Lab, right: dict[str, int], base: int = 200, n: int = 400) -> tuple[Path, Path]:
    """Two runs of several tasks of `n` items: the first has `right` of them right, the other `base`."""
    tasks = [lab.task(name, n) for name in right]
    return lab.run(lambda name, i, attempt: i < right[name], *tasks), lab.run(first(base), *tasks, model="theirs")


def test_on_par_on_all_needs_each(lab: Lab) -> None:
    found = lab.compare(*suite(lab, {"a": 200, "b": 202, "c": 300}))
    (claim,) = found["claims"]
    assert [c["verdict"]["outcome"] for c in found["comparisons"]] == ["equivalent", "equivalent", "superior"]
    assert claim["model"] == "theirs" and claim["claim"]["on_all"]
    assert claim["claim"]["ahead"] == ["c"] and claim["claim"]["behind"] == []
    macro = claim["claim"]["macro"]
    assert macro["value"] == pytest.approx((0 + 2 / 400 + 100 / 400) / 3) and macro["kind"] == "population"
    assert macro["interval"]["low"] < macro["value"] < macro["interval"]["high"]


def test_what_is_not_shown_is_named(lab: Lab) -> None:
    ours, theirs = suite(lab, {"a": 200, "b": 150})
    text = lab.cli("compare", ours, theirs).out
    assert (
        "Over the 2 tasks: parity or better is shown on a but not on b; hence 'on par on all of these' is not shown. "
        "Ahead by any amount, after Holm: none. Behind by any amount, after Holm: b."
    ) in text
    assert "Mean difference over the tasks: -6.2 (" in text
    page = Path(lab.cli("report", ours, "--against", "o1").out.strip()).read_text()
    assert "no published score of o1" in page


def test_a_task_that_cannot_be_compared_counts_against_the_claim(lab: Lab) -> None:
    ours = lab.run(first(200), lab.task("a", 400), lab.task("b", 400))
    theirs = lab.run(first(200), Path("a.yaml"), model="theirs")
    (claim,) = lab.compare(ours, theirs)["claims"]
    assert not claim["claim"]["on_all"] and claim["claim"]["macro"] is None
    assert claim["claim"]["not_comparable"] == ["b"]
    assert "b cannot be compared" in claim["claim"]["sentence"]


def test_claims_against_published_numbers_are_in_the_report(lab: Lab) -> None:
    ours = lab.run(first(3), lab.task("aime24", 30), lab.task("math500", 500))
    (claim,) = lab.compare(ours, "--against", "o1")["claims"]
    assert claim["claim"]["informal"] and claim["claim"]["behind"] == ["aime24", "math500"]
    page = Path(lab.cli("report", ours, "--against", "o1").out.strip()).read_text()
    assert "All tasks / o1" in page and "after Holm: aime24, math500" in page and "same items" in page
