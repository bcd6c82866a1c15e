#!/bin/sh
# What must hold before a change is shown to anyone: formatting, lints, dependency rules, rendered files.
# Goes on after a failure, so that one run shows everything that is to be done.
set -u

cd "$(dirname -- "$0")/.."
export SQLX_OFFLINE="${SQLX_OFFLINE:-true}"
failed=0

step() {
    what=$1
    shift
    if "$@"; then
        echo "check ok: $what"
    else
        echo "check FAILED: $what: $*"
        failed=1
    fi
}

# Every package with the features it is built with, for the programs alone (normal,build) or with their tests.
features() {
    cargo tree --offline --workspace --edges "$1" --prefix none --format '{p} [{f}]' | sed 's/ (\*)$//' | sort -u
}

# A feature that only the tests bring in has everything above it compiled a second time: tools/stack/Cargo.toml names it then.
same_features() {
    programs=$(features normal,build) && both=$(features normal,build,dev) || return 1
    drifted=$(printf '%s\n' "$programs" | while read -r line; do
        printf '%s\n' "$both" | grep -qxF -- "$line" || echo "$line"
    done)
    [ -z "$drifted" ] || { echo "the tests ask for more features of: $drifted"; return 1; }
}

step "formatting" cargo fmt --all --check
step "lints" cargo clippy --quiet --workspace --all-targets -- --deny warnings
deny=.local/tools/bin/cargo-deny
[ -x "$deny" ] || {
    echo "building cargo-deny, once; this takes some minutes"
    cargo install --quiet --locked --root .local/tools cargo-deny@0.20.2
}
step "dependencies: bans, licences, sources" "$deny" --offline --log-level error check bans licenses sources
if command -v gofmt >/dev/null 2>&1; then
    # gofmt names the files that it would change, and succeeds all the same.
    step "Go formatting" test -z "$(gofmt -l tools/dapr)"
fi
step "programs and tests are built with the same features" same_features
step "rendered files" target/debug/stack render --check
step "the API's documents" target/debug/describe --check
exit "$failed"
