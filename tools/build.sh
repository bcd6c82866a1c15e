#!/bin/sh
# Builds what this repository runs: the tools in .local/tools and the programs in target/debug.
# Usage: tools/build.sh [daprd|sentry|dapr|kafka|postgres|rust|toxiproxy|stripe-mock|schemathesis|operator|injector]…
# Without names: everything that `./taskw up` needs, and toxiproxy and stripe-mock for the tests. What is up to date is not touched.
#
# Each tool is made in .local/tools/.building and then moved into place, and its stamp (a hash
# of everything that goes into it) is written last: an interrupted build leaves nothing half done.
set -eu

script=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)/$(basename -- "$0")
cd "$(dirname -- "$script")/.."

tools=.local/tools
building=$tools/.building
quiet_seconds=15
strip='-s -w'

# --- What is to be made -------------------------------------------------------------------------

go_lane='daprd sentry dapr toxiproxy stripe-mock operator injector'
maven_lane='kafka postgres'
python_lane='schemathesis'

# The file that must exist for a tool to count as installed.
product() {
    case $1 in
        daprd | sentry | dapr | operator | injector) echo "$tools/dapr/$1" ;;
        kafka) echo "$tools/kafka/libs" ;;
        toxiproxy | stripe-mock) echo "$tools/$1/$1" ;;
        schemathesis) echo "$tools/$1/bin/python" ;;
        postgres) echo "$tools/postgres/bin/postgres" ;;
    esac
}

stamp() {
    case $1 in
        kafka | postgres | toxiproxy | stripe-mock | schemathesis) echo "$tools/$1/.stamp" ;;
        *) echo "$tools/dapr/.$1.stamp" ;;
    esac
}

