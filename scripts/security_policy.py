#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write config/sros2.policy.xml: what each program of the suite may send, hear, serve and call under SROS 2.

Taken from the nodes themselves, which are made for it and never started; what they make only later, and what
others' programs (drivers, a person's tools) need, is named here. The format is that of `ros2 security`
(https://github.com/ros2/sros2, policy.xsd, version 0.2.0).

    scripts/security_policy.py            write the file, for the robot of config/aloha.yaml
    scripts/security_policy.py --check    end with 1 where the file is not what would be written
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from reference_nodes import TOPICS, Described, describe_nodes
from written import ROOT, write_or_check

FILE = ROOT / 'config' / 'sros2.policy.xml'
HEAD = '<!-- scripts/security_policy.py writes this from the nodes, and a test fails when it is old. See SECURITY.md. -->\n'
MOVES_LEADERS = ('session', 'rest')
"""Programs that command the leaders, too; they make the publishers when they do."""
SETS_MOTORS = ('session', 'rest', 'guard')
"""Programs that call the services of the drivers that change something."""
ALL = '/*'


@dataclass(frozen=True)
class Rights:
    """What a program may do; names as DDS compares them, so with * for anything."""

    publish: Iterable[str] = ()
    subscribe: Iterable[str] = ()
    reply: Iterable[str] = ()
    request: Iterable[str] = ()


def own_rights(name: str, found: Described, spec: Any) -> Rights:
    """The rights of a program of this suite."""
    leaders = [pair.leader for pair in spec.arms]
    arms = [*leaders, *(pair.follower for pair in spec.arms)]
    publish, subscribe = (
        {topic for topic, _ in found.published},
        {topic for topic, _ in found.heard},
    )
    request = {service for service, _ in found.clients}
    if name in MOVES_LEADERS:
        publish |= {
            f'/{arm}/commands/{kind}'
            for arm in leaders
            for kind in ('joint_group', 'joint_single')
        }
    if name in SETS_MOTORS:
        request |= {f'/{arm}/*' for arm in arms}
    if name == 'doctor':
        request |= {f'/{arm}/get_*' for arm in arms}
    nodes = set(found.names)
    images = {f'/{camera.topic}' for camera in spec.cameras.values()}
    if name == 'sim':
        publish |= images
    if name == 'policy':  # its cameras are those of the policy that is loaded
        subscribe |= images
        nodes |= {f'/act/camera_{camera}' for camera in spec.cameras}
    if any(parameter.name == 'stop_joy' for parameter in found.parameters):
        subscribe |= {'/joy'}
    # Of each node all, since the services of its parameters are many; and what is named after others, as drivers' are.
    reply = {
        service
        for service, _ in found.services
        if not service.startswith(tuple(f'{node}/' for node in nodes))
    }
    return Rights(publish, subscribe, reply | {f'{node}/*' for node in nodes}, request)


def others(spec: Any, rig: Any) -> dict[str, Rights]:
    """The rights of programs that are not of this suite, by their enclave."""
    from act_ros.robot.rig_nodes import gravity_compensation, transform

    found = {}
    for arm in (name for pair in spec.arms for name in (pair.leader, pair.follower)):
        own = f'/{arm}/*'
        found[f'/{arm}/xs_sdk'] = Rights(
            [own, '/tf', '/tf_static'], [own, '/tf', '/tf_static'], [own], [own]
        )
        found[f'/{transform(rig, arm).name}'] = Rights(['/tf_static'], ['/tf_static'])
    for leader in (pair.leader for pair in spec.arms):
        own = f'/{leader}/*'
        found[f'/{leader}/{gravity_compensation(rig, leader).name}'] = Rights(
            [own], [own], [own], [own]
        )
    for camera, driver in rig.cameras.items():
        own = f'/{camera}/*'
        found[f'/{camera}/{driver.name}'] = Rights([own, '/tf_static'], [own], [own], [own])
    # A person: sees everything, may call and stop everything, and commands no motor.
    found['/act/console'] = Rights(
        ['/act/stop', '/act/stop_state'], [ALL], ['/act/keys/*'], ['/act/*']
    )
    found['/joy'] = Rights(['/joy'])
    found['/rviz2'] = Rights([], [ALL], [], [])
    return found


def document(enclaves: Mapping[str, Rights]) -> str:
    """The policy as XML."""
    root = ElementTree.Element('policy', version='0.2.0')
    listed = ElementTree.SubElement(root, 'enclaves')
    for path, rights in sorted(enclaves.items()):
        profiles = ElementTree.SubElement(
            ElementTree.SubElement(listed, 'enclave', path=path), 'profiles'
        )
        space, _, node = path.rpartition('/')
        profile = ElementTree.SubElement(profiles, 'profile', ns=space or '/', node=node)
        for kind, rule, names in (
            ('topic', 'publish', {*rights.publish, *TOPICS}),
            ('topic', 'subscribe', {*rights.subscribe, '/clock', '/parameter_events'}),
            ('service', 'reply', {*rights.reply, f'{path}/*'}),
            ('service', 'request', set(rights.request)),
        ):
            if names:
                group = ElementTree.SubElement(profile, f'{kind}s', {rule: 'ALLOW'})
                for name in sorted(names):
                    ElementTree.SubElement(group, kind).text = name
    ElementTree.indent(root)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + HEAD
        + ElementTree.tostring(root, 'unicode')
        + '\n'
    )


def policy() -> str:
    """The whole file."""
    from act_ros.robot.rig import Rig
    from act_ros.robot.spec import RobotSpec

    spec = RobotSpec.load()
    programs = {
        f'/act/{name}': own_rights(name, found, spec) for name, found in describe_nodes().items()
    }
    return document({**programs, **others(spec, Rig.load(ROOT / 'config' / 'hardware', spec))})


def main() -> int:
    """Write or check the file."""
    return write_or_check(__doc__ or '', FILE, policy)


if __name__ == '__main__':
    sys.exit(main())
