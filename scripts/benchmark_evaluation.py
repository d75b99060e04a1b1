"""The benchmark of evaluation under its old name: see benchmarks/evaluation.py."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    script = Path(__file__).resolve().parent / "benchmarks/evaluation.py"
    os.execv(sys.executable, [sys.executable, str(script), *sys.argv[1:]])
