#!/bin/sh
# make-venv.sh PYTHON FOLDER: makes the virtual environment. Debian ships Python without what that needs; where this
# user may install the missing package it is installed, otherwise one sentence says what to do.
set -u
python=$1
folder=$2
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Rollcall needs Python 3.11 or newer, and $python is $("$python" --version 2>&1). Name another: make PYTHON=/path/to/python3.11"
  exit 1
}
[ -x "$folder/bin/pip" ] && exit 0
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  run=""
  [ "$(id -u)" -eq 0 ] || run="sudo -n"
  echo "Installing $package, which Debian's Python needs to make a virtual environment ..."
  if ! { $run apt-get update -q && $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$package"; } >/dev/null 2>&1; then
    echo "That failed. As root: apt-get install $package"
    exit 1
  fi
fi
rm -rf "$folder"
exec "$python" -m venv "$folder"
