# SPDX-License-Identifier: Apache-2.0
"""What an export will hold: its features, its tasks, and what the episodes lack for it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Episode
from act_ros.data.formats.collection import EpisodeRef
from act_ros.data.lerobot.layout import (
    ACTION,
    AGE,
    BASE,
    EFFORT,
    IMAGES,
    STAMP,
    STATE,
    SUCCESS,
    VELOCITY,
)
from act_ros.data.lerobot.video import Codec
from act_ros.data.times import ALOHA_RATE_HZ

VECTORS = {
    STATE: 'qpos',
    VELOCITY: 'qvel',
    EFFORT: 'effort',
    ACTION: 'action',
    BASE: 'base_action',
}
"""By feature the attribute of an `Episode`."""
OF_THE_FILE = frozenset({'compress', 'jpeg_channels', 'jpeg_quality', 'cameras', 'rate_hz'})
"""Attributes that say how the HDF5 file is stored, not what was recorded."""


@dataclass(frozen=True)
class Brief:
    """What is looked at in every episode before the export begins."""

    ref: EpisodeRef
    fingerprint: list[Any]
    length: int
    widths: dict[str, int]
    cameras: dict[str, tuple[int, int]]
    joint_names: tuple[str, ...] | None
    state_names: tuple[str, ...]
    rate_hz: float | None
    stamped: bool
    aged: bool
    judged: bool
    task: str | None
    left_out: dict[str, str]


@dataclass(frozen=True)
class Plan:
    """An export: the same plan gives the same dataset, so a resumed run checks that it is the same.

    Attributes:
        features: as in info.json, without the columns that every dataset has.
        cameras: by name its (height, width).
        notes: what the episodes lack and the dataset therefore too, for people.
    """

    briefs: tuple[Brief, ...]
    features: dict[str, dict[str, Any]]
    cameras: dict[str, tuple[int, int]]
    fps: int
    codec: Codec
    tasks: tuple[str, ...]
    notes: tuple[str, ...]
    robot_type: str

    def digest(self) -> str:
        """A name for what the export is made of: sources, features, codec, tasks."""
        parts = [
            [brief.fingerprint for brief in self.briefs],
            self.features,
            dataclasses.asdict(self.codec),
            [self.fps, self.tasks, self.robot_type],
            sorted({brief.ref.joint_order or '' for brief in self.briefs}),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def look(ref: EpisodeRef, rate_hz: float | None = None) -> Brief:
    """Open an episode and note what the plan needs of it; `rate_hz`: where a person says it.

    Raises:
        EpisodeError: it cannot be read, or its parts don't fit together.
    """
    with ref.open() as episode:
        length = len(episode)
        if length == 0:
            raise EpisodeError(f'{ref.path} has no tick')
        if not episode.cameras:
            raise EpisodeError(f'{ref.path} has no camera')
        episode.refuse_faults(rate_hz=rate_hz)
        widths = {
            key: _width(ref, key, value, length)
            for key, name in VECTORS.items()
            if (value := getattr(episode, name)) is not None
        }
        cameras = {}
        for name in episode.cameras:
            if len(episode.images[name]) != length:
                raise EpisodeError(
                    f'{ref.path}: {len(episode.images[name])} frames of {name}; expected {length}, '
                    'one a tick'
                )
            height, width = episode.images[name][0].shape[:2]
            cameras[name] = (int(height), int(width))
        task = episode.attrs.get('task')
        return Brief(
            ref,
            ref.fingerprint(),
            length,
            widths,
            cameras,
            episode.joint_names,
            episode.state_names,
            episode.rate_hz,
            episode.stamp is not None and episode.stamp.shape == (length,),
            all(episode.image_age.get(n, np.empty(0)).shape == (length,) for n in cameras),
            isinstance(episode.attrs.get('success'), bool),
            str(task) if task else None,
            episode.unasked(),
        )


def make_plan(
    briefs: Sequence[Brief], codec: Codec, task: str | None, rate_hz: float | None, robot_type: str
) -> Plan:
    """Decide what the dataset holds.

    Args:
        briefs: the episodes, in order.
        codec: of the videos.
        task: what was done, in words; by default what each file says.
        rate_hz: nominal rate; by default what the files say, else ALOHA's 50 Hz.
        robot_type: for info.json.

    Raises:
        EpisodeError: the episodes differ in what a dataset has once, or lack the task.
    """
    first = briefs[0]
    for brief in briefs:
        _check_like(brief, first, rate_hz)
    notes = []
    rate = rate_hz or first.rate_hz
    if rate is None:
        rate = ALOHA_RATE_HZ
        notes.append(
            f'the files state no rate; {rate:g} Hz is taken, as in ALOHA (--rate to change)'
        )
    if abs(rate - round(rate)) > 1e-6 or rate < 1:
        raise EpisodeError(f'the rate is {rate} Hz; LeRobot datasets have a whole number (--rate)')
    named = [(brief, task or brief.task) for brief in briefs]
    for brief, words in named:
        if not words:
            raise EpisodeError(
                f'{brief.ref.path} does not say which task was done; say it with --task "Pick up the cube"'
            )
    notes += [
        f'{name} is left out: {why}'
        for name, why in {n: w for brief in briefs for n, w in brief.left_out.items()}.items()
    ]
    features = _features(briefs, notes)
    return Plan(
        tuple(dataclasses.replace(brief, task=words) for brief, words in named),
        features,
        first.cameras,
        round(rate),
        codec,
        tuple(dict.fromkeys(words for _, words in named if words)),
        tuple(notes),
        robot_type,
    )


def _features(briefs: Sequence[Brief], notes: list[str]) -> dict[str, dict[str, Any]]:
    """The features that every episode has; what only some have is left out, and noted."""
    first, count = briefs[0], len(briefs)
    features: dict[str, dict[str, Any]] = {}
    for key, name in VECTORS.items():
        having = [brief for brief in briefs if key in brief.widths]
        if len(having) == count:
            width = first.widths[key]
            stated = (first.joint_names or ()) if key == ACTION else first.state_names
            names = list(stated) if len(stated) == width else None
            features[key] = {'dtype': 'float32', 'shape': [width], 'names': names}
        elif having or name != 'base_action':
            notes.append(f'{name}: {count - len(having)} of {count} episodes have none; left out')
    for what, has in (('stamp', 'stamped'), ('frame_age', 'aged'), ('success', 'judged')):
        having = [brief for brief in briefs if getattr(brief, has)]
        if len(having) < count:
            notes.append(f'{what}: {count - len(having)} of {count} episodes have none; left out')
        elif what == 'stamp':
            features[STAMP] = {'dtype': 'float64', 'shape': [1], 'names': None}
        elif what == 'success':
            features[SUCCESS] = {'dtype': 'bool', 'shape': [1], 'names': None}
        else:
            for camera in first.cameras:
                features[AGE + camera] = {'dtype': 'float32', 'shape': [1], 'names': None}
    for camera, (height, width) in first.cameras.items():
        features[IMAGES + camera] = {
            'dtype': 'video',
            'shape': [height, width, 3],
            'names': ['height', 'width', 'channels'],
        }
    return features


def _check_like(brief: Brief, first: Brief, rate_hz: float | None) -> None:
    """Refuse an episode that differs from the first in what a dataset has once."""
    pairs: list[tuple[str, Any, Any]] = [
        ('cameras', ', '.join(sorted(brief.cameras)), ', '.join(sorted(first.cameras))),
        ('sizes of frames', sorted(brief.cameras.items()), sorted(first.cameras.items())),
    ]
    if brief.joint_names and first.joint_names:
        pairs.append(('joint_names', brief.joint_names, first.joint_names))
        pairs.append(('joint_names of qpos', brief.state_names, first.state_names))
    shared = [key for key in VECTORS if key in brief.widths and key in first.widths]
    pairs += [(f'entries of {key}', brief.widths[key], first.widths[key]) for key in shared]
    if rate_hz is None:
        pairs.append(('rate_hz', brief.rate_hz, first.rate_hz))
    for what, mine, theirs in pairs:
        if mine != theirs:
            raise EpisodeError(
                f'{brief.ref.path}: {what}: {mine}, but {first.ref.name} has {theirs}; a dataset has one: '
                'choose with --episodes, or export into different folders'
            )


def _width(ref: EpisodeRef, key: str, value: Any, length: int) -> int:
    if value.ndim != 2 or len(value) != length:
        raise EpisodeError(
            f'{ref.path}: {VECTORS[key]} has shape {value.shape}; expected ({length}, entries)'
        )
    return int(value.shape[1])


def attributes(episode: Episode) -> dict[str, Any]:
    """What an episode's file says of the recording, for the episodes' table."""
    return {k: v for k, v in episode.attrs.items() if k not in OF_THE_FILE}
