#!/usr/bin/env bash
# Set up, then lint, check types and the order of the layers, and run the tests. Arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
# The last NumPy for Python 3.10 describes its types less well than the code is checked against.
if "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    "$PYTHON" -m mypy
fi
"$(dirname "$PYTHON")/lint-imports"
# Two at a time, a file in one process. `-n 0` runs them one by one, in this process.
"$PYTHON" -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder "$@"
