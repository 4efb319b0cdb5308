"""The package as a whole: what the wheel carries, what `--help` costs, which module may import which."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"numpy", "scipy", "aiohttp", "datasets", "jinja2", "sympy", "lm_eval", "rich", "yaml", "msgspec"}


def test_wheel_works_in_a_clean_venv_outside_the_checkout(tmp_path: Path) -> None:
    """Dependencies are lent by a path file; evalkit itself and its YAML files can only come from the wheel."""
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    venv.create(tmp_path / "clean", with_pip=True)
    python = tmp_path / "clean" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    site = next((tmp_path / "clean").glob("lib/python*/site-packages"))
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(*args: str) -> str:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("EVALKIT", "PYTHON"))}
        done = subprocess.run(args, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    evalkit = str(tmp_path / "clean" / "bin" / "evalkit")
    assert str(site) in run(str(python), "-c", "import evalkit; print(evalkit.__file__)")
    tasks = run(evalkit, "tasks", "list")
    assert all(name in tasks for name in ("gsm8k", "aime24", "aime25", "math500"))
    assert "valid" in run(evalkit, "tasks", "validate")
    references = run(evalkit, "references", "list", "--model", "o1")
    assert "79.2" in references and "AIME 2024" in references
    assert "1319 items, mean 96.06 %" in run(evalkit, "references", "show", "gsm8k/o1-mini-zeroeval")
    assert "GSM8K" in run(evalkit, "leaderboard", "--board", "reasoning")


def test_help_is_fast_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from evalkit.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted(m for m in sys.modules if '.' not in m), file=sys.stderr)\n"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "leaderboard" in done.stdout
    assert not HEAVY & set(ast.literal_eval(done.stderr.strip().splitlines()[-1]))
    assert time.perf_counter() - started < 10


LAYERS = [
    {"types", "errors", "contracts"},
    {"codec", "files", "registry", "resources", "yamlfile"},
    {"tasks"},
    {"clients", "scoring", "store", "stats", "references", "errata"},
    {"agreement", "audit", "budget", "protocols", "scores"},
    {"agenda", "boards", "imported", "stopping"},
    {"plan", "planning", "runner", "rescore", "opinions", "judge", "grading", "summary"},
    {"comparison", "execution", "review"},
    {"leaderboard"},
    {"report"},
    {"cli"},
    {"__main__"},
]


def layer(module: str) -> int:
    name = module.removeprefix("evalkit.").split(".")[0]
    return next(i for i, names in enumerate(LAYERS) if name in names)


def imports(file: Path) -> list[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "evalkit":
                found += [f"evalkit.{alias.name}" for alias in node.names if alias.name != "__version__"]
            elif node.module.startswith("evalkit."):
                found.append(node.module)
    return found


def module_files() -> list[Path]:
    return sorted(f for f in (ROOT / "evalkit").rglob("*.py") if f != ROOT / "evalkit" / "__init__.py")


@pytest.mark.parametrize("file", module_files(), ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_only_from_lower_layers(file: Path) -> None:
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    own = module.removeprefix("evalkit.").split(".")[0]
    for imported in imports(file):
        other = imported.removeprefix("evalkit.").split(".")[0]
        assert other == own or layer(imported) < layer(module) or {own, other} <= LAYERS[0], f"{module} -> {imported}"


@pytest.mark.parametrize("file", module_files(), ids=lambda f: str(f.relative_to(ROOT)))
def test_files_and_functions_stay_small(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None and node.end_lineno - node.lineno < 60, node.name
