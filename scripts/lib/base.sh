# SPDX-License-Identifier: Apache-2.0
# What scripts/setup.sh builds on: a ROS 2 of this machine, or the one from PyPI, and which Python.
# Sourced by setup.sh, which sets $root, $venv and $kind.

# "KIND DISTRO PREFIX": KIND is sourced, opt or pypi.
find_base() {
    local entry name
    local -a entries
    IFS=: read -r -a entries <<<"${AMENT_PREFIX_PATH:-}"
    for entry in "${entries[@]}"; do
        # An environment of PyPI's ROS 2 (this repository's, or another clone's) is not an
        # installed one; it is told by its pyvenv.cfg.
        if [ -f "$entry/share/rclpy/package.xml" ] && [ ! -f "$entry/pyvenv.cfg" ]; then
            if [ "$entry" = "/opt/ros/${ROS_DISTRO:-}" ]; then
                echo "opt $ROS_DISTRO $entry"
            else
                echo "sourced ${ROS_DISTRO:-unknown} $entry"
            fi
            return
        fi
    done
    for name in jazzy lyrical kilted humble; do
        if [ -f "/opt/ros/$name/setup.bash" ]; then
            echo "opt $name /opt/ros/$name"
            return
        fi
    done
    echo "pypi jazzy $venv"
}

describe_base() {
    case "$kind" in
        pypi) echo 'ROS 2 from PyPI in .venv' ;;
        *) echo "ROS 2 of this machine in $prefix" ;;
    esac
}

# Whether .venv was made for this base, in this folder (its paths are absolute), by a Python that
# is still there. An environment without a record is not one of ours to judge: it is made anew.
environment_fits() {
    [ -x "$venv/bin/python" ] &&
        [ "$(cat "$venv/root" 2>/dev/null)" = "$root" ] &&
        [ "$(cat "$venv/base" 2>/dev/null)" = "$1" ] &&
        { [ -z "${PYTHON:-}" ] ||
            [ "$(minor "$PYTHON")" = "$(minor "$venv/bin/python")" ]; }
}

minor() { "$1" -c 'import sys; print(*sys.version_info[:2])' 2>/dev/null; }

source_ros() {
    set +u   # ROS's scripts read variables that may be unset
    # shellcheck disable=SC1090
    . "$1"
    set -u
}

# Take what this repository installed before out of the search paths of the ROS 2 that is sourced.
forget_own_install() {
    local name list entry
    local -a entries
    for name in AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH PYTHONPATH LD_LIBRARY_PATH; do
        list=''
        IFS=: read -r -a entries <<<"${!name:-}"
        for entry in "${entries[@]}"; do
            case "$entry" in
                '' | "$root"/*) ;;
                *) list="${list:+$list:}$entry" ;;
            esac
        done
        if [ -n "$list" ]; then export "$name=$list"; else unset "$name"; fi
    done
}

# Whether a ROS 2 package is there without this repository.
provided() {
    local entry
    local -a entries
    IFS=: read -r -a entries <<<"${AMENT_PREFIX_PATH:-}"
    for entry in "${entries[@]}"; do
        [ ! -f "$entry/share/$1/package.xml" ] || return 0
    done
    return 1
}

# Print the path of the Python to make the environment with, or nothing.
# On an installed ROS 2 it is the one that ROS was built for: the one that can import rclpy.
usable_python() {
    local candidate
    if [ "$kind" != pypi ]; then
        for candidate in /usr/bin/python3 python3; do
            "$candidate" - <<'PY' 2>/dev/null && return 0
import os, sys
import rclpy
print(os.path.realpath(sys._base_executable))
PY
        done
        return 1
    fi
    for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.13 python3.10}; do
        # -I: not what happens to lie in the folder or PYTHONPATH.
        "$candidate" -I - <<'PY' 2>/dev/null && return 0
import os, platform, sys, sysconfig
assert (3, 10) <= sys.version_info[:2] <= (3, 13) and sys.implementation.name == 'cpython'
assert not sysconfig.get_config_var('Py_GIL_DISABLED')
assert platform.machine() == 'x86_64' and platform.libc_ver()[0] == 'glibc'
print(os.path.realpath(sys._base_executable))
PY
    done
    return 1
}

version_of() {
    "$1" -I -c 'import platform as p; print(p.python_implementation(), p.python_version())' \
        2>/dev/null || echo 'not there, or cannot be run'
}

find_python() { usable_python || fail "$(no_python)"; }

no_python() {
    if [ "$kind" != pypi ]; then
        echo "no python3 can import the rclpy of $prefix; deactivate conda or other environments"
    elif [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ] || ldd --version 2>&1 | grep -qi musl; then
        echo "PyPI has ROS 2 only for x86-64 Linux with glibc, and this is $(uname -s) on" \
            "$(uname -m). Install ROS 2 (Humble, Jazzy, Kilted or Lyrical), source it, run this again."
    else
        echo "PyPI has ROS 2 for CPython 3.10 to 3.13, and ${PYTHON:-python3} is" \
            "$(version_of "${PYTHON:-python3}"). Install one of those (then: make setup" \
            "PYTHON=python3.12), or install ROS 2 and source it, and run this again."
    fi
}
