#!/bin/sh
# More gateways on this host: units whose processes have the command line and the files of a gateway, each with a home.
set -eu
here=$(dirname "$0")
install -D -m 644 "$here/standin.py" /opt/bench/standin/hermes_cli/main.py
: >/opt/bench/standin/hermes_cli/__init__.py
for number in $(seq "$1"); do
  home=/home/hermes/.hermes/profiles/bench$number
  install -d -o hermes -g hermes "$home" "$home/state"
  cat >"/etc/systemd/system/hermes-gateway-bench$number.service" <<UNIT
[Service]
User=hermes
Environment=HERMES_HOME=$home PYTHONPATH=/opt/bench/standin
ExecStart=/opt/hermes/venv/bin/python -m hermes_cli.main --profile bench$number gateway run
UNIT
done
systemctl daemon-reload
for number in $(seq "$1"); do systemctl start "hermes-gateway-bench$number.service"; done
