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
step "rendered files" target/debug/stack render --check
step "the API's documents" target/debug/describe --check
exit "$failed"
