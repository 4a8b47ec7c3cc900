# SPDX-License-Identifier: Apache-2.0
"""A policy whose joints are in another order, made one for this robot's order: no weight changes, they change places."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from act_ros.policy.checkpoint import Loaded
from act_ros.policy.errors import PolicyError
from act_ros.policy.normalize import Normalizer
from act_ros.policy.robot_fit import joint_orders, misfits
from act_ros.robot.joint_names import JointOrder
from act_ros.robot.spec import RobotSpec

_COLUMNS = {
    'encoder_robot_state_input_proj.weight': 'qpos',
    'vae_encoder_robot_state_input_proj.weight': 'qpos',
    'vae_encoder_action_input_proj.weight': 'action',
}
_ROWS = ('action_head.weight', 'action_head.bias')


def reordered(loaded: Loaded, choice: str, spec: RobotSpec) -> Loaded:
    """Give a policy the joints of a robot.

    Args:
        loaded: the policy; its network's weights change places.
        choice: 'as-stated': its names are right; 'ours': they are wrong, its values are in the robot's order.
        spec: the robot.

    Raises:
        PolicyError: it has another number of joints, or its names are right and not this robot's.
    """
    config = loaded.config
    if not config.state_dim == config.action_dim == spec.dof:
        raise PolicyError('; '.join(misfits(config, spec)))
    ours = replace(config, joint_names=spec.joint_names, action_names=())
    if choice == 'ours':
        return replace(loaded, config=ours)
    orders = dict(zip(('qpos', 'action'), joint_orders(config, spec), strict=True))
    for order in orders.values():
        if order.why:
            raise PolicyError(f'the joints that the policy names: {order.why}')
    if all(order.silent for order in orders.values()):
        raise PolicyError(
            'the policy names no joints; --joint-order as-stated has nothing to go by'
        )
    places = {what: _places(order) for what, order in orders.items() if order.places is not None}
    state = loaded.network.state_dict()
    for name, what in _COLUMNS.items():
        if name in state and what in places:
            state[name] = state[name][:, places[what]]
    for name in _ROWS:
        if 'action' in places:
            state[name] = state[name][places['action']]
    loaded.network.load_state_dict(state)
    stats = {
        key: (value[places[key.split('.')[0]]] if key.split('.')[0] in places else value).numpy()
        for key, value in loaded.normalizer.stats().items()
    }
    return replace(loaded, config=ours, normalizer=Normalizer(ours, stats).eval())


def _places(order: JointOrder) -> Tensor:
    return torch.tensor(order.places)
