# SPDX-License-Identifier: Apache-2.0
"""A trained policy that runs: from joint positions and frames to a chunk of actions."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import torch

from act_ros.policy.checkpoint import Loaded, load_checkpoint
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import NonFiniteError, PolicyError
from act_ros.policy.folder import resolve_checkpoint
from act_ros.policy.inference.input_checks import checked_frames, checked_qpos
from act_ros.policy.robot_fit import assumptions
from act_ros.robot.types import Floats, Frame

__all__ = ['Policy', 'resolve_checkpoint']

PRECISIONS = ('fp32', 'bf16')


class Policy:
    """A network with its weights and statistics; the units outside are the robot's.

    Attributes:
        config: what it was trained for: cameras, image size, chunk, lengths, rate.
        notes: what was assumed about it or left out of it when it was read, for people.
    """

    def __init__(self, loaded: Loaded, precision: str = 'fp32') -> None:
        """Make a policy of what `load_checkpoint` read; see `load`."""
        if precision not in PRECISIONS:
            raise PolicyError(
                f'precision is {precision!r}; expected one of {", ".join(PRECISIONS)}'
            )
        self.config: PolicyConfig = loaded.config
        self.notes: tuple[str, ...] = (*loaded.source.notes, *assumptions(loaded.config))
        self._network = loaded.network.eval()
        self._normalizer = loaded.normalizer.eval()
        self._bf16 = precision == 'bf16'

    @classmethod
    def load(
        cls,
        checkpoint: str | os.PathLike[str],
        threads: int | None = None,
        precision: str = 'fp32',
    ) -> Policy:
        """Load a policy.

        Args:
            checkpoint: its folder or .ckpt file in any format that is known, or its name among the suite's
                models.
            threads: CPU threads of this whole process from now on; by default PyTorch's choice.
            precision: 'fp32', or 'bf16' to multiply in bfloat16 (faster where the CPU has it; actions
                differ in about the third digit).

        Raises:
            PolicyError: it isn't there, is damaged or incomplete.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        return cls(load_checkpoint(resolve_checkpoint(checkpoint)), precision)

    @torch.inference_mode()
    def predict(self, qpos: Floats, images: Mapping[str, Frame]) -> Floats:
        """Predict the actions of the next `config.chunk` ticks, (chunk, action_dim) float32.

        Args:
            qpos: (state_dim,) radians, grippers 0..1.
            images: by camera an RGB frame (H, W, 3) uint8 of any size of the right aspect ratio.
                Cameras that the policy doesn't use are ignored.

        Raises:
            PolicyError: an input is missing or has the wrong shape or type.
            NonFiniteError: the network gave NaN or infinity.
        """
        state = torch.from_numpy(checked_qpos(self.config, qpos))[None]  # (1, state_dim)
        frames = checked_frames(self.config, images)
        pixels = torch.from_numpy(np.stack([frames[name] for name in self.config.cameras]))[
            None
        ]  # (1, C, h, w, 3)
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=self._bf16):
            actions = self._network(
                self._normalizer.qpos(state), self._normalizer.images(pixels)
            ).actions
        chunk: Floats = self._normalizer.unnormalize_actions(actions[0].float()).numpy()
        if not np.isfinite(chunk).all():
            raise NonFiniteError(
                f'{np.count_nonzero(~np.isfinite(chunk))} of {chunk.size} predicted values are not finite'
            )
        return chunk


def warm_up(policy: Policy, runs: int = 3) -> None:
    """Run a policy on a black picture: the first passes allocate and are slow. Raises what `predict` does."""
    config = policy.config
    black = np.zeros((*config.image_size, 3), np.uint8)
    for _ in range(runs):
        policy.predict(
            np.zeros(config.state_dim, np.float32), dict.fromkeys(config.cameras, black)
        )
