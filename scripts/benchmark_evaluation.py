"""The benchmark of evaluation under its old name: see benchmarks/evaluation.py."""

import sys

from benchmarks.evaluation import main

if __name__ == "__main__":
    sys.exit(main())
