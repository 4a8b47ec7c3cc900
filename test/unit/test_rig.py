# SPDX-License-Identifier: Apache-2.0
"""The rigs that are shipped start what Interbotix's bring-up starts, and a wrong rig is refused with its place.

The table is of its launch file as of 2024-12 (ROBOT: stationary, mobile) and of its branch 2.0 (solo): names,
executables, places, parameters. Where this suite does otherwise on purpose is said in docs/robot.md.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from act_ros.paths import share_dir
from act_ros.robot.rig import NodeCall, Rig, RigError
from act_ros.robot.rig_nodes import (
    arm_driver,
    camera,
    gravity_compensation,
    rviz_config,
    transform,
    unknown_cameras,
)
from act_ros.robot.spec import RobotSpec, SpecError

CONFIG = share_dir() / 'config'
ROBOTS = {
    'stationary': CONFIG / 'aloha.yaml',
    **{name: CONFIG / 'robots' / f'{name}.yaml' for name in ('mobile', 'solo', 'original')},
}
FOUR = {
    'leader_left': (-0.5, 0.25),
    'leader_right': (-0.5, -0.25),
    'follower_left': (0.5, 0.25),
    'follower_right': (0.5, -0.25),
}
TWO = {'leader_solo': (-0.5, 0.0), 'follower_solo': (0.5, 0.0)}
REALSENSE = {
    'initial_reset': True, 'enable_color': True, 'enable_depth': False, 'enable_infra': False,
    'enable_infra1': False, 'enable_infra2': False, 'serial_no': '',
    'depth_module.profile': '640,480,60', 'depth_module.enable_auto_exposure': False,
    'rgb_camera.profile': '640,480,60', 'rgb_camera.enable_auto_exposure': False,
}  # fmt: skip
TELEOP = {
    'axis_linear.x': 1, 'scale_linear.x': 0.7, 'axis_angular.yaw': 3, 'scale_angular.yaw': 0.6, 'enable_button': 6,
}  # fmt: skip
BASE = {
    '/mobile_base/slate_base': ('interbotix_slate_driver', 'slate_base_node', {}),
    '/mobile_base/base_joystick_teleop': ('teleop_twist_joy', 'teleop_node', TELEOP),
    '/mobile_base/joy_node': ('joy', 'joy_node', {'deadzone': 0.3, 'autorepeat_rate': 20.0}),
}
PEER: dict[str, tuple[dict[str, tuple[float, float]], list[str], dict[str, Any]]] = {
    'stationary': (FOUR, ['cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist'], {}),
    'mobile': (FOUR, ['cam_high', 'cam_left_wrist', 'cam_right_wrist'], BASE),
    'solo': (TWO, ['camera_high', 'camera_wrist_right'], {}),
}


def loaded(name: str) -> tuple[RobotSpec, Rig]:
    spec = RobotSpec.load(ROBOTS[name])
    return spec, Rig.load(CONFIG / 'hardware', spec)


def full(call: NodeCall) -> str:
    return '/'.join(['', *filter(None, [call.namespace, call.name])])


@pytest.mark.parametrize('name', PEER)
def test_a_shipped_robot_is_started_as_interbotix_starts_it(name: str) -> None:
    spec, rig = loaded(name)
    arms, cameras, others = PEER[name]
    assert sorted(rig.arms) == sorted(arms)
    for arm, (x, y) in arms.items():
        model = 'aloha_wx250s' if arm.startswith('leader') else 'aloha_vx300s'
        given = arm_driver(rig, arm)
        assert (given['robot_model'], given['robot_name'], given['use_rviz']) == (
            model,
            arm,
            'false',
        )
        side = arm.replace('solo', 'right')
        assert rig.arms[arm].port == f'/dev/ttyDXL_{side}'
        call = transform(rig, arm)
        assert (call.package, call.executable) == ('tf2_ros', 'static_transform_publisher')
        assert full(call) == f'/{arm}_transform_broadcaster'
        told = dict(zip(call.arguments[::2], call.arguments[1::2], strict=True))
        place = [float(told[f'--{axis}']) for axis in ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')]
        assert place == [x, y, 0, 0, 0, 0, 1]
        assert (told['--frame-id'], told['--child-frame-id']) == ('world', f'{arm}/base_link')
    for leader in (pair.leader for pair in spec.arms):
        call = gravity_compensation(rig, leader)
        assert call.package == call.executable == 'interbotix_gravity_compensation'
        assert full(call) == f'/{leader}/gravity_compensation'
        specs = yaml.safe_load(
            Path(str(call.parameters['motor_specs'])).read_text(encoding='utf-8')
        )
        assert list(specs['motor_specs']) == list(spec.joints)
    assert list(rig.cameras) == cameras
    for seen in cameras:
        call = camera(rig, spec, seen)
        assert (call.package, call.executable) == ('realsense2_camera', 'realsense2_camera_node')
        assert full(call) == f'/{seen}/camera'
        assert REALSENSE.items() <= call.parameters.items()
        # What the driver itself would publish: nothing is called by another name.
        own = {rule: rule.replace('~', f'/{seen}/camera') for rule, _ in call.remappings}
        renamed = {rule: to for rule, to in call.remappings if own[rule] != to}
        assert renamed == {'~/color/image_raw': f'/{seen}/camera/color/image_rect_raw'}
    started = {full(call): (call.package, call.executable, call.parameters) for call in rig.nodes}
    assert started == others


def test_the_first_aloha_has_its_webcams_on_the_topics_of_its_own_programs() -> None:
    spec, rig = loaded('original')
    assert arm_driver(rig, 'puppet_left')['robot_model'] == 'vx300s'
    call = camera(rig, spec, 'cam_low', 'lab')
    assert (call.package, call.parameters['video_device']) == ('usb_cam', '/dev/CAM_LOW')
    assert call.parameters['focus'] == 35
    assert dict(call.remappings) == {
        'image_raw': '/lab/usb_cam_low/image_raw',
        'camera_info': '/lab/usb_cam_low/camera_info',
    }
    assert not unknown_cameras(rig, spec.cameras)


def test_the_view_is_of_what_is_started() -> None:
    spec, _ = loaded('solo')
    view = yaml.safe_load(rviz_config(['follower_solo'], spec, ['camera_high'], 'lab'))
    shown = {display['Name']: display for display in view['Visualization Manager']['Displays']}
    assert list(shown) == ['Grid', 'follower_solo', 'camera_high']
    assert (
        shown['follower_solo']['Description Topic']['Value']
        == '/lab/follower_solo/robot_description'
    )
    assert shown['camera_high']['Topic']['Value'] == '/lab/camera_high/camera/color/image_rect_raw'


def own(folder: Path, change: Any) -> Rig:
    """A rig of one's own: the shipped one with a change."""
    shutil.copytree(CONFIG / 'hardware', folder / 'rig')
    path = folder / 'rig' / 'stationary.yaml'
    raw = yaml.safe_load(path.read_text(encoding='utf-8'))
    change(raw)
    path.write_text(yaml.safe_dump(raw), encoding='utf-8')
    return Rig.load(folder / 'rig', RobotSpec.load(ROBOTS['stationary']))


