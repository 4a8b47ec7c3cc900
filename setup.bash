# SPDX-License-Identifier: Apache-2.0
# Source this, from any folder, after scripts/setup.sh (or make setup) has run:
#
#     source setup.bash
#
# It brings the ROS 2 this workspace was built on (a sourced one, one under /opt/ros, or the one
# from PyPI in .venv), the built packages and the Python packages into the shell, so that
# `ros2 run act_ros …` and `ros2 launch act_ros …` work.
# It changes nothing that is set already: see the list of defaults at the end.

if [ -z "${BASH_VERSION:-}" ]; then
    echo 'setup.bash: source it from bash (zsh and sh: run `bash` first)' >&2
    return 1 2>/dev/null || exit 1
fi
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    echo 'setup.bash changes the shell it is read by, so source it: source setup.bash' >&2
    exit 1
fi

# Put $2 in front of the list in variable $1, once.
_act_prepend() {
    local list=":${!1:-}:"
    list="${list//:$2:/:}"
    list="${list#:}"
    list="${list%:}"
    export "$1=$2${list:+:$list}"
}

# Source a file of ROS, whose scripts read variables that may be unset.
_act_source() {
    local nounset=0 status=0
    case $- in *u*) nounset=1 ;; esac
    set +u
    # shellcheck disable=SC1090
    . "$1" || status=$?
    [ "$nounset" = 0 ] || set -u
    return "$status"
}

# The ROS 2 of this machine: /opt/ros/NAME, or nothing where there is only the one from PyPI.
_act_find_ros() {
    local name
    for name in jazzy lyrical kilted humble; do
        if [ -f "/opt/ros/$name/setup.bash" ]; then
            echo "/opt/ros/$name"
            return
        fi
    done
}

_act_setup() {
    local root venv ros
    root="$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)" || return 1
    venv="$root/.venv"

    # 1. ROS 2 itself.
    if [ -z "${ROS_DISTRO:-}" ]; then
        ros="$(_act_find_ros)"
        if [ -n "$ros" ]; then
            _act_source "$ros/setup.bash" || return 1
        fi
    fi

    # 2. The Python environment: everything, or on a ROS 2 of this machine what apt does not have.
    if [ ! -x "$venv/bin/python" ]; then
        echo "setup.bash: $venv is not there yet; run: make -C $root setup" >&2
        return 1
    fi
    if [ -f "$venv/share/rclpy/package.xml" ]; then
        # ROS 2 from PyPI. Its wheels have no setup script of their own.
        export ROS_VERSION=2 ROS_DISTRO=jazzy ROS_PYTHON_VERSION=3
        _act_prepend LD_LIBRARY_PATH "$venv/lib"
    fi
    export VIRTUAL_ENV="$venv"
    _act_prepend PATH "$venv/bin"

    # 3. The packages of this repository.
    if [ -f "$root/install/local_setup.bash" ]; then
        _act_source "$root/install/local_setup.bash" || return 1
    else
        echo "setup.bash: the packages are not built yet; run: make -C $root setup" >&2
        return 1
    fi
    if [ -f "$venv/share/rclpy/package.xml" ]; then
        # Last in the list: a message package of the workspace goes before one of the wheels.
        case ":${AMENT_PREFIX_PATH:-}:" in
            *":$venv:"*) ;;
            *) export AMENT_PREFIX_PATH="${AMENT_PREFIX_PATH:+$AMENT_PREFIX_PATH:}$venv" ;;
        esac
        case ":${CMAKE_PREFIX_PATH:-}:" in
            *":$venv:"*) ;;
            *) export CMAKE_PREFIX_PATH="${CMAKE_PREFIX_PATH:+$CMAKE_PREFIX_PATH:}$venv" ;;
        esac
    fi

    # 4. Defaults that the user's own settings go before.
    # Images of 0.9 MB do not fit Fast DDS's default shared memory (see the file).
    if [ -z "${FASTRTPS_DEFAULT_PROFILES_FILE:-}" ] && [ -f "$root/config/fastdds.xml" ]; then
        export FASTRTPS_DEFAULT_PROFILES_FILE="$root/config/fastdds.xml"
    fi
    # A robot must not listen to commands from the next desk. For several machines: SUBNET.
    # Not before Jazzy, where the older variable would then be the one that counts.
    if [ "${ROS_DISTRO:-}" = humble ]; then
        export ROS_LOCALHOST_ONLY="${ROS_LOCALHOST_ONLY:-1}"
    else
        export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"
    fi
    # MuJoCo renders without a screen.
    export MUJOCO_GL="${MUJOCO_GL:-egl}"
    # Idle OpenMP workers sleep instead of spinning: several processes share few cores.
    export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
}

_act_setup
_act_status=$?
unset -f _act_setup _act_find_ros _act_source _act_prepend
if [ "$_act_status" != 0 ]; then
    unset _act_status
    return 1
fi
unset _act_status
