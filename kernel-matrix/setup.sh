# shellcheck shell=bash
# What run, test and bench need before they can start; sourced by them.
#
#   require PROGRAM:PACKAGE...   programs that must be there
#   set_up                       programs, .venv and agent
#
# With everything in place nothing is started but sha256sum: a second start costs some milliseconds.
# A .venv counts only with its stamp, which is written last.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
stamp=$venv/kernel-matrix.stamp

say() { printf 'set-up: %s\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

# The interpreter of the environment as it is now; nothing if its target is gone.
venv_python() { [ -x "$venv/bin/python" ] && readlink -f "$venv/bin/python"; }

# What the environment must have been made from. The place is part of it: a moved tree has
# scripts and a path file that point to the old one.
wanted_stamp() {
    printf '%s\n%s\n' "$root" "$(venv_python)"
    (cd "$root" && sha256sum requirements.lock pyproject.toml kernel-matrix/setup.sh)
}

venv_is_ready() {
    [ -f "$stamp" ] && [ -x "$venv/bin/kernel-matrix" ] && [ "$(wanted_stamp)" = "$(<"$stamp")" ]
}

# install_packages WHY PACKAGE...: installs them, or prints the one command that does and ends.
install_packages() {
    local why=$1
    shift
    if ! command -v apt-get >/dev/null; then
        die "$why; install what your distribution calls: $*"
    fi
    if [ "$(id -u)" != 0 ]; then
        die "$why; this installs it: sudo apt-get install -y --no-install-recommends $*"
    fi
    say "$why: installing $*"
    local log
    log=$(mktemp)
    if ! {
        apt-get -q update && DEBIAN_FRONTEND=noninteractive \
            apt-get -q install -y --no-install-recommends "$@"
    } >"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2
        die "could not install $*; the whole output is in $log"
    fi
    rm -f "$log"
}

# require PROGRAM:PACKAGE...: every missing program is named, all packages are installed at once.
require() {
    local entry missing=() packages=()
    for entry in "$@"; do
        if ! command -v "${entry%%:*}" >/dev/null; then
            missing+=("${entry%%:*}")
            # Several packages may be needed for one program: they are separated by commas.
            IFS=, read -r -a more <<<"${entry#*:}"
            packages+=("${more[@]}")
        fi
    done
    if [ ${#missing[@]} -gt 0 ]; then
        install_packages "missing programs: ${missing[*]}" "${packages[@]}"
    fi
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Debian keeps ensurepip in a package of its own; without it there is no pip in an environment.
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# Prints the interpreter to use.
find_python() {
    local candidate without_venv=
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if ! { command -v "$candidate" >/dev/null && is_new_enough "$candidate"; }; then
            continue
        fi
        if has_venv "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
        without_venv=${without_venv:-$candidate}
    done
    if [ -n "$without_venv" ]; then
        local version
        version=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        install_packages "$without_venv cannot make virtual environments" "python$version-venv"
        has_venv "$without_venv" || die "$without_venv has no venv and ensurepip modules"
        "$without_venv" -c 'import sys; print(sys.executable)'
        return
    fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        install_packages "no Python" python3 python3-venv
        if is_new_enough /usr/bin/python3 && has_venv /usr/bin/python3; then
            echo /usr/bin/python3
            return
        fi
    fi
    die "no Python 3.11 or newer found (tried python3, python3.11 to python3.14);" \
        "install python3 and python3-venv"
}

# pip_install LOG: the locked packages. Fails without a trace of its own; the log has it.
pip_install() {
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input install \
        --retries 2 --no-deps --require-hashes --quiet -r "$root/requirements.lock" >"$1" 2>&1
}

make_venv() {
    local python log old_stamp=
    if [ -f "$stamp" ] && venv_python >/dev/null &&
        [ "$(sed -n 1,2p "$stamp")" = "$root"$'\n'"$(venv_python)" ]; then
        old_stamp=$(<"$stamp")
        say "the lock file changed: updating .venv"
        rm -f "$stamp"
    else
        python=$(find_python)
        say "creating .venv with $python"
        rm -rf "$venv"
        "$python" -m venv "$venv" || die "$python -m venv $venv failed"
    fi
    say "installing the packages of requirements.lock"
    log=$venv/pip.log
    if ! pip_install "$log"; then
        # pip fetches everything before it installs anything: what was there still works, and
        # is still known to be out of date.
        [ -z "$old_stamp" ] || printf '%s\n' "$old_stamp" >"$stamp"
        die "pip could not install the packages ($(sed -n 's,^ERROR: ,,p' "$log" | tail -n 1));" \
            "they come from the package index that pip is configured for: is the network there?" \
            "The whole output is in $log"
    fi
    local site
    site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n%s\n' "$root" "$root/kernel-matrix" >"$site/kernel-matrix.pth"
    # -P: what lies in the current directory must not stand for our modules.
    cat >"$venv/bin/kernel-matrix" <<'SCRIPT'
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/python" -P -m kernel_matrix "$@"
SCRIPT
    chmod +x "$venv/bin/kernel-matrix"
}

# The compiler must be able to link statically: the agent is alone in its machine.
check_compiler() {
    local out
    out=$(mktemp)
    if ! echo 'int main(void) { return 0; }' | cc -static -x c -o "$out" - 2>/dev/null; then
        rm -f "$out"
        install_packages "cc cannot link a static program" gcc libc6-dev
    else
        rm -f "$out"
    fi
}

build_agent() {
    say "building the agent"
    "$venv/bin/python" -P - <<'PYTHON'
import sys

from helpers.errors import UserError

try:
    from helpers.machine.agent import agent_binary

    agent_binary()
except UserError as error:
    sys.exit(f"error: {error}")
PYTHON
}

set_up() {
    require qemu-system-x86_64:qemu-system-x86 cc:gcc,libc6-dev make:make \
        apt-get:apt apt-cache:apt dpkg:dpkg dpkg-deb:dpkg git:git
    venv_is_ready && return
    [ -w "$root" ] || die "$root cannot be written: .venv is made there; use a tree of your own"
    # Two first starts at once: the second waits, then finds everything done.
    exec 9>"$root/.venv.lock"
    flock -n 9 || {
        say "waiting for another set-up"
        flock 9
    }
    if ! venv_is_ready; then
        check_compiler
        make_venv
        build_agent || exit 2
        wanted_stamp >"$stamp.new"
        mv "$stamp.new" "$stamp"
        say "done"
    fi
    exec 9>&-
}
