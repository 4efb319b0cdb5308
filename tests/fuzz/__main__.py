"""Hostile texts for some minutes: `python tests/fuzz --minutes 5`. Findings are printed as rows for
cases/scoring/hostile.jsonl; exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

WAYS = ("by_grammar.py", "by_coverage.py")


def main() -> int:
    """Half of the time for each way."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--minutes", type=float, default=5)
    args = parser.parse_args()
    seconds = str(args.minutes * 60 / len(WAYS))
    here = Path(__file__).parent
    codes = [subprocess.run([sys.executable, str(here / way), "--seconds", seconds]).returncode for way in WAYS]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
