#!/usr/bin/env bash
# gateway.sh SCOPE USER PROFILE PORT UNIT: one gateway with Hermes's own commands, then wait until it runs.
# Runs as root on the lab host; CONFIG and DOTENV hold the two files. Safe to repeat: what is there stays.
set -euo pipefail
scope=$1 user=$2 profile=$3 port=$4 unit=$5
deadline=$((SECONDS + 120))

fail() { echo "$unit of $user: $*" >&2; exit 1; }

[ "$(id -u "$user" 2>/dev/null)" ] || useradd --create-home --shell /bin/bash "$user"
uid=$(id -u "$user")
home=$(getent passwd "$user" | cut -d: -f6)
hermes_home=$home/.hermes
[ "$profile" = default ] || hermes_home=$home/.hermes/profiles/$profile

as_user() {
    runuser -u "$user" -- env HOME="$home" USER="$user" LOGNAME="$user" XDG_RUNTIME_DIR="/run/user/$uid" \
        DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$uid/bus" "$@" < /dev/null
}

if [ "$scope" = user ]; then
    loginctl enable-linger "$user"
    until as_user systemctl --user is-system-running > /dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || fail "the user's systemd does not come up"
        sleep 0.3
    done
    ctl() { as_user systemctl --user "$@"; }
    journal() { journalctl --no-pager -n 25 "_SYSTEMD_USER_UNIT=$unit" "_UID=$uid"; }
else
    ctl() { systemctl "$@"; }
    journal() { journalctl --no-pager -n 25 -u "$unit"; }
fi

# A file that the user owns and nobody else reads, unless there is one already.
put() {
    [ ! -e "$1" ] || return 0
    runuser -u "$user" -- install -m 600 /dev/null "$1.new"
    printf '%s' "$2" | runuser -u "$user" -- tee "$1.new" > /dev/null
    runuser -u "$user" -- mv "$1.new" "$1"
}

runuser -u "$user" -- mkdir -p -m 700 "$home/.hermes"
select=()
if [ "$profile" != default ]; then
    select=(-p "$profile")
    [ -d "$hermes_home" ] || (cd "$home" && as_user hermes profile create "$profile")
fi
put "$hermes_home/config.yaml" "$CONFIG"
put "$hermes_home/.env" "${DOTENV//@PORT@/$port}"

if ! ctl cat "$unit" > /dev/null 2>&1; then
    cd "$home"
    if [ "$scope" = user ]; then
        as_user hermes "${select[@]}" gateway install --start-now --start-on-login
    else
        # Hermes as root makes the missing folders of the home for root, and the gateway cannot start: the user comes first.
        as_user hermes config show > /dev/null
        hermes "${select[@]}" gateway install --system --run-as-user "$user" --start-now --start-on-login < /dev/null
    fi
elif ! ctl is-active --quiet "$unit"; then
    ctl start "$unit"
fi

# A state file outlives its process, so its pid has to be the unit's.
running() {
    [ "$(ctl is-active "$unit")" = active ] || return 1
    python3 - "$hermes_home/gateway_state.json" "$(ctl show -p MainPID --value "$unit")" <<'PY'
import json
import sys
try:
    with open(sys.argv[1]) as handle:
        state = json.load(handle)
except (OSError, ValueError):
    sys.exit(1)
sys.exit(state.get("gateway_state") != "running" or str(state.get("pid")) != sys.argv[2])
PY
}
until running; do
    if [ $SECONDS -ge $deadline ]; then
        journal >&2
        fail "not running after 120 s ($(ctl is-active "$unit"))"
    fi
    sleep 0.3
done
