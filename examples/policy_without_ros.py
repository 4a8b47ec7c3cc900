#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A policy without ROS: it does one episode in the simulator.

python examples/policy_without_ros.py [TICKS]
"""

import sys

from act_ros.control.ensemble import TemporalEnsemble
from act_ros.policy.policy import Policy
from act_ros.robot.types import Chunk
from act_ros.sim.cameras import CameraRig
from act_ros.sim.world import World

policy = Policy.load('aloha_sim_transfer_cube')
world = World('transfer_cube', seed=0)
cameras = CameraRig(world)
ensemble = TemporalEnsemble(policy.config.chunk, policy.config.action_dim)
for tick in range(int(sys.argv[1]) if len(sys.argv) > 1 else 400):
    cameras.update(world.state())
    picture = cameras.render('top', 480, 640)
    actions = policy.predict(world.qpos.astype('float32'), {'cam_high': picture})
    ensemble.add(Chunk(tick, actions, inference_s=0.0))
    world.command(ensemble.action(tick))
    world.step(0.02)
cameras.close()
print('done' if world.success else f'stage {world.max_reward} of 4')
