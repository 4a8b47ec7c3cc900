# SPDX-License-Identifier: Apache-2.0
# System packages that the set-up needs and PyPI does not have. Sourced by scripts/setup.sh.

# Print the Debian names of what is missing, one a line.
missing_packages() {
    local python version suffix
    command -v cmake >/dev/null || echo cmake
    command -v g++ >/dev/null || echo g++
    command -v make >/dev/null || echo make
    # MuJoCo draws with EGL: the dispatcher, Mesa's half of it, and its drivers (or a GPU's own).
    has_library libEGL.so.1 || echo libegl1
    has_library libEGL_mesa.so.0 || has_library libEGL_nvidia.so.0 ||
        printf '%s\n' libegl-mesa0 libgl1-mesa-dri
    python="$(usable_python || true)"
    if [ -z "$python" ]; then
        command -v python3 >/dev/null || printf '%s\n' python3 python3-venv python3-dev
        return
    fi
    version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    case "$python" in
        /usr/bin/*) suffix="python$version" ;;
        *) return ;;   # one that did not come with the system has its own headers and venv
    esac
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "$suffix-venv"
    "$python" -c 'import os, sysconfig
assert os.path.exists(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null || echo "$suffix-dev"
}

has_library() { PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null | grep -q "$1"; }

# Install what is missing if that needs no question; otherwise say what to type, and stop.
require_system_packages() {
    local missing sudo=() command
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" != 0 ] || return 0
    command="apt-get install -y --no-install-recommends ${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        fail "missing on this machine (names as in Debian): ${missing[*]}"
    fi
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || fail "missing: ${missing[*]}. Type: sudo $command"
        sudo=(sudo -n)
    fi
    step "system packages: ${missing[*]}" apt_install "${missing[@]}"
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" = 0 ] || fail "still missing after apt-get install: ${missing[*]}"
}

apt_install() {
    local env=(env DEBIAN_FRONTEND=noninteractive)
    # A failing update (one dead mirror of many) is not the end: the packages may be there.
    "${sudo[@]}" "${env[@]}" apt-get update || true
    "${sudo[@]}" "${env[@]}" apt-get install -y --no-install-recommends "$@"
}
