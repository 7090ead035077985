#!/usr/bin/env bash
# What internal/itest asks of MariaDB, asked of MySQL itself, beside what it asks of no server. Debian stable has no
# MySQL, so the server comes from Debian unstable, with its libraries, checked by apt and unpacked beside the system,
# into a cache. What is in unstable changes, and at times does not install: hence this is no part of make test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/orgusers/mysql
root=$cache/root

fetch() {
  local apt=$cache/apt keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  rm -rf "$apt" "$root.new"
  mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
  : >"$apt/status" # nothing is installed there
  echo "deb [signed-by=$keyring] http://deb.debian.org/debian unstable main" >"$apt/sources.list"
  get() {
    apt-get -qq -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
      -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=- -o APT::Sandbox::User="$(id -un)" \
      -o Debug::NoLocking=1 -o Acquire::Retries=3 "$@"
  }
  get update
  get install --download-only -y --no-install-recommends mysql-server-core
  for package in "$apt"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$root.new"
  done
  [[ -x $root.new/usr/sbin/mysqld ]] || { echo "there is no mysqld in what was unpacked" >&2; exit 1; }
  rm -rf "$root" "$apt"
  mv "$root.new" "$root"
}

[[ -x $root/usr/sbin/mysqld ]] || fetch

# Under the system's own loader it would meet the system's libraries.
mysqld=("$root"/usr/lib*/ld-linux-*.so.* --library-path "$(echo "$root"/usr/lib/*-linux-gnu)" "$root/usr/sbin/mysqld")

data=$(mktemp -d)
trap '[[ -z ${server:-} ]] || kill "$server" 2>/dev/null || true; wait || true; rm -rf "$data"' EXIT
settings=(
  --no-defaults --user="$(id -un)" --basedir="$root/usr" --datadir="$data/data" --tmpdir="$data" --socket="$data/sock"
  --pid-file="$data/pid" --skip-networking --mysqlx=OFF --secure-file-priv=NULL --skip-log-bin --max-connections=400
  --character-set-server=utf8mb4 --collation-server=utf8mb4_general_ci --default-time-zone=+05:45
  --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-flush-method=nosync
)
"${mysqld[@]}" "${settings[@]}" --initialize-insecure 2>"$data/log" || { cat "$data/log" >&2; exit 1; }
"${mysqld[@]}" "${settings[@]}" 2>>"$data/log" &
server=$!
for _ in $(seq 300); do
  [[ ! -S $data/sock ]] || break
  kill -0 "$server" || { cat "$data/log" >&2; exit 1; }
  sleep 0.1
done
[[ -S $data/sock ]] || { cat "$data/log" >&2; exit 1; }

cd internal/itest
ORGUSERS_MYSQL_DSN="root@unix($data/sock)/" GOWORK=off \
  go test -count=1 -timeout 60m -run "${1:-MySQL\$|/MariaDB|/MySQL|/interpolation}" -skip 'PostgreSQL|Galera' "${@:2}" .
