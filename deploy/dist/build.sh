#!/bin/sh
# build.sh PYTHON FOLDER: what is published, in FOLDER: both wheels (installed and run once), what production is made of
# (CycloneDX) and under which licences. PYTHON is that of the environment in which the tests ran, so that what is told is what was tested.
set -eu
python=$1
target=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$target"
# Those of another version would be tried in their place.
rm -f "$target"/rollcall*.whl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# From a copy: setuptools leaves a build folder where it builds, and takes along whatever an earlier one holds.
(cd "$root" && cp -R pyproject.toml README.md LICENSE docs services shared "$work/")
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$target" "$work"
sh "$root/deploy/relay/build.sh" "$python" "$target"
"$python" -m cyclonedx_py requirements --output-reproducible --pyproject "$root/pyproject.toml" \
  --output-file "$target/rollcall-sync.cdx.json" "$root/requirements/production.txt"
"$python" "$root/deploy/dist/licences.py" "$root/requirements/production.txt" > "$target/licences.txt"
"$python" "$root/deploy/dist/try_wheels.py" "$target"
echo "In $target: $(cd "$target" && ls -m)"
