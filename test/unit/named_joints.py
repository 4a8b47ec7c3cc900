# SPDX-License-Identifier: Apache-2.0
"""Episodes and trainings whose joints have names, in the order of this robot or in another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml

from act_ros.commands.train import main as train
from act_ros.data.recording.episode_writer import EpisodeWriter
from act_ros.robot.spec import RobotSpec
from synthetic import TINY

SPEC = RobotSpec.load()
OURS = list(SPEC.joint_names)
RIGHT_FIRST = OURS[7:] + OURS[:7]
SWAPPED = [*range(7, 14), *range(7)]
Said = pytest.CaptureFixture[str]


def record(folder: Path, names: Any, ticks: int = 12, **attrs: Any) -> Path:
    """An episode in which entry i of every vector is 0.01 · i, and small motions."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'episode_0.hdf5'
    says = {'sim': True, 'task': 'test', 'rate_hz': 50.0, **attrs}
    writer = EpisodeWriter(path, OURS, ('cam_high',), says)
    base = 0.01 * np.arange(14)
    for t in range(ticks):
        image = {'cam_high': np.full((96, 128, 3), 10 * t, np.uint8)}
        writer.append(base, base, base, base + 0.001 * t, image, 0.02 * t, {'cam_high': 0.0})
    writer.finish(success=True)
    with h5py.File(path, 'r+') as file:
        del file.attrs['joint_names']
        if names is not None:
            file.attrs['joint_names'] = names
    return folder


def recipe(path: Path) -> Path:
    training = {'pretrained': False, 'steps': 1, 'batch': 2, 'validation': 0.0}
    policy = {**TINY, 'image_size': [48, 64]}
    path.write_text(yaml.safe_dump({'paper': {'policy': policy, 'training': training}}))
    return path


def trained(data: Path, output: Path, *more: str) -> int:
    file = recipe(data.parent / 'training.yaml')
    words = ['--data', data, '--output', output, '--config-file', file, '--device', 'cpu', *more]
    return train([str(word) for word in words])
