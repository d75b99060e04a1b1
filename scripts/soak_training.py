"""The soak test under its old name: see endurance/soak.py."""

import sys

from endurance.soak import main

if __name__ == "__main__":
    sys.exit(main())
