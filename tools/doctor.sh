#!/bin/sh
# Says what this machine lacks to build and run the stack, and the one command that brings it.
# Usage: tools/doctor.sh            everything; ends with 1 if something needed is missing
#        tools/doctor.sh programs   only the programs that a build needs; silent when all are there
#        tools/doctor.sh python     only what Schemathesis needs; silent when it is there
set -u

cd "$(dirname -- "$0")/.."
root=$(pwd -P)

rust_wanted=1.94
go_wanted=1.26
jdk_wanted=17
python_wanted=3.11
disk_wanted_mib=8000
memory_wanted_mib=4000

only_programs=no
case ${1-} in
    programs | python) only_programs=yes ;;
esac
missing=0

# --- Saying it ----------------------------------------------------------------------------------

good() {
    [ "$only_programs" = yes ] || printf '  ok       %s\n' "$1"
}

advice() {
    [ "$only_programs" = yes ] || printf '  note     %s\n' "$1"
}

# What is missing, and what to do about it.
lacking() {
    missing=$((missing + 1))
    printf '  MISSING  %s\n           → %s\n' "$1" "$2"
}

section() {
    [ "$only_programs" = yes ] || printf '%s\n' "$1"
}

# --- Comparing and asking -----------------------------------------------------------------------

# Whether the first version is at least the second.
at_least() {
    awk -v have="$1" -v want="$2" 'BEGIN {
        split(have, h, "."); count = split(want, w, ".")
        for (i = 1; i <= count; i++) {
            if (h[i] + 0 > w[i] + 0) exit 0
            if (h[i] + 0 < w[i] + 0) exit 1
        }
        exit 0
    }'
}

present() {
    command -v "$1" >/dev/null 2>&1
}

# Prints the first version number in what it reads.
first_version() {
    sed -n 's/^[^0-9]*\([0-9][0-9]*\(\.[0-9][0-9]*\)*\).*/\1/p' | head -n 1
}

# Prints how this system installs packages, by the names that each distribution gives them.
install() {
    as_root=$([ "$(id -u)" -eq 0 ] || echo 'sudo ')
    if present apt-get; then
        echo "${as_root}apt-get install -y $1"
    elif present dnf; then
        echo "${as_root}dnf install -y $2"
    elif present pacman; then
        echo "${as_root}pacman -S --needed $3"
    else
        echo "install $1 with this system's package manager"
    fi
}

# --- Programs -----------------------------------------------------------------------------------

check_rust() {
    if ! present cargo || ! present rustc; then
        lacking "Rust ≥ $rust_wanted (cargo)" "curl -sSf https://sh.rustup.rs | sh -s -- -y && . \"\$HOME/.cargo/env\""
        return
    fi
    version=$(rustc --version 2>/dev/null | first_version)
    if at_least "${version:-0}" "$rust_wanted"; then
        good "Rust $version"
    else
        lacking "Rust ≥ $rust_wanted (found ${version:-none that starts})" "rustup update stable && rustup default stable"
    fi
    if present cc; then
        good "a C compiler and linker ($(command -v cc))"
    else
        lacking "a C compiler and linker (cc), which Rust links with" "$(install build-essential gcc base-devel)"
    fi
}

check_go() {
    if ! present go; then
        lacking "Go ≥ $go_wanted" "unpack the archive from https://go.dev/dl/ into /usr/local and add /usr/local/go/bin to PATH"
        return
    fi
    # Outside of any module, so that this is the installed version.
    version=$(cd / && GOTOOLCHAIN=local go version | sed 's/.*go version go//' | first_version)
    if at_least "$version" "$go_wanted"; then
        good "Go $version"
    elif at_least "$version" 1.21 && [ "$(go env GOTOOLCHAIN)" != local ]; then
        good "Go $version, which fetches the newer Go that tools/dapr/go.mod asks for by itself"
    else
        lacking "Go ≥ $go_wanted (found $version)" "unpack the archive from https://go.dev/dl/ into /usr/local in place of the old one"
    fi
}

