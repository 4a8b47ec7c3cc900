# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros visualize`: an episode as a film of all cameras with its joints, and as a still plot."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from act_ros.commands.options import (
    OneLineParser,
    add_source,
    chosen_episodes,
    fail_in_one_line,
    folder_to_write,
    whole,
)
from act_ros.robot.types import Frame
from act_ros.text import printable_output

if TYPE_CHECKING:
    from act_ros.data.formats.base import Episode

EPILOG = """\
examples:
  ros2 run act_ros visualize data/my_task --episodes 0-4 --output outputs/look
  ros2 run act_ros visualize data/interbotix/episode_3.hdf5 --jpeg-channels rgb --output outputs/look

Writes episode_N.mp4 (the cameras in a grid; below it actions and states of every joint, with a line that moves
along) and episode_N.png (actions against states). Colours tell whether --jpeg-channels was right.
"""
PLOT_HEIGHT = 360
"""Pixels that the plot takes below the cameras."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = OneLineParser(
        prog='visualize',
        description='Make a film and a plot of episodes.',
        epilog=EPILOG,
    )
    add_source(p)
    p.add_argument(
        '--output',
        type=folder_to_write,
        required=True,
        metavar='DIR',
        help='folder of mp4 and png',
    )
    p.add_argument('--no-film', action='store_true', help='only the still plot')
    p.add_argument(
        '--width',
        type=whole(320, 7680),
        default=1280,
        metavar='N',
        help='of the film, pixels; default: 1280',
    )
    return p


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    args = parser().parse_args(argv)
    return fail_in_one_line('visualize', lambda: run(args))


def run(args: argparse.Namespace) -> int:
    """Draw the episodes; one that fails is said, and the others are drawn all the same.

    Raises:
        EpisodeError: there is no such dataset, or no such episode.
    """
    from act_ros.data.errors import EpisodeError

    refs = chosen_episodes(args)
    args.output.mkdir(parents=True, exist_ok=True)
    failed = 0
    for ref in refs:
        stem = args.output / ref.stem
        try:
            with ref.open() as episode:
                for text in episode.faults().bad:
                    print(f'visualize: {ref.name}: {text}', file=sys.stderr)
                draw(episode, stem, args.width, film=not args.no_film)
        except EpisodeError as error:
            failed += 1
            print(f'visualize: {error}', file=sys.stderr)
    return 1 if failed else 0


def draw(episode: Episode, stem: Path, width: int, film: bool) -> None:
    """Write `<stem>.png` and, with `film`, `<stem>.mp4`.

    Raises:
        EpisodeError: the episode has no tick, or a frame can't be decoded.
    """
    from act_ros.commands.report import EpisodeTrace, plot_episode
    from act_ros.data.errors import EpisodeError
    from act_ros.data.times import ALOHA_RATE_HZ

    if len(episode) == 0 or episode.qpos.shape != episode.action.shape:
        raise EpisodeError(
            f'{episode.path}: action {episode.action.shape} and qpos {episode.qpos.shape}; '
            'expected the same number of ticks and joints, one at least'
        )
    rate = episode.rate_hz or ALOHA_RATE_HZ
    names = episode.joint_names or tuple(f'joint_{i}' for i in range(episode.action.shape[1]))
    done = episode.attrs.get('success')
    success = {True: ', done', False: ', not done'}.get(bool(done), '') if done is not None else ''
    title = f'{episode.path.name}  {episode.attrs.get("task", "")}{success}  ({episode.kind})'
    trace = EpisodeTrace([], list(episode.qpos), list(episode.action))
    plot = stem.with_name(stem.name + '.png')
    plot_episode(plot, trace, names, title, rate)
    print(f'{plot}: actions and states, {len(episode)} ticks')
    if film:
        path = stem.with_name(stem.name + '.mp4')
        write_film(episode, path, width, names, rate)
        print(f'{path}: {", ".join(episode.cameras)}, {len(episode) / rate:.1f} s')


def write_film(
    episode: Episode, path: Path, width: int, names: Sequence[str], rate_hz: float
) -> None:
    """Write the film, a tick a frame; only one tick is in memory."""
    from tqdm import tqdm

    from act_ros.data.lerobot.video import Codec, VideoWriter

    panel, left, right = joint_panel(episode, names, width)
    codec = Codec('h264', 'libx264', 23, ('-preset', 'veryfast'))
    writer = VideoWriter(path, max(1, round(rate_hz)), codec)
    try:
        ticks = tqdm(
            _grids(episode, width),
            total=len(episode),
            unit='tick',
            desc=path.name,
            disable=not sys.stderr.isatty(),
        )
        for t, grid in enumerate(ticks):
            below = panel.copy()
            x = int(left + (right - left) * t / max(len(episode) - 1, 1))
            below[:, x : x + 2] = (220, 30, 30)
            _label(grid, f'{t / rate_hz:.2f} s   tick {t}', (8, grid.shape[0] - 10))
            writer.append(np.concatenate([grid, below]))
        writer.close()
    finally:
        writer.abort()


def _grids(episode: Episode, width: int) -> Iterator[Frame]:
    """The cameras of each tick side by side, `width` pixels wide."""
    from act_ros.data.errors import EpisodeError

    cameras = episode.cameras
    if not cameras:
        raise EpisodeError(f'{episode.path} has no camera; --no-film draws the plot alone')
    columns = math.ceil(math.sqrt(len(cameras)))
    cell_w = width // columns // 2 * 2
    streams = {camera: iter(episode.images[camera]) for camera in cameras}
    height = 0
    for t in range(len(episode)):
        cells = []
        for camera in cameras:
            frame = next(streams[camera], None)
            if frame is None:
                raise EpisodeError(f'{episode.path}: {camera} has no frame at tick {t}')
            height = height or round(cell_w * frame.shape[0] / frame.shape[1]) // 2 * 2
            cell = np.ascontiguousarray(cv2.resize(frame, (cell_w, height)), np.uint8)
            age = episode.image_age.get(camera)
            old = f'  {1000 * age[t]:.0f} ms' if age is not None and t < len(age) else ''
            _label(cell, f'{camera}{old}', (8, 22))
            cells.append(cell)
        yield _grid(cells, columns, width)


def _grid(cells: Sequence[Frame], columns: int, width: int) -> Frame:
    height, cell_w = cells[0].shape[:2]
    rows = math.ceil(len(cells) / columns)
    sheet = np.zeros((rows * height, width // 2 * 2, 3), np.uint8)
    for i, cell in enumerate(cells):
        top, left = i // columns * height, i % columns * cell_w
        sheet[top : top + height, left : left + cell_w] = cell
    return sheet


def joint_panel(episode: Episode, names: Sequence[str], width: int) -> tuple[Frame, float, float]:
    """Small plots of all joints in one picture; and where in it time begins and ends, in pixels.

    The joints lie above each other, each to its own scale, along one axis of time.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = width // 2 * 2
    figure = Figure(figsize=(width / 100, PLOT_HEIGHT / 100), dpi=100)
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.09, 0.1, 0.9, 0.86))
    count = len(names)
    ticks = np.arange(len(episode))
    for i in range(count):
        both = np.concatenate([episode.action[:, i], episode.qpos[:, i]])
        low, span = float(np.nanmin(both)), max(float(np.ptp(both)), 0.05)
        offset = count - 1 - i
        for values, colour in ((episode.qpos, 'tab:orange'), (episode.action, 'tab:blue')):
            axes.plot(ticks, offset + 0.85 * (values[:, i] - low) / span, color=colour, lw=0.9)
    axes.set_yticks([count - 1 - i + 0.4 for i in range(count)], list(names), fontsize=7)
    axes.set_xlim(0, max(len(episode) - 1, 1))
    axes.set_ylim(-0.15, count)
    axes.tick_params(axis='x', labelsize=7)
    axes.grid(alpha=0.25)
    axes.set_title('action (blue), state (orange), each to its own scale', fontsize=7, pad=2)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
    box = axes.get_window_extent()
    return picture, float(box.x0), float(box.x1)


def _label(picture: NDArray[np.uint8], text: str, at: tuple[int, int]) -> None:
    for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thick, cv2.LINE_AA)


if __name__ == '__main__':
    sys.exit(main())
