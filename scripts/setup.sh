#!/usr/bin/env bash
# Installs, on Debian and its kin, what the tests need besides Go and a C compiler: the database
# servers that internal/itest starts for itself. It is quick when everything is there, and the
# packages' own services stay off. What cannot be had is said, and is a failure where CI is set or
# ORGUSERS_REQUIRE_DATABASES is 1. `setup.sh missing` installs nothing and prints what is not there,
# one a line.
set -euo pipefail

# What the tests need: its name, whether it is there, and the packages that bring it.
things=(PostgreSQL MariaDB Galera)

there() {
  case $1 in
    PostgreSQL) [[ -n ${ORGUSERS_POSTGRES_DSN:-} ]] || found initdb '/usr/lib/postgresql/*/bin/initdb' ;;
    MariaDB) [[ -n ${ORGUSERS_MYSQL_DSN:-} ]] || mariadb ;;
    Galera)
      mariadb && found wsrep_sst_rsync && found rsync &&
        found libgalera_smm.so '/usr/lib/galera/libgalera_smm.so' '/usr/lib64/galera*/libgalera_smm.so'
      ;;
  esac
}

packages() {
  case $1 in
    PostgreSQL) echo postgresql ;;
    MariaDB) echo mariadb-server ;;
    Galera) echo mariadb-server galera-4 rsync ;;
  esac
}

mariadb() { found mariadb-install-db && found mariadbd /usr/sbin/mariadbd; }

found() { # found PROGRAM GLOB…: in PATH or at one of the other places where the tests look
  local glob
  ! command -v "$1" >/dev/null || return 0
  for glob in "${@:2}"; do
    ! compgen -G "$glob" >/dev/null || return 0
  done
  return 1
}

missing() {
  local thing
  for thing in "${things[@]}"; do
    there "$thing" || printf '%s\n' "$thing"
  done
}

as_root() {
  if [[ $EUID == 0 ]]; then "$@"; else sudo -n "$@"; fi
}

install() ( # install PACKAGE…
  command -v apt-get >/dev/null || { echo 'there is no apt-get'; exit 1; }
  as_root true || { echo 'neither root nor allowed to become it without a password'; exit 1; }

  # A package's service would take memory and ports, and start again with the machine. Debian asks
  # this file before it starts one; where there is such a file, the machine's owner has decided.
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap 'as_root rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  apt() {
    as_root env DEBIAN_FRONTEND=noninteractive timeout 1500 \
      apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
  }
  apt update || true # an older list of packages may do
  apt install -y --no-install-recommends "$@" || exit 1
  for service in postgresql mariadb; do
    if [[ " $*" == *" $service"* ]] && command -v systemctl >/dev/null; then
      as_root systemctl --quiet --now disable "$service" || true # there may be no systemd at work
    fi
  done
)

mapfile -t absent < <(missing)
if [[ ${1:-} == missing ]]; then
  ((${#absent[@]} == 0)) || printf '%s\n' "${absent[@]}"
  exit 0
fi
((${#absent[@]})) || exit 0

wanted=()
for thing in "${absent[@]}"; do
  read -ra more < <(packages "$thing")
  wanted+=("${more[@]}")
done
printf 'installing for the tests: %s\n' "${wanted[*]}"
log=$(mktemp)
install "${wanted[@]}" >"$log" 2>&1 </dev/null || cat "$log"
rm -f "$log"

mapfile -t absent < <(missing)
((${#absent[@]})) || exit 0
printf '*** %s is not installed, nor could it be: it will NOT be tested\n' "${absent[@]}"
[[ -z ${CI:-} && ${ORGUSERS_REQUIRE_DATABASES:-} != 1 ]]
