# SPDX-License-Identifier: Apache-2.0
"""No sequence of targets gets a command past the limiter that breaks a rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from act_ros.control.limiter import EASE_S, SOFT, TRIMMED, Limiter, extraordinary
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
STEP = SPEC.velocity / SPEC.rate_hz
GAIN = SPEC.acceleration / SPEC.rate_hz**2

anything = arrays(
    np.float64, 14, elements=st.floats(width=64, allow_nan=True, allow_infinity=True)
)
near = arrays(np.float64, 14, elements=st.floats(-4, 4, width=64))
# Anywhere an arm can be: within the limits, or a little outside.
OUTSIDE = 0.99 * SPEC.margin
poses = near.map(lambda pose: np.clip(pose, SPEC.lower - OUTSIDE, SPEC.upper + OUTSIDE))
moves = st.one_of(
    st.tuples(st.just('apply'), st.one_of(near, near, anything)),
    st.tuples(st.just('reset'), poses),
)


def inside(pose):
    return (pose >= SPEC.lower) & (pose <= SPEC.upper)


@settings(max_examples=200)
@given(start=poses, sequence=st.lists(moves, max_size=30))
def test_every_command_is_finite_within_a_step_and_stays_inside_once_it_is(start, sequence):
    limiter = Limiter(SPEC)
    limiter.reset(start)
    last, moved = start.astype(np.float32).astype(np.float64), np.zeros(14)
    for what, vector in sequence:
        if what == 'reset':
            limiter.reset(vector)
            last, moved = vector.astype(np.float32).astype(np.float64), np.zeros(14)
            continue
        command, reasons = limiter.apply(vector)
        assert command.dtype == np.float32
        sent = command.astype(np.float64)
        assert np.isfinite(sent).all()
        assert (
            np.abs(sent - last) <= limiter.share * STEP
        ).all()  # the share after it, which is no less
        assert (sent - last <= moved.clip(0) + GAIN).all()
        assert (sent - last >= moved.clip(None, 0) - GAIN).all()
        assert (inside(sent) | ~inside(last)).all()
        # Outside, it never goes further out.
        assert (
            np.maximum(SPEC.lower - sent, sent - SPEC.upper).clip(0)
            <= np.maximum(SPEC.lower - last, last - SPEC.upper).clip(0)
        ).all()
        if not np.isfinite(vector).all():
            np.testing.assert_array_equal(sent, last)
            assert [r.rule for r in reasons] == ['finite']
        last, moved = sent, sent - last


@settings(max_examples=100)
@given(start=poses, target=near)
def test_a_constant_target_is_reached_as_far_as_the_limits_allow(start, target):
    limiter = Limiter(SPEC)
    limiter.reset(start)
    for _ in range(int(10 / STEP[0])):
        command, _ = limiter.apply(target)
    np.testing.assert_allclose(command, np.clip(target, SPEC.lower, SPEC.upper), atol=1e-6)


def test_a_harmless_target_passes_unchanged():
    limiter = Limiter(SPEC)
    limiter.reset(SPEC.start)
    target = (SPEC.start + 0.9 * np.minimum(SOFT * STEP, GAIN)).astype(np.float32)
    command, reasons = limiter.apply(target)
    np.testing.assert_array_equal(command, target)
    assert reasons == ()


def test_a_pose_outside_the_limits_is_led_back_and_not_jumped():
    sleep = SPEC.start.copy()
    sleep[1] = -2.05  # an ALOHA follower's sleep pose is beyond its own shoulder limit
    limiter = Limiter(SPEC)
    limiter.reset(sleep)
    command, reasons = limiter.apply(SPEC.start)
    assert command[1] == pytest.approx(-2.05 + SOFT * STEP[1], abs=1e-6)
    assert [(r.rule, r.joints) for r in reasons] == [('velocity', ('left_shoulder',))]


def test_a_start_and_what_comes_after_a_hold_begin_gently_and_take_a_second_to_full_speed():
    limiter, far = Limiter(SPEC), SPEC.lower + 0.9 * (SPEC.upper - SPEC.lower)
    limiter.reset(SPEC.lower + 0.1 * (SPEC.upper - SPEC.lower))

    def speeds(ticks):
        return np.diff([limiter.last[0], *(limiter.apply(far)[0][0] for _ in range(ticks))])

    ticks = round(EASE_S * SPEC.rate_hz)
    for _ in range(2):
        begun = speeds(ticks + 2)
        assert begun[0] <= SOFT * STEP[0] and begun[ticks // 2] <= 0.7 * STEP[0]
        assert begun[-1] == pytest.approx(STEP[0], rel=1e-4)
        for _ in range(ticks):
            held = limiter.hold()
        np.testing.assert_array_equal(held, limiter.last)
    limiter.reset(limiter.last)
    speeds(ticks)
    limiter.hold()  # one tick left out costs little
    assert speeds(5)[-1] > 0.9 * STEP[0]


def test_a_command_may_always_stop_at_once_and_turns_round_no_faster_than_it_starts():
    limiter = Limiter(SPEC)
    limiter.reset(SPEC.start)
    for _ in range(60):
        limiter.apply(SPEC.start + 1.2 * (SPEC.upper - SPEC.start))
    last = limiter.last
    np.testing.assert_array_equal(limiter.apply(last)[0], last)
    limiter.reset(SPEC.start)
    for _ in range(10):
        last = limiter.apply(SPEC.upper)[0]
    back, reasons = limiter.apply(SPEC.lower)
    assert (last - back <= GAIN).all()
    assert 'acceleration' in [reason.rule for reason in reasons]


def test_a_target_a_little_beyond_a_limit_is_trimmed_which_is_nothing_out_of_the_ordinary():
    limiter = Limiter(SPEC)
    limiter.reset(SPEC.upper)
    target = SPEC.upper.copy()
    target[6] = 1.03  # how a network says that a gripper is open
    command, reasons = limiter.apply(target)
    assert command[6] == 1.0
    assert reasons == ((TRIMMED, ('left_gripper',)),) and not extraordinary(reasons)
    target[6] = 1.3
    assert extraordinary(limiter.apply(target)[1])


def test_reasons_name_the_rule_and_the_joints_and_are_counted():
    limiter = Limiter(SPEC)
    limiter.reset(SPEC.upper)
    target = SPEC.upper.copy()
    target[2] += 0.5
    _, reasons = limiter.apply(target)
    assert str(reasons[0]) == (
        'the action was outside the position limits and was clamped: left_elbow'
    )
    target[13] = np.nan
    _, reasons = limiter.apply(target)
    assert 'right_gripper was not a finite number' in str(reasons[0])
    assert limiter.counts['limits'][2] == 1
    assert limiter.counts['finite'].sum() == 1


def test_without_a_pose_to_start_from_nothing_is_commanded():
    with pytest.raises(RuntimeError, match='reset'):
        Limiter(SPEC).apply(SPEC.start)


@pytest.mark.parametrize(
    'pose', [np.full(14, np.nan), np.zeros(7), np.full(14, 50.0), SPEC.upper + 1e30]
)
def test_a_measured_pose_that_cannot_be_is_refused(pose):
    limiter = Limiter(SPEC)
    with pytest.raises(ValueError, match='measured pose'):
        limiter.reset(pose)
    assert limiter.last is None


def test_limits_that_float32_rounds_outwards_still_hold():
    limiter = Limiter(SPEC)
    limiter.reset(SPEC.upper)
    command, _ = limiter.apply(np.full(14, 1e9))
    for _ in range(500):
        command, _ = limiter.apply(np.full(14, 1e9))
    assert (command.astype(np.float64) <= SPEC.upper).all()
    for _ in range(500):
        command, _ = limiter.apply(np.full(14, -1e9))
    assert (command.astype(np.float64) >= SPEC.lower).all()
