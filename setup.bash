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

# Put $2 at the end of the list in variable $1, unless it is in it.
_act_append() {
    local list="${!1:-}"
    [[ ":$list:" == *":$2:"* ]] || export "$1=${list:+$list:}$2"
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

_act_setup() {
    local root venv kind distro prefix
    root="$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)" || return 1
    venv="$root/.venv"

    # 1. ROS 2 itself: the one that scripts/setup.sh built on, as it noted it.
    if [ ! -x "$venv/bin/python" ] || ! read -r kind distro prefix 2>/dev/null <"$venv/base"; then
        echo "setup.bash: not set up yet; run: make -C $root setup" >&2
        return 1
    fi
    # What is installed names this folder. Of a copy it would run the original without a word.
    if [ "$(cat "$venv/root" 2>/dev/null)" != "$root" ]; then
        echo "setup.bash: this folder was moved or copied after its set-up; run: make -C $root setup" >&2
        return 1
    fi
    case "$kind" in
        pypi)
            export ROS_VERSION=2 ROS_PYTHON_VERSION=3 ROS_DISTRO="$distro"
            _act_prepend LD_LIBRARY_PATH "$venv/lib"
            ;;
        opt)
            if [ -n "${ROS_DISTRO:-}" ] && [ "$ROS_DISTRO" != "$distro" ]; then
                echo "setup.bash: ROS 2 $ROS_DISTRO is sourced, but this was built on $distro;" \
                    "use a new shell, or run: make -C $root setup" >&2
                return 1
            fi
            _act_source "$prefix/setup.bash" || return 1
            ;;
        *)
            if [[ ":${AMENT_PREFIX_PATH:-}:" != *":$prefix:"* ]]; then
                echo "setup.bash: this was built on the ROS 2 in $prefix; source that first" >&2
                return 1
            fi
            ;;
    esac

    # 2. The Python environment: everything, or on a ROS 2 of this machine what apt does not have.
    export VIRTUAL_ENV="$venv"
    _act_prepend PATH "$venv/bin"

    # 3. The packages of this repository.
    if [ -f "$root/install/local_setup.bash" ]; then
        _act_source "$root/install/local_setup.bash" || return 1
    else
        echo "setup.bash: the packages are not built yet; run: make -C $root setup" >&2
        return 1
    fi
    if [ "$kind" = pypi ]; then
        # Behind the workspace in the search, like the underlay it is. Its wheels have no setup
        # script for colcon's to chain to.
        _act_append AMENT_PREFIX_PATH "$venv"
        _act_append CMAKE_PREFIX_PATH "$venv"
    fi

    # 4. Defaults that the user's own settings go before.
    # Images of 0.9 MB do not fit Fast DDS's default shared memory (see the file). The first name
    # is for Humble and Jazzy, the second for what came later.
    local name profile reach
    # A robot must not listen to commands from the next desk. For several machines: SUBNET (and
    # ROS_LOCALHOST_ONLY=0 on Humble, which knows only that). LOCALHOST alone lets in who names this
    # machine as a peer, so the profile is bound to the loopback interface as well.
    if [ "$distro" = humble ]; then
        export ROS_LOCALHOST_ONLY="${ROS_LOCALHOST_ONLY:-1}"
        reach="$ROS_LOCALHOST_ONLY"
    else
        export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"
        reach="$ROS_AUTOMATIC_DISCOVERY_RANGE${ROS_STATIC_PEERS:-}"
    fi
    case "$reach" in
        1 | LOCALHOST | OFF) profile="$root/config/fastdds_loopback.xml" ;;
        *) profile="$root/config/fastdds.xml" ;;
    esac
    if [ -f "$profile" ]; then
        for name in FASTRTPS_DEFAULT_PROFILES_FILE FASTDDS_DEFAULT_PROFILES_FILE; do
            case "${!name:-}" in
                '' | "$root"/config/fastdds.xml | "$root"/config/fastdds_loopback.xml)
                    export "$name=$profile" ;;
            esac
        done
    fi
    # MuJoCo renders without a screen.
    export MUJOCO_GL="${MUJOCO_GL:-egl}"
    # Idle OpenMP workers sleep instead of spinning: several processes share few cores.
    export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
}

_act_setup
_act_status=$?
unset -f _act_setup _act_source _act_prepend _act_append
if [ "$_act_status" != 0 ]; then
    unset _act_status
    return 1
fi
unset _act_status
