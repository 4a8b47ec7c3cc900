#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same weights in this suite and in LeRobot's and the original's own code: how far apart are the actions?

    python benchmarks/parity.py                       LeRobot, as installed (0.3.3, or 0.4 and later) here, or in
                                                      the environment of the Python that LEROBOT_PYTHON names
    python benchmarks/parity.py --act ~/act           tonyzhaozh/act, Interbotix/act or act-plus-plus, a clone
    python benchmarks/parity.py --policy models/mine  a policy trained here, through `convert --to lerobot`

Where ROS is not set up: PYTHONPATH=src/act_ros. An error is the largest difference over a whole chunk, or over
the actions of all steps, divided by the largest action. In the same unit `rounding` is how far this suite's
fp32 is from its own fp64, which no comparison in fp32 can get below, and `moved` is what another set of
pictures changes: a network that ignored its pictures would have no error, and prove nothing.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import peer_values
import torch
from findings import Findings, add_json
from lerobot_python import MISSING, VARIABLE, interpreter, lerobot_version
from peer_values import observation
from peers import LeRobotPeer, OriginalPeer, Table

from act_ros.control.ensemble import TemporalEnsemble
from act_ros.policy.policy import Policy
from act_ros.robot.types import Chunk

LIMIT = 1e-5
SMALL: dict[str, Any] = {'chunk_size': 100, 'dim_model': 256, 'dim_feedforward': 512}
SIZE = (96, 128)


def error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference, relative to the largest value."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def in_double(policy: Policy, qpos: np.ndarray, frames: dict[str, np.ndarray]) -> np.ndarray:
    """The policy's chunk, calculated in fp64."""
    network, norm = (
        copy.deepcopy(policy._engine._network).double(),
        copy.deepcopy(policy._engine._normalizer).double(),
    )
    pixels = torch.from_numpy(np.stack([frames[name] for name in policy.config.cameras]))[None]
    with torch.no_grad():
        state = norm.qpos(torch.from_numpy(qpos).double()[None])
        chunk = network(state, norm.images(pixels.double())).actions[0]
        return norm.unnormalize_actions(chunk).numpy()


def compare(peer: Any, policy: Policy, seeds: int = 3) -> tuple[float, float, float]:
    """Error of whole chunks, what rounding does, and what other pictures change."""
    worst, moved, rounding = 0.0, np.inf, 0.0
    for seed in range(seeds):
        qpos, frames = observation(seed, peer.cameras, peer.size)
        theirs = peer.chunk(qpos, frames)
        ours = policy.predict(qpos, frames)
        worst = max(worst, error(ours, theirs[:, : ours.shape[1]]))
        rounding = max(rounding, error(ours, in_double(policy, qpos, frames)))
        _, other = observation(seed + 1000, peer.cameras, peer.size)
        moved = min(moved, error(policy.predict(qpos, other), ours))
    return worst, rounding, moved