check_java() {
    how=$(install "openjdk-$jdk_wanted-jdk-headless" "java-$jdk_wanted-openjdk-devel" "jdk$jdk_wanted-openjdk")
    java=${JAVA_HOME:+$JAVA_HOME/bin/}java
    javac=${JAVA_HOME:+$JAVA_HOME/bin/}javac
    if ! present "$java"; then
        lacking "a JDK ≥ $jdk_wanted" "$how"
    elif ! present "$javac"; then
        lacking "a JDK ≥ $jdk_wanted (this Java has no compiler: it is a runtime only)" "$how"
    else
        version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9][0-9.]*\).*/\1/p' | head -n 1)
        if at_least "${version:-0}" "$jdk_wanted"; then
            good "JDK $version"
        else
            lacking "a JDK ≥ $jdk_wanted (found ${version:-none that starts})" "$how"
        fi
    fi
    if present mvn; then
        good "Maven ($(command -v mvn))"
    else
        lacking "Maven (mvn)" "$(install maven maven maven)"
    fi
}

check_system_programs() {
    for program in flock setsid unshare setpriv; do
        present "$program" || {
            lacking "$program, part of util-linux" "$(install util-linux util-linux util-linux)"
            return
        }
    done
    good "util-linux (flock, setsid, unshare, setpriv)"
    present sha256sum || lacking "sha256sum, part of coreutils" "$(install coreutils coreutils coreutils)"
}

# The tests alone need it: Schemathesis sends what follows from the OpenAPI document.
check_python() {
    how=$(install python3-venv python3 python)
    what="Python ≥ $python_wanted with venv, which ./taskw test needs for Schemathesis"
    if ! present python3; then
        lacking "$what" "$how"
    elif ! at_least "$(python3 --version 2>&1 | first_version)" "$python_wanted"; then
        lacking "$what (found $(python3 --version 2>&1 | first_version))" "$how"
    elif ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        lacking "$what (this Python has no venv)" "$how"
    else
        good "Python $(python3 --version 2>&1 | first_version) with venv"
    fi
}

check_optional_programs() {
    if cargo deny --version >/dev/null 2>&1; then
        good "cargo-deny"
    else
        advice "cargo-deny is not installed; ./taskw check leaves it out (cargo install --locked cargo-deny)"
    fi
}

# --- The machine --------------------------------------------------------------------------------

check_system() {
    if [ "$(uname -s)" = Linux ]; then
        good "Linux, $(uname -m)"
    else
        lacking "Linux (this is $(uname -s))" "use a Linux machine or a Linux virtual machine"
    fi
}

# PostgreSQL refuses to run as root; a user namespace makes it believe otherwise.
check_user() {
    if [ "$(id -u)" -ne 0 ]; then
        good "running as an ordinary user"
    elif ! present unshare; then
        advice "running as root; whether PostgreSQL can run in a user namespace is unknown without unshare"
    elif unshare --user --map-user=1000 --map-group=1000 true 2>/dev/null; then
        good "running as root; PostgreSQL runs in a user namespace"
    else
        lacking "user namespaces, which PostgreSQL needs when root starts it" "run ./taskw as an ordinary user"
    fi
}

check_folders() {
    for folder in . .local target; do
        [ ! -e "$folder" ] || [ -w "$folder" ] ||
            lacking "leave to write in $folder" "sudo chown -R $(id -un) '$root/$folder'"
    done
}

check_disk() {
    free=$(df -Pm . | awk 'NR == 2 { print $4 }')
    if [ "${free:-0}" -ge "$disk_wanted_mib" ]; then
        good "disk: $free MiB free"
    elif [ -x target/debug/stack ] && [ "${free:-0}" -ge 1000 ]; then
        advice "disk: only $free MiB free, which is enough for what is already built"
    else
        lacking "disk: $disk_wanted_mib MiB for sources and builds (only ${free:-0} are free)" "make room on the disk of $root"
    fi
}

