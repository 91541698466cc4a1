#!/usr/bin/env bash
# Makes the virtual environment at $1 hold exactly requirements/dev.txt, each file checked against its hash.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:?usage: tools/venv.sh FOLDER}

# A name on PATH proves nothing (shims, half-installed packages): each candidate must run and be able to make one.
find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3 python; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2])' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "Tutela needs Python 3.11 or newer with its venv module: install it" \
    "(Debian: apt-get install python3 python3-venv) or name one with PYTHON=/path/to/python." >&2
  return 1
}

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  python=$(find_python)
  echo "Making $venv with $("$python" --version)"
  rm -rf "$venv"
  "$python" -m venv "$venv"
fi

echo "Installing $(grep -c '==' requirements/dev.txt) pinned packages into $venv"
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt; then
  echo "The packages could not be installed: see pip's lines above, then run the same command again." >&2
  exit 1
fi
cp requirements/dev.txt "$venv/installed.txt"
