#!/bin/sh
# Which release of everything but torch, by uv, which is installed into .venv-uv for it. `make` runs it.
#
#   tools/resolve.sh lock      requirements.lock: the newest within the ranges, for Linux, macOS and Windows, Python 3.11-3.13
#   tools/resolve.sh oldest    .venv-uv/oldest.txt: the lower end of every range, for this interpreter and system
#   tools/resolve.sh newest    .venv-uv/newest.txt: the newest that the registry serves, whatever the upper ends
#
# uv trusts the system's certificates, as pip does: behind a company's proxy its own list fails.
# torch, and what only torch needs, is tools/setup.sh's business: it depends on the machine.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_USER PIP_PREFIX || true

python=${PYTHON:-python3}
own=.venv-uv
pinned=uv==0.13.9

if ! [ -e "$own/ready-$pinned" ]; then
  rm -rf "$own"
  "$python" -m venv "$own"
  "$own/bin/python" -m pip install --quiet --disable-pip-version-check "$pinned"
  : >"$own/ready-$pinned"
fi
echo torch >"$own/excludes.txt"
"$python" tools/ranges.py uncapped >"$own/newest.in"

compile() {
  UV_CACHE_DIR="$own/cache" "$own/bin/uv" pip compile --quiet --no-config --no-annotate --no-header \
    --system-certs --python "$python" --excludes "$own/excludes.txt" "$@"
}
case ${1:-} in
  lock)
    # Anew, not from the lock that is there: without --upgrade, uv keeps what fits.
    compile --upgrade --universal --python-version 3.11 --generate-hashes --extra dev --extra docs \
      --output-file "$own/lock.txt" pyproject.toml
    {
      echo "# What \`make setup\` installs besides torch, made by \`make lock\` from the ranges of pyproject.toml."
      cat "$own/lock.txt"
    } >requirements.lock
    ;;
  oldest)
    compile --upgrade --resolution lowest-direct --extra dev --output-file "$own/oldest.txt" pyproject.toml
    ;;
  newest)
    compile --upgrade --output-file "$own/newest.txt" "$own/newest.in"
    ;;
  *)
    echo "tools/resolve.sh lock | oldest | newest" >&2
    exit 2
    ;;
esac
