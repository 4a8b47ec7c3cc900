# SPDX-License-Identifier: Apache-2.0
"""Whether a policy was made for a robot, and what of that is only assumed. Imports no PyTorch, for the nodes' sake."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.robot.joint_names import JointOrder, read_joint_order
from act_ros.robot.spec import RobotSpec

SLOWEST_HZ, FASTEST_HZ = 2.0, 200.0
"""Rates of policies that can be run."""
MOST_TICKS, MOST_BYTES = 2000, 256 << 20
"""Of a chunk, and of the temporal ensemble, which keeps as many chunks as one has ticks: in the process that commands."""


@dataclass(frozen=True)
class Terms:
    """On what terms a policy may run.

    Attributes:
        rate_hz: the rate of policies that state none, as the operator says; 0: he doesn't.
        assume_rate: whether a policy may run whose rate nobody states.
        sim_to_real: whether a policy may run that learned from simulated demonstrations.
    """

    rate_hz: float = 0.0
    assume_rate: bool = True
    sim_to_real: bool = True

    def check(self, config: PolicyConfig, spec: RobotSpec) -> PolicyConfig:
        """The configuration of a policy with the rate that was stated.

        Raises:
            PolicyError: it is for another robot (cameras, vector lengths, joints or rate), or may not run on these
                terms; says all of it.
        """
        config = with_rate(config, self.rate_hz)
        reasons = misfits(config, spec)
        if not self.sim_to_real:
            reasons += _simulated(config)
        if not self.assume_rate:
            reasons += _unstated_rate(config)
        if reasons:
            raise PolicyError('; '.join(reasons))
        return config


def misfits(config: PolicyConfig, spec: RobotSpec) -> list[str]:
    """What of a policy does not go with a robot, a line for each; none where it fits."""
    reasons = []
    unknown = [name for name in config.cameras if name not in spec.cameras]
    if unknown:
        reasons.append(
            f'the policy was trained with camera {", ".join(unknown)}, and this robot has '
            f'{", ".join(spec.cameras)}; add it to config/aloha.yaml, give it its name here (convert '
            f'--rename), or choose another checkpoint'
        )
    for name in config.cameras:
        camera = spec.cameras.get(name)
        height, width = config.image_size
        if camera and abs(camera.width * height - camera.height * width) > (
            0.01 * camera.height * width
        ):
            reasons.append(
                f'the policy sees {width}x{height} pixels, and camera {name} gives {camera.width}x'
                f'{camera.height}, of another aspect ratio'
            )
    for what, got in (('state_dim', config.state_dim), ('action_dim', config.action_dim)):
        if got != spec.dof:
            reasons.append(
                f'{what} of the policy is {got}, and this robot has {spec.dof} entries ({len(spec.arms)} x '
                f'{len(spec.joints)} joints and a gripper); it was trained on another robot'
            )
    reasons += _joints(config, spec)
    return reasons + _rate(config, spec)


def joint_orders(config: PolicyConfig, spec: RobotSpec) -> tuple[JointOrder, JointOrder]:
    """The orders that a policy names for qpos and for its actions."""
    return (
        read_joint_order(config.joint_names, config.state_dim, spec),
        read_joint_order(config.action_names or config.joint_names, config.action_dim, spec),
    )


def _joints(config: PolicyConfig, spec: RobotSpec) -> list[str]:
    if not config.state_dim == config.action_dim == spec.dof:
        return []  # that is said already
    orders = joint_orders(config, spec)
    state, action = (order.difference(spec) for order in orders)
    found = (
        [('', state)] if state == action else [(' of qpos', state), (' of its actions', action)]
    )
    known = all(order.places is not None for order in orders if order.other)
    way = 'ros2 run act_ros convert POLICY NEW, with --joint-order ' + (
        'as-stated to put them into the order of this robot, or ours where its names are wrong'
        if known
        else 'ours where its names are wrong'
    )
    return [f'the joints{what} that the policy names: {why}; {way}' for what, why in found if why]


def _rate(config: PolicyConfig, spec: RobotSpec) -> list[str]:
    if not SLOWEST_HZ <= config.rate_hz <= FASTEST_HZ:
        return [
            f'the policy was trained at {config.rate_hz:g} Hz; policies of {SLOWEST_HZ:g} to {FASTEST_HZ:g} Hz '
            f'can be run. If that is not its rate, write the right one into a copy: ros2 run act_ros convert '
            f'POLICY NEW --rate HZ'
        ]
    ticks = config.chunk * spec.rate_hz / config.rate_hz
    most = min(MOST_TICKS, isqrt(MOST_BYTES // (4 * spec.dof)))  # float32
    if ticks > most:
        return [
            f'a chunk of {config.chunk} actions at {config.rate_hz:g} Hz lasts {ticks:.0f} ticks of this robot; at most '
            f'{most} can be run'
        ]
    return []


def with_rate(config: PolicyConfig, rate_hz: float) -> PolicyConfig:
    """A policy's configuration with the rate that somebody states (0: nobody does) where it states none."""
    if not rate_hz or not config.rate_assumed:
        return config
    return replace(config, rate_hz=rate_hz, rate_assumed=False)


def assumptions(config: PolicyConfig) -> list[str]:
    """What is not known of a policy and taken for granted, a sentence each."""
    found = assumed_rate(config)
    if not config.joint_names and not config.action_names:
        found.append('it names no joints; they are taken to be in the order of this robot')
    return found


def assumed_rate(config: PolicyConfig) -> list[str]:
    """That the rate is, where it is."""
    if not config.rate_assumed:
        return []
    return [
        f'nobody stated the rate that it was trained at, and {config.rate_hz:g} Hz is assumed; where the data had '
        f'another: ros2 run act_ros convert, with --rate'
    ]


def _simulated(config: PolicyConfig) -> list[str]:
    if not config.training_seeds:
        return []
    first, last = config.training_seeds[0][0], config.training_seeds[-1][1]
    return [
        f'the policy learned from simulated demonstrations (seeds {first} to {last}), and on a robot its pictures and '
        f'poses mean nothing to it: name one that learned from demonstrations of this robot. If it is meant for the '
        f'robot: sim_to_real:=true at the launch'
    ]


def _unstated_rate(config: PolicyConfig) -> list[str]:
    if not config.rate_assumed:
        return []
    rate = f'{config.rate_hz:g}'
    return [
        f'nobody stated the rate that the policy was trained at, and on a robot {rate} Hz is not assumed: at another '
        f'rate the arms move too fast or too slowly. Say it once: policy_rate_hz:={rate} at the launch (running: '
        f'ros2 param set /act/policy policy_rate_hz {float(config.rate_hz)}); or for good: '
        f'ros2 run act_ros convert POLICY NEW --rate {rate}'
    ]
