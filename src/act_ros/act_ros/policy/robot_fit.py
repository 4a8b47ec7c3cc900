# SPDX-License-Identifier: Apache-2.0
"""Whether a policy was made for a robot. Imports no PyTorch, for the nodes' sake."""

from __future__ import annotations

from act_ros.policy.config import PolicyConfig
from act_ros.robot.spec import RobotSpec


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
    if config.rate_hz != spec.rate_hz:
        reasons.append(
            f'the policy was trained at {config.rate_hz:g} Hz, and this robot runs at '
            f'{spec.rate_hz:g} Hz: it would move at the wrong speed'
        )
    return reasons
