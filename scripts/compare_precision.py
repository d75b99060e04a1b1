"""The comparison of number formats under its old name: see benchmarks/precision.py."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    script = Path(__file__).resolve().parent / "benchmarks/precision.py"
    os.execv(sys.executable, [sys.executable, str(script), *sys.argv[1:]])
