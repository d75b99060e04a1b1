"""Check a data set: `mdpr check-dataset`, under the name of this script."""

import sys

from mdpr.cli.check_dataset import main

if __name__ == "__main__":
    sys.exit(main())
