#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Read a description of a robot, and say what it says, or what is wrong with it.

python examples/own_robot.py [examples/careful_robot.yaml]
"""

import sys

from act_ros.robot.spec import RobotSpec, SpecError

try:
    spec = RobotSpec.load(sys.argv[1] if len(sys.argv) > 1 else None)
except SpecError as error:
    sys.exit(f'own_robot: {error}')
rows = zip(spec.joint_names, spec.lower, spec.upper, spec.velocity, spec.start, strict=True)
for name, lower, upper, velocity, start in rows:
    print(
        f'{name:20} {lower:6.2f} to {upper:5.2f}, {velocity:.2f} a second, starts at {start:.2f}'
    )
print('cameras', ', '.join(spec.cameras))
