#!/usr/bin/env bash
# Set up, train MDPR for some minutes on the project's own synthetic persons, and show what it found.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

"$PYTHON" scripts/demo.py "$@"
