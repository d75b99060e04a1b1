"""Convert weights: `mdpr convert`, under the name of this script."""

import sys

from mdpr.cli.convert import main

if __name__ == "__main__":
    sys.exit(main())
