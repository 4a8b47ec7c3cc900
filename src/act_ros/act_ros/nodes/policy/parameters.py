# SPDX-License-Identifier: Apache-2.0
"""The parameters of the policy node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from act_ros.control.ensemble import ORDERS
from act_ros.control.inference_mode import MODES
from act_ros.nodes.shared.gate_keeper import STOP_PARAMETERS
from act_ros.nodes.shared.parameters import Param
from act_ros.policy.config import MOST
from act_ros.policy.engines.choice import AUTO, DEVICES, ENGINES, PRECISIONS

COMPUTED_BY = ('device', 'engine', 'precision')
"""What computes the network. Set at run time, the present policy is loaded anew, and changed over as to another one."""
SAFETY = ('max_joint_age_s', 'max_image_age_s', 'max_hold_s')
"""What keeps the arms safe, and is not changed while they move."""
PARAMETERS = (
    Param('checkpoint', 'aloha_sim_transfer_cube', 'Policy: a name in models_dir, or the path of '
          'its folder. Set at run time, it is changed between two ticks, and the answer comes when '
          'it is live.', read_only=False),
    Param('task', '', 'What is simulated: a policy that was trained for another task is said; empty: '
          'not known.'),
    Param('models_dir', '', 'Folder of the policies; empty: models/ of the working directory, then '
          "the suite's own."),
    Param('allow_any_path', False, 'Whether checkpoint may be set to a path outside models_dir.'),
    Param('policy_rate_hz', 0.0, 'Control rate in Hz of the data that policies which state none were trained on; 0: not '
          'known. It is written nowhere.',
          low=0.0, high=10_000.0, read_only=False),
    Param('assume_rate', True, 'Whether a policy may run whose rate nobody states, at 50 Hz. aloha.launch.py says false '
          'with robot:=aloha.'),
    Param('sim_to_real', True, 'Whether a policy may run that learned from simulated demonstrations. aloha.launch.py says '
          'false with robot:=aloha, unless sim_to_real:=true.'),
    Param('enable', False, 'Whether the arms may move from the start; else call ~/enable.'),
    Param('autostart', True, 'Whether the policy is loaded at the start; else nothing is loaded and nothing moves before '
          'ros2 lifecycle set (or a lifecycle manager) has configured and activated this node.'),
    Param('ensemble', 'oldest', 'Which prediction for a tick weighs most; none: execute chunks one '
          'after the other.', choices=ORDERS, read_only=False),
    Param('ensemble_m', 0.01, 'Decay of the weights of the temporal ensemble, exp(-m i).',
          low=-10.0, high=10.0, read_only=False),
    Param('execute', 0, 'With ensemble none: actions executed of each chunk, at most its length; 0: '
          'all.', low=0, high=MOST['chunk'], read_only=False),
    Param('inference', 'async', 'async: beside the loop, as fast as it can; sync: one inference '
          'per tick, which the tick waits for; auto: sync where a pass of the loaded engine takes at most half a '
          'tick, else async.', choices=MODES, read_only=False),
    Param('inference_timeout_s', 3.0, 'An inference process that gives no answer for so many '
          'seconds (and 5 times as long as its last one took) is started again.', low=0.2,
          high=60.0, read_only=False),
    Param('device', AUTO, 'What the network runs on; auto: an NVIDIA GPU where there is one that works, else the '
          'processor.', choices=DEVICES, read_only=False),
    Param('engine', AUTO, 'What runs the network; auto: the fastest that is installed and agrees with PyTorch in fp32.',
          choices=ENGINES, read_only=False),
    Param('precision', AUTO, 'What it computes in; auto: fp32 on the processor, fp16 on a GPU.', choices=PRECISIONS,
          read_only=False),
    Param('threads', 1, 'Processor threads of the network.', low=1, high=256),
    Param('max_joint_age_s', 0.1, 'Joint states older than this make the arms hold, in seconds. Not to be set while '
          'enabled.', low=0.02, high=1.0, read_only=False),
    Param('max_image_age_s', 0.2, 'Images older than this make the arms hold, in seconds. Not to be set while enabled.',
          low=0.02, high=2.0, read_only=False),
    Param('max_hold_s', 30.0, 'Arms that have held for so many seconds do not go on by themselves: enable again. 0: they '
          'always do. Not to be set while enabled.', low=0.0, high=3600.0, read_only=False),
    *STOP_PARAMETERS,
)  # fmt: skip


def check_safety(node: str, now: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    """Whether values may be changed while `node` has the arms enabled.

    Raises:
        ValueError: they may not, and what to do.
    """
    kept = [name for name in SAFETY if name in changed and changed[name] != now[name]]
    if kept:
        raise ValueError(
            f'{", ".join(kept)}: not while the arms are enabled; first call ~/enable with data: false '
            f'(ros2 service call {node}/enable std_srvs/srv/SetBool)'
        )
