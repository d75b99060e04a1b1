#!/usr/bin/env python
"""Train or evaluate MDPR, or any fast-reid architecture: `mdpr train`, where fast-reid has such a script.

python projects/MDPR/train_net.py --config-file configs/Duke/mdpr_R50.yml [--eval-only] [KEY VALUE ...]
"""

import sys

from mdpr.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
