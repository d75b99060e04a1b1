"""The soak test under its old name: see endurance/soak.py."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    script = Path(__file__).resolve().parent / "endurance/soak.py"
    os.execv(sys.executable, [sys.executable, str(script), *sys.argv[1:]])
