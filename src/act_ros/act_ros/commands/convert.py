# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros convert`: a checkpoint of any format that is read, written as act_ros's or as LeRobot's."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from act_ros.commands.options import (
    OneLineParser,
    add_joint_order,
    folder_to_write,
    number,
    words,
)
from act_ros.policy.errors import PolicyError
from act_ros.text import printable_output

if TYPE_CHECKING:
    from act_ros.policy.checkpoint import Loaded

EPILOG = """
examples:
  ros2 run act_ros convert outputs/train/act_cube models/cube             LeRobot's, either layout
  ros2 run act_ros convert ckpt_dir/policy_best.ckpt models/cube          tonyzhaozh/act, Interbotix/act
  ros2 run act_ros convert act_aloha models/cube --rename top=cam_high    the camera's name on this robot
  ros2 run act_ros convert models/cube outputs/for_lerobot --to lerobot   for LeRobot 0.4 and later
"""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = OneLineParser(
        prog='convert',
        description=__doc__,
        epilog=EPILOG,
    )
    p.add_argument(
        'source', type=words, help='folder or .ckpt file, or the name of one of the models'
    )
    p.add_argument(
        'output', type=folder_to_write, help='folder to write; it must be empty or missing'
    )
    p.add_argument('--to', choices=('native', 'lerobot'), default='native')
    p.add_argument(
        '--rename',
        type=_renaming,
        action='append',
        default=[],
        metavar='CAMERA=NAME',
        help='give a camera of the policy the name that it has on the robot; may be repeated',
    )
    p.add_argument(
        '--rate',
        type=number(1, 1000),
        metavar='HZ',
        help='control rate of the data, where the source has none',
    )
    add_joint_order(p)
    return p


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Convert; 1 with one line on what is wrong."""
    args = parser().parse_args(argv)
    try:
        convert(args.source, args.output, args.to, args.rename, args.rate, args.joint_order)
    except (PolicyError, OSError) as error:
        print(f'convert: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('convert: stopped; no policy is left behind', file=sys.stderr)
        return 130
    return 0


def convert(
    source: str,
    output: Path,
    to: str,
    renames: Sequence[tuple[str, str]],
    rate: float | None,
    joint_order: str | None = None,
) -> None:
    """Read a checkpoint and write it anew.

    Raises:
        PolicyError: it cannot be read, or not be written in that form; no policy is left behind.
        OSError: the disk is full, or the folder may not be written.
    """
    from act_ros.policy.checkpoint import load_checkpoint
    from act_ros.policy.folder import resolve_checkpoint
    from act_ros.policy.formats.source import renamed
    from act_ros.policy.lerobot_export import check_exportable
    from act_ros.policy.reorder import reordered
    from act_ros.policy.robot_fit import assumptions
    from act_ros.robot.spec import RobotSpec

    output = output.expanduser()
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise PolicyError(f'{output} is there already and not empty; name another folder')
    path = resolve_checkpoint(source)
    loaded = load_checkpoint(path, cvae=_has_cvae(path))
    if joint_order is not None:
        loaded = reordered(loaded, joint_order, RobotSpec.load())
    config = renamed(loaded.config, dict(renames), '--rename')
    if rate is not None:
        config = replace(config, rate_hz=rate, rate_assumed=False)
    config = replace(config, vae=hasattr(loaded.network, 'vae_encoder'))
    if to == 'lerobot':
        check_exportable(config)
    new = not output.exists()
    try:
        _write(output, replace(loaded, config=config), to)
    except BaseException:
        if new:
            shutil.rmtree(output, ignore_errors=True)
        raise
    print(f'{path} ({loaded.source.format}) -> {output} ({to})')
    for note in (*loaded.source.notes, *assumptions(config)):
        print(f'  note: {note}')


def _write(output: Path, loaded: Loaded, to: str) -> None:
    from act_ros.policy.checkpoint import save_checkpoint
    from act_ros.policy.lerobot_export import export_lerobot

    if to == 'lerobot':
        export_lerobot(output, loaded)
        return
    output.mkdir(parents=True, exist_ok=True)
    (output / 'README.md').write_text(_readme(loaded, output.name))
    stats = loaded.normalizer.stats()
    save_checkpoint(output, loaded.config, loaded.network.state_dict(), stats)


def _has_cvae(path: Path) -> bool:
    """Whether the CVAE encoder is there; a policy runs without it, and some were saved without it."""
    from act_ros.policy.formats.detect import read_source

    return any(name.startswith('vae_encoder') for name in read_source(path).names)


def _renaming(text: str) -> tuple[str, str]:
    camera, equals, name = text.partition('=')
    if not camera or not equals or not name:
        raise argparse.ArgumentTypeError(
            f"must be CAMERA=NAME, such as top=cam_high, got '{text}'"
        )
    return camera, name


def _readme(loaded: Loaded, name: str) -> str:
    from act_ros.policy.robot_fit import assumptions

    source, config = loaded.source, loaded.config
    notes = ''.join(f'- {note}\n' for note in (*source.notes, *assumptions(config)))
    return (
        f'# {name}\n\nConverted from `{source.path.name}`, a checkpoint of {source.format}, by '
        f'`ros2 run act_ros convert`.\nCameras {", ".join(config.cameras)} at {config.image_size[1]}x'
        f'{config.image_size[0]}, chunk {config.chunk}, {config.rate_hz:g} Hz.\n'
        + (f'\n{notes}' if notes else '')
    )


if __name__ == '__main__':
    sys.exit(main())
