#!/usr/bin/env bash
# Runs the molecule scenario after which this target is named. ansible-test starts it in a copy of this directory below tests/output of the collection.
set -euo pipefail
scenario=${PWD##*/molecule-}
cd "${PWD%/tests/*/tests/integration/*}"
tests/tools/link
exec tests/tools/molecule "$scenario"
