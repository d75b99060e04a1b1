"""The crash test under its old name: see endurance/crash.py."""

import sys

from endurance.crash import main

if __name__ == "__main__":
    sys.exit(main())
