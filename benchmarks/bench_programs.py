# SPDX-License-Identifier: Apache-2.0
"""The programs that `bench.py` runs, with their words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """One of benchmarks/.

    Attributes:
        name: what its log and figures are called, and it is with `--only`.
        about: what it measures.
        full, quick: its words in a whole and in a short run.
        at_most_min: minutes after which it is ended.
        file: in benchmarks/, without `.py`; '': called as it is.
    """

    name: str
    about: str
    full: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    at_most_min: float = 20.0
    file: str = ''


def _program(
    name: str, about: str, full: str, quick: str, at_most_min: float = 20.0, file: str = ''
) -> Program:
    return Program(name, about, tuple(full.split()), tuple(quick.split()), at_most_min, file)


_PAPER_ON_GPU = '--device cuda --precisions bf16 --size 480x640 --cameras cam_high cam_low cam_left_wrist cam_right_wrist'
_SMALL_ON_GPU = '--device cuda --precisions bf16 --network small_gpu --size 120x160 --batch 64'


PROGRAMS = (
    _program('ensemble', 'The temporal ensemble', '', '--ticks 10000'),
    _program(
        'inference',
        'From an observation to a chunk',
        '',
        '--sizes small --cameras 1 --threads 2',
        90,
    ),
    _program(
        'parity', 'The same weights in other code', '', '--cameras 1 --steps 20 --train 3', 60
    ),
    _program(
        'scaling',
        'Cost against cameras, sizes and lengths',
        '--plot benchmarks/scaling.png',
        '--engines openvino:fp32 --cameras 1 2 --sizes 120x160 240x320 --chunks 50 100 --ticks 200 1000',
        90,
    ),
    _program(
        'training',
        'Training',
        '',
        '--size 120x160 --batch 4 --steps 8 --precisions bf16',
        60,
    ),
    _program(
        'gpu_inference',
        'From an observation to a chunk, on an NVIDIA GPU',
        '--device cuda --threads 1',
        '--device cuda --threads 1 --sizes paper --cameras 4 --engines torch:fp16',
        file='inference',
    ),
    _program(
        'gpu_training',
        "Training the paper's network, on an NVIDIA GPU",
        f'{_PAPER_ON_GPU} --steps 300',
        f'{_PAPER_ON_GPU} --steps 40',
        file='training',
    ),
    _program(
        'gpu_training_small',
        'Training a small network, on an NVIDIA GPU',
        f'{_SMALL_ON_GPU} --steps 300',
        f'{_SMALL_ON_GPU} --steps 40',
        file='training',
    ),
    _program('sim', 'The simulator', '', '--seconds 3'),
    _program('startup', 'From the launch to the first command', '', '--times 1'),
    _program('control_loop', 'Evenness of the commands', '--seconds 60', '--seconds 15'),
    _program('stop', 'Stops', '--stops 1000', '--stops 60'),
    _program('faults', 'Faults', '', '--only 50 camera', 40),
    _program('swap', 'Changes of the policy', '', '--swaps 8 --bad 4 --engines 2', 60),
    _program('transport', 'Pictures', '--seconds 60', '--seconds 5'),
    _program('two_hosts', 'A second computer', '', '--seconds 3 --links radio'),
    _program('recorder', 'The recorder', '', '--seconds 10 --peer-seconds 5'),
    _program('recorder_kills', 'A recorder that is killed', '', '--count 6'),
    _program('scripted_operator', 'The scripted operator', '', '--seeds 2'),
    _program(
        'policies',
        'Success of the shipped policies',
        '',
        '--seeds 0-1 --episodes 1 --engines openvino',
        240,
    ),
)
