#!/usr/bin/env bash
# state.sh note|same processes|files|configs...: records what the installation and removal of this collection must not change, or compares with it.
set -euo pipefail

user_units() {
  local runtime uid
  for runtime in /run/user/*; do
    uid=${runtime##*/}
    [[ -S $runtime/systemd/private && $uid != 0 ]] || continue
    setpriv --reuid="$uid" --regid="$uid" --clear-groups env XDG_RUNTIME_DIR="$runtime" systemctl --user show --property=Id,MainPID,InvocationID 'hermes-gateway*.service' |
      # One line per unit: the order changes after a reload.
      awk -v RS= '{ gsub("\n", " "); print }' | sort
  done
}

state() {
  case $1 in
    processes)
      systemctl show --property=Id,MainPID,InvocationID hermes-gateway.service
      user_units
      ;;
    files)
      # Everything except logs, packages, Hermes's own files, Ansible's files in a home directory, and files that change on any running machine.
      find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /tmp -o -path /var/tmp -o -path /root -o -path /var/log -o -path /var/cache \
        -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path '/home/*/.hermes' -o -path '/home/*/.local' -o -path '/home/*/.ansible' -o -path '/home/*/.cache' \
        -o -path '/usr/lib/python3*' -o -path /usr/share -o -name __pycache__ \) -prune -o -printf '%p %M %u:%g %l\n' | sort
      ;;
    configs)
      sha256sum /home/*/.hermes/config.yaml /home/*/.hermes/profiles/*/config.yaml 2>/dev/null || true
      ;;
  esac
}

action=$1
shift
for what; do
  case $action in
    note) state "$what" > "/root/$what.before" ;;
    same) diff "/root/$what.before" <(state "$what") ;;
  esac
done