check_memory() {
    available=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo 2>/dev/null)
    if [ "${available:-0}" -ge "$memory_wanted_mib" ]; then
        good "memory: $available MiB available"
    else
        advice "memory: only ${available:-0} MiB are available; building wants $memory_wanted_mib"
    fi
}

# --- Ports --------------------------------------------------------------------------------------

# Prints every port of the stack. tools/stack/src/ports.rs decides them.
stack_ports() {
    offset=${CARTWRIGHT_PORT_OFFSET:-0}
    awk -v offset="$offset" 'BEGIN {
        print 8080 + offset
        for (i = 0; i < 8; i++) print 8100 + i + offset
        for (kind = 3500; kind < 3900; kind += 100) for (i = 0; i < 7; i++) print kind + i + offset
        print 3850 + offset; print 3851 + offset; print 3852 + offset
        print 15432 + offset; print 19092 + offset; print 19093 + offset
    }'
}

# Prints "socket process" for each open socket, as far as this user may see.
socket_owners() {
    # shellcheck disable=SC2012 # nothing but ls reads all these links in one process
    ls -l /proc/[0-9]*/fd 2>/dev/null | awk -F '[][/:]' '
        /^\/proc\// { process = $3 }
        / -> socket:/ { print $(NF - 1), process }'
}

# Prints "port process" for each port of the stack that somebody listens on; "-" for who is hidden.
listeners() {
    { socket_owners; cat /proc/net/tcp /proc/net/tcp6 2>/dev/null; } |
        awk -v wanted="$(stack_ports | tr '\n' ' ')" '
        function decimal(hex,  value, i) {
            for (i = 1; i <= length(hex); i++) value = value * 16 + index("0123456789ABCDEF", substr(hex, i, 1)) - 1
            return value
        }
        BEGIN { count = split(wanted, list, " "); for (i = 1; i <= count; i++) stack[list[i]] = 1 }
        NF == 2 { owner[$1] = $2 }
        $4 == "0A" {
            count = split($2, address, ":"); port = decimal(address[count])
            if (port in stack && !(port in seen)) { seen[port] = 1; print port, ($10 in owner ? owner[$10] : "-") }
        }'
}

check_ports() {
    running=0
    before=$missing
    busy=$(listeners)
    while read -r port process; do
        [ -n "$port" ] || continue
        command=$(tr '\0' ' ' <"/proc/$process/cmdline" 2>/dev/null)
        # A program, or a jar on the command line, that lies in this repository is our own.
        case "$(readlink "/proc/$process/exe" 2>/dev/null) $command" in
            *"$root/"*) running=$((running + 1)) ;;
            *) lacking "port $port: held by process $process ($(printf '%.60s' "${command:-of another user}"))" \
                "stop it, or move all ports of the stack: CARTWRIGHT_PORT_OFFSET=20000 ./taskw up" ;;
        esac
    done <<LISTENERS
$busy
LISTENERS
    if [ "$running" -gt 0 ]; then
        good "ports: $running in use by this very stack, which is running"
    elif [ "$missing" -eq "$before" ]; then
        good "ports: all $(stack_ports | wc -l) are free ($(stack_ports | sort -n | sed -n '1p;$p' | paste -sd- -))"
    fi
}

# --- The whole ----------------------------------------------------------------------------------

if [ "${1-}" = python ]; then
    check_python
    exit "$missing"
fi
section "programs"
check_rust
check_go
check_java
check_system_programs
if [ "$only_programs" = no ]; then
    check_python
    check_optional_programs
    section "machine"
    check_system
    check_user
    check_folders
    check_disk
    check_memory
    section "ports"
    check_ports
fi

if [ "$missing" -gt 0 ]; then
    echo "$missing of the things that are needed are missing"
    exit 1
fi
[ "$only_programs" = yes ] || echo "nothing is missing: ./taskw up"
