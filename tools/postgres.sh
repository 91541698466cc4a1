#!/usr/bin/env bash
# The tests start a PostgreSQL of their own; this makes sure that the programs for it are on this machine.
set -euo pipefail

has_postgres() {
  local pg_ctl version
  for pg_ctl in "$(command -v pg_ctl || true)" /usr/lib/postgresql/*/bin/pg_ctl; do
    version=$("$pg_ctl" --version 2>/dev/null | sed -E 's/[^0-9]*([0-9]+).*/\1/') || continue
    if [ "${version:-0}" -ge 15 ]; then
      return 0
    fi
  done
  return 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo --non-interactive "$@"; fi
}

has_postgres && exit 0

if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo --non-interactive true 2>/dev/null; }; then
  echo "Installing PostgreSQL for the tests"
  log=$(mktemp)
  if as_root apt-get update >"$log" 2>&1 &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql >>"$log" 2>&1 &&
    has_postgres; then
    rm -f "$log"
    exit 0
  fi
  tail -n 5 "$log" >&2
fi
echo "The tests need PostgreSQL 15 or newer: install your system's postgresql package, then run the same command again." >&2
exit 1
