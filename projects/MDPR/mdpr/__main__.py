"""``python -m mdpr``: the command ``mdpr``."""

import sys

from mdpr.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
