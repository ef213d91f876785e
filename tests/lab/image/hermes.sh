#!/bin/sh
# hermes.sh VERSION: Hermes in /opt/hermes/venv from the wheels beside this script; "none" leaves it out.
set -eu
[ "$1" != none ] || exit 0
here=$(dirname "$0")
# Debian's python3 has no ensurepip without another package; pip's own wheel can install itself.
python3 -m venv --without-pip /opt/hermes/venv
pip=$(echo "$here"/wheels/pip-*.whl)
PYTHONPATH=$pip /opt/hermes/venv/bin/python -m pip install -q --no-index --no-deps --no-cache-dir --root-user-action=ignore \
    --find-links "$here/wheels" -r "$here/hermes.txt"
ln -s /opt/hermes/venv/bin/hermes /usr/local/bin/hermes
# It has to start; its home of this one run is thrown away.
home=$(mktemp -d)
HERMES_HOME=$home hermes --version
rm -rf "$home"
