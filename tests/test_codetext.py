"""Code is found in what models write, read as it was meant, and no text is slow or does anything."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.scoring.asserted import asserted, find_expression
from evalkit.scoring.codetext import Code, Foreign, completed, find_code

CASES = Path(__file__).parent / "cases" / "scoring"
ROWS = [json.loads(line) for line in (CASES / "codetext.jsonl").read_text(encoding="utf-8").splitlines()]
EXPRESSIONS = [json.loads(line) for line in (CASES / "asserted.jsonl").read_text(encoding="utf-8").splitlines()]
PROMPT = 'import math\n\ndef f(x):\n    """Double it."""\n'

STEPS = {"fenced", "open_fence", "tagged", "bare", "continuation"}


def compiles(code: str) -> bool:
    try:
        compile(code, "answer", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def found(row: dict[str, Any]) -> Code | Foreign | None:
    prompt, entry_point = row.get("prompt", ""), row.get("entry_point", "")
    if row.get("call") == "completed":
        return completed(prompt, row["text"], entry_point)
    return find_code(row["text"], prompt=prompt, entry_point=entry_point)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_code_is_found(row: dict[str, Any]) -> None:
    code = found(row)
    if row.get("none"):
        assert code is None
    elif "foreign" in row:
        assert code == Foreign(row["foreign"])
    else:
        assert isinstance(code, Code)
        seen: dict[str, Any] = {
            "code": code.text,
            "step": code.step,
            "preamble": code.preamble,
            "variants": list(code.variants),
            "conclusive": code.conclusive,
            "first": next(filter(compiles, code.variants), None),
        }
        wanted = {key: value for key, value in row.items() if key in seen}
        assert {key: seen[key] for key in wanted} == wanted
        assert wanted


def test_the_data_covers_every_step_and_call() -> None:
    steps = {code.step for row in ROWS if isinstance(code := found(row), Code)}
    assert steps == STEPS
    assert len(ROWS) >= 60


def test_the_page_on_grading_shows_what_is_found() -> None:
    page = (Path(__file__).parents[1] / "docs" / "grading.md").read_text(encoding="utf-8")
    section = page.partition("## Which text is the code\n")[2].partition("\n## ")[0]
    shown = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    assert {step.strip().strip("`") for step, *_ in shown} == STEPS
    for step, _, example, answer in shown:
        text = example.strip().strip("`").replace("\\n", "\n")
        for fences in (text, text.replace("~~~", "```")):
            code = find_code(fences, prompt=PROMPT, entry_point="f")
            assert isinstance(code, Code)
            assert (code.step, code.text.strip()) == (step.strip().strip("`"), answer.strip().strip("`"))


@pytest.mark.parametrize("row", EXPRESSIONS, ids=lambda row: row["id"])
def test_expression_is_found(row: dict[str, Any]) -> None:
    expression = find_expression(row["text"])
    if row.get("none"):
        assert expression is None
        return
    if "step" in row:
        assert expression is not None
        assert (expression.answer, expression.step) == (row["answer"], row["step"])
        assert expression.conclusive is row.get("conclusive", True)
    if "sides" in row:
        sides = asserted(row["text"] if expression is None else expression.answer)
        assert (None if sides is None else list(sides)) == row["sides"]


HOSTILE = {
    "backticks": "`",
    "newlines": "\n",
    "spaces": " ",
    "one-line": "x",
    "closed-fences": "```\nx = 1\n```\n",
    "unclosed-fences": "```python\nx = 1\n",
    "definitions": "```python\ndef f(x): pass\n```\n",
    "markdown": "````markdown\n```\n",
    "quotes": "'''\n",
    "escaped-quotes": "```\n\\'''\n```\n",
    "backslashes": "\\",
    "brackets": "[{(",
    "tags": "<answer>\n",
    "answer-tags": "[ANSWER]x[/ANSWER]",
    "asserts": "assert f(1) == '",
    "imports": "import a,  ",
    "colons": "for x in y: ",
    "foreign": "public a",
    "decorators": "@a\n",
    "comments": "# a\n",
    "words": "Some words. ",
    "null-bytes": "\0",
    "surrogates": "\ud800",
    "end-of-turn": "<|im_end|>",
}
AROUND = {"alone": ("", ""), "in-a-fence": ("```python\n", "\n```"), "after-a-body": ("    return 1\n", "\n")}


def seconds(do: Callable[[], object]) -> float:
    started = time.process_time()
    do()
    return time.process_time() - started


def everything(text: str) -> None:
    find_code(text)
    find_code(text, prompt=PROMPT, entry_point="f")
    completed(PROMPT, text, "f")
    asserted(text)


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_no_faster_than_the_text(piece: str, around: tuple[str, str]) -> None:
    def text(size: int) -> str:
        return around[0] + piece * (size // len(piece)) + around[1]

    short = max(seconds(lambda: everything(text(30_000))), 0.005)
    assert any(seconds(lambda: everything(text(300_000))) < 20 * short for _ in range(3)), "a busy machine may slow one"


@pytest.mark.parametrize("piece", ["x", "`", " ", "'", "\\", "x = 1\n", "\0"])
def test_ten_megabytes_take_seconds(piece: str) -> None:
    text = "```python\n" + piece * (10_000_000 // len(piece)) + "\n```"
    code: Code | Foreign | None = None

    def find() -> None:
        nonlocal code
        code = find_code(text, entry_point="f")

    assert seconds(find) < 15
    assert code is None or (isinstance(code, Code) and len(code.text) > 9_000_000)


def test_a_nesting_bomb_is_only_text() -> None:
    bomb = "(" * 200_000
    code = find_code(f"```python\n{bomb}\n```")
    assert isinstance(code, Code | None)
    assert asserted(f"assert f({bomb}) == 1") is None
    deep = "[" * 100_000 + "]" * 100_000
    assert asserted(f"assert f({deep}) == 1") == (deep, "1")


def test_hostile_code_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    hostile = f"open({str(mark)!r}, 'w').write('x')\ndef f(x=open({str(mark)!r}, 'w')):\n    return x\n"
    for text in (hostile, f"```python\n{hostile}```", f"[PYTHON]\n{hostile}[/PYTHON]", f"assert f({hostile}) == 1"):
        everything(text)
        find_expression(text)
    assert not mark.exists()
