"""Check a data set: `python scripts/check_dataset.py NAME [--report report.html]`."""

import sys

from mdpr.data.checking.command import main

if __name__ == "__main__":
    sys.exit(main())
