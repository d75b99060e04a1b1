"""The benchmark of the network under its old name: see benchmarks/model.py."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    script = Path(__file__).resolve().parent / "benchmarks/model.py"
    os.execv(sys.executable, [sys.executable, str(script), *sys.argv[1:]])
