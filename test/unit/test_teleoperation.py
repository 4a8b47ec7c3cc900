"""Teleoperation: soft at first, then exact; silent leaders are held."""

from __future__ import annotations

import numpy as np
import pytest

from act_ros.control.limiter import SOFT, Limiter
from act_ros.control.motion.teleoperation import Teleoperation
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
START = SPEC.start.astype(np.float32)
STEP = SPEC.velocity / SPEC.rate_hz
GAIN = SPEC.acceleration / SPEC.rate_hz**2


@pytest.fixture
def leading() -> Teleoperation:
    return Teleoperation(Limiter(SPEC))


def test_nothing_is_commanded_before_both_sides_are_known(leading):
    assert leading.tick(None, START) is None
    assert leading.tick(START, None) is None
    assert leading.tick(START, START) is not None


def test_followers_approach_slowly_and_then_follow_exactly(leading):
    goal = START.copy()
    goal[0] = 0.3
    commands = [leading.tick(goal, START) for _ in range(60)]
    steps = np.abs(np.diff([START, *commands], axis=0))
    assert (steps <= SOFT * STEP + 1e-6).all()
    np.testing.assert_allclose(commands[-1], goal, atol=1e-6)
    goal[0] += 0.9 * GAIN[0]  # in step now: as fast as leaders can get from a standstill
    np.testing.assert_allclose(leading.tick(goal, START), goal, atol=1e-6)


def test_silent_leaders_are_held_and_their_return_is_soft(leading):
    leading.tick(START, START)
    held = leading.tick(None, START)
    np.testing.assert_array_equal(held, START)
    away = START.copy()
    away[1] += 0.5
    moved = leading.tick(away, START)
    assert 0 < moved[1] - START[1] <= SOFT * STEP[1] + 1e-6


def test_after_release_the_measured_pose_counts(leading):
    leading.tick(START, START)
    leading.release()
    elsewhere = START.copy()
    elsewhere[0] = -0.4
    command = leading.tick(START, elsewhere)
    assert command[0] == pytest.approx(-0.4 + SOFT * STEP[0], abs=1e-5)


def test_a_follower_outside_the_limits_begins_softly_too(leading):
    folded = START.copy()
    folded[1] = -2.05  # the drivers' own sleep pose
    assert abs(leading.tick(START, folded)[1] - folded[1]) <= SOFT * STEP[1] + 1e-6


def test_a_leader_beyond_the_limits_is_followed_to_them_and_then_at_full_speed(leading):
    beyond = START.copy()
    beyond[2] = -2.1  # a WidowX goes further than a ViperX
    command = START
    for _ in range(400):
        command = leading.tick(beyond, command)
    assert command[2] == pytest.approx(SPEC.lower[2], abs=1e-4) and not leading.soft


def test_a_follower_that_was_away_begins_softly_where_it_is(leading):
    here = START.copy()
    for _ in range(60):
        here = leading.tick(START, here)
    leader = START + np.float32(0.4)
    leader[6] = leader[13] = 0.5
    held = [leading.tick(leader, None) for _ in range(150)]  # its driver is dead, the leader moves
    np.testing.assert_array_equal(held, np.tile(here, (150, 1)))
    fallen = START.copy()
    fallen[1] -= 0.3
    command = leading.tick(leader, fallen)
    assert leading.soft and not leading.fault
    assert (np.abs(command - fallen) <= SOFT * STEP + 1e-6).all()


def test_a_follower_that_does_not_follow_is_a_fault_until_it_is_released(leading):
    leader = START.copy()
    leader[2] -= 1.5
    told = [leading.tick(leader, START) for _ in range(200)]
    assert 'left_elbow is' in leading.fault and 'does not follow' in leading.fault
    assert told[-1][2] == START[2]  # and is not pushed on
    leading.release()
    assert leading.tick(leader, START) is not None and not leading.fault


def test_followers_that_cannot_be_where_they_are_measured_are_not_led(leading):
    nowhere = START.copy()
    nowhere[9] = 7.0
    assert leading.tick(START, nowhere) is None
    assert 'right_elbow is measured at 7' in leading.doubt


def test_a_leader_where_it_cannot_be_is_not_followed(leading):
    here = leading.tick(START, START)
    nowhere = START.copy()
    nowhere[7] = 50.0
    for _ in range(15):
        np.testing.assert_array_equal(leading.tick(nowhere, here), here)
    assert 'of a leader: right_waist is measured at 50 rad, where it cannot be' in leading.doubt
    leading.tick(START, here)
    assert leading.doubt == ''


@pytest.mark.parametrize('who', ['leaders', 'followers', 'a leader where it cannot be'])
def test_after_a_long_hold_it_does_not_go_on_by_itself(who):
    leading, nowhere = Teleoperation(Limiter(SPEC), max_hold_s=2.0), START.copy()
    nowhere[0] = 50.0
    held = {
        'leaders': (None, START),
        'followers': (START, None),
        'a leader where it cannot be': (nowhere, START),
    }[who]
    for _ in range(200):  # it waits for its arms as long as it has to
        leading.tick(*held)
    assert not leading.fault
    leading.tick(START, START)
    for _ in range(100):
        leading.tick(*held)
    assert not leading.fault
    away = START.copy()
    away[0] = 0.3
    leading.tick(*held)
    assert 'the arms held for more than 2 s, and will not go on by themselves' in leading.fault
    for _ in range(50):
        np.testing.assert_allclose(leading.tick(away, START), START, atol=1e-6)
    leading.release()
    assert leading.tick(away, START)[0] > START[0] and not leading.fault


def test_holds_that_are_not_long_are_not_added_up(leading):
    for _ in range(100):
        leading.tick(START, START)
        for _ in range(40):
            leading.tick(None, START)
    assert not leading.fault
