#!/usr/bin/env bash
# Make the environment once, and reuse it: the active virtual environment, or .venv in the checkout.
# Sourced by the other scripts; sets $PYTHON and changes into the checkout.
set -euo pipefail

say() { printf '[setup] %s\n' "$*" >&2; }
fail() { printf '[setup] error: %s\n' "$*" >&2; exit 1; }

cd "$(dirname "${BASH_SOURCE[0]}")/.."
NEEDED_MIB=10000  # PyTorch with its CUDA libraries, faiss, and room to unpack them

find_python() {
    local candidate
    for candidate in "${MDPR_PYTHON:-}" python3 python3.12 python3.11 python3.13 python3.10 python; do
        [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "Python 3.10 or newer is needed, and none was found (python3 is $(python3 --version 2>&1)); install one, or name it: MDPR_PYTHON=/path/to/python"
}

if [ -n "${VIRTUAL_ENV:-}" ]; then
    PYTHON="$VIRTUAL_ENV/bin/python"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
        || fail "the active environment $VIRTUAL_ENV has $("$PYTHON" --version 2>&1): Python 3.10 or newer is needed"
    STAMP="$VIRTUAL_ENV/.mdpr-setup"
else
    PYTHON="$PWD/.venv/bin/python"
    STAMP="$PWD/.venv/.mdpr-setup"
fi

# What was installed, so that nothing is installed twice.
WANTED="$(cat requirements.txt scripts/setup.sh pyproject.toml | cksum) $PWD"

if [ ! -x "$PYTHON" ] || [ "$(cat "$STAMP" 2>/dev/null)" != "$WANTED" ]; then
    if [ ! -x "$PYTHON" ] || ! "$PYTHON" -c 'import torch' 2>/dev/null; then
        FREE_MIB="$(df -Pm . | awk 'NR == 2 { print $4 }')"
        [ "$FREE_MIB" -ge "$NEEDED_MIB" ] \
            || fail "the disk of $PWD has $FREE_MIB MiB free: $NEEDED_MIB MiB are needed"
    fi
    if [ ! -x "$PYTHON" ]; then
        BASE="$(find_python)"
        say "making the environment .venv with $("$BASE" --version 2>&1)"
        "$BASE" -m venv .venv
    fi
    say "installing this project and what it needs (some minutes the first time)"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check -r requirements.txt
    say "installing fast-reid without its pins"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps 'fastreid==1.4.0'
    say "installing what the adapters are tested with, without pins that forbid each other"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps \
        boxmot==25.0.0 deep-sort-realtime==1.3.2 reid==0.1.0rc1 supervision==0.31.2 torchreid==0.2.5 \
        trackers==2.6.1 ultralytics==8.4.190 \
        || say "they could not be had: their tests are skipped"
    say "installing the loggers that runs can be sent to"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check wandb==0.31.0 mlflow-skinny==3.17.2 \
        || say "they could not be had: their tests are skipped"
    say "installing what opens the pages in a browser for their tests, and checks their accessibility"
    { "$PYTHON" -m pip install --quiet --disable-pip-version-check selenium==4.51.0 \
        && "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps axe-playwright-python==0.1.8; } \
        || say "it could not be had: these tests are skipped"
    printf '%s\n' "$WANTED" > "$STAMP"
    say "done: $PYTHON"
else
    say "ready: $PYTHON"
fi
