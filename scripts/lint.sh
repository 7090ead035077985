#!/usr/bin/env bash
# The linters, at fixed versions, fetched and built by Go itself: the first run takes minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOFLAGS="${GOFLAGS:-} -buildvcs=false"

golangci=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.8.0

# An unreachable database must neither pass silently nor stop those who work without a network;
# every other failure, a known vulnerability above all, counts.
vulnerabilities() {
  local out
  if out=$(go run "$govulncheck" ./... 2>&1); then
    printf '%s\n' "$out"
  elif grep -q '^govulncheck: fetching vulnerabilities: ' <<<"$out"; then
    echo 'govulncheck: NOT CHECKED (database unreachable)'
  else
    printf '%s\n' "$out"
    return 1
  fi
}
export -f vulnerabilities
export govulncheck

code=0
scripts/each.sh go run "$golangci" run --config "$PWD/.golangci.yml" ./... || code=1
scripts/each.sh go run "$staticcheck" ./... || code=1
scripts/each.sh bash -euo pipefail -c vulnerabilities || code=1
exit "$code"