def frames_of(t: int, peer: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What is seen at step t of a sequence: pictures that come again, joints that wander."""
    _, frames = observation(t % 16, peer.cameras, peer.size)
    return np.sin(0.05 * t + np.arange(14)).astype(np.float32), frames


def compare_lerobot_ensemble(peer: LeRobotPeer, policy: Policy, steps: int) -> float:
    """Error of the ensembled actions of a sequence."""
    ensemble = TemporalEnsemble(policy.config.chunk, 14)
    ours, theirs = [], []
    for t in range(steps):
        qpos, frames = frames_of(t, peer)
        theirs.append(peer.action(qpos, frames))
        ensemble.add(Chunk(t, policy.predict(qpos, frames), 0.0))
        ours.append(ensemble.action(t))
    return error(np.stack(ours), np.stack(theirs))


def compare_original_ensemble(peer: OriginalPeer, policy: Policy, steps: int) -> float:
    """The same against the original's table."""
    dof = policy.config.action_dim
    ensemble = TemporalEnsemble(policy.config.chunk, dof)
    table = Table(steps, policy.config.chunk, peer.action_dim)
    ours, theirs = [], []
    for t in range(steps):
        qpos, frames = frames_of(t, peer)
        theirs.append(peer.in_units(table.action(t, peer.normalized_chunk(qpos, frames)))[:dof])
        ensemble.add(Chunk(t, policy.predict(qpos, frames), 0.0))
        ours.append(ensemble.action(t))
    return error(np.stack(ours), np.stack(theirs))


class Report:
    """Prints a line for each comparison and keeps the figures."""

    def __init__(self) -> None:
        self.found = Findings()
        print(f'{"":58}{"chunk":>9}{"ensemble":>10}{"rounding":>10}{"moved":>8}')

    def line(
        self, what: str, chunk: float, ensemble: float | None, rounding: float, moved: float
    ) -> None:
        """Add one."""
        self.found.figure(f'{what}: a chunk', chunk, at_most=LIMIT)
        if ensemble is not None:
            self.found.figure(f'{what}: ensembled actions', ensemble, at_most=LIMIT)
        shown = '' if ensemble is None else f'{ensemble:.1e}'
        print(f'{what:58}{chunk:9.1e}{shown:>10}{rounding:10.1e}{moved:8.3f}', flush=True)


def run_lerobot(report: Report, cameras: list[int], steps: int, train: int) -> None:
    """LeRobot, as installed."""
    name = f'LeRobot {lerobot_version()}'
    for count in cameras:
        peer = LeRobotPeer(count, SIZE, ensemble=True, **SMALL)
        report.line(f'{name}, {count} cameras', *_saved(peer, steps))
    variants: list[tuple[str, dict[str, Any]]] = [
        ('min-max', {'modes': dict.fromkeys(('VISUAL', 'STATE', 'ACTION'), 'MIN_MAX')}),
        ('pre-norm, GELU, 3 decoder layers',
         {'pre_norm': True, 'feedforward_activation': 'gelu', 'n_decoder_layers': 3}),
        ('resnet34, without CVAE', {'vision_backbone': 'resnet34', 'use_vae': False}),
        ('resnet50, dilated',
         {'vision_backbone': 'resnet50', 'replace_final_stride_with_dilation': True}),
    ]  # fmt: skip
    for label, options in variants:
        report.line(
            f'{name}, 2 cameras, {label}', *_saved(LeRobotPeer(2, SIZE, **SMALL, **options), 0)
        )
    for count in (1, 4):
        report.line(
            f"{name}, {count} cameras, paper's sizes", *_saved(LeRobotPeer(count, (480, 640)), 0)
        )
    peer = LeRobotPeer(2, SIZE, ensemble=True, **SMALL)
    loss = peer.train(train)
    report.line(
        f'{name}, 2 cameras, trained for {train} steps (loss {loss:.2f})', *_saved(peer, steps)
    )


def _saved(peer: Any, steps: int) -> tuple[float, float | None, float, float]:
    """Save a peer's policy, load it here, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        peer.save(Path(folder))
        policy = Policy.load(folder)
    chunk, rounding, moved = compare(peer, policy)
    if not steps:
        return chunk, None, rounding, moved
    lerobot = isinstance(peer, LeRobotPeer)
    ensemble = (compare_lerobot_ensemble if lerobot else compare_original_ensemble)(
        peer, policy, steps
    )
    return chunk, ensemble, rounding, moved


def run_original(report: Report, clone: Path, cameras: list[int], steps: int, train: int) -> None:
    """The code of a clone."""
    small: dict[str, Any] = {'hidden_dim': 256, 'dim_feedforward': 512}
    for count in cameras:
        peer = OriginalPeer(clone, count, SIZE, **small)
        report.line(f'{clone.name}, {count} cameras', *_saved(peer, steps))
    peer = OriginalPeer(clone, 2, SIZE, **small, pre_norm=True, backbone='resnet34')
    report.line(f'{clone.name}, 2 cameras, pre-norm, resnet34', *_saved(peer, 0))
    report.line(
        f"{clone.name}, 4 cameras, paper's sizes", *_saved(OriginalPeer(clone, 4, (480, 640)), 0)
    )

    peer = OriginalPeer(clone, 2, SIZE, **small)
    loss = peer.train(train)
    report.line(
        f'{clone.name}, 2 cameras, trained for {train} steps (loss {loss:.2f})',
        *_saved(peer, steps),
    )


def run_policy(report: Report, checkpoint: str, steps: int) -> None:
    """A policy of this suite, loaded by LeRobot 0.4 or later."""
    from act_ros.commands.convert import convert

    policy = Policy.load(checkpoint)
    config = policy.config
    peer = LeRobotPeer(config.cameras, config.image_size, ensemble=True, chunk_size=config.chunk)
    act = importlib.import_module('lerobot.policies.act.modeling_act')
    pipelines = importlib.import_module('lerobot.processor')
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / 'lerobot'
        convert(checkpoint, target, 'lerobot', [], None)
        peer.policy = act.ACTPolicy.from_pretrained(target, strict=True).eval()
        for name in ('pre', 'post'):
            file = f'policy_{name}processor.json'
            made = getattr(peer, name)
            loaded = pipelines.PolicyProcessorPipeline.from_pretrained(
                target,
                config_filename=file,
                to_transition=made.to_transition,
                to_output=made.to_output,
            )
            setattr(peer, name, loaded)
    peer.policy.config.temporal_ensemble_coeff = 0.01
    peer.policy.temporal_ensembler = act.ACTTemporalEnsembler(0.01, config.chunk)
    peer.policy.reset()
    chunk, rounding, moved = compare(peer, policy)
    ensemble = compare_lerobot_ensemble(peer, policy, steps)
    report.line(f'{Path(checkpoint).name}, exported to LeRobot', chunk, ensemble, rounding, moved)


def main() -> int:
    """1 where an error is above the limit, 2 where there was nothing to compare with."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--act', type=Path, action='append', default=[], metavar='CLONE')
    parser.add_argument('--policy', action='append', default=[], help='a policy trained here')
    parser.add_argument('--cameras', type=int, nargs='+', default=[1, 2, 3, 4])
    parser.add_argument('--steps', type=int, default=400, help='steps of the ensembled sequence')
    parser.add_argument(
        '--train', type=int, default=60, help='steps of training before one comparison'
    )
    parser.add_argument('--seed', type=int, default=0, help='of weights, statistics and inputs')
    add_json(parser)
    args = parser.parse_args()
    if VARIABLE in os.environ:
        python, env = interpreter()
        del env[VARIABLE]
        os.execve(python, [python, *sys.argv], env)
    torch.set_num_threads(1)
    peer_values.SEED = args.seed
    report = Report()
    if not args.act and not lerobot_version():
        report.found.not_measured('differences to LeRobot', MISSING)
        return report.found.end(args.json)
    if not args.policy and not args.act:
        run_lerobot(report, args.cameras, args.steps, args.train)
    for checkpoint in args.policy:
        run_policy(report, checkpoint, args.steps)
    for clone in args.act:
        run_original(report, clone, args.cameras, args.steps, args.train)
    return report.found.end(args.json)


if __name__ == '__main__':
    raise SystemExit(main())
