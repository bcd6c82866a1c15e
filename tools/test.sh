#!/bin/sh
# Runs the tests, says how long each part took, and leaves nothing running.
# Usage: tools/test.sh [check|unit|system|schemathesis|chaos|mutants|full]…   (without names: check, unit and system)
#
# check   formatting, lints, dependency rules, rendered files
# unit    everything that needs no more than PostgreSQL, which is started for it
# system  the tests that start the whole stack: in system-tests/Cargo.toml they stand with `test = false`
# chaos   ten minutes of faults on the whole stack, by CHAOS_SEED or a seed of today
# mutants each wall taken out in turn: something must turn red
# schemathesis  Schemathesis with all its cases against the whole stack; `system` has a short run of it
# full    all of these, with every fail point walked and every schedule of the handlers
set -u

cd "$(dirname -- "$0")/.."
export SQLX_OFFLINE="${SQLX_OFFLINE:-true}"

times=
failed=
test_server_is_ours=no
began=$(date +%s)

system_tests() {
    awk '
        /^\[/ { name = "" }
        /^name *=/ { name = $3; gsub(/"/, "", name) }
        /^test *= *false/ && name != "" { print name }' system-tests/Cargo.toml
}

# The test server may be one that a developer has running; then it stays as it is.
test_server_runs() {
    process=$(sed -n 1p .local/test-postgres/data/postmaster.pid 2>/dev/null)
    [ -n "$process" ] && kill -0 "$process" 2>/dev/null
}

# --- The parts ----------------------------------------------------------------------------------

build() {
    sh tools/build.sh && cargo test --workspace --tests --no-run
}

check() {
    sh tools/check.sh
}

unit() {
    address=$(target/debug/stack postgres-for-tests) || return 1
    DATABASE_URL=$address cargo test --workspace --tests --no-fail-fast
}

system() {
    names=$(system_tests)
    [ -n "$names" ] || {
        echo "system-tests/Cargo.toml names no test with \`test = false\`" >&2
        return 1
    }
    # One after another: each starts a stack of its own on the same ports.
    for name in $names; do
        [ "$name" != schemathesis ] || sh tools/build.sh schemathesis || return 1
        cargo test --workspace --test "$name" -- --test-threads=1 --nocapture || return 1
    done
}

schemathesis() {
    sh tools/build.sh schemathesis || return 1
    CARTWRIGHT_TEST=full cargo test --workspace --test schemathesis -- --nocapture
}

# Faults for ten minutes, by a seed of today, so that every day tries others.
chaos() {
    target/debug/chaos --seed "${CHAOS_SEED:-$(date +%Y%m%d)}" --minutes 10 && echo "check ok: ten minutes of faults"
}

mutants() {
    sh tools/mutants.sh
}

leave_nothing_running() {
    [ -x target/debug/stack ] || return 0
    [ "$test_server_is_ours" = no ] || target/debug/stack postgres-for-tests stop >/dev/null 2>&1
    CARTWRIGHT_HOME=.local/test CARTWRIGHT_PORT_OFFSET=10000 target/debug/stack down >/dev/null 2>&1
}

# --- Running and timing them --------------------------------------------------------------------

# Shows what a part prints and keeps it, so that its tests can be counted.
run() {
    printf '\n── %s\n' "$1"
    from=$(date +%s)
    {
        "$1" 2>&1
        echo $? >target/test.status
    } | tee -a target/test.log
    status=$(cat target/test.status)
    line=$(printf '%-8s %5d s  %s' "$1" $(($(date +%s) - from)) "$([ "$status" -eq 0 ] && echo passed || echo FAILED)")
    times="$times  $line
"
    [ "$status" -eq 0 ] || failed="$failed $1"
    return "$status"
}

# Every test and every check of this run; a part that failed without a failed test counts as one.
count() {
    awk -v parts="$failed" '
        /^test result: / { passed += $4; failed += $6 }
        /^check ok: / { passed++ }
        /^check FAILED: / { failed++ }
        /^mutants: / { passed += $2; failed += $4 }
        END {
            if (failed == 0 && parts != "") failed = split(parts, names, " ")
            printf "%d passed, %d failed\n", passed, failed
        }' target/test.log
}

finish() {
    leave_nothing_running
    printf '\n%s  %-8s %5d s\n' "$times" total $(($(date +%s) - began))
    [ -z "$failed" ] || echo "failed:$failed"
    count
    [ -z "$failed" ]
    exit
}

trap 'leave_nothing_running; exit 130' INT TERM HUP

case ${1-} in
    '') set -- check unit system ;;
    full)
        set -- check unit system schemathesis chaos mutants
        # The fail points' own tests look at it.
        export CARTWRIGHT_TEST=full
        ;;
esac
for part in "$@"; do
    case $part in
        check | unit | system | schemathesis | chaos | mutants) ;;
        *)
            echo "there is no part '$part'" >&2
            sed -n 's/^# Usage: //p' "$0" >&2
            exit 2
            ;;
    esac
done
mkdir -p target
: >target/test.log
test_server_runs || test_server_is_ours=yes
# Without a build there is nothing to test.
run build || finish
for part in "$@"; do
    run "$part"
done
finish
