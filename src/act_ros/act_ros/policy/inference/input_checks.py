# SPDX-License-Identifier: Apache-2.0
"""Checks of what a policy is given. Imports no PyTorch: the caller's side of the inference process uses it too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.robot.image import ImageError, resize
from act_ros.robot.types import Floats, Frame


def checked_qpos(config: PolicyConfig, qpos: ArrayLike) -> Floats:
    """qpos as (state_dim,) float32.

    Raises:
        PolicyError: it has another shape, or an entry isn't finite.
    """
    values = np.array(qpos, dtype=np.float32)
    if values.shape != (config.state_dim,):
        raise PolicyError(
            f'qpos has shape {values.shape}; the policy expects ({config.state_dim},)'
        )
    if not np.isfinite(values).all():
        raise PolicyError(f'qpos is not finite: {values.tolist()}')
    return values


def checked_frames(config: PolicyConfig, images: Mapping[str, Frame]) -> dict[str, Frame]:
    """The frames of the policy's cameras, (h, w, 3) of its image size.

    Raises:
        PolicyError: one is missing, isn't an RGB picture, or has another aspect ratio.
    """
    missing = [name for name in config.cameras if name not in images]
    if missing:
        raise PolicyError(
            f'no frame of camera {", ".join(missing)}, which the policy needs; there are {", ".join(images) or "none"}'
        )
    frames = {}
    for name in config.cameras:
        image = images[name]
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise PolicyError(
                f'frame of {name} is {image.dtype} {image.shape}; expected uint8 (height, width, 3)'
            )
        try:
            frames[name] = resize(image, *config.image_size)
        except ImageError as error:
            raise PolicyError(f'camera {name}: {error}') from error
    return frames
