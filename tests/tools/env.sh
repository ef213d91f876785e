# Sourced by the other scripts: puts the checkout's own tools first on the path, and makes the collection importable.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/.venv/bin:$PATH"
export ANSIBLE_COLLECTIONS_PATH="$PWD/.build/collections"
# Colours only for a person: a log with escape codes cannot be searched.
[[ -t 1 ]] || export ANSIBLE_NOCOLOR=1 NO_COLOR=1

# snapshot NAME: changes to a new copy of the sources with that name; two callers with the same name wait for each other.
snapshot() {
  exec 8>".build/snapshot-$1.lock"
  flock 8
  cd "$(python3 tests/tools/snapshot.py "$1")" || exit
}
