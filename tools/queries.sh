#!/bin/sh
# Asks PostgreSQL about every query in the sources and keeps its answers in .sqlx, by which a build
# without a database checks the same queries. Needs no sqlx-cli: the macros themselves write them.
# Usage: tools/queries.sh           renew .sqlx
#        tools/queries.sh --check   only say whether it is up to date
set -eu

cd "$(dirname -- "$0")/.."
fresh=$PWD/target/sqlx
rm -rf "$fresh"
mkdir -p "$fresh"

# A query that is not kept yet stops its own crate from building, but not the one that is needed here.
sh tools/build.sh postgres
cargo build --quiet --workspace --bins --keep-going 2>/dev/null || [ -x target/debug/stack ]

# Gives <SERVICE>_DATABASE_URL for each service, with its migrations applied.
addresses=$(target/debug/stack migrate-dev)
eval "$addresses"

# A macro speaks to the database only when its crate is compiled anew.
grep -rlE 'query(_as|_scalar)?!' --include '*.rs' apps crates tools system-tests |
    sed -E 's#/(src|tests)/.*##' | sort -u |
    while read -r package; do
        find "$package" -path '*/src/lib.rs' -exec touch {} +
    done

SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$fresh cargo check --workspace --all-targets

if [ "${1-}" = --check ]; then
    mkdir -p .sqlx
    diff -rq .sqlx "$fresh" || {
        echo "the kept answers in .sqlx are not those of today's queries and schema: ./taskw sqlx:prepare"
        exit 1
    }
    echo ".sqlx is up to date"
else
    rm -rf target/sqlx.old
    [ ! -d .sqlx ] || mv .sqlx target/sqlx.old
    mv "$fresh" .sqlx
    echo "$(find .sqlx -type f | wc -l) queries are kept in .sqlx"
fi
