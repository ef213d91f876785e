#!/usr/bin/env bash
# gateway.sh SCOPE USER PROFILE PORT WAY UNIT STUB: one gateway, installed and started in one of the ways that operators use.
# Runs as root on the lab host and ends when the gateway runs; CONFIG, DOTENV and SIGNAL hold its files. Safe to repeat: what is there stays.
#
# WAY: installed   Hermes's own `gateway install`, where it can be had in a container
#      system, user, profile, root   the unit that Hermes's own generator writes
#      multi       the same in user scope, with a second profile in the same process
#      source      the layout of a source install: a managed Python and the environment under ~/.hermes
#      shell, script, tee, runner    a unit of the operator's, whose main process starts the gateway and waits for it
#      manual      no unit
set -euo pipefail
scope=$1 user=$2 profile=$3 port=$4 way=$5 unit=$6 stub=$7
deadline=$((SECONDS + 200))
venv=/opt/hermes/venv

fail() { echo "$unit of $user ($way): $*" >&2; exit 1; }

# One at a time: two gateways of a user are made side by side, and the account is there before its home is.
exec 9>/run/lab-users.lock
flock 9
[ "$(id -u "$user" 2>/dev/null)" ] || useradd --create-home --shell /bin/bash "$user"
exec 9>&-
uid=$(id -u "$user")
home=$(getent passwd "$user" | cut -d: -f6)
top=$home/.hermes
hermes_home=$top
[ "$profile" = default ] || hermes_home=$top/profiles/$profile
cd "$home"

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
    units=$home/.config/systemd/user
    ctl() { as_user systemctl --user "$@"; }
    journal() { journalctl --no-pager -n 25 "_SYSTEMD_USER_UNIT=$unit" "_UID=$uid"; }
else
    units=/etc/systemd/system
    ctl() { systemctl "$@"; }
    journal() { journalctl --no-pager -n 25 -u "$unit"; }
fi

# A file that the user owns and nobody else reads, unless there is one already.
put() {
    [ ! -e "$1" ] || return 0
    runuser -u "$user" -- install -m "${3:-600}" /dev/null "$1.new"
    printf '%s' "$2" | runuser -u "$user" -- tee "$1.new" > /dev/null
    runuser -u "$user" -- mv "$1.new" "$1"
}

