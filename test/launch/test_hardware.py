# SPDX-License-Identifier: Apache-2.0
"""What `robot:=aloha` starts, with stand-ins for the drivers' packages that write down how they were called.

The stand-ins have the names, arguments and nodes of Interbotix's xsarm_control.launch.py and of the helper in
interbotix_xs_modules; where those packages are installed, a rig is better tested with them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from ament_index_python.packages import get_packages_with_prefixes

from act_ros.nodes.process.node_lock import alive
from act_ros.paths import share_dir
from act_ros.robot.spec import RobotSpec

XS_LAUNCH = """
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration


def declare_interbotix_xsarm_robot_description_launch_arguments(*, base_link_frame='base_link', use_world_frame='true'):
    return [
        DeclareLaunchArgument('base_link_frame', default_value=base_link_frame),
        DeclareLaunchArgument('use_world_frame', default_value=use_world_frame, choices=('true', 'false')),
        DeclareLaunchArgument('robot_description', default_value=[
            'URDF of ', LaunchConfiguration('robot_model'), ' for ', LaunchConfiguration('robot_name'),
            ' world ', LaunchConfiguration('use_world_frame')]),
    ]
"""
XSARM_CONTROL = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare
from interbotix_xs_modules.xs_launch import declare_interbotix_xsarm_robot_description_launch_arguments


def setup(context):
    names = ('motor_configs', 'mode_configs', 'load_configs', 'robot_description')
    return [Node(
        package='interbotix_xs_sdk', executable='xs_sdk', name='xs_sdk', namespace=LaunchConfiguration('robot_name'),
        parameters=[{name: LaunchConfiguration(name) for name in names}], output={'both': 'screen'})]


def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument('robot_model', choices=('aloha_wx250s', 'aloha_vx300s')),
        DeclareLaunchArgument('robot_name', default_value=LaunchConfiguration('robot_model')),
        DeclareLaunchArgument('use_rviz', default_value='true', choices=('true', 'false')),
        DeclareLaunchArgument('motor_configs', default_value=[PathJoinSubstitution([
            FindPackageShare('interbotix_xsarm_control'), 'config', LaunchConfiguration('robot_model')]), '.yaml']),
        DeclareLaunchArgument('mode_configs', default_value='modes.yaml'),
        DeclareLaunchArgument('load_configs', default_value='true', choices=('true', 'false')),
        *declare_interbotix_xsarm_robot_description_launch_arguments(),
        OpaqueFunction(function=setup),
    ])
"""
DRIVER = f"""#!{sys.executable}
import json, os, signal, sys
import yaml

signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
arguments = sys.argv[1:]
files = [arguments[i + 1] for i, word in enumerate(arguments) if word == '--params-file']
rules = dict(arguments[i + 1].split(':=', 1) for i, word in enumerate(arguments) if word == '-r')
parameters = {{}}
for file in files:
    for entry in yaml.safe_load(open(file)).values():
        parameters.update(entry['ros__parameters'])
seen = {{'package': os.path.basename(os.path.dirname(sys.argv[0])), 'executable': os.path.basename(sys.argv[0]),
        'arguments': arguments[:arguments.index('--ros-args')], 'rules': rules, 'parameters': parameters,
        'session': os.getsid(0)}}
path = os.path.join(os.environ['CALLS'], str(os.getpid()))
with open(path + '.part', 'w') as out:
    json.dump(seen, out)
os.rename(path + '.part', path + '.json')
print('driver is up', flush=True)
signal.pause()
"""


