"""Score saved features: `mdpr evaluate-features`, under the name of this script."""

import sys

from mdpr.cli.evaluate_features import main

if __name__ == "__main__":
    sys.exit(main())
