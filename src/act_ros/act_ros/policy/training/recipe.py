# SPDX-License-Identifier: Apache-2.0
"""The numbers of a training run, and the named configurations of `config/training.yaml`."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from act_ros.policy.errors import PolicyError

LENGTH = ('steps', 'minutes')
"""What of a recipe may change when a run is gone on with."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The defaults are the paper's.

    Attributes:
        pretrained: start the backbone from ImageNet weights, where they can be had.
        steps: optimizer steps of the whole run; the learning rate's schedule ends with them.
        minutes: the run, and the schedule with it, ends after this time instead of after `steps`; 0: it
            does not. Checkpoints and validation count, the decoding of frames before the first step doesn't.
        batch: samples in a step (of each process, with torchrun).
        lr: peak learning rate.
        lr_backbone: the same for the backbone.
        weight_decay: decoupled weight decay of AdamW.
        kl_weight: weight of the KL term (β in the paper).
        warmup: steps over which the learning rate rises from 0.
        schedule: 'constant', or 'cosine' down to 0 at the end of the run.
        grad_clip: largest norm of the gradient; 0 for no limit.
        ema: decay of the moving average of the weights, which is what is saved as the policy; 0 for
            none. It is shorter in the first steps: min(ema, (1 + step) / (10 + step)).
        precision: 'fp32' or 'bf16' (autocast; the weights stay fp32).
        augment_shift: images move by up to so many pixels, both ways.
        augment_brightness: images are scaled by a factor of 1 ± this.
        augment_offset: so many of 255 levels are added to them, or taken away.
        augment_noise: standard deviation of noise of each pixel, in levels.
        qpos_dropout: share of the samples whose joint positions are withheld, with 0 (the mean) in their
            place. What to do is then in the pictures only, and a network learns to look at them.
        validation: fraction of the episodes that is held out.
        validation_samples: observations of them that are predicted for the validation loss.
        checkpoint_every: steps between checkpoints, each with a validation.
        log_every: steps between points of the loss curves.
    """

    pretrained: bool = True
    steps: int = 100_000
    minutes: float = 0.0
    batch: int = 8
    lr: float = 1e-5
    lr_backbone: float = 1e-5
    weight_decay: float = 1e-4
    kl_weight: float = 10.0
    warmup: int = 0
    schedule: str = 'constant'
    grad_clip: float = 0.0
    ema: float = 0.0
    precision: str = 'fp32'
    augment_shift: int = 0
    augment_brightness: float = 0.0
    augment_offset: float = 0.0
    augment_noise: float = 0.0
    qpos_dropout: float = 0.0
    validation: float = 0.05
    validation_samples: int = 256
    checkpoint_every: int = 1000
    log_every: int = 20

    def __post_init__(self) -> None:
        for field in fields(self):
            self._check_type(field.name, str(field.type))
        for name in ('steps', 'batch', 'validation_samples', 'checkpoint_every', 'log_every'):
            if getattr(self, name) < 1:
                raise PolicyError(f'{name} is {getattr(self, name)}; expected at least 1')
        for name, choices in (
            ('schedule', ('constant', 'cosine')),
            ('precision', ('fp32', 'bf16')),
        ):
            if getattr(self, name) not in choices:
                raise PolicyError(
                    f'{name} is {getattr(self, name)!r}; expected one of {", ".join(choices)}'
                )
        for name in ('ema', 'validation', 'augment_brightness', 'qpos_dropout'):
            if not 0 <= getattr(self, name) < 1:
                raise PolicyError(
                    f'{name} is {getattr(self, name)}; expected a number from 0 to below 1'
                )

    def _check_type(self, name: str, kind: str) -> None:
        value = getattr(self, name)
        if kind == 'float' and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
            object.__setattr__(self, name, value)
        if type(value).__name__ != kind:
            raise PolicyError(f'{name} is {value!r}; expected {kind}')
        if kind in ('int', 'float') and not 0 <= value < float('inf'):
            raise PolicyError(f'{name} is {value}; expected a finite number that is not negative')

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the configuration file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Recipe:
        """Build a recipe from plain values.

        Raises:
            PolicyError: an entry is unknown or out of range.
        """
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(data) - set(known))
        if unknown:
            raise PolicyError(
                f'unknown entries of training: {", ".join(unknown)}; known are {", ".join(known)}'
            )
        return cls(**data)


def load_recipe(path: Path, name: str) -> tuple[dict[str, Any], Recipe]:
    """Read a named configuration: the entries of its policy, and how it is trained.

    Raises:
        PolicyError: the file can't be read, has no such configuration, or one of its entries is wrong.
    """
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise PolicyError(f'{path} cannot be read: {error}') from error
    if not isinstance(data, dict) or name not in data:
        names = ', '.join(data) if isinstance(data, dict) else 'none'
        raise PolicyError(f"{path} has no configuration '{name}'; it has: {names}")
    entry = data[name]
    if not isinstance(entry, dict) or not set(entry) <= {'policy', 'training'}:
        raise PolicyError(
            f"{path}, configuration '{name}': expected the entries policy and training"
        )
    policy, training = (_numbers(entry.get(part) or {}) for part in ('policy', 'training'))
    try:
        return policy, Recipe.from_dict(training)
    except PolicyError as error:
        raise PolicyError(f"{path}, configuration '{name}': {error}") from error


def _numbers(entries: Any) -> dict[str, Any]:
    """Entries in which 1e-4 is the number that it is to everyone but YAML 1.1, which wants 1.0e-4."""
    found = dict(entries)
    for name, value in found.items():
        if isinstance(value, str) and re.fullmatch(
            r'[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+', value
        ):
            found[name] = float(value)
    return found
