#!/usr/bin/env bash
# Ends the gateway of this host in three ways without the guard, and prints the guard's explanation of each.
set -euo pipefail

unit=hermes-gateway.service

check() {
  systemctl start hermes-mem-watchdog.service
  hermes-guard status
  hermes-guard doctor || printf 'doctor: %d\n' $?
}

# Wait until the gateway reports that it is running.
up() {
  for _ in {1..60}; do
    if hermes-guard status | grep -q '^hermes-gateway  *running '; then return; fi
    sleep 1
  done
  printf 'the gateway does not come up\n'
  exit 1
}

kill_it() {
  kill -9 "$(systemctl show --value --property=MainPID "$unit")"
  while systemctl is-active -q "$unit"; do sleep 0.1; done
}

printf 'killed, and started again by systemd\n'
kill_it
up
check

printf 'restarted by someone else\n'
systemctl restart "$unit"
up
check

printf 'failed\n'
mkdir -p "/run/systemd/system/$unit.d"
# shellcheck disable=SC2016 # systemd expands it
printf '[Service]\nRestart=no\nExecStartPost=/bin/sleep 2\nExecStartPost=/bin/kill -SEGV $MAINPID\n' >"/run/systemd/system/$unit.d/ends.conf"
systemctl daemon-reload
# This start fails, so that the guard's explanation of the failure is checked.
systemctl restart "$unit" || true
for _ in {1..30}; do
  if systemctl is-failed -q "$unit"; then break; fi
  sleep 1
done
check
rm "/run/systemd/system/$unit.d/ends.conf"
systemctl daemon-reload
systemctl start "$unit"
up
check

hermes-guard log
printf 'log: %s\n' "$(hermes-guard log --json)"
setpriv --reuid=65534 --regid=65534 --clear-groups hermes-guard status | sed 's/^/nobody sees /'
setpriv --reuid=65534 --regid=65534 --clear-groups hermes-guard log >/dev/null
