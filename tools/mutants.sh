#!/bin/sh
# Tests the tests: takes out one wall of the system at a time, and expects the tests named for it to turn red.
# Usage: tools/mutants.sh [name]…   (without names: every one of system-tests/mutants)
#
# A mutant is a patch with lines before it:
#   what: what is taken out, in words
#   test: the name of a test program and of the test in it that must fail (each such line must)
# It is applied to a copy of the sources with a target folder of its own; what is compiled from registries is taken
# over from target/. The tests named must pass on whole sources first. A mutant that does not apply, does not compile,
# or that a test named for it does not notice fails the command.
set -u

cd "$(dirname -- "$0")/.."
root=$PWD
mutants=$root/system-tests/mutants
work=$root/target/mutants
tree=$work/tree
log=$work/log

# A mutant may change a query, so queries are checked against a database and not against what is kept in .sqlx.
prepare() {
    mkdir -p "$tree" "$work/target/debug"
    : >"$log"
    was_running=no
    ! test_server_runs || was_running=yes
    DATABASE_URL=$(target/debug/stack postgres-for-tests) || return 1
    addresses=$(target/debug/stack migrate-dev) || return 1
    eval "$addresses"
    export DATABASE_URL SQLX_OFFLINE=false CARGO_TARGET_DIR="$work/target"
    copy_sources
    take_over_dependencies
}

test_server_runs() {
    process=$(sed -n 1p .local/test-postgres/data/postmaster.pid 2>/dev/null)
    [ -n "$process" ] && kill -0 "$process" 2>/dev/null
}

# Only what differs is written, with a new time, so that cargo builds again what a mutant has changed, and only that.
copy_sources() {
    git ls-files --cached --others --exclude-standard | while read -r file; do
        [ -f "$file" ] || continue
        cmp -s "$file" "$tree/$file" && continue
        mkdir -p "$tree/$(dirname "$file")"
        cp "$file" "$tree/$file"
    done
    (cd "$tree" && find . -type f) | while read -r file; do
        [ -e "$file" ] || rm "$tree/$file"
    done
}

# Crates from registries have the same names and prints in any workspace.
take_over_dependencies() {
    [ ! -d "$work/target/debug/deps" ] || return 0
    echo "taking over what is compiled already"
    cp -al target/debug/deps "$work/target/debug/"
    # What build scripts left is written again in place: as links these files would make target/ stale, too.
    cp -a target/debug/build target/debug/.fingerprint "$work/target/debug/"
}

# The lines of that kind before a patch.
field() {
    sed -n "/^diff /q; s/^$1: //p" "$mutants/$2.patch"
}

# The files that a patch changes.
touched() {
    sed -n 's#^+++ b/##p' "$mutants/$1.patch"
}

restore() {
    for file in $(touched "$1"); do
        # With a new time, or cargo would take what it built of the mutant for what these sources give.
        cp "$root/$file" "$tree/$file"
    done
}

apply() {
    patch --quiet --strip=1 --no-backup-if-mismatch --forward --directory "$tree" <"$mutants/$1.patch" >>"$log" 2>&1
}

# Builds a test program of the copy and runs one test of it: 0 passed, 1 failed, 2 something else, which is said.
run_test() {
    (cd "$tree" && cargo test --quiet --workspace --test "$1" --no-run >>"$log" 2>&1 </dev/null) || {
        echo "$1 does not compile"
        return 2
    }
    (cd "$tree" && timeout 900 cargo test --quiet --workspace --test "$1" -- "$2" >"$work/out" 2>&1 </dev/null)
    status=$?
    cat "$work/out" >>"$log"
    grep -q '^running [1-9]' "$work/out" || {
        echo "there is no test $2 in $1"
        return 2
    }
    [ "$status" -ne 0 ] || return 0
    grep -q '^test result: FAILED' "$work/out" || {
        echo "$1 ended without a failed test"
        return 2
    }
    return 1
}

# A test that fails on whole sources too says nothing about a mutant.
whole_sources_pass() {
    for name in "$@"; do field test "$name"; done | sort -u >"$work/all-tests"
    while read -r program test; do
        echo "== whole: $program $test" >>"$log"
        said=$(run_test "$program" "$test") || {
            echo "without any mutant $program: $test does not pass; ${said:-it fails}. See $log" >&2
            return 1
        }
    done <"$work/all-tests"
    echo "  on whole sources $(wc -l <"$work/all-tests") named tests pass"
}

# Runs each test that must fail; says which did, or what is wrong.
caught_by() {
    found=
    field test "$1" >"$work/tests"
    while read -r program test; do
        echo "== $1: $program $test" >>"$log"
        said=$(run_test "$program" "$test")
        case $? in
            0) echo "SURVIVES $program $test" && return 1 ;;
            1) found="$found${found:+, }$program: $test" ;;
            *) echo "$said" && return 1 ;;
        esac
    done <"$work/tests"
    [ -n "$found" ] || {
        echo "names no test"
        return 1
    }
    echo "$found"
}

try() {
    if apply "$1"; then
        said=$(caught_by "$1") && status=caught || status=FAILED
    else
        said="does not apply" status=FAILED
    fi
    restore "$1"
    if [ "$status" = caught ]; then caught=$((caught + 1)); else failed=$((failed + 1)); fi
    printf '  %-7s %-26s %s – %s\n' "$status" "$1" "$(field what "$1")" "$said"
}

finish() {
    [ "${was_running:-yes}" = yes ] || target/debug/stack postgres-for-tests stop >/dev/null 2>&1
    echo "mutants: $caught caught, $failed not"
    [ "$failed" -eq 0 ]
    exit
}

caught=0
failed=0
trap 'failed=$((failed + 1)); finish' INT TERM HUP
[ $# -gt 0 ] || set -- $(cd "$mutants" && ls -- *.patch | sed 's/\.patch$//')
for name in "$@"; do
    [ -f "$mutants/$name.patch" ] || {
        echo "there is no mutant '$name' in system-tests/mutants" >&2
        exit 2
    }
done
prepare && whole_sources_pass "$@" || {
    failed=$#
    finish
}
for name in "$@"; do
    try "$name"
done
finish
