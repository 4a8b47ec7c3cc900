# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros inspect`: what a checkpoint is, and whether it fits the robot."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from act_ros.commands.options import (
    OneLineParser,
    add_engine,
    chosen_engine,
    existing_file,
    words,
)
from act_ros.policy.config import PolicyConfig
from act_ros.policy.engines.choice import EngineChoice
from act_ros.policy.errors import PolicyError
from act_ros.robot.spec import RobotSpec
from act_ros.text import printable_output


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = OneLineParser(prog='inspect', description=__doc__)
    p.add_argument(
        'checkpoint',
        type=words,
        help='folder or .ckpt file of any format, or the name of one of the models',
    )
    p.add_argument(
        '--robot',
        type=existing_file,
        metavar='FILE',
        help='robot to fit (default: config/aloha.yaml)',
    )
    add_engine(p)
    return p


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Print it; 1 with one line where the checkpoint cannot be used, 2 where the robot can't be read."""
    args = parser().parse_args(argv)
    try:
        spec = RobotSpec.load(args.robot) if args.robot else RobotSpec.load()
    except (ValueError, OSError) as error:
        print(f'inspect: {error}', file=sys.stderr)
        return 2
    try:
        lines = describe(args.checkpoint, spec, chosen_engine(args))
    except (PolicyError, OSError) as error:
        print(f'inspect: {error}', file=sys.stderr)
        return 1
    print('\n'.join(lines))
    return 0


def describe(checkpoint: str, spec: RobotSpec, choice: EngineChoice) -> list[str]:
    """Lines on a checkpoint, which is read whole and run: weights, statistics, and whether they go together.

    Raises:
        PolicyError: it cannot be used; says why.
    """
    from act_ros.policy.checkpoint import load_checkpoint
    from act_ros.policy.folder import resolve_checkpoint
    from act_ros.policy.policy import Policy, runs_on, warm_up
    from act_ros.policy.robot_fit import assumptions, misfits

    loaded = load_checkpoint(resolve_checkpoint(checkpoint))
    policy = Policy.load(loaded.source.path, 1, choice)  # one thread, as the node has by default
    source, config = loaded.source, loaded.config
    count = sum(value.numel() for value in loaded.network.parameters())
    entries = [
        ('checkpoint', str(source.path)),
        ('format', source.format),
        ('cameras', ', '.join(config.cameras)),
        ('images', f'{config.image_size[1]}x{config.image_size[0]} RGB'),
        ('qpos, action', f'{config.state_dim}, {config.action_dim}'),
        ('joints', _joints(config)),
        (
            'chunk',
            f'{config.chunk} actions at {config.rate_hz:g} Hz{" (assumed)" if config.rate_assumed else ""}: '
            f'{_seconds(config)} s',
        ),
        ('normalization', _normalization(source.normalization)),
        ('backbone', _backbone(config)),
        ('transformer', _transformer(config)),
        (
            'CVAE encoder',
            f'{config.vae_layers} layers, in training only' if config.vae else 'none',
        ),
        ('parameters', f'{count:,} at inference'),
        ('size', f'{source.model.stat().st_size / 1e6:.1f} MB ({source.model.name})'),
        ('here', runs_on(policy, warm_up(policy))),
        *(('note', note) for note in (*source.notes, *assumptions(config))),
    ]
    reasons = misfits(config, spec)
    entries += [('fits the robot', 'no: ' + reason) for reason in reasons]
    if not reasons:
        entries.append(('fits the robot', 'yes'))
    return [f'{name + ":":<16}{value}' for name, value in entries]


def _joints(config: PolicyConfig) -> str:
    names = ', '.join(config.joint_names) or 'not named'
    return f'{names}; actions: {", ".join(config.action_names)}' if config.action_names else names


def _seconds(config: PolicyConfig) -> str:
    return f'{config.chunk / config.rate_hz:.3g}'


def _normalization(modes: object) -> str:
    items = dict(modes) if isinstance(modes, dict) else {}
    if len(set(items.values())) == 1:
        return str(next(iter(items.values())))
    return ', '.join(f'{name} {mode}' for name, mode in items.items())


def _backbone(config: PolicyConfig) -> str:
    parts = [
        config.backbone,
        f'{config.backbone_layers} stages',
        {'frozen_batch': 'frozen batch normalization', 'group': 'group normalization'}[
            config.norm
        ],
        'dilated last stage' if config.dilation else '',
        'one for each camera' if config.per_camera else '',
    ]
    return ', '.join(part for part in parts if part)


def _transformer(config: PolicyConfig) -> str:
    return (
        f'{config.d_model} wide, {config.heads} heads, feed-forward {config.feedforward} '
        f'{config.activation}, {config.encoder_layers} encoder and {config.decoder_layers} decoder layers, '
        f'{"pre" if config.pre_norm else "post"}-norm'
    )


if __name__ == '__main__':
    sys.exit(main())
