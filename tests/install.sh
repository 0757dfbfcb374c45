#!/bin/sh
# Installs what is wanted and the machine does not have yet, beyond the toolchains: install.sh [demo | flash-sale | test]
#   demo   a Python venv in target/venv with the leveret module in it, and the Node packages of the examples
#   flash-sale [postgresql]   the Node packages of that example alone, and PostgreSQL (never started as a service)
#   test   all that, and what lint and the tests need: Python packages, the other Node packages, cargo-nextest, openssl,
#          and RabbitMQ (never started as a service), which the tests can do without on a developer's machine
# Quick when everything is there. Wants Rust, Python 3.11 and Node 20 to be present.
set -eu
cd "$(dirname "$0")/.."

say() { echo "install: $*" >&2; }

python=yes tests= postgresql= not_node=none
case "${1:-test}" in
demo) node=examples not_node=examples/flash_sale ;;
flash-sale) python= node=examples/flash_sale postgresql=${2:-} ;;
test) tests=yes node=. ;;
*)
    say "install.sh [demo | flash-sale [postgresql] | test]"
    exit 2
    ;;
esac

for tool in cargo ${python:+python3} node npm; do
    if ! command -v "$tool" >/dev/null; then
        say "$tool is missing. Rust, Python 3.11 and Node 20 must be there beforehand; see README.md."
        exit 1
    fi
done

# What Debian takes out of Python, and what Rust links with.
packages=
if [ -n "$python" ]; then
    python3 -c 'import ensurepip' 2>/dev/null || packages="$packages python3-venv"
fi
command -v cc >/dev/null || packages="$packages gcc libc6-dev"
if [ -n "$tests" ]; then
    command -v openssl >/dev/null || packages="$packages openssl"
fi
optional=
if [ -n "$tests" ] && ! tests/rabbitmq-is-there.sh; then
    if [ "${CI:-}" = true ]; then
        packages="$packages rabbitmq-server"
    else
        optional=rabbitmq-server
    fi
fi
if [ -n "$tests$postgresql" ] && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null; then
    if [ -n "$postgresql" ] || [ "${CI:-}" = true ]; then
        packages="$packages postgresql"
    else
        optional="$optional postgresql"
    fi
fi

if [ -n "$packages$optional" ]; then
    as_root=
    if [ "$(id -u)" != 0 ]; then
        as_root=sudo
    fi
    if ! command -v apt-get >/dev/null || { [ -n "$as_root" ] && ! command -v sudo >/dev/null; }; then
        if [ -n "$packages" ]; then
            say "missing:$packages"
            say "They can be installed here neither with apt-get as root nor through sudo. Please install them and run again."
            exit 1
        fi
        say "without $optional: it can be installed here neither with apt-get as root nor through sudo"
    else
        say "apt-get install$packages $optional"
        # What needs them starts servers of its own: keep the package from starting the machine's.
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            trap '$as_root rm -f $policy' EXIT
            trap 'exit 1' INT TERM
            printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
            $as_root chmod 755 $policy
        fi
        apt_install() {
            # shellcheck disable=SC2086
            $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
        }
        $as_root apt-get update -qq
        # shellcheck disable=SC2086
        [ -z "$packages" ] || apt_install $packages
        for package in $optional; do
            apt_install "$package" || say "without $package: apt-get could not install it"
        done
    fi
fi

if [ -n "$tests" ] && ! cargo nextest --version >/dev/null 2>&1; then
    say "cargo install cargo-nextest (once, some minutes)"
    # A test runner need not be fast itself: this builds in a third of the time.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/install" cargo install --locked --quiet cargo-nextest
fi

find "$node" \( -name node_modules -o -name target -o -name .git -o -path "$not_node" \) -prune -o -name package-lock.json -print |
    while read -r lock; do
        folder=$(dirname "$lock")
        if ! cmp -s "$lock" "$folder/node_modules/.installed.json"; then
            say "Node packages into $folder/node_modules"
            (cd "$folder" && npm ci --silent --no-audit --no-fund)
            cp "$lock" "$folder/node_modules/.installed.json"
        fi
    done

[ -n "$python" ] || exit 0

venv=target/venv
pip() { "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
if ! "$venv/bin/python" -c "" 2>/dev/null; then
    say "a Python venv in $venv"
    python3 -m venv --clear "$venv"
fi
if [ -n "$tests" ] && ! cmp -s tests/requirements.txt "$venv/installed.txt"; then
    say "Python packages into $venv"
    # What an older list named would stay.
    [ ! -e "$venv/installed.txt" ] || python3 -m venv --clear "$venv"
    pip -r tests/requirements.txt
    cp tests/requirements.txt "$venv/installed.txt"
fi

# The module as a user gets it: a release build by pip. Again when a source of it is newer than the last.
built="$venv/leveret-built"
if [ ! -e "$built" ] || [ -n "$(find pyproject.toml README.md Cargo.toml Cargo.lock core/Cargo.toml core/src macros/Cargo.toml \
    macros/src broker/Cargo.toml broker/src python/Cargo.toml python/src python/leveret python/leveret_pytest \
    -type f -newer "$built" ! -name '*.pyc' | head -n 1)" ]; then
    say "the leveret module into $venv (pip install .)"
    touch "$built.next"
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}" pip .
    mv "$built.next" "$built"
fi
