#!/bin/sh
# build.sh PYTHON FOLDER: builds the relay's wheel into FOLDER, from services/relay alone.
set -eu
python=$1
target=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/rollcall_relay"
cp "$root/services/relay/pyproject.toml" "$root/services/relay/README.md" "$root/LICENSE" "$work/"
cp "$root"/services/relay/rollcall_relay/*.py "$root/services/relay/rollcall_relay/py.typed" "$work/rollcall_relay/"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$target" "$work"
echo "The relay is in $(ls "$target"/rollcall_relay-*.whl)"