@pytest.fixture
def drivers(tmp_path: Path) -> dict[str, str]:
    """An ament prefix with stand-ins of the drivers' packages; returns the environment that has it."""
    prefix, calls = tmp_path / 'drivers', tmp_path / 'calls'
    calls.mkdir()
    executables = {
        'interbotix_xsarm_control': None,
        'interbotix_xs_modules': None,
        'interbotix_xs_sdk': 'xs_sdk',
        'interbotix_gravity_compensation': 'interbotix_gravity_compensation',
        'realsense2_camera': 'realsense2_camera_node',
        'tf2_ros': 'static_transform_publisher',
        'interbotix_slate_driver': 'slate_base_node',
        'teleop_twist_joy': 'teleop_node',
        'joy': 'joy_node',
        'rviz2': 'rviz2',
    }
    for package, executable in executables.items():
        marker = prefix / 'share' / 'ament_index' / 'resource_index' / 'packages' / package
        for folder in (
            marker.parent,
            prefix / 'share' / package / 'launch',
            prefix / 'lib' / package,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        marker.touch()
        if executable:
            path = prefix / 'lib' / package / executable
            path.write_text(DRIVER, encoding='utf-8')
            path.chmod(0o755)
    launch_file = (
        prefix / 'share' / 'interbotix_xsarm_control' / 'launch' / 'xsarm_control.launch.py'
    )
    launch_file.write_text(XSARM_CONTROL, encoding='utf-8')
    modules = prefix / 'python' / 'interbotix_xs_modules' / 'xs_launch'
    modules.mkdir(parents=True)
    (modules.parent / '__init__.py').touch()
    (modules / '__init__.py').write_text(XS_LAUNCH, encoding='utf-8')
    return {
        'AMENT_PREFIX_PATH': f'{prefix}:{os.environ["AMENT_PREFIX_PATH"]}',
        'PYTHONPATH': f'{prefix / "python"}:{os.environ.get("PYTHONPATH", "")}',
        'CALLS': str(calls),
    }


def _calls(drivers: dict[str, str]) -> dict[str, dict[str, Any]]:
    """How the drivers were called, by the full names of their nodes."""
    result = {}
    for path in Path(drivers['CALLS']).glob('*.json'):
        call = json.loads(path.read_text(encoding='utf-8'))
        namespace = call['rules']['__ns'].rstrip('/')
        result[f'{namespace}/{call["rules"]["__node"]}'] = call
    return result


def test_everything_of_a_rig_is_started(start: Callable, drivers: dict[str, str]) -> None:
    spec = RobotSpec.load()
    launch = start('hardware.launch.py', 'leaders:=true', **drivers)
    launch.wait_for('driver is up', times=14)
    calls = _calls(drivers)
    names = [name for arm in spec.arms for name in (arm.leader, arm.follower)]
    arms = [f'/{name}/xs_sdk' for name in names]
    gravity = [f'/{arm.leader}/gravity_compensation' for arm in spec.arms]
    cameras = [f'/{name}/camera' for name in spec.cameras]
    places = [f'/{name}_transform_broadcaster' for name in names]
    assert sorted(calls) == sorted(arms + gravity + cameras + places)
    assert all(f'[{name}-' in launch.text for name in [*names, *spec.cameras])  # in launch's log
    assert calls['/leader_left_transform_broadcaster']['arguments'][:4] == [
        '--x',
        '-0.5',
        '--y',
        '0.25',
    ]
    for node in arms:
        name, parameters = node.split('/')[1], calls[node]['parameters']
        model = 'aloha_vx300s' if name.startswith('follower') else 'aloha_wx250s'
        modes = yaml.safe_load(Path(parameters['mode_configs']).read_text(encoding='utf-8'))
        assert modes['port'] == f'/dev/ttyDXL_{name}'
        assert modes['groups']['arm']['torque_enable'] is name.startswith('follower')
        assert Path(parameters['motor_configs']).name == f'{model}.yaml'
        assert parameters['robot_description'] == f'URDF of {model} for {name} world false'
    for node in gravity:
        specs = yaml.safe_load(
            Path(calls[node]['parameters']['motor_specs']).read_text(encoding='utf-8')
        )
        assert list(specs['motor_specs']) == list(spec.joints)
    launch.interrupt()
    assert launch.process.returncode == 0
    assert 'Traceback' not in launch.text


def test_a_recording_session_is_outlasted_by_the_drivers_and_moves_nothing_unasked(
    start: Callable, drivers: dict[str, str], tmp_path: Path, listener: Any
) -> None:
    messages = pytest.importorskip('act_msgs.msg')
    spec, data = RobotSpec.load(), tmp_path / 'data'
    launch = start('record.launch.py', 'robot:=aloha', f'dataset:={data}', **drivers)
    launch.wait_for('driver is up', times=14)
    launch.wait_for('leader_left, leader_right, follower_left, follower_right silent')
    launch.wait_for('ARMS AT REST')
    calls, here = _calls(drivers), os.getsid(launch.process.pid)
    for arm in (name for pair in spec.arms for name in (pair.leader, pair.follower)):
        assert calls[f'/{arm}/xs_sdk']['session'] != here  # the terminal's Ctrl+C is not for it
    for arm in spec.arms:
        assert calls[f'/{arm.leader}/gravity_compensation']['session'] != here
    assert calls['/cam_high/camera']['session'] == here
    listener.listen(messages.Command, '/act/command')
    listener.spin_for(0.5)
    assert listener.count['/act/command'] == 0
    launch.interrupt()
    assert launch.process.returncode == 0, launch.text
    assert 'ARMS GO TO REST' not in launch.text  # nothing was moved
    assert 'Traceback' not in launch.text


def test_a_policy_needs_no_leaders_and_is_not_enabled(
    start: Callable, drivers: dict[str, str], tiny_policy: Path, listener: Any
) -> None:
    messages = pytest.importorskip('act_msgs.msg')
    launch = start('aloha.launch.py', 'robot:=aloha', f'checkpoint:={tiny_policy}', **drivers)
    launch.wait_for('driver is up', times=8)
    assert not [node for node in _calls(drivers) if node.startswith('/leader')]
    assert 'WARNING' in launch.text
    assert 'has no serial_no for cam_high, cam_low, cam_left_wrist, cam_right_wrist' in launch.text
    listener.listen(messages.PolicyState, '/act/policy_state')
    listener.listen(messages.Command, '/act/command')
    listener.spin_until(lambda: listener.count['/act/policy_state'] > 3, 'states of the policy')
    assert listener.count['/act/command'] == 0
    assert 'process started' in launch.text
    assert '[sim-' not in launch.text


def test_a_policy_that_dies_is_outlasted_by_the_guard_and_that_by_the_drivers(
    start: Callable, drivers: dict[str, str], tiny_policy: Path, listener: Any
) -> None:
    messages = pytest.importorskip('interbotix_xs_msgs.msg')
    launch = start('aloha.launch.py', 'robot:=aloha', f'checkpoint:={tiny_policy}', **drivers)
    launch.wait_for('driver is up', times=8)
    topic = '/follower_left/commands/joint_group'
    publisher = listener.node.create_publisher(messages.JointGroupCommand, topic, 1)

    def seen() -> bool:
        publisher.publish(messages.JointGroupCommand(name='arm', cmd=[0.0] * 6))
        return 'the arms are commanded' in launch.text

    listener.spin_until(seen, 'the guard sees a command')
    listener.node.destroy_publisher(publisher)
    os.kill(launch.pid('policy'), signal.SIGKILL)
    launch.wait_for('TAKE HOLD OF THEM')
    trigger = pytest.importorskip('std_srvs.srv').Trigger
    let_go = listener.node.create_client(trigger, '/act/guard/let_go')
    listener.spin_until(let_go.service_is_ready, 'the guard')
    answer = let_go.call_async(trigger.Request())
    listener.spin_until(answer.done, 'the answer of the guard')
    assert launch.wait() == 1
    _come_in_order(
        launch.text,
        'policy ended with exit code -9',
        'THE ARMS GO SLOWLY TO REST',
        'follower_right has not reported any joints',  # the stand-ins do not
        'TAKE HOLD OF THEM',
        f'process has finished cleanly [pid {launch.pid("follower_left")}]',
    )
    assert 'Traceback' not in launch.text


def test_a_replay_that_moved_nothing_ends_at_once_and_then_its_drivers(
    start: Callable, drivers: dict[str, str], tmp_path: Path, listener: Any
) -> None:
    path = tmp_path / 'episode_0.hdf5'
    with h5py.File(path, 'w') as file:
        file.attrs['sim'] = False
        for name in ('action', 'observations/qpos', 'observations/qvel'):
            file[name] = np.zeros((50, 14), np.float32)
        file.create_group('observations/images')
    launch = start('replay.launch.py', 'robot:=aloha', f'episode:={path}', **drivers)
    launch.wait_for('driver is up', times=8)
    launch.wait_for('the arms do not move before they are enabled')
    listener.spin_until(lambda: alive('/act/guard'), 'the guard')
    os.kill(launch.pid('guard'), signal.SIGKILL)
    launch.wait_for('it is started again')
    listener.spin_until(lambda: alive('/act/guard'), 'another guard')
    here = os.getsid(launch.process.pid)
    for arm in RobotSpec.load().arms:
        session = _calls(drivers)[f'/{arm.follower}/xs_sdk']['session']
        assert session != here  # the terminal's Ctrl+C is not for it
    launch.interrupt()
    assert launch.process.returncode == 0, launch.text
    _come_in_order(
        launch.text,
        'the arms were never commanded',
        f'process has finished cleanly [pid {launch.pid("follower_left")}]',
    )
    assert 'Traceback' not in launch.text


def _come_in_order(text: str, *parts: str) -> None:
    found = [text.find(part) for part in parts]
    assert found == sorted(found) and found[0] >= 0, (
        f'{dict(zip(parts, found, strict=True))}\n{text}'
    )


def test_cameras_come_on_the_topics_of_the_configuration(
    start: Callable, drivers: dict[str, str], tmp_path: Path
) -> None:
    rig = _own_rig(
        tmp_path,
        {
            'cam_high': '0123456789',
            'cam_low': '98e7',
            'cam_left_wrist': 'a',
            'cam_right_wrist': 'b',
        },
    )
    start('hardware.launch.py', 'namespace:=lab', f'rig:={rig}', **drivers).wait_for(
        'driver is up', times=8
    )
    calls = _calls(drivers)
    for name, camera in RobotSpec.load().cameras.items():
        rules = calls[f'/lab/{name}/camera']['rules']
        assert (
            rules['~/color/image_rect_raw'] == rules['~/color/image_raw'] == f'/lab/{camera.topic}'
        )
        assert rules['~/color/camera_info'] == f'/lab/{name}/camera/color/camera_info'
    parameters = calls['/lab/cam_high/camera']['parameters']
    assert parameters['serial_no'] == '0123456789'  # a text, or the camera isn't found
    assert calls['/lab/cam_low/camera']['parameters']['serial_no'] == '98e7'
    assert parameters['depth_module.color_profile'] == '640,480,60'
    assert parameters['depth_module.enable_auto_exposure'] is False
    assert '/lab/follower_left/xs_sdk' in calls
    assert calls['/lab/follower_left/xs_sdk']['parameters']['mode_configs'] == str(
        rig / 'follower_left.yaml'
    )


def test_a_mobile_robot_with_chosen_cameras_has_its_base_and_a_view(
    start: Callable, drivers: dict[str, str]
) -> None:
    mobile = {**drivers, 'ACT_ROBOT': str(share_dir() / 'config' / 'robots' / 'mobile.yaml')}
    launch = start('hardware.launch.py', 'cameras:=cam_high', 'rviz:=true', **mobile)
    launch.wait_for('driver is up', times=9)
    calls = _calls(drivers)
    base = {name.rpartition('/')[2] for name in calls if name.startswith('/mobile_base/')}
    assert base == {'slate_base', 'base_joystick_teleop', 'joy_node'}
    assert calls['/mobile_base/base_joystick_teleop']['parameters']['axis_linear.x'] == 1
    assert [node for node in calls if node.endswith('/camera')] == ['/cam_high/camera']
    _, config = calls['/rviz2']['arguments']
    assert '/follower_left/robot_description' in Path(config).read_text(encoding='utf-8')


def test_arms_are_not_enabled_with_cameras_that_may_be_swapped(
    start: Callable, drivers: dict[str, str], tiny_policy: Path
) -> None:
    launch = start(
        'aloha.launch.py', 'robot:=aloha', 'enable:=true', f'checkpoint:={tiny_policy}', **drivers
    )
    assert launch.wait() == 1
    assert 'enable:=true is refused' in launch.text
    assert 'process started' not in launch.text


def test_arms_are_not_moved_from_the_start_where_the_doctor_finds_that_unsafe(
    start: Callable, drivers: dict[str, str], tiny_policy: Path, tmp_path: Path, listener: Any
) -> None:
    messages = pytest.importorskip('sensor_msgs.msg')
    topics = [f'/{arm.follower}/joint_states' for arm in RobotSpec.load().arms]
    _, rivals = [  # as if two drivers ran
        [listener.node.create_publisher(messages.JointState, topic, 10) for topic in topics]
        for _ in range(2)
    ]
    rig = _own_rig(tmp_path, dict.fromkeys(RobotSpec.load().cameras, '1'))
    chosen = (f'checkpoint:={tiny_policy}', 'enable:=true', f'rig:={rig}')
    launch = start('aloha.launch.py', 'robot:=aloha', *chosen, **drivers)
    assert launch.wait() == 1
    assert 'UNSAFE' in launch.text and 'has 2 publishers' in launch.text
    assert 'the arms are not moved: the doctor says' in launch.text
    assert '[policy-' not in launch.text and 'Traceback' not in launch.text
    for publisher in rivals:
        listener.node.destroy_publisher(publisher)
    launch = start('aloha.launch.py', 'robot:=aloha', *chosen, **drivers)
    launch.wait_for('[policy-')
    assert 'PROBLEM' in launch.text and 'UNSAFE' not in launch.text


def test_missing_packages_are_named_with_what_to_install(
    start: Callable, tiny_policy: Path
) -> None:
    if 'interbotix_xsarm_control' in get_packages_with_prefixes():
        pytest.skip('the drivers are installed here')
    launch = start('aloha.launch.py', 'robot:=aloha', f'checkpoint:={tiny_policy}')
    assert launch.wait() == 1
    assert 'robot:=aloha needs interbotix_xsarm_control' in launch.text
    assert 'robot:=sim' in launch.text
    assert 'Traceback' not in launch.text


def _own_rig(folder: Path, serials: dict[str, str]) -> Path:
    """A copy of config/hardware with these serial numbers."""
    rig = folder / 'rig'
    shutil.copytree(share_dir() / 'config' / 'hardware', rig)
    path = rig / 'stationary.yaml'
    changed = yaml.safe_load(path.read_text(encoding='utf-8'))
    for name, serial in serials.items():
        changed['cameras'][name]['serial_no'] = serial
    path.write_text(yaml.safe_dump(changed), encoding='utf-8')
    return rig
