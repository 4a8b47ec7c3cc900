# SPDX-License-Identifier: Apache-2.0
"""The doctor: what it says of a machine, of topics, and of drivers; and that the simulated robot is well."""

from __future__ import annotations

import json

import pytest
from fakes import SPEC, write_config
from interbotix_xs_msgs.srv import RobotInfo
from processes import Running
from sensor_msgs.msg import JointState

from act_ros import launching
from act_ros.nodes.doctor.drivers import limits
from act_ros.nodes.doctor.findings import UNSAFE, Verdict, problem, status, table, warning, well
from act_ros.nodes.doctor.machine import discovery, disk, policies, profile
from act_ros.nodes.doctor.node import as_parameters
from act_ros.nodes.doctor.topics import Ears
from act_ros.nodes.shared.base import BaseNode
from act_ros.policy.library import Library


def test_the_table_has_a_verdict_and_a_next_step_for_each():
    lines = table([well('disk', 'full of room'), problem('arm', 'is\nout', 'switch it on')])
    assert lines.splitlines() == [
        'OK       disk  full of room',
        'PROBLEM  arm   is\\nout',
        '               -> switch it on',
        '1 problem, no warnings, 2 checks',
    ]


def test_launch_files_know_the_status_of_what_is_unsafe():
    assert launching.UNSAFE == UNSAFE and status([well('a', 'b')]) == 0
    assert status([well('a', 'b'), warning('a', 'b', 'c')]) == 0
    assert status([problem('a', 'b', 'c')]) == 1


def test_its_options_are_parameters():
    words = ['--robot', 'aloha', '--json', '--dataset=my data', '--ros-args', '-r', 'a:=b']
    assert as_parameters(words) == [
        *('--ros-args', '-r', 'a:=b'),
        *('--ros-args', '-p', 'robot:="aloha"', '--ros-args', '-p', 'json:=true'),
        *('--ros-args', '-p', 'dataset:="my data"'),
    ]
    assert as_parameters(['--robot']) == ['--robot']  # and is refused as one that is not known


