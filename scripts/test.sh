#!/usr/bin/env bash
# All that must hold before a change lands. Needs Go, a C compiler (for the race detector) and the
# module proxy or a filled module cache; it installs the database servers on Debian. Every step runs even
# after one failed, so that one run shows everything there is to mend. TIMEOUT is per test package.
# ORGUSERS_WITHOUT_SERVERS=1 is for a quick look: SQLite only, which the log says and CI does not take.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec 2>&1 # one log, in the order of what happened
unset GOWORK
export CGO_ENABLED=1
# A password hash takes 19 MiB, and the race detector several times that beside: page by page it would be most of the time.
export GORACE="${GORACE:-no_huge_pages_for_shadow=0}"
export GOFLAGS="${GOFLAGS:-} -buildvcs=false" # a checkout owned by somebody else is no reason to fail

failed=()
step() { # step NAME COMMAND…
  local name=$1 start=$SECONDS
  shift
  printf '\n==> %s\n' "$name"
  if "$@" </dev/null; then
    printf '==> %s: ok, %d s\n' "$name" $((SECONDS - start))
  else
    printf '==> %s: FAILED, %d s\n' "$name" $((SECONDS - start))
    failed+=("$name")
  fi
}

formatted() {
  local files
  files=$(find . \( -name '.?*' -o -name testdata \) -prune -o -name '*.go' -exec gofmt -l {} +) || return 1
  [[ -z $files ]] || { printf 'not formatted by gofmt:\n%s\n' "$files"; return 1; }
}

# Go shows nothing of a test that is skipped, so what is not tested is said here, and once more at the end.
servers() {
  [[ ${ORGUSERS_WITHOUT_SERVERS:-} == 1 ]] || { scripts/setup.sh; return; }
  untested
  [[ -z ${CI:-} ]]
}

untested() {
  local none=PostgreSQL,MariaDB,Galera
  [[ ${ORGUSERS_WITHOUT_SERVERS:-} == 1 ]] || none=$(scripts/setup.sh missing | paste -sd,)
  [[ -z $none ]] || printf '*** NOT TESTED ON %s\n' "$none"
}

step 'database servers' servers
step 'gofmt' formatted
step 'go mod tidy' scripts/each.sh go mod tidy -diff
step 'go mod verify' scripts/each.sh go mod verify
step 'go vet' scripts/each.sh go vet ./...
step 'go build (workspace)' go build -o /dev/null work
# The race detector makes a database engine in Go ten times slower, so bench and internal/itest run
# without it here, save for the store's conformance, transactions and writers on SQLite, with fewer rounds and
# without one statement for thousands of people; make soak has the rest.
export TIMEOUT="${TIMEOUT:-40m}"
# Tests against servers wait more than they compute: more of them at a time than there are processors.
step 'go test -race' scripts/each.sh bash -c 'how=-race
  case $module in ./bench) how= ;; ./internal/itest) how="-parallel 6" ;; esac
  go test $how -timeout "$TIMEOUT" ./...'
step 'go test -race (the store on SQLite)' env GOWORK=off go test -C internal/itest -race -short -timeout "$TIMEOUT" \
  -run '^(TestConformance|TestS18[126]_.*|TestWithTx.*)$/^SQLite$' -skip '^TestConformance$/^SQLite$/^Commit$/^ThousandsOfPeople$' .

printf '\n'
untested
if ((${#failed[@]})); then
  printf 'FAILED after %d s:\n' "$SECONDS"
  printf '  %s\n' "${failed[@]}"
  exit 1
fi
printf 'all passed, %d s\n' "$SECONDS"
