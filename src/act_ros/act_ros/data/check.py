# SPDX-License-Identifier: Apache-2.0
"""Looks for what is wrong with an episode: rates, gaps, ages, drops, duplicates, limits, damage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Episode, Frames
from act_ros.data.formats.collection import EpisodeRef
from act_ros.data.formats.hdf5_frames import HDF5Frames
from act_ros.data.formats.pixels import decode
from act_ros.data.joint_names import arrange, named, orders, trouble
from act_ros.data.pose_jumps import jumps
from act_ros.data.spoilt import spoilt
from act_ros.data.times import ALOHA_RATE_HZ
from act_ros.robot.spec import RobotSpec

OLD_FRAME_S, FROZEN_S = 0.2, 1.0
"""A frame older than the first would have stopped a policy; older than the second, the camera stood."""
STILL_S = 1.0
"""The same picture for longer is named: a still scene, or a camera that hung."""
SLACK = 1e-4
"""Rounding allowed at a limit (rad, opening)."""
LOSSES = (
    *('dropped', 'dropped_rows', 'lost_rows', 'missed_rows', 'stale_rows', 'frozen_rows'),
    *('not_measured', 'faults'),
)
"""Attributes in which a recorder counts or names what went wrong."""


@dataclass
class Report:
    """What was found in one episode.

    Attributes:
        rate_hz: nominal. measured_hz: from the stamps, None without.
        gap_s: longest step between two rows, None without stamps. lost: rows missing in gaps.
        age_s: oldest frame, None where ages are not stored.
        repeated: share of frames that equal the one before, of the worst camera; None: not looked at.
        outside, fast: entries of actions outside the joint limits, and faster than them.
        bad, warn: what spoils the episode, and what one should know. missing: what the file lacks.
        left_out: what lies there and is not read, with the reason.
    """

    name: str
    kind: str = '?'
    ticks: int = 0
    rate_hz: float | None = None
    measured_hz: float | None = None
    gap_s: float | None = None
    lost: int | None = None
    age_s: float | None = None
    repeated: float | None = None
    outside: int | None = None
    fast: int | None = None
    success: bool | None = None
    layout: str = ''
    missing: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    warn: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """'bad', 'warn' or 'ok'."""
        return 'bad' if self.bad else 'warn' if self.warn else 'ok'


def check_episode(ref: EpisodeRef, spec: RobotSpec, pixels: bool) -> Report:
    """Check one episode; damage is reported, not raised.

    Args:
        ref: the episode.
        spec: the robot, for the limits of actions.
        pixels: decode every frame, too.
    """
    report = Report(ref.name)
    try:
        with ref.open() as episode:
            report.kind, report.ticks = episode.kind, len(episode)
            report.missing = episode.missing()
            report.left_out = [f'{name} ({why})' for name, why in episode.unasked().items()]
            success = episode.attrs.get('success')
            report.success = success if isinstance(success, bool) else None
            if _vectors(report, episode):
                report.rate_hz = episode.rate_hz
                _joints(report, episode, spec)
                _times(report, episode)
                _limits(report, episode, spec)
                bad, warn = jumps(episode, spec)
                report.bad += bad
                report.warn += warn
                _recorder(report, episode)
                for camera in episode.cameras:
                    _age(report, episode, camera)
                    if pixels and len(episode.images[camera]) == len(episode):
                        _pixels(report, episode, camera)
    except (EpisodeError, OSError) as error:
        report.bad.append(' '.join(str(error).split()))
    return report


def _vectors(report: Report, episode: Episode) -> bool:
    """Shapes and numbers; False where nothing else can be checked."""
    length = len(episode)
    if length == 0:
        report.bad.append('no tick')
        return False
    for name in ('qpos', 'action', 'qvel', 'effort', 'base_action'):
        values: NDArray[Any] | None = getattr(episode, name)
        if values is None:
            continue
        if len(values) != length or values.ndim != 2:
            report.bad.append(f'{name} has shape {values.shape}; expected {length} rows')
            return False
        broken = np.argwhere(~np.isfinite(values))
        if len(broken):
            report.bad.append(
                f'{name}: {len(broken)} entries not finite, first at tick {broken[0][0]}'
            )
    if not episode.cameras:
        report.bad.append('no camera')
    for camera in episode.cameras:
        frames = episode.images[camera]
        if len(frames) != length:
            report.bad.append(f'{camera}: {len(frames)} frames; expected {length}')
    report.layout = f'{episode.action.shape[1]} actions, cameras {", ".join(episode.cameras)}'
    return True


def _times(report: Report, episode: Episode) -> None:
    found = episode.faults()
    report.measured_hz, report.gap_s, report.lost = found.measured_hz, found.gap_s, found.lost
    report.bad += found.bad
    report.warn += found.warn


def _limits(report: Report, episode: Episode, spec: RobotSpec) -> None:
    action = episode.action.astype(np.float64)
    if action.shape[1] != spec.dof:
        report.warn.append(
            f'limits not checked: {action.shape[1]} entries of action, the robot has {spec.dof}'
        )
        return
    outside = (action < spec.lower - SLACK) | (action > spec.upper + SLACK)
    allowed = spec.velocity / (episode.rate_hz or ALOHA_RATE_HZ)
    fast = np.abs(np.diff(action, axis=0)) > allowed * 1.01 + SLACK
    report.outside, report.fast = int(outside.sum()), int(fast.sum())
    names = spec.joint_names
    for what, where, first in (('outside the limits', outside, 0), ('too fast', fast, 1)):
        if where.any():
            tick, joint = np.argwhere(where)[0]
            count, rows = int(where.sum()), int(where.any(axis=1).sum())
            report.warn.append(
                f'{count} actions {what} in {rows} rows, first {names[joint]} at tick {tick + first}: '
                f'{action[tick + first, joint]:.3f}'
            )


def _joints(report: Report, episode: Episode, spec: RobotSpec) -> None:
    """Whether its joints are this robot's; what is checked of them after this is of the right ones where it can be."""
    wrong = trouble(episode, spec)
    if not named(episode, spec) and 'joint_names' not in report.missing:
        report.missing.append('joint_names')
    if wrong:
        report.bad.append(wrong)
        if not any(order.why for order in orders(episode, spec)):
            arrange(episode, 'as-stated', spec)