@pytest.mark.parametrize(
    ('env', 'verdict'),
    [
        ({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}, Verdict.OK),
        ({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'}, Verdict.WARNING),
        (
            {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'ROS_STATIC_PEERS': '10.0.0.2'},
            Verdict.WARNING,
        ),
        ({}, Verdict.WARNING),
        ({'ROS_DISTRO': 'humble', 'ROS_LOCALHOST_ONLY': '1'}, Verdict.OK),
        ({'ROS_DISTRO': 'humble'}, Verdict.WARNING),
        ({'ROS_SECURITY_ENABLE': 'true', 'ROS_SECURITY_STRATEGY': 'Enforce'}, Verdict.OK),
        ({'ROS_SECURITY_ENABLE': 'true'}, Verdict.WARNING),  # who has no key may take part, too
    ],
)
def test_who_can_be_reached_from_other_machines_is_warned(env, verdict):
    assert discovery(env).verdict is verdict


def test_a_profile_that_is_not_there_is_a_problem_and_none_a_warning(tmp_path):
    name = 'FASTRTPS_DEFAULT_PROFILES_FILE'
    assert profile({}).verdict is Verdict.WARNING
    assert profile({name: str(tmp_path / 'none.xml')}).verdict is Verdict.PROBLEM
    assert profile({'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}).verdict is Verdict.OK
    bound = {name: '/config/fastdds_loopback.xml', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'}
    assert 'SUBNET is asked for' in profile(bound).found
    path = tmp_path / 'own.xml'
    path.touch()
    assert profile({name: str(path)}) == well('DDS profile', str(path))
    local = {name: str(path), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    assert 'names this one as its peer' in profile(local).found
    path.write_text('<interfaceWhiteList>')
    assert profile(local).verdict is Verdict.OK


def test_a_disk_that_is_full_is_a_problem_also_for_a_folder_to_be(tmp_path, monkeypatch):
    for free, verdict in ((1e8, Verdict.PROBLEM), (1e9, Verdict.WARNING), (1e11, Verdict.OK)):
        usage = type('Usage', (), {'free': int(free)})
        monkeypatch.setattr('shutil.disk_usage', lambda _, usage=usage: usage)
        assert disk(tmp_path / 'not' / 'yet').verdict is verdict


def test_policies_that_fit_and_that_do_not_are_told_apart(tmp_path):
    write_config(tmp_path / 'good')
    write_config(tmp_path / 'other', cameras=('cam_nose',))
    good, other = policies(Library([tmp_path]), SPEC)
    assert good == well('policy good', 'fits this robot')
    assert other.verdict is Verdict.WARNING and 'camera cam_nose' in other.found


def info(**changes):
    """What a follower's driver answers."""
    own = SPEC.arm_slice(0)
    return RobotInfo.Response(
        **{
            'joint_names': list(SPEC.joints),
            'joint_lower_limits': SPEC.lower[own].tolist(),
            'joint_upper_limits': SPEC.upper[own].tolist(),
            **changes,
        }
    )


def test_limits_wider_than_the_drivers_are_a_problem_and_narrower_ones_are_not():
    upper = SPEC.upper[SPEC.arm_slice(0)].copy()
    assert limits(SPEC, 'follower_left', info()).verdict is Verdict.OK
    wider = info(joint_upper_limits=(upper + 0.5).tolist())
    assert limits(SPEC, 'follower_left', wider).verdict is Verdict.OK
    upper[2] -= 0.5
    found = limits(SPEC, 'follower_left', info(joint_upper_limits=upper.tolist()))
    assert found.verdict is Verdict.UNSAFE and found.found.count('elbow') == 1
    assert 'waist' not in found.found
    other = limits(SPEC, 'leader_left', info(joint_names=['a', 'b']))
    assert (
        other.verdict is Verdict.PROBLEM and 'its joints are a, b, expected waist' in other.found
    )


def test_what_is_heard_missing_doubled_or_unreadable_is_told_apart(ros, robot):
    rival = ros.node('rival')
    rival.create_publisher(JointState, '/follower_right/joint_states', 10)
    robot.encoding = 'bayer_rggb8'
    ears = Ears(ros.add(BaseNode('doctor', context=ros.context)), SPEC, simulated=False)
    ros.wait_until(lambda: len(ears.publishers('follower_right/joint_states')) == 2)
    ears.wait(lambda: False)
    found = {finding.about: finding for finding in ears.findings()}
    assert found['arm follower_left'].verdict is not Verdict.PROBLEM  # slow on a busy machine
    assert '9 joints' in found['arm follower_left'].found
    assert '/robot' in found['arm follower_left'].found
    doubled = found['arm follower_right']
    assert doubled.verdict is Verdict.UNSAFE and status(found.values()) == UNSAFE
    assert 'has 2 publishers (/rival, /robot)' in doubled.found
    assert found['arm leader_left'] == warning(
        'arm leader_left', 'is not there', 'only recording needs the leaders: leaders:=true'
    )
    assert "encoding 'bayer_rggb8' is not read" in found['cam_high'].found
    assert found['cam_low'].verdict is Verdict.PROBLEM
    assert (
        'publishes /cam_low/camera/color/image_rect_raw, and nothing comes'
        in found['cam_low'].found
    )


def test_of_a_robot_that_is_not_there_each_part_is_a_line_with_what_to_start(ros):
    node = ros.add(BaseNode('doctor', context=ros.context, namespace='/cell_2/act'))
    for simulated, file in ((True, 'sim.launch.py'), (False, 'hardware.launch.py')):
        found = list(Ears(node, SPEC, simulated).findings())
        missing = [finding for finding in found if finding.verdict is Verdict.PROBLEM]
        assert len(missing) == len(SPEC.arms) + len(SPEC.cameras)
        assert all(f'ros2 launch act_ros {file}' in finding.do for finding in missing)
        assert 'nobody publishes /cell_2/follower_left/joint_states' in missing[0].found


def test_the_simulated_robot_is_well_and_is_asked_without_being_moved(tmp_path):
    small = {'cameras': ['cam_high'], 'image_height': 48, 'image_width': 64, 'image_rate_hz': 20.0}
    with Running('sim', tmp_path / 'sim.log', **small) as sim:
        with Running(
            'doctor', tmp_path / 'doctor.log', json=True, dataset=str(tmp_path)
        ) as doctor:
            code = doctor.process.wait(120)
        text = doctor.output
        found = {row['about']: row for row in json.loads(text[text.index('[\n {') :])}
        assert sim.process.poll() is None
    assert not [row for row in found.values() if row['verdict'] in ('PROBLEM', 'UNSAFE')], text
    assert code == 0
    for arm in SPEC.arms:
        for name in (arm.leader, arm.follower):
            assert f'from /{name}/xs_sdk' in found[f'arm {name}']['found']
            assert 'no hardware error' in found[f'driver {name}']['found']
        assert found[f'limits {arm.follower}']['verdict'] == 'OK'
    assert found['cam_high']['found'].startswith('64x48 rgb8, ')
    assert found['cam_low']['verdict'] == 'warning'
