"""Replay a step: `mdpr replay`, under the name of this script."""

import sys

from mdpr.cli.replay import main

if __name__ == "__main__":
    sys.exit(main())
