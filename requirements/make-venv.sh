#!/bin/sh
# make-venv.sh FOLDER [PYTHON]: makes the virtual environment, unless there is one. Without a PYTHON that of the
# distribution is used where it is new enough: it is built with profile-guided optimization, which many in PATH
# (pyenv's among them) are not, and that is a quarter of the processor time of all tests. Debian ships it without what
# a virtual environment needs; where this user may install the missing package it is installed.
set -u
folder=$1
python=${2:-}
why="which PYTHON names"
distribution=/usr/bin/python3

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

package_of() { "$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'; }
install_venv() {
  run=""
  [ "$(id -u)" -eq 0 ] || run="sudo -n"
  echo "Installing $(package_of "$1"), which Debian's Python needs to make a virtual environment ..."
  { $run apt-get update -q && $run env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$(package_of "$1")"; } >/dev/null 2>&1
}

[ -x "$folder/bin/pip" ] && exit 0
if [ -z "$python" ]; then
  python=python3
  why="the one in PATH"
  if is_new_enough $distribution; then
    if has_venv $distribution || install_venv $distribution; then
      python=$distribution
      why="the distribution's, which is built for speed"
    else
      echo "That failed; the python3 in PATH is used. As root: apt-get install $(package_of $distribution)"
    fi
  fi
fi
is_new_enough "$python" || {
  echo "Rollcall needs Python 3.11 or newer, and $python is $("$python" --version 2>&1). Name another: make PYTHON=/path/to/python3.11"
  exit 1
}
has_venv "$python" || install_venv "$python" || {
  echo "That failed. As root: apt-get install $(package_of "$python")"
  exit 1
}
echo "Making $folder with $python ($("$python" --version 2>&1), $why)"
rm -rf "$folder"
exec "$python" -m venv "$folder"
