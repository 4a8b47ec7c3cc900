# SPDX-License-Identifier: Apache-2.0
"""What the doctor sees without a robot: ROS, shared memory, priority, disk, policies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from act_ros.data.recording.archive import MIN_FREE
from act_ros.nodes.doctor.findings import Finding, problem, warning, well
from act_ros.nodes.process.discovery import PROFILES, cut_off, local_only, reach, secured
from act_ros.nodes.process.real_time import may_take_real_time
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config
from act_ros.policy.library import Library
from act_ros.policy.robot_fit import misfits
from act_ros.robot.spec import RobotSpec, description_path
from act_ros.shared_memory import FOLDER, find_leftovers
from act_ros.text import shown

SCARCE = 5_000_000_000
"""Bytes free on the disk: less is warned of; with less than `MIN_FREE` the recorder begins no episode."""
SHARED = 512 * 1024**2
"""Bytes of shared memory: four cameras and what hears them."""


def machine(spec: RobotSpec, dataset: str, models_dir: str) -> Iterator[Finding]:
    """Everything, in the order in which it matters."""
    env = os.environ
    yield ros(env)
    yield discovery(env)
    yield profile(env)
    yield shared_memory(FOLDER)
    yield real_time()
    yield disk(Path(dataset).expanduser().absolute())
    yield well('robot', f'{spec.dof} entries, {len(spec.cameras)} cameras; {description_path()}')
    yield from policies(Library.of(models_dir), spec)


def ros(env: Mapping[str, str]) -> Finding:
    """Distribution, middleware, domain."""
    rmw = env.get('RMW_IMPLEMENTATION') or 'the default middleware'
    domain = env.get('ROS_DOMAIN_ID') or '0'
    return well('ROS', f'{env.get("ROS_DISTRO", "unknown")}, {rmw}, domain {domain}')


def discovery(env: Mapping[str, str]) -> Finding:
    """Who may find the nodes of this machine."""
    if local_only(env):
        return well('discovery', f'{reach(env)}: this machine only')
    if secured(env):
        keys = shown(env.get('ROS_SECURITY_KEYSTORE', ''))
        return well('discovery', f'{reach(env)}: who has a key of {keys}')
    return warning(
        'discovery',
        f'{reach(env)}: who is on this network can command the arms',
        'meant for several machines only; else: unset it, and source setup.bash in a new terminal',
    )


def profile(env: Mapping[str, str]) -> Finding:
    """Which transports Fast DDS uses."""
    if 'fastrtps' not in (env.get('RMW_IMPLEMENTATION') or 'rmw_fastrtps_cpp'):
        return well('DDS profile', 'none of Fast DDS: another middleware is chosen')
    path = next(filter(None, map(env.get, PROFILES)), None)
    if path is None:
        return warning(
            'DDS profile',
            'Fast DDS runs without one: most images are lost',
            'source setup.bash in every terminal',
        )
    if why := cut_off(env):
        return problem('DDS profile', why, 'the nodes do not find those of other machines')
    if not Path(path).is_file():
        return problem('DDS profile', f'there is no {path}', 'source setup.bash in a new terminal')
    if (
        local_only(env)
        and not secured(env)
        and 'interfaceWhiteList' not in Path(path).read_text(errors='replace')
    ):
        return warning(
            'DDS profile',
            f'{path}: a machine that names this one as its peer can command the arms',
            'source setup.bash in a new terminal, or give your profile an interfaceWhiteList',
        )
    return well('DDS profile', path)


def shared_memory(folder: Path) -> Finding:
    """What killed processes have left, and how much room there is."""
    left = sum(each.size for each in find_leftovers(folder))
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return warning('shared memory', f'there is no {folder}', 'images go by UDP, and are lost')
    found = f'{free / 1e9:.1f} GB free' + (
        f'; killed processes have left {left / 1e6:.0f} MB, which the next launch frees'
        if left
        else ''
    )
    if free < SHARED:
        return problem('shared memory', found, f'look at {folder}; in a container: --shm-size=2g')
    return well('shared memory', found)


def real_time() -> Finding:
    """Whether what commands the arms goes before other programs."""
    cores = f'{len(os.sched_getaffinity(0))} processor cores'
    if may_take_real_time():
        return well('real time', f'priority is allowed; {cores}')
    return warning(
        'real time',
        f'no priority; {cores}: on a busy machine commands come unevenly',
        'docs/install.md says under "Even commands on a busy computer" how to allow it',
    )


def disk(folder: Path) -> Finding:
    """Whether episodes have room."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    found = f'{free / 1e9:.1f} GB free for {folder}'
    if not os.access(there, os.W_OK):
        return problem('disk', f'{there} cannot be written', 'name another place with --dataset')
    if free < MIN_FREE:
        return problem('disk', found, 'make room: no episode begins')
    if free < SCARCE:
        return warning('disk', found, 'make room: an episode of four cameras takes about 0.1 GB')
    return well('disk', found)


def policies(library: Library, spec: RobotSpec) -> Iterator[Finding]:
    """Which policies there are, and whether they fit the robot."""
    found = library.policies()
    if not found:
        where = ' or '.join(map(str, library.folders))
        yield warning('policies', f'none in {where}', 'train one, or: git lfs pull')
    for name, path in found.items():
        try:
            reasons = misfits(read_config(path), spec)
        except (PolicyError, OSError) as error:
            reasons = [str(error)]
        if reasons:
            yield warning(f'policy {name}', '; '.join(reasons), 'choose another on this robot')
        else:
            yield well(f'policy {name}', 'fits this robot')
