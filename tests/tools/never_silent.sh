# Sourced by the demo: output of a long step, with a line whenever the step has printed nothing for 8 seconds.
# shellcheck shell=bash

# never_silent WHAT COMMAND [ARGUMENT ...]: run the command and show what it prints; the exit code is the command's with pipefail.
never_silent() {
  local what=$1 line='' more=''
  shift
  "$@" 2>&1 | while true; do
    if IFS= read -r -t 8 more; then
      printf '%s\n' "$line$more"
      line=''
    elif (($? > 128)); then
      # The beginning of a line is kept until its end arrives.
      line+=$more
      printf '     [%4d s] %s ...\n' "$SECONDS" "$what"
    else
      [[ -z $line$more ]] || printf '%s\n' "$line$more"
      break
    fi
  done
}