def test_any_driver_of_a_camera_is_a_matter_of_configuration(tmp_path: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw['cameras']['cam_low'] = {
            'driver': 'v4l2_camera',
            'video_device': '/dev/video2',
            'brightness': 8,
        }
        raw['cameras']['cam_high'] = {'driver': 'none'}
        raw['cameras']['cam_left_wrist']['serial_no'] = '98e7'

    rig, spec = own(tmp_path, change), RobotSpec.load(ROBOTS['stationary'])
    assert sorted(rig.cameras) == ['cam_left_wrist', 'cam_low', 'cam_right_wrist']
    call = camera(rig, spec, 'cam_low')
    assert (call.package, call.executable, full(call)) == (
        'v4l2_camera',
        'v4l2_camera_node',
        '/cam_low/v4l2_camera',
    )
    assert call.parameters == {
        'image_size': [640, 480],
        'output_encoding': 'rgb8',
        'video_device': '/dev/video2',
        'brightness': 8,
    }
    [doubt] = unknown_cameras(rig, spec.cameras)
    assert 'has no serial_no for cam_right_wrist: cameras may be swapped' in doubt


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda raw: raw['arms'].pop('leader_left'), 'arms has no leader_left, which the robot of'),
        (lambda raw: raw.update(cameras=None), 'cameras has no cam_high, cam_low'),
        (lambda raw: raw['arms']['leader_left'].update(at=[1, 2, 3]), 'at has 3 numbers, expected 7'),
        (lambda raw: raw['arms']['leader_left'].update(modle='x'), 'modle'),
        (lambda raw: raw['arms']['leader_left'].update(modes='no.yaml'), 'no.yaml: No such file'),
        (lambda raw: raw['cameras']['cam_low'].update(serial_no=123), 'serial_no is 123, expected a text'),
        (lambda raw: raw['cameras']['cam_low'].update(driver='kinect'), "cam_low: the driver is 'kinect', expected"),
        (lambda raw: raw['cameras']['cam_low'].update(roi={'x': 1}), 'roi is'),
        (lambda raw: raw['cameras']['cam_low'].pop('driver'), "entry 'driver' is missing"),
        (lambda raw: raw.update(nodes=[{'package': 'joy'}]), 'executable'),
    ],
)  # fmt: skip
def test_a_wrong_rig_is_refused_with_its_place(tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(RigError) as error:
        own(tmp_path, change)
    assert said in str(error.value) and str(tmp_path / 'rig') in str(error.value)


def test_a_description_like_another_is_that_one_with_its_own_entries(tmp_path: Path) -> None:
    mobile, aloha = loaded('mobile')[0], RobotSpec.load(ROBOTS['stationary'])
    assert mobile.arms == aloha.arms and (mobile.upper == aloha.upper).all()
    assert len(mobile.cameras) == 3 and (mobile.rig, aloha.rig) == ('mobile', 'stationary')
    assert loaded('solo')[0].dof == 7
    path = tmp_path / 'robot.yaml'
    path.write_text('like: none.yaml\n', encoding='utf-8')
    with pytest.raises(SpecError, match=r'cannot read the robot configuration .*none\.yaml'):
        RobotSpec.load(path)
    path.write_text('like: robot.yaml\n', encoding='utf-8')
    with pytest.raises(SpecError, match='is missing'):
        RobotSpec.load(path)
