#!/usr/bin/env bash
# The tests that find more the longer they run: every property CHECKS times, then everything COUNT
# times over, under the race detector. ORGUSERS_SOAK=1 tells a test that time is no matter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh
export CGO_ENABLED=1 ORGUSERS_SOAK=1
# A password hash takes 19 MiB, and the race detector several times that beside: page by page it would be most of the time.
export GORACE="${GORACE:-no_huge_pages_for_shadow=0}"

# Only test binaries that link rapid know its flag. The packages come before it: go test takes what
# follows a flag it does not know for arguments of the test, and would test the wrong package.
properties() {
  local packages
  packages=$(go list -test -f '{{$p := .ImportPath}}{{range .Deps}}{{if eq . "pgregory.net/rapid"}}{{$p}}{{end}}{{end}}' ./... |
    sed -n 's/\.test$//p')
  # shellcheck disable=SC2086
  [[ -z $packages ]] || go test -race -timeout 0 $packages -rapid.checks="$CHECKS"
}
export -f properties
export CHECKS="${CHECKS:-5000}"

scripts/each.sh bash -euo pipefail -c properties
scripts/each.sh go test -race -timeout 0 -count "${COUNT:-5}" ./...
