#!/usr/bin/env bash
# Set up, then lint, check types and the order of the layers, and run the tests. Arguments go to pytest.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

# The browser that opens the pages: Debian's, which a package of Python cannot bring.
if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
    say "no Chromium with its driver here, to open the pages with"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        { timeout 120 apt-get update -qq \
            && timeout 300 apt-get install -qq --yes --no-install-recommends chromium chromium-driver; } \
            >/dev/null 2>&1 || say "apt-get could not install them: these tests are skipped"
    else
        say "apt-get install chromium chromium-driver, as root, brings them: until then these tests are skipped"
    fi
fi

"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
# The last NumPy for Python 3.10 describes its types less well than the code is checked against.
if "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    "$PYTHON" -m mypy
fi
"$(dirname "$PYTHON")/lint-imports"
# Two at a time, a file in one process. `-n 0` runs them one by one, in this process.
"$PYTHON" -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder "$@"