# Prints one hash of all that decides what the tool becomes.
fingerprint() {
    {
        uname -sm
        case $1 in
            daprd) echo "$strip"; cat tools/dapr/go.mod tools/dapr/go.sum tools/dapr/daprd/*.go ;;
            sentry) echo "$strip"; cat tools/dapr/go.mod tools/dapr/go.sum tools/dapr/sentry/*.go ;;
            operator | injector) echo "$strip"; cat tools/dapr/go.mod tools/dapr/go.sum ;;
            dapr) echo "$strip"; cat tools/dapr/cli/go.mod tools/dapr/cli/go.sum ;;
            toxiproxy) echo "$strip"; cat tools/toxiproxy/go.mod tools/toxiproxy/go.sum ;;
            stripe-mock) echo "$strip"; cat tools/stripe/go.mod tools/stripe/go.sum ;;
            kafka) cat tools/kafka/pom.xml ;;
            postgres) cat tools/postgres/pom.xml tools/postgres/Unpack.java ;;
            schemathesis) python3 --version; cat tools/schemathesis/requirements.txt ;;
        esac
    } | sha256sum | cut -c1-64
}

up_to_date() {
    [ -e "$(product "$1")" ] && [ -f "$(stamp "$1")" ] && [ "$(cat "$(stamp "$1")")" = "$(fingerprint "$1")" ]
}

# Keeps of the names given those that have to be made.
outdated() {
    for tool in "$@"; do
        up_to_date "$tool" || echo "$tool"
    done
}

# --- Making one thing (in a process of its own, so that `set -e` holds) -------------------------

make() {
    case $1 in
        daprd) make_go daprd tools/dapr ./daprd ;;
        sentry) make_go sentry tools/dapr ./sentry ;;
        operator | injector) make_go "$1" tools/dapr "github.com/dapr/dapr/cmd/$1" ;;
        dapr) make_go dapr tools/dapr/cli github.com/dapr/cli ;;
        toxiproxy) make_test_tool toxiproxy tools/toxiproxy github.com/Shopify/toxiproxy/v2/cmd/server ;;
        stripe-mock) make_test_tool stripe-mock tools/stripe github.com/stripe/stripe-mock ;;
        kafka) make_kafka ;;
        schemathesis) make_schemathesis ;;
        postgres) make_postgres ;;
        rust) cargo build --workspace --bins ;;
    esac
}

make_go() {
    dapr_version=$(cd "$2" && GOWORK=off go list -m -f '{{.Version}}' github.com/dapr/dapr)
    variables="-X github.com/dapr/dapr/pkg/buildinfo.version=${dapr_version#v}"
    if [ "$1" = dapr ]; then
        cli_version=$(cd "$2" && GOWORK=off go list -m -f '{{.Version}}' github.com/dapr/cli)
        variables="-X main.version=${cli_version#v} -X main.apiVersion=1.0"
    fi
    output=$PWD/$building/$1
    (cd "$2" && GOWORK=off CGO_ENABLED=0 \
        go build -v -trimpath -buildvcs=false -ldflags "$strip $variables" -o "$output" "$3")
    mkdir -p "$tools/dapr"
    rm -f "$(stamp "$1")"
    mv -f "$output" "$tools/dapr/$1"
    fingerprint "$1" >"$output.stamp"
    mv -f "$output.stamp" "$(stamp "$1")"
}

make_test_tool() {
    output=$PWD/$building/$1
    mkdir -p "$output"
    (cd "$2" && GOWORK=off CGO_ENABLED=0 \
        go build -v -trimpath -buildvcs=false -ldflags "$strip" -o "$output/$1" "$3")
    install_folder "$1"
}

# Fetches the jars of a pom into a folder.
fetch_jars() {
    mvn --batch-mode -Dstyle.color=never --file "tools/$1/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$PWD/$2"
}

make_kafka() {
    fetch_jars kafka "$building/kafka/libs"
    install_folder kafka
}

make_postgres() {
    fetch_jars postgres "$building/postgres.jars"
    mkdir -p "$building/postgres"
    "${JAVA_HOME:+$JAVA_HOME/bin/}java" -cp "$building/postgres.jars/*" tools/postgres/Unpack.java \
        "$building"/postgres.jars/embedded-postgres-binaries-*.jar "$building/postgres"
    # An ordinary user runs these even when root has built them.
    chmod -R a+rX "$building/postgres"
    rm -rf "$building/postgres.jars"
    install_folder postgres
}

# A place of its own for Python's packages, each by the hash in the locked list.
make_schemathesis() {
    sh tools/doctor.sh python
    python3 -m venv "$building/schemathesis"
    "$building/schemathesis/bin/python" -m pip install --disable-pip-version-check --require-hashes \
        --requirement tools/schemathesis/requirements.txt
    install_folder schemathesis
}

# The stamp travels inside the folder, so that both appear at once.
install_folder() {
    fingerprint "$1" >"$building/$1/.stamp"
    if [ -e "$tools/$1" ]; then
        mv "$tools/$1" "$building/$1.old"
    fi
    mv "$building/$1" "$tools/$1"
    rm -rf "$building/$1.old"
}

# --- Telling how far it is ----------------------------------------------------------------------

now() {
    date +%s
}

elapsed() {
    printf '%3d s' $(($(now) - began))
}

say() {
    if [ -t 1 ]; then printf '\r\033[K'; fi
    printf '[%s] %s\n' "$(elapsed)" "$1"
}

# Prints how far one step has come, from the lines that its tool writes.
progress() {
    log=$building/$1.log
    case $1 in
        kafka | postgres) count=$(grep -c 'Downloaded from' "$log") || true; unit=files ;;
        schemathesis) count=$(grep -c '^Collecting ' "$log") || true; unit=packages ;;
        rust) count=$(grep -c ' Compiling ' "$log") || true; unit=crates ;;
        *) count=$(grep -vc '^go: ' "$log") || true; unit=packages ;;
    esac
    if [ "${count:-0}" -eq 0 ]; then
        printf '%s' "$1"
    else
        printf '%s (%s %s)' "$1" "$count" "$unit"
    fi
}

report_progress() {
    line=
    for kind in go maven python rust; do
        [ -f "$building/$kind.now" ] || continue
        step=$(cat "$building/$kind.now")
        [ -f "$building/$step.log" ] || continue
        line="$line${line:+, }$(progress "$step")"
    done
    [ -n "$line" ] || return 0
    if [ -t 1 ]; then
        printf '\r\033[K[%s] building: %s' "$(elapsed)" "$line"
    elif [ $(($(now) - spoke)) -ge "$quiet_seconds" ]; then
        spoke=$(now)
        say "building: $line"
    fi
}

# --- Lanes: what runs one after another; the lanes themselves run side by side ------------------

run_lane() {
    lane=$1
    shift
    for step in "$@"; do
        from=$(now)
        echo "$step" >"$building/$lane.now"
        if ! sh "$script" --make "$step" >"$building/$step.log" 2>&1 9>&-; then
            rm -f "$building/$lane.now"
            say "$step failed; the end of $building/$step.log:"
            tail -n 40 "$building/$step.log"
            exit 1
        fi
        say "$step is ready, after $(($(now) - from)) s"
    done
    rm -f "$building/$lane.now"
}

start_lane() {
    [ $# -gt 1 ] || return 0
    # A session of its own, so that an interrupted build can end the compilers under it as well.
    setsid sh "$script" --lane "$began" "$@" &
    lanes="$lanes $!"
}

stop_lanes() {
    for lane in $lanes; do
        kill -s TERM -- "-$lane" 2>/dev/null || true
    done
    [ ! -t 1 ] || echo
    echo "the build was interrupted; what was finished is kept"
    exit 130
}

wait_for_lanes() {
    trap stop_lanes INT TERM HUP
    for lane in $lanes; do
        while kill -0 "$lane" 2>/dev/null; do
            report_progress
            sleep 1
        done
    done
    failed=0
    for lane in $lanes; do
        wait "$lane" || failed=1
    done
    return "$failed"
}

# --- The whole ----------------------------------------------------------------------------------

# Two builds at once would write over each other; the second waits and then finds all done.
take_lock() {
    exec 9>"$tools/.lock"
    flock -n 9 || {
        echo "another build is at work; waiting for it"
        flock 9
    }
    rm -rf "$building"
    mkdir -p "$building"
}

# Keeps of the names in the first list those that are in the second.
among() {
    for name in $1; do
        case " $2 " in
            *" $name "*) echo "$name" ;;
        esac
    done
}

build() {
    began=$(now)
    spoke=$began
    rust=no
    wanted=
    for name in "$@"; do
        case $name in
            rust) rust=yes ;;
            daprd | sentry | dapr | toxiproxy | stripe-mock | schemathesis | operator | injector | kafka | postgres) wanted="$wanted $name" ;;
            *) echo "there is nothing called '$name' to build"; sed -n 's/^# Usage: //p' "$script"; exit 2 ;;
        esac
    done
    mkdir -p "$tools"
    # shellcheck disable=SC2046,SC2086 # lists of plain names, split on purpose
    if [ -n "$(outdated $wanted)" ]; then
        sh tools/doctor.sh programs
        take_lock
        missing=$(echo $(outdated $wanted))
        lanes=
        [ -z "$missing" ] || echo "to build: $missing$([ "$rust" = no ] || echo ' rust')"
        start_lane go $(among "$go_lane" "$missing")
        start_lane maven $(among "$maven_lane" "$missing")
        start_lane python $(among "$python_lane" "$missing")
        [ "$rust" = no ] || start_lane rust rust
        wait_for_lanes || exit 1
        say "everything is built"
    elif [ "$rust" = yes ]; then
        command -v cargo >/dev/null || sh tools/doctor.sh programs
        # Alone, cargo shows its own progress best.
        exec cargo build --workspace --bins
    fi
}

case ${1-} in
    --make) make "$2" ;;
    --lane)
        began=$2
        shift 2
        run_lane "$@"
        ;;
    '') build daprd sentry dapr toxiproxy stripe-mock kafka postgres rust ;;
    *) build "$@" ;;
esac