# The files of a home. A host with every way has a model and a messenger for each gateway, and installs nothing while it runs.
files() {
    local folder=$1 entries=${DOTENV//@PORT@/$port}
    if [ "$way" = installed ]; then
        put "$folder/config.yaml" "$CONFIG"
    else
        put "$folder/config.yaml" "${CONFIG/18080/$2}"$'\nsecurity:\n  allow_lazy_installs: false\n'
        [ "$2" = "$stub" ] || entries="GATEWAY_ALLOW_ALL_USERS=true"$'\n'
        entries+=${SIGNAL//@STUB@/$2}
    fi
    put "$folder/.env" "$entries"
}

# A profile; the files that it comes with make way for those of `files` on a host with every way.
create_profile() {
    as_user hermes profile create "$1"
    [ "$way" = installed ] || rm -f "$top/profiles/$1/config.yaml" "$top/profiles/$1/.env"
}

# A unit file of ours, from standard input.
write_unit() {
    if [ "$scope" = user ]; then
        as_user mkdir -p "$units"
        runuser -u "$user" -- tee "$units/$unit" > /dev/null
    else
        cat > "$units/$unit"
    fi
    ctl daemon-reload
}

# What Hermes's own generator writes, without its questions: `gateway install` refuses user scope in a container from 0.22 on.
generated() {
    as_user env HERMES_HOME="$hermes_home" "$@" -c '
import sys
system, user, root = sys.argv[1] == "system", sys.argv[2], sys.argv[3:]
sys.path[:0] = root
from hermes_cli.gateway import generate_systemd_unit
print(generate_systemd_unit(system=system, run_as_user=user if system else None))' "$scope" "$user" "${source_root[@]}"
}

# A unit as operators write them, around a command.
own_unit() {
    write_unit << UNIT
[Unit]
Description=Hermes for the whole house
After=network-online.target

[Service]
User=$user
WorkingDirectory=$home
ExecStart=$1
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
UNIT
}

# The layout of an install from source, with Hermes's own launcher: see docs/hermes.md for what is emulated.
source_layout() {
    local root=$top/hermes-agent key place
    source_root=("$root")
    [ ! -e "$root" ] || return 0
    key=$(printf %s "$root" | sha256sum | cut -c 1-16)
    place=$top/installs/$key/environments/gen1
    as_user mkdir -p "$root" "$place" "$top/tools/python-3.11/bin"
    as_user ln -sfn /usr/bin/python3.11 "$top/tools/python-3.11/bin/python3"
    as_user cp -a "$venv" "$place/venv"
    as_user python3 -c '
import csv, glob, os, shutil, sys
packages, root = sys.argv[1:]
[record] = glob.glob(packages + "/hermes_agent*.dist-info/RECORD")
with open(record) as handle:
    names = [row[0] for row in csv.reader(handle)]
for name in names:
    path = os.path.join(packages, name)
    if name.startswith("..") or not os.path.isfile(path):
        continue
    if ".dist-info/" not in name and "__pycache__" not in name:
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
        shutil.copy2(path, os.path.join(root, name))
    os.unlink(path)' "$place/venv/lib/python3.11/site-packages" "$root"
    put "$top/tools/facts.json" '{"packages":{"python":{"entry":"python-3.11"}}}' 644
    put "$top/installs/$key/facts.json" '{"packages":{"venv":{"environment":"'"$place/venv"'"}}}' 644
    as_user mkdir -p "$root/.hermes/bin"
    as_user env HERMES_HOME="$top" "$top/tools/python-3.11/bin/python3" -I -c '
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from hermes_cli._launchers import stage_launcher
stage_launcher("hermes", Path(sys.argv[1]), Path(sys.argv[1], ".hermes/bin"))' "$root"
    packages=$place/venv/lib/python3.11/site-packages
}

install_gateway() {
    local select=() source_root=() python=$venv/bin/python packages=''
    [ "$profile" = default ] || select=(-p "$profile")
    case $way in
        installed)
            if [ "$scope" = user ]; then
                as_user hermes "${select[@]}" gateway install --start-now --start-on-login
            else
                # Hermes as root makes the missing folders of the home for root, and the gateway cannot start: the user comes first.
                as_user hermes config show > /dev/null
                hermes "${select[@]}" gateway install --system --run-as-user "$user" --start-now --start-on-login < /dev/null
            fi
            return
            ;;
        shell)
            own_unit "/bin/sh -c 'hermes gateway run; echo \"the gateway ended with \$?\"'"
            ;;
        script)
            put "$home/start-gateway.sh" $'#!/bin/bash\ncd\nulimit -n 4096\nhermes gateway run\n' 755
            own_unit "$home/start-gateway.sh"
            ;;
        tee)
            own_unit "/bin/bash -c 'hermes gateway run 2>&1 | tee -a $home/gateway-console.log'"
            ;;
        runner)
            # `op run`, `uv run` and their like are programs that start another one, wait, and hand signals on; so is this one.
            cp /usr/bin/timeout /usr/local/bin/op-run
            own_unit "/usr/local/bin/op-run 0 hermes gateway run"
            ;;
        source)
            source_layout
            generated env PYTHONPATH="$packages" "$top/tools/python-3.11/bin/python3" > /run/lab-source-unit
            write_unit < /run/lab-source-unit
            ;;
        *)
            generated "$python" > "/run/lab-unit-$way"
            write_unit < "/run/lab-unit-$way"
            ;;
    esac
    ctl enable -q --now "$unit"
}

runuser -u "$user" -- mkdir -p -m 700 "$top"
if [ "$profile" != default ] && [ ! -d "$hermes_home" ]; then
    create_profile "$profile"
fi
files "$hermes_home" "$stub"
if [ "$way" = multi ] && [ ! -d "$top/profiles/coder" ]; then
    create_profile coder
    files "$top/profiles/coder" "$((stub + 100))"
fi

# A state file outlives its process, so its pid has to be one that lives.
pid_of() {
    python3 - "$hermes_home/gateway_state.json" << 'PY'
import json
import os
import sys
try:
    with open(sys.argv[1]) as handle:
        state = json.load(handle)
except (OSError, ValueError):
    sys.exit(1)
if state.get("gateway_state") != "running" or not os.path.exists("/proc/%s" % state.get("pid")):
    sys.exit(1)
print(state["pid"])
PY
}

if [ "$way" = manual ]; then
    if ! pid_of > /dev/null; then
        as_user setsid -f hermes gateway run > /dev/null 2>&1
    fi
elif ! ctl cat "$unit" > /dev/null 2>&1; then
    install_gateway
elif ! ctl is-active --quiet "$unit"; then
    ctl start "$unit"
fi

# Where no shim is above it, it is the unit's main process too.
running() {
    local pid
    pid=$(pid_of) || return 1
    case $way in
        manual) return 0 ;;
        shell | script | tee | runner) [ "$(ctl is-active "$unit")" = active ] ;;
        *) [ "$(ctl is-active "$unit")" = active ] && [ "$(ctl show -p MainPID --value "$unit")" = "$pid" ] ;;
    esac
}
until running; do
    if [ $SECONDS -ge $deadline ]; then
        [ "$way" = manual ] || journal >&2
        fail "not running after 200 s"
    fi
    sleep 0.3
done
