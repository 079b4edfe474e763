#!/bin/sh
# pin-images.sh: writes the digest that each tag has now behind the images of others in compose.yaml and the Dockerfile, so that
# what was tested is what is installed. Needs docker with buildx, and the network. Called by `make pin-images` before a release;
# once more, it takes the newest digests of the same tags.
set -eu
cd "$(dirname "$0")"
digest_of() {
  found=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1")
  echo "$found" | grep -qxE 'sha256:[0-9a-f]{64}' || { echo "No digest of $1 was found. Nothing was changed." >&2; exit 1; }
  echo "$found"
}
# All are looked up before anything is written.
python=$(sed -nE 's/^ARG PYTHON=([^@]+)(@.*)?$/\1/p' Dockerfile)
digest=$(digest_of "python:$python")
base="s|^(ARG PYTHON=$python)(@.*)?\$|\\1@$digest|"
edits=
for image in $(sed -nE 's/^ +image: ([a-z][^@ ]*:[^@ ]+)(@.*)?$/\1/p' compose.yaml); do
  digest=$(digest_of "$image")
  edits="${edits}s|^( +image: $image)(@.*)?\$|\\1@$digest|
"
done
sed -i -E "$edits" compose.yaml
sed -i -E "$base" Dockerfile
grep -hE '^ +image: .*@sha256|^ARG PYTHON=' compose.yaml Dockerfile
