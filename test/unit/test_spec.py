# SPDX-License-Identifier: Apache-2.0
"""The robot's description: its order, its scales, and that a wrong one is refused with its place."""

from pathlib import Path

import pytest
import yaml

from act_ros.paths import share_dir
from act_ros.robot.spec import GripperScale, RobotSpec, SpecError

SPEC = RobotSpec.load()
NAN, INF = float('nan'), float('inf')


def raw():
    return yaml.safe_load((share_dir() / 'config' / 'aloha.yaml').read_text(encoding='utf-8'))


def load(tmp_path, changed):
    path = tmp_path / 'robot.yaml'
    path.write_text(yaml.safe_dump(changed, sort_keys=False), encoding='utf-8')
    return RobotSpec.load(path)


def test_the_vector_is_left_then_right_with_the_gripper_last():
    assert SPEC.dof == 14
    assert SPEC.joint_names[0] == 'left_waist'
    assert SPEC.joint_names[6] == 'left_gripper'
    assert SPEC.joint_names[7] == 'right_waist'
    assert SPEC.joint_names[13] == 'right_gripper'
    assert SPEC.grippers == (6, 13)
    assert [SPEC.joint_names[SPEC.arm_slice(1)][i] for i in (0, 5)] == [
        'right_waist',
        'right_wrist_rotate',
    ]


def test_there_are_four_cameras_with_relative_topics():
    assert list(SPEC.cameras) == ['cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist']
    assert all(not camera.topic.startswith('/') for camera in SPEC.cameras.values())


@pytest.mark.parametrize('scale', [SPEC.leader_gripper, SPEC.follower_gripper])
def test_gripper_scales_go_there_and_back(scale):
    for unit in (-0.2, 0.0, 0.37, 1.0, 1.3):
        assert scale.joint_to_unit(scale.unit_to_joint(unit)) == pytest.approx(unit)
        assert scale.finger_to_unit(scale.unit_to_finger(unit)) == pytest.approx(unit)
    assert scale.joint_to_unit(scale.joint_open) == 1.0
    assert scale.joint_to_unit(scale.joint_closed) == 0.0


def test_a_gripper_that_does_not_move_is_refused():
    with pytest.raises(SpecError, match='joint_open and joint_closed are equal'):
        GripperScale(joint_open=1.0, joint_closed=1.0, finger_open=0.1, finger_closed=0.0)


def test_the_vectors_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match='read-only'):
        SPEC.lower[0] = 0.0


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda r: r.pop('rate_hz'), "entry 'rate_hz' is missing"),
        (lambda r: r.update(rate_hz=0), 'rate_hz is 0; expected 10 to 200 commands a second'),
        (lambda r: r.update(rate_hz=1000), 'rate_hz is 1000; expected 10 to 200'),
        (lambda r: r.update(rate_hz=INF), 'rate_hz is inf; expected 10 to 200'),
        (lambda r: r.update(rate_hz=NAN), 'rate_hz is nan; expected 10 to 200'),
        (lambda r: r.update(tracking_s=INF), 'tracking_s must be positive and finite, got inf'),
        (lambda r: r.update(gripper_current=INF), 'cannot convert float infinity'),
        (lambda r: r['joints']['elbow'].update(tracking=NAN), 'left_elbow: tracking must be'),
        (lambda r: r['joints']['waist'].update(start=4.0), 'left_waist: start 4.0 is not between'),
        (lambda r: r['joints']['elbow'].update(velocity=-1), 'left_elbow: velocity must be'),
        (
            lambda r: r['joints']['elbow'].pop('acceleration'),
            'elbow: entry acceleration is missing',
        ),
        (lambda r: r['gripper'].pop('tracking'), 'gripper: entry tracking is missing'),
        (lambda r: r['gripper'].update(margin=0), 'left_gripper: margin must be positive, got 0'),
        (lambda r: r.pop('tracking_s'), "entry 'tracking_s' is missing"),
        (lambda r: r['cameras']['cam_low'].update(depth=1), 'depth'),
        (lambda r: r['joints']['elbow'].update(upper='wide'), 'wide'),
        (lambda r: r.update(arms=[]), 'arms is empty'),
        (lambda r: r['arms'][0].update(side='right'), 'the side right is there more than once'),
        (lambda r: r['arms'][1].update(leader='leader_left'), 'driver leader_left is there more'),
    ],
)
def test_a_wrong_entry_is_refused_with_the_file_and_the_entry(tmp_path, change, message):
    changed = raw()
    change(changed)
    with pytest.raises(SpecError, match=message) as error:
        load(tmp_path, changed)
    assert 'robot.yaml' in str(error.value)


@pytest.mark.parametrize('value', [NAN, INF, -INF])
@pytest.mark.parametrize(
    'what', ['lower', 'upper', 'velocity', 'acceleration', 'margin', 'start', 'rest']
)
def test_a_value_that_is_no_number_is_refused(tmp_path, what, value):
    changed = raw()
    changed['joints']['wrist_angle'][what] = value
    with pytest.raises(SpecError, match=f'left_wrist_angle: {what} is {value}; expected a finite'):
        load(tmp_path, changed)


@pytest.mark.parametrize('value', [NAN, INF, -INF])
@pytest.mark.parametrize('end', ['joint_open', 'joint_closed', 'finger_open', 'finger_closed'])
def test_an_end_of_a_gripper_that_is_no_number_is_refused(tmp_path, end, value):
    changed = raw()
    changed['gripper_scales']['follower'][end] = value
    with pytest.raises(SpecError, match=f'gripper scale: {end} is {value}; expected a finite'):
        load(tmp_path, changed)


def test_a_gripper_may_be_anywhere_and_follow_all_the_same(tmp_path):
    assert load(tmp_path, raw()).tracking[6] == INF


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(SpecError, match='cannot read the robot configuration /no/where.yaml'):
        RobotSpec.load(Path('/no/where.yaml'))


def test_text_that_is_not_yaml_is_an_error_of_the_configuration(tmp_path):
    path = tmp_path / 'robot.yaml'
    path.write_text('{ not yaml', encoding='utf-8')
    with pytest.raises(SpecError, match='robot.yaml'):
        RobotSpec.load(path)


def test_a_robot_with_one_arm_has_seven_entries(tmp_path):
    changed = raw()
    changed['arms'] = [{'side': 'right', 'leader': 'leader', 'follower': 'follower'}]
    spec = load(tmp_path, changed)
    assert spec.dof == spec.arm_size == 7 and spec.grippers == (6,)
    assert spec.arm_entries(0) == slice(0, 7) and spec.arm_slice(0) == slice(0, 6)
    assert spec.joint_names[0] == 'right_waist' and spec.lower.shape == (7,)


def test_act_robot_names_another_description(tmp_path, monkeypatch):
    changed = raw()
    changed['rate_hz'] = 25.0
    (tmp_path / 'mine.yaml').write_text(yaml.safe_dump(changed, sort_keys=False))
    monkeypatch.setenv('ACT_ROBOT', str(tmp_path / 'mine.yaml'))
    assert RobotSpec.load().rate_hz == 25.0
    assert RobotSpec.load(share_dir() / 'config' / 'aloha.yaml').rate_hz == 50.0
    monkeypatch.setenv('ACT_ROBOT', str(tmp_path / 'none.yaml'))
    with pytest.raises(SpecError, match=r'cannot read the robot configuration .*none\.yaml'):
        RobotSpec.load()
