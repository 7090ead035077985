#!/usr/bin/env bash
# Fuzzes each target of every module for FUZZTIME, one after another. A failing input is written to
# testdata/fuzz of its package: commit it together with the repair.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export FUZZTIME="${FUZZTIME:-30s}"

targets() {
  local packages package target names
  packages=$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...)
  for package in $packages; do
    names=$(go test -list '^Fuzz' "$package")
    for target in $(grep '^Fuzz' <<<"$names"); do
      echo "-- $package $target"
      go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" "$package"
    done
  done
}
export -f targets
scripts/each.sh bash -euo pipefail -c targets
