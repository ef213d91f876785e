#!/bin/sh
# More gateways on this host: units that start what looks like one, each with a home and a process of its own.
set -eu
for number in $(seq "$1"); do
  home=/home/hermes/.hermes/profiles/bench$number
  install -d -o hermes -g hermes "$home"
  cat >"/etc/systemd/system/hermes-gateway-bench$number.service" <<UNIT
[Service]
User=hermes
Environment=HERMES_HOME=$home
ExecStart=/opt/bench/python -m hermes_cli.main --profile bench$number gateway run
UNIT
done
# It sleeps as a gateway, and is a Python where one is asked for.
cat >/opt/bench/python <<'PROGRAM'
#!/bin/sh
[ "$1" = -m ] && exec sleep infinity
exec /opt/hermes/venv/bin/python "$@"
PROGRAM
chmod 755 /opt/bench/python
systemctl daemon-reload
for number in $(seq "$1"); do systemctl start "hermes-gateway-bench$number.service"; done
