"""Task files: what loads, what is refused and where, what items come out; and that lm-eval reads the same files."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import pytest
from conftest import Cli
from support.tasks import GOOD, SHIPPED, data_files, mirror, write

from evalkit.errors import DatasetError, TaskError
from evalkit.tasks import catalog
from evalkit.tasks.choices import without_letters
from evalkit.tasks.items import ItemLoader
from evalkit.tasks.loader import load_task
from evalkit.tasks.sources import file_beside
from evalkit.types import TaskSpec

BROKEN = [
    ("misspelt key", "repeats: 2", "repeat: 2", 9, "did you mean 'repeats'"),
    ("misspelt own key", "    scorer: math", "    scorrer: math", 14, "did you mean 'scorer'"),
    ("no dataset", "dataset_path: someone/sums\n", "", None, "dataset_path: missing"),
    ("no split", "test_split: test\n", "", None, "name the split"),
    ("wrong type", "repeats: 2", "repeats: two", 9, "whole number"),
    ("zero samples", "repeats: 2", "repeats: 0", 9, "at least 1"),
    ("no until", "{until: [], do", "{do", 8, "cuts answers at a blank line"),
    ("unknown prompt", "math/boxed", "math/boxd", 13, "did you mean math/boxed"),
    ("prompt outside", "math/boxed", "../../setup", 13, "no prompt file"),
    ("not YAML", "tag: demo", "tag: [demo", 3, "not valid YAML"),
    ("key twice", "tag: demo", "tag: demo\ntag: other", 2, "given twice"),
    ("foreign tag", "tag: demo", "tag: !!python/object:os.system x", 2, "python"),
    ("loglikelihood", "generate_until", "multiple_choice", 7, "only generate_until"),
    ("margin of 2", "    scorer: math", "    scorer: math\n    margin: 2", 15, "between 0 and 1"),
    (
        "mirror outside",
        "    scorer: math",
        "    scorer: math\n    mirror: {test: /etc/passwd}",
        15,
        "below the data folder",
    ),
    ("function as text", "repeats: 2", "repeats: 2\nprocess_docs: os.system", 10, "must be a !function"),
    ("no date", "tag: demo", "tag: 2026-99-99", 2, "not a valid value"),
    ("no integer", "repeats: 2", "repeats: !!int abc", 9, "not a valid value"),
    ("no bool", "repeats: 2", "repeats: !!bool x", 9, "not a valid value"),
    ("a name with a path", "task: sums", "task: ../sums", 1, "is no name"),
    ("misspelt setting", "do_sample: true", "do_sample: true, temprature: 1", 8, "did you mean 'temperature'"),
    ("top_p of 7", "do_sample: true", "do_sample: true, top_p: 7", 8, "not between 0 and 1"),
    ("a setting of ours", "do_sample: true", "do_sample: true, messages: []", 8, "set by evalkit itself"),
    ("alpha of 0.7", "    scorer: math", "    scorer: math\n    alpha: 0.7", 15, "between 0 and 0.5"),
    ("broken template", 'doc_to_target: "{{answer}}"', 'doc_to_target: "{{answer"', 6, "template error"),
    (
        "nested aliases",
        "tag: demo",
        "tag: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"k{n}: &{b} [{','.join(['*' + a] * 9)}]\n" for n, (a, b) in enumerate(itertools.pairwise("abcdefg"))
        ),
        None,
        "are aliases nested",
    ),
    ("options of a wrong type", "repeats: 2", "repeats: 2\ndoc_to_choice: 4", 10, "must be a field, a template"),
    ("a broken option", "repeats: 2", "repeats: 2\ndoc_to_choice: ['{{a']", 10, "template error"),
    ("nothing to shuffle", "    scorer: math", "    scorer: math\n    shuffle: 1", 15, "no options to shuffle"),
    ("a seed in words", "    scorer: math", "    scorer: math\n    shuffle: yes", 15, "whole number"),
    ("a broken condition", "    scorer: math", "    scorer: math\n    where: '{{a'", 15, "template error"),
    ("a condition that is code", "    scorer: math", "    scorer: math\n    where: !function a.b", 15, "must be text"),
    ("fields in a list", "    scorer: math", "    scorer: math\n    scorer_fields: [a]", 15, "must be a mapping"),
    ("a broken field", "    scorer: math", "    scorer: math\n    scorer_fields: {a: '{{a'}", 15, "template error"),
    ("a number as field", "    scorer: math", "    scorer: math\n    scorer_fields: {a: 1}", 15, "must be text"),
    ("a field of ours", "    scorer: math", "    scorer: math\n    scorer_fields: {choices: a}", 15, "another name"),
    ("no window", "    scorer: math", "    scorer: math\n    window: 2024-08..2025-01", 15, "must be a mapping"),
    ("a window of no field", "    scorer: math", "    scorer: math\n    window: {default: a..b}", 15, "field: missing"),
    ("no default", "    scorer: math", "    scorer: math\n    window: {field: day}", 15, "default: missing"),
    (
        "a window of no days",
        "    scorer: math",
        "    scorer: math\n    window: {field: d, default: x}",
        15,
        "no window",
    ),
    ("a file elsewhere", *data_files("/etc/passwd"), 4, "relative path"),
    ("a file above", *data_files("a/../../b.jsonl"), 4, "relative path"),
    ("a file that is not there", *data_files("gone.jsonl"), 4, "no file gone.jsonl in"),
    ("a file of another split", "someone/sums", "json\ndataset_kwargs: {data_files: {train: a}}", 4, "split test"),
    ("one file for all", "someone/sums", "json\ndataset_kwargs: {data_files: a.jsonl}", 4, "is the split train"),
    ("a list of files", "someone/sums", "json\ndataset_kwargs: {data_files: [a]}", 4, "must map each split"),
    ("no file", "someone/sums", "json", None, "must map each split"),
    ("more than files", "someone/sums", "json\ndataset_kwargs: {data_file: a}", 4, "did you mean 'data_files'"),
    ("unknown few-shot", "repeats: 2", "repeats: 2\nnum_fewshot: 2", 10, "2 examples wanted"),
]


@pytest.mark.parametrize(("old", "new", "line", "words"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_broken_file_names_file_line_and_remedy(
    tmp_path: Path, old: str, new: str, line: int | None, words: str
) -> None:
    assert old in GOOD
    file = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(TaskError) as caught:
        load_task(file)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{file}:{line}:" if line else f"{file}:")


def test_include_overrides_and_is_confined(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "_base.yaml")
    file = write(tmp_path, "include: _base.yaml\ntask: more\nmetadata: {evalkit: {scorer: exact}}\n", "more.yaml")
    task = load_task(file)
    assert (task.name, task.scorer, task.prompt.name, task.samples) == ("more", "exact", "math/boxed", 2)
    write(tmp_path, "include: loop.yaml\ntask: loop\n", "loop.yaml")
    with pytest.raises(TaskError, match="cycle"):
        load_task(tmp_path / "loop.yaml")
    with pytest.raises(TaskError, match="relative"):
        load_task(write(tmp_path, "include: /etc/hostname\ntask: x\n", "abs.yaml"))


def test_items_are_rendered_with_stable_ids(tmp_path: Path) -> None:
    task = load_task(write(tmp_path))
    rows: list[dict[str, object]] = [{"question": f"1+{i}?", "answer": str(1 + i)} for i in range(3)]
    rows.append(rows[0])
    loader = ItemLoader(mirror(tmp_path / "data", rows))
    items = list(loader.items(task))
    assert [i.target for i in items] == ["1", "2", "3", "1"]
    assert items[0].messages[0][1].startswith("1+0?\n\nPlease reason step by step")
    assert len({i.id for i in items}) == 4, "a repeated question is an item of its own"
    assert [i.id for i in loader.items(task, 2)] == [i.id for i in items[:2]]
    shuffled = ItemLoader(mirror(tmp_path / "other", rows[1:3]))
    assert {i.id for i in shuffled.items(task)} == {i.id for i in items[1:3]}, "ids do not depend on the position"


def test_a_condition_selects_the_rows_that_are_items(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"question": f"1+{i}?", "answer": str(1 + i), "hard": i > 1} for i in range(5)]
    loader = ItemLoader(mirror(tmp_path / "data", rows))

    def targets(where: str, limit: int | None = None) -> list[str]:
        task = load_task(
            write(tmp_path, GOOD.replace("    scorer: math", f'    scorer: math\n    where: "{where}"', 1))
        )
        return [item.target for item in loader.items(task, limit)]

    assert targets("{{ hard }}") == ["3", "4", "5"]
    assert targets("{{ hard and target | int > 3 }}", limit=1) == ["4"], "the limit counts items, not rows"
    with pytest.raises(DatasetError, match="gave no items"):
        targets("{{ target == '9' }}")
    with pytest.raises(TaskError, match=r"where: must give True or False, not '1'"):
        targets("{{ answer }}")
    with pytest.raises(TaskError, match=r"where: .*a row has: answer, hard, question, target"):
        targets("{{ level }}")


def test_compressed_mirror(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "sums"
    folder.mkdir(parents=True)
    with gzip.open(folder / "test.jsonl.gz", "wt") as out:
        out.write('{"question": "1+1?", "answer": "2"}\n')
    assert [i.target for i in ItemLoader(tmp_path / "data").items(load_task(write(tmp_path)))] == ["2"]


BAD_DATA = [
    ("", "gave no items"),
    ("{broken\n", "test.jsonl:1: not valid JSON"),
    ("[1]\n", "a row must be a JSON object"),
]


@pytest.mark.parametrize(("text", "words"), BAD_DATA)
def test_bad_data_names_the_file(tmp_path: Path, text: str, words: str) -> None:
    data = mirror(tmp_path / "data", [])
    (data / "sums" / "test.jsonl").write_text(text)
    with pytest.raises(DatasetError, match=words):
        list(ItemLoader(data).items(load_task(write(tmp_path))))


def test_missing_field_names_the_fields_there_are(tmp_path: Path) -> None:
    data = mirror(tmp_path / "data", [{"query": "1+1?", "answer": "2"}])
    with pytest.raises(TaskError, match="'question' is undefined; a row has: answer, query"):
        list(ItemLoader(data).items(load_task(write(tmp_path))))


HOSTILE = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.system('true') }}",
    "{{ 'a' * 100000000 }}",
    "{{ 9 ** 99999999 }}",
    "{{ question.format.__globals__ }}",
    "{% include '/etc/passwd' %}",
]


@pytest.mark.parametrize("template", HOSTILE)
def test_hostile_templates_are_refused(tmp_path: Path, template: str) -> None:
    text = GOOD.replace('doc_to_text: "{{question}}"', f"doc_to_text: {json.dumps(template)}")
    data = mirror(tmp_path / "data", [{"question": "1+1?", "answer": "2"}])
    with pytest.raises(TaskError):
        list(ItemLoader(data).items(load_task(write(tmp_path, text))))


def test_functions_run_only_from_trusted_folders(tmp_path: Path) -> None:
    text = GOOD.replace('doc_to_target: "{{answer}}"', "doc_to_target: !function code.target")
    text += "process_docs: !function code.odd\n"
    folder = tmp_path / "theirs"
    file = write(folder, text)
    marker = tmp_path / "ran"
    (folder / "code.py").write_text(
        f"from pathlib import Path\nPath({str(marker)!r}).touch()\n"
        "def target(row):\n    return row['answer'] + '!'\n"
        "def odd(rows):\n    return rows.filter(lambda r: int(r['answer']) % 2)\n"
    )
    data = mirror(tmp_path / "data", [{"question": f"1+{i}?", "answer": str(1 + i)} for i in range(4)])
    task = load_task(file)
    with pytest.raises(TaskError, match="--trust"):
        list(ItemLoader(data).items(task))
    assert not marker.exists(), "loading and refusing runs no code"
    assert [i.target for i in ItemLoader(data, [folder]).items(task)] == ["1!", "3!"]


def test_few_shot_examples_become_turns(tmp_path: Path) -> None:
    text = GOOD + (
        "num_fewshot: 1\n"
        "fewshot_config:\n"
        "  sampler: first_n\n"
        "  samples: [{question: '2+2?', answer: '4'}]\n"
        "  doc_to_target: 'It is \\boxed{ {{-target-}} }.'\n"
    )
    data = mirror(tmp_path / "data", [{"question": "1+1?", "answer": "2"}])
    item = next(iter(ItemLoader(data).items(load_task(write(tmp_path, text)))))
    roles = [role for role, _ in item.messages]
    assert roles == ["user", "assistant", "user"]
    assert item.messages[0][1].startswith("2+2?") and item.messages[1][1] == r"It is \boxed{4}."


def test_catalog_lists_broken_files(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "mine", GOOD)
    write(tmp_path / "mine", GOOD.replace("repeats", "repeat"), "broken.yaml")
    write(tmp_path / "mine", GOOD, "twin.yaml")
    result = cli("tasks", "list", "--tasks-dir", tmp_path / "mine", "--json")
    assert result.code == 1
    assert "sums" in [t["task"] for t in result.json["tasks"]]
    assert len(result.json["broken"]) == 2
    checked = cli("tasks", "validate", tmp_path / "mine")
    assert checked.code == 1 and "2 of 3 task files are valid" in checked.out
    assert cli("tasks", "validate", "--json").code == 0, "all shipped tasks are valid"


def test_unknown_scorer_is_found_by_validate(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "mine", GOOD.replace("scorer: math", "scorer: maths"))
    result = cli("tasks", "validate", tmp_path / "mine")
    assert result.code == 1 and "did you mean math" in result.out


def shipped() -> list[TaskSpec]:
    return [e.task for e in catalog.scan() if e.task]


def mirrored(task: TaskSpec, real_data: Path) -> ItemLoader:
    """A loader for the real rows of a task; some may not be kept in a mirror."""
    if not rows_file(task, real_data).is_file():
        pytest.skip(f"no mirror of {task.dataset.path}")
    return ItemLoader(real_data)


def rows_file(task: TaskSpec, real_data: Path) -> Path:
    split = task.dataset.split
    if task.dataset.path == "json":
        return file_beside(task.dataset, split)
    file = real_data / task.dataset.mirror.get(split, f"{task.base}/{split}.jsonl")
    return file if file.is_file() else file.with_name(file.name + ".gz")


@pytest.mark.parametrize("task", shipped(), ids=lambda t: t.name)
def test_shipped_task_has_its_documented_items(task: TaskSpec, request: pytest.FixtureRequest) -> None:
    if task.dataset.path == "reasoning_gym":
        pytest.importorskip("reasoning_gym")
        loader = ItemLoader()
    else:
        loader = mirrored(task, request.getfixturevalue("real_data"))
    items = list(loader.items(task))
    assert len(items) == task.n_items
    assert len({i.id for i in items}) == len(items)
    assert all(i.target and i.messages[-1][0] == "user" for i in items)
    assert list(loader.items(task)) == items, "the same items every time"
    assert loader.data_digest(task) is not None


@pytest.mark.parametrize("task", [t for t in shipped() if t.dataset.path != "reasoning_gym"], ids=lambda t: t.name)
def test_lm_eval_reads_the_same_file(task: TaskSpec, real_data: Path) -> None:
    """lm-eval's own loader and task class give the same question and target for the same row."""
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    loader = mirrored(task, real_data)
    config = load_yaml(next(SHIPPED.rglob(task.source_file)))
    assert config["generation_kwargs"]["until"] == []
    split = config["test_split"]
    file = rows_file(task, real_data)
    config.update(dataset_path="json", dataset_name=None, dataset_kwargs={"data_files": {split: str(file)}})
    theirs = ConfigurableTask(config=config)
    item = next(iter(loader.items(task, 1)))
    docs = itertools.islice(theirs.test_docs(), 100 if task.where else 1)
    doc = next(doc for doc in docs if theirs.doc_to_text(doc) in item.messages[-1][1])
    target = theirs.doc_to_target(doc)
    if task.choices is not None:
        options = without_letters(theirs.doc_to_choice(doc))
        assert list(options) == item.metadata["choices"], "not shuffled"
        target = "ABCDEFGHIJ"[target] if isinstance(target, int) else target.upper()
    assert str(target) == str(item.target)
    assert theirs.config.repeats == task.samples


@pytest.mark.parametrize("where", ["fewshot_split: train", "fewshot_config: {split: train}"])
def test_few_shot_examples_from_another_split(cli: Cli, tmp_path: Path, where: str) -> None:
    (tmp_path / "mine.yaml").write_text(
        "task: mine\ndataset_path: x/y\ntest_split: test\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\n"
        f"generation_kwargs: {{until: []}}\nnum_fewshot: 1\n{where}\nmetadata: {{evalkit: {{scorer: exact}}}}\n"
    )
    (tmp_path / "mine").mkdir()
    for split in ("train", "test"):
        (tmp_path / "mine" / f"{split}.jsonl").write_text(f'{{"q": "{split} question", "a": "{split} answer"}}\n')
    shown = cli("tasks", "show", "mine", "--items", 1, "--tasks-dir", tmp_path, "--data-dir", tmp_path, "--json")
    assert shown.code == 0, shown.err
    messages = [tuple(m) for m in shown.json["items"][0]["messages"]]
    assert messages == [("user", "train question"), ("assistant", "train answer"), ("user", "test question")]
