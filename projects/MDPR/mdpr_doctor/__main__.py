"""``python -m mdpr_doctor``: the command ``mdpr doctor``, where ``import mdpr`` fails too."""

import sys

from mdpr_doctor.command import main

if __name__ == "__main__":
    sys.exit(main())
