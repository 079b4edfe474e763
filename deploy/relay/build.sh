#!/bin/sh
# build.sh PYTHON FOLDER: builds the relay's wheel into FOLDER, from services/relay alone.
set -eu
python=$1
target=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/services/relay"
cp "$root/deploy/relay/pyproject.toml" "$work/"
cp "$root/services/__init__.py" "$work/services/" 2>/dev/null || : > "$work/services/__init__.py"
cp "$root"/services/relay/*.py "$work/services/relay/"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$target" "$work"
echo "The relay is in $(ls "$target"/rollcall_relay-*.whl)"
