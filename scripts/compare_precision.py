"""The comparison of number formats under its old name: see benchmarks/precision.py."""

import sys

from benchmarks.precision import main

if __name__ == "__main__":
    sys.exit(main())
