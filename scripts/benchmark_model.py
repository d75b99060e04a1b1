"""The benchmark of the network under its old name: see benchmarks/model.py."""

import sys

from benchmarks.model import main

if __name__ == "__main__":
    sys.exit(main())
