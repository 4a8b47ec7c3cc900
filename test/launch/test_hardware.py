# SPDX-License-Identifier: Apache-2.0
"""What `robot:=aloha` starts, with stand-ins for the drivers' packages that write down how they were called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from ament_index_python.packages import get_packages_with_prefixes
from rig_drivers import calls_of, own_rig

from act_ros.paths import share_dir
from act_ros.robot.spec import RobotSpec

POLICY = ElementTree.parse(share_dir() / 'config' / 'sros2.policy.xml')
ENCLAVES = {enclave.attrib['path'] for enclave in POLICY.iter('enclave')}


def test_everything_of_a_rig_is_started(start: Callable, drivers: dict[str, str]) -> None:
    spec = RobotSpec.load()
    launch = start('hardware.launch.py', 'leaders:=true', **drivers)
    launch.wait_for('driver is up', times=14)
    calls = calls_of(drivers)
    names = [name for arm in spec.arms for name in (arm.leader, arm.follower)]
    arms = [f'/{name}/xs_sdk' for name in names]
    gravity = [f'/{arm.leader}/gravity_compensation' for arm in spec.arms]
    cameras = [f'/{name}/camera' for name in spec.cameras]
    places = [f'/{name}_transform_broadcaster' for name in names]
    assert sorted(calls) == sorted(arms + gravity + cameras + places)
    assert {node: call['enclave'] for node, call in calls.items()} == {
        node: node for node in calls
    }
    assert set(calls) <= ENCLAVES
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


def test_cameras_come_on_the_topics_of_the_configuration(
    start: Callable, drivers: dict[str, str], tmp_path: Path
) -> None:
    rig = own_rig(
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
    calls = calls_of(drivers)
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
    calls = calls_of(drivers)
    base = {name.rpartition('/')[2] for name in calls if name.startswith('/mobile_base/')}
    assert base == {'slate_base', 'base_joystick_teleop', 'joy_node'}
    assert calls['/mobile_base/base_joystick_teleop']['parameters']['axis_linear.x'] == 1
    assert [node for node in calls if node.endswith('/camera')] == ['/cam_high/camera']
    _, config = calls['/rviz2']['arguments']
    assert '/follower_left/robot_description' in Path(config).read_text(encoding='utf-8')


def test_missing_packages_are_named_with_what_to_install(
    refused: Callable[..., str], tiny_policy: Path
) -> None:
    if 'interbotix_xsarm_control' in get_packages_with_prefixes():
        pytest.skip('the drivers are installed here')
    said = refused('aloha.launch.py', 'robot:=aloha', f'checkpoint:={tiny_policy}')
    assert 'robot:=aloha needs interbotix_xsarm_control' in said
    assert 'robot:=sim' in said
