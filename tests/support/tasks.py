"""Task files and the rows that they are about, written by tests."""

from __future__ import annotations

import json
from pathlib import Path

from evalkit import resources

SHIPPED = resources.folder("tasks")

GOOD = """\
task: sums
tag: demo
dataset_path: someone/sums
test_split: test
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
output_type: generate_until
generation_kwargs: {until: [], do_sample: true, temperature: 0.6, max_gen_toks: 100}
repeats: 2
metadata:
  version: 1.0
  evalkit:
    prompt: math/boxed
    scorer: math
"""


def data_files(name: str) -> tuple[str, str]:
    return "someone/sums", f"json\ndataset_kwargs: {{data_files: {{test: {name}}}}}"


def write(folder: Path, text: str = GOOD, name: str = "sums.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def mirror(folder: Path, rows: list[dict[str, object]], task: str = "sums") -> Path:
    (folder / task).mkdir(parents=True, exist_ok=True)
    (folder / task / "test.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return folder
