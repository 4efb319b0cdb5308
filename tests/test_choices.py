"""Multiple-choice tasks: which options an item has, in which order, and which of them is right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.errors import TaskError
from evalkit.tasks import catalog
from evalkit.tasks.choices import Choices, choices_of
from evalkit.tasks.items import ItemLoader
from evalkit.tasks.loader import load_task
from evalkit.tasks.protocol import protocol
from evalkit.types import Item

CHOICE = """\
task: towns
dataset_path: someone/towns
test_split: test
doc_to_text: question
doc_to_choice: options
doc_to_target: answer
generation_kwargs: {until: []}
metadata:
  version: 1.0
  evalkit: {prompt: choice/letters, scorer: choice}
"""
TOWNS = ["Paris", "London", "Rome", "Berlin"]
Row = dict[str, object]


def items_of(folder: Path, text: str, rows: list[Row]) -> list[Item]:
    """Items of the task `text` over `rows`."""
    (folder / "towns").mkdir(parents=True, exist_ok=True)
    (folder / "towns" / "test.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (folder / "towns.yaml").write_text(text)
    return list(ItemLoader(folder).items(load_task(folder / "towns.yaml")))


def test_a_multiple_choice_task_takes_few_lines(tmp_path: Path) -> None:
    assert len(CHOICE.splitlines()) <= 12
    row: Row = {"question": "Which lies on the Tiber?", "options": TOWNS, "answer": 2}
    (item,) = items_of(tmp_path, CHOICE, [row])
    assert (item.target, item.metadata["choices"]) == ("C", TOWNS)
    assert "Tiber?\n\nA) Paris\nB) London\nC) Rome\nD) Berlin\n\nThink" in item.messages[0][1]


OPTIONS = [
    "options",
    "{{options}}",
    "[{{options[0]}}, '{{options[1]}}', Rome, last]",
    "{a: Paris, b: London, c: Rome, d: last}",
]


@pytest.mark.parametrize("how", OPTIONS)
def test_ways_to_name_the_options(tmp_path: Path, how: str) -> None:
    text = CHOICE.replace(
        "doc_to_choice: options", "doc_to_choice: " + (f'"{how}"' if how[0] == "{" and how[1] == "{" else how)
    )
    text = text.replace("[{{options[0]}}", "['{{options[0]}}'")
    row: Row = {"question": "?", "options": TOWNS, "answer": "Rome", "last": "Berlin"}
    (item,) = items_of(tmp_path, text, [row])
    assert (item.target, item.metadata["choices"]) == ("C", TOWNS)


TARGETS = [(2, 2), ("2", 2), ("C", 2), ("(c)", 2), ("Rome", 2), ("C.", 2), (" Rome ", 2)]


@pytest.mark.parametrize(("target", "place"), TARGETS)
def test_ways_to_name_the_right_option(target: object, place: int) -> None:
    assert choices_of(TOWNS, target) == Choices(tuple(TOWNS), "ABCD"[place])


def test_digits_are_an_index_even_among_numbers() -> None:
    assert choices_of(["3", "2", "1", "0"], 2).right == "C"
    assert choices_of(["13", "12", "11", "10"], "12").right == "B", "no index: only a text can be meant"
    assert choices_of(["A)5", "B)6"], "B") == Choices(("5", "6"), "B"), "options that carry their letters"


@pytest.mark.parametrize("answer", ["E", "Madrid", "4", -1, ""])
def test_a_target_that_is_no_option_is_an_error_with_its_item(tmp_path: Path, answer: object) -> None:
    row: Row = {"question": "?", "options": TOWNS, "answer": answer}
    with pytest.raises(TaskError, match=r"doc_to_choice: item .*is neither an index"):
        items_of(tmp_path, CHOICE, [row])


def test_shuffled_options_depend_on_seed_and_item_alone(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"id": i, "question": f"{i}?", "options": [f"{i}a", f"{i}b", f"{i}c", f"{i}d"], "answer": 1} for i in range(400)
    ]
    text = CHOICE.replace("scorer: choice", "scorer: choice, item_id: id, shuffle: 7")
    items = items_of(tmp_path / "all", text, rows)
    for item in items:
        shown = item.metadata["choices"]
        right = "ABCD".index(item.target)
        assert shown[right] == f"{item.id}b" and sorted(shown) == [f"{item.id}{c}" for c in "abcd"]
        assert f"{item.target}) {item.id}b" in item.messages[0][1], "the prompt shows the stored order"
    counts = [sum(i.target == letter for i in items) for letter in "ABCD"]
    assert all(70 < n < 130 for n in counts), counts
    assert "".join(i.target for i in items[:12]) == "BABCBBBCBDCC", "the same on every machine"
    fewer = items_of(tmp_path / "fewer", text, rows[::-1][:50])
    assert {i.id: i for i in fewer} == {i.id: i for i in items[-50:]}
    other = items_of(tmp_path / "other", text.replace("shuffle: 7", "shuffle: 8"), rows)
    assert [i.target for i in other] != [i.target for i in items]
    tasks = [load_task(tmp_path / name / "towns.yaml") for name in ("all", "other")]
    digests = {str(protocol(t, data_digest=None, n_items=400)) for t in tasks}
    assert len(digests) == 2, "the seed is part of the protocol"


def test_examples_of_a_multiple_choice_task_end_on_their_letter(tmp_path: Path) -> None:
    text = CHOICE + (
        "num_fewshot: 1\nfewshot_config:\n"
        "  samples: [{question: 'Which lies on the Seine?', options: [Bonn, Paris], answer: 1}]\n"
        "  doc_to_target: 'Answer: {{target}}'\n"
    )
    row: Row = {"question": "Which lies on the Tiber?", "options": TOWNS, "answer": 2}
    (item,) = items_of(tmp_path, text, [row])
    assert "A) Bonn\nB) Paris" in item.messages[0][1] and item.messages[1] == ("assistant", "Answer: B")


def test_gpqa_has_the_fields_of_the_hub(tmp_path: Path) -> None:
    row: Row = {"Record ID": "rec1", "Question": "Which?\n", "Correct Answer": "the right one\n"}
    row |= {f"Incorrect Answer {n}": f"wrong {n}" for n in (1, 2, 3)}
    task = catalog.find("gpqa_diamond")
    data = tmp_path / "gpqa_diamond"
    data.mkdir()
    (data / f"{task.dataset.split}.jsonl").write_text(json.dumps(row) + "\n")
    item = next(iter(ItemLoader(tmp_path).items(task)))
    assert item.id == "rec1" and item.metadata["choices"]["ABCD".index(item.target)] == "the right one"
