#!/usr/bin/env bash
# each.sh COMMAND… runs the command in every module of the repository, each resolved on its own as a
# consumer would (no workspace); $module says which it is. It goes on after a failure and fails in the
# end, naming the modules.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off module

modules=$(find . \( -name '.?*' -o -name testdata -o -name vendor -o -name node_modules \) -prune \
  -o -name go.mod -printf '%h\n' | LC_ALL=C sort)
failed=()
for module in $modules; do
  echo "-- $module: ${*}"
  (cd "$module" && "$@") || failed+=("$module")
done
if ((${#failed[@]})); then
  echo "-- failed in: ${failed[*]}" >&2
  exit 1
fi
