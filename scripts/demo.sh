#!/usr/bin/env bash
# Set up, train MDPR and a plain baseline on the project's own synthetic persons, and compare them.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

"$PYTHON" scripts/demo.py "$@"
