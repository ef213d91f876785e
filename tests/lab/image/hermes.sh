#!/bin/sh
# Hermes in /opt/hermes/venv from the wheels beside this script.
set -eu
here=$(dirname "$0")
venv=/opt/hermes/venv
# Debian's python3 has no ensurepip without another package; pip's own wheel can install itself.
python3 -m venv --without-pip $venv
pip=$(echo "$here"/wheels/pip-*.whl)
PYTHONPATH=$pip $venv/bin/python -m pip install -q --no-index --no-deps --no-cache-dir --root-user-action=ignore \
    --require-hashes --find-links "$here/wheels" -r "$here/hermes.txt"
# A fork may give its launcher another name; everything else expects upstream's.
[ -e $venv/bin/hermes ] || ln -s "$(basename "$(grep -lE '^from hermes_cli.main import main' $venv/bin/* | head -n 1)")" $venv/bin/hermes
ln -s $venv/bin/hermes /usr/local/bin/hermes
# It has to start; its home of this one run is thrown away.
home=$(mktemp -d)
HERMES_HOME=$home hermes --version
rm -rf "$home"
