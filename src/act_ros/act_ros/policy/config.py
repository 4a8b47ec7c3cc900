# SPDX-License-Identifier: Apache-2.0
"""What is needed to rebuild a policy's network: `config.json` of a checkpoint folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from act_ros.policy.errors import PolicyError

FORMAT = 1
"""Version of `config.json`; raised when a reader of an older version would misread it."""

NORMS = ('frozen_batch', 'group')
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PolicyConfig:
    """Inputs, outputs and sizes of an ACT network. The defaults are the paper's.

    Attributes:
        cameras: names of the cameras, in the order in which the network sees them.
        image_size: (height, width) in pixels that every frame is resized to.
        chunk: number of actions that one prediction holds (k in the paper).
        state_dim: length of qpos.
        action_dim: length of an action.
        rate_hz: control rate that the demonstrations were recorded at: one row of a chunk is 1/rate_hz.
        backbone_layers: stages of ResNet-18 that are used: 4 as the paper (stride 32), 3 (stride 16).
        norm: 'frozen_batch' as the paper (needs pretrained weights to make sense) or 'group'
            (groups of 16 channels; trains from scratch).
        d_model: width of every token.
        heads: attention heads.
        feedforward: hidden width of the transformer's feed-forward blocks.
        encoder_layers: transformer encoder layers.
        decoder_layers: transformer decoder layers. The paper's code builds 7 and uses the first only.
        vae_layers: layers of the CVAE encoder, which only training uses.
        latent_dim: length of the latent z.
        dropout: dropout probability in training.
        image_mean: RGB mean that is subtracted from images scaled to 0..1.
        image_std: RGB standard deviation that they are then divided by.
    """

    cameras: tuple[str, ...]
    image_size: tuple[int, int] = (480, 640)
    chunk: int = 100
    state_dim: int = 14
    action_dim: int = 14
    rate_hz: float = 50.0
    backbone_layers: int = 4
    norm: str = 'frozen_batch'
    d_model: int = 512
    heads: int = 8
    feedforward: int = 3200
    encoder_layers: int = 4
    decoder_layers: int = 1
    vae_layers: int = 4
    latent_dim: int = 32
    dropout: float = 0.1
    image_mean: tuple[float, float, float] = IMAGENET_MEAN
    image_std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        for name in ('cameras', 'image_size', 'image_mean', 'image_std'):
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, (list, tuple)):
                raise PolicyError(f'{name} is {value!r}; expected a list')
            object.__setattr__(self, name, tuple(value))
        self._check_numbers()
        if not self.cameras or not all(isinstance(c, str) and c for c in self.cameras):
            raise PolicyError(
                f'cameras is {list(self.cameras)}; a policy needs the name of at least one camera'
            )
        if len(set(self.cameras)) != len(self.cameras):
            raise PolicyError(f'cameras is {list(self.cameras)}; each camera may be named once')
        if self.norm not in NORMS:
            raise PolicyError(f'norm is {self.norm!r}; expected one of {", ".join(NORMS)}')
        if self.backbone_layers not in (3, 4):
            raise PolicyError(f'backbone_layers is {self.backbone_layers}; expected 3 or 4')
        if self.d_model % self.heads or self.d_model % 4:
            raise PolicyError(
                f'd_model is {self.d_model}; it must be divisible by heads ({self.heads}) and by 4 (position embedding)'
            )

    def _check_numbers(self) -> None:
        """Refuse what isn't a number, or is out of range, before it becomes a puzzling error of PyTorch's."""
        counts = [f.name for f in fields(self) if f.type == 'int']
        for name in counts:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise PolicyError(f'{name} is {value!r}; expected a whole number of at least 1')
        if len(self.image_size) != 2 or not all(
            isinstance(n, int) and n >= 32 for n in self.image_size
        ):
            raise PolicyError(
                f'image_size is {list(self.image_size)}; expected [height, width], each at least 32'
            )
        for name, length in (('image_mean', 3), ('image_std', 3)):
            values = getattr(self, name)
            if len(values) != length or not all(isinstance(v, (int, float)) for v in values):
                raise PolicyError(
                    f'{name} is {list(values)}; expected {length} numbers (red, green, blue)'
                )
        if min(self.image_std) <= 0:
            raise PolicyError(f'image_std is {list(self.image_std)}; every entry must be positive')
        if not isinstance(self.dropout, (int, float)) or not 0 <= self.dropout < 1:
            raise PolicyError(f'dropout is {self.dropout!r}; expected a number from 0 to below 1')
        if not isinstance(self.rate_hz, (int, float)) or not self.rate_hz > 0:
            raise PolicyError(f'rate_hz is {self.rate_hz!r}; expected a positive rate in Hz')

    def to_json(self) -> str:
        """The text of `config.json`."""
        return json.dumps({'format': FORMAT, **asdict(self)}, indent=2) + '\n'

    @classmethod
    def from_json(cls, text: str) -> PolicyConfig:
        """Read the text of `config.json`.

        Raises:
            PolicyError: it isn't JSON, has an unknown entry, lacks one, or a value is out of range.
        """
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise PolicyError(f'not valid JSON: {error}') from error
        if not isinstance(data, dict):
            raise PolicyError(f'expected a JSON object, got {type(data).__name__}')
        version = data.pop('format', None)
        if version != FORMAT:
            raise PolicyError(
                f'"format" is {version!r}, and this version of act_ros reads {FORMAT}: it is not a policy of '
                f'act_ros, or one of another version'
            )
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PolicyConfig:
        """Build a configuration from plain values.

        Raises:
            PolicyError: an entry is unknown, missing or out of range.
        """
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(data) - set(known))
        if unknown:
            raise PolicyError(
                f'unknown entries: {", ".join(unknown)}; known are {", ".join(known)}'
            )
        if 'cameras' not in data:
            raise PolicyError(
                '"cameras" is missing: the names of the cameras, in the order of the network'
            )
        return cls(**data)
