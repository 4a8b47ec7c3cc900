# SPDX-License-Identifier: Apache-2.0
"""Which engine runs a network, on what and how precisely: what was asked for, and what can be had.

Imports no engine: that one is installed is seen without loading it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from act_ros.policy.errors import PolicyError
from act_ros.text import shown

AUTO = 'auto'
DEVICES = (AUTO, 'cpu', 'cuda')
ENGINES = (AUTO, 'torch', 'openvino', 'onnxruntime')
PRECISIONS = (AUTO, 'fp32', 'bf16', 'fp16', 'int8')

ABLE = {
    ('torch', 'cuda'): ('fp16', 'bf16', 'fp32'),
    ('openvino', 'cpu'): ('fp32', 'bf16', 'int8'),
    ('torch', 'cpu'): ('fp32', 'bf16'),
    ('onnxruntime', 'cuda'): ('fp32',),
    ('onnxruntime', 'cpu'): ('fp32',),
}
"""Precisions of each engine on each device, best first; auto takes the first precision."""


class EngineError(PolicyError):
    """An engine cannot run this policy here; the policy itself may be good."""


@dataclass(frozen=True)
class EngineChoice:
    """What was asked for, where `auto` leaves it open, or what it came to.

    Raises:
        PolicyError: a name that isn't known.
    """

    device: str = AUTO
    engine: str = AUTO
    precision: str = AUTO

    def __post_init__(self) -> None:
        for name, known in (('device', DEVICES), ('engine', ENGINES), ('precision', PRECISIONS)):
            if getattr(self, name) not in known:
                raise PolicyError(
                    f'{name} is {shown(getattr(self, name))}; expected one of {", ".join(known)}'
                )

    def __str__(self) -> str:
        return f'{self.engine} {self.precision} on {self.device}'


REFERENCE = EngineChoice('cpu', 'torch', 'fp32')
"""What the others are compared with."""


def candidates(asked: EngineChoice) -> list[EngineChoice]:
    """What may run a network, best first. With `auto` for all, the last one is the reference.

    Raises:
        EngineError: what was asked for does not go together, or is not installed; says what to do.
    """
    found = []
    for (engine, device), able in ABLE.items():
        if asked.engine not in (AUTO, engine) or asked.device not in (AUTO, device):
            continue
        precision = able[0] if asked.precision == AUTO else asked.precision
        if precision in able:
            found.append(EngineChoice(device, engine, precision))
    if not found:
        raise EngineError(f'{in_words(asked)} do not go together; there are: {_all()}')
    if asked.engine != AUTO and not find_spec(asked.engine):
        raise EngineError(
            f'engine {asked.engine} is not installed; install it (pip install {asked.engine}), or set engine to auto'
        )
    return [choice for choice in found if _comes_into_question(choice, asked)] or found


def _comes_into_question(choice: EngineChoice, asked: EngineChoice) -> bool:
    """Whether to try it: what was asked for is tried in any case, and then says what it lacks."""
    if asked.device != 'cuda' and choice.device == 'cuda' and not _gpu_for(choice.engine):
        return False
    if asked.engine != AUTO:
        return True
    return choice.engine != 'onnxruntime' and bool(find_spec(choice.engine))


def _gpu_for(engine: str) -> bool:
    return bool(gpu()) and not (engine == 'torch' and release(engine).endswith('+cpu'))


def gpu() -> str:
    """What the driver says of NVIDIA's GPUs, or '' where there is none."""
    files = sorted(Path('/proc/driver/nvidia/gpus').glob('*/information'))
    try:
        models = [line for file in files for line in file.read_text().splitlines()[:1]]
    except OSError:
        models = []
    return '; '.join(models) or ('NVIDIA' if Path('/dev/nvidiactl').exists() else '')


def release(engine: str) -> str:
    """Version of an engine's package; of ONNX Runtime's two packages the one that is there."""
    for name in (engine, f'{engine}-gpu'):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return 'unknown'


def in_words(asked: EngineChoice) -> str:
    """What was asked for, without what was left open; '' where all was."""
    parts = [
        f'{name} {value}'
        for name in ('engine', 'device', 'precision')
        if (value := getattr(asked, name)) != AUTO
    ]
    return ' and '.join(parts)


def _all() -> str:
    return '; '.join(
        f'{engine} on {device} in {", ".join(able)}' for (engine, device), able in ABLE.items()
    )