def _recorder(report: Report, episode: Episode) -> None:
    """What the recorder itself has noted."""
    report.bad += spoilt(episode.attrs, len(episode), episode.rate_hz)
    if episode.attrs.get('complete') is False:
        report.warn.append('cut off while recording: the rows up to then are here')
    for name in LOSSES:
        value = episode.attrs.get(name)
        if value:
            report.warn.append(f'the recorder notes {name}: {value}')


def _age(report: Report, episode: Episode, camera: str) -> None:
    age = episode.image_age.get(camera)
    if age is None or not len(age):
        return
    if not np.isfinite(age).all():
        report.bad.append(f'{camera}: ages of frames not finite')
        return
    oldest = float(age.max())
    report.age_s = max(oldest, report.age_s or 0.0)
    old = int((age > OLD_FRAME_S).sum())
    if old:
        text = f'{camera}: {old} frames older than {OLD_FRAME_S} s, the oldest {oldest:.2f} s'
        (report.bad if oldest > FROZEN_S else report.warn).append(text)


def _pixels(report: Report, episode: Episode, camera: str) -> None:
    """Decode every frame; count those that repeat the one before."""
    frames, length = episode.images[camera], len(episode)
    broken, repeated, still, longest = [], 0, 0, 0
    shapes: set[tuple[int, ...]] = set()
    for t, (picture, same) in enumerate(_pictures(frames)):
        if picture is None:
            broken.append(t)
            continue
        shapes.add(picture.shape)
        repeated += same
        still = still + 1 if same else 0
        longest = max(longest, still)
    if broken:
        report.bad.append(
            f'{camera}: {len(broken)} frames are no pictures, first at tick {broken[0]}'
        )
    if len(shapes) > 1:
        sizes = ', '.join(f'{s[1]}x{s[0]}' for s in sorted(shapes))
        report.bad.append(f'{camera}: frames of different sizes: {sizes}')
    share = repeated / max(length - 1, 1)
    report.repeated = max(share, report.repeated or 0.0)
    seconds = (longest + 1) / (episode.rate_hz or ALOHA_RATE_HZ)
    age = episode.image_age.get(camera)
    fresh = age is not None and len(age) and float(age.max()) <= OLD_FRAME_S
    if seconds > STILL_S and longest and not fresh:
        report.warn.append(
            f'{camera}: the same picture for {seconds:.1f} s: a still scene or a camera that hung'
        )


def _pictures(frames: Frames) -> Any:
    """Yield each picture (None: it isn't one) and whether what is stored equals the one before."""
    last: NDArray[np.uint8] | None = None
    if isinstance(frames, HDF5Frames):
        picture: NDArray[np.uint8] | None = None
        for t in range(len(frames)):
            row = frames.stored(t)
            same = last is not None and np.array_equal(row, last)
            if not same:
                picture = decode(row) if frames.encoded else row
            yield picture, same
            last = row
        return
    for frame in frames:
        yield frame, last is not None and np.array_equal(frame, last)
        last = frame


def compare(reports: list[Report]) -> None:
    """Note where an episode is not like most of the others: a dataset to train on is of one kind."""
    layouts = [report.layout for report in reports if report.layout]
    if not layouts:
        return
    usual = max(set(layouts), key=layouts.count)
    rates = [report.rate_hz for report in reports if report.layout]
    rate = max(set(rates), key=rates.count)
    for report in reports:
        if report.layout and report.layout != usual:
            report.bad.append(f'has {report.layout}; most episodes have {usual}')
        if report.layout and report.rate_hz != rate:
            report.bad.append(f'nominal rate {report.rate_hz}; most episodes have {rate}')
