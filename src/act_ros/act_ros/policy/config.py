# SPDX-License-Identifier: Apache-2.0
"""What is needed to rebuild a policy's network: `config.json` of a checkpoint folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from act_ros.policy.errors import PolicyError
from act_ros.policy.field_words import in_our_words
from act_ros.policy.values import is_name, is_number, is_run
from act_ros.text import listed, shown

FORMAT = 1
"""Version of `config.json`; raised when a reader of an older version would misread it."""

NORMS = ('frozen_batch', 'group')
BACKBONES = ('resnet18', 'resnet34', 'resnet50')
ACTIVATIONS = ('relu', 'gelu')
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Triple = tuple[float, float, float]

MOST = {
    'chunk': 10_000,
    'state_dim': 1024,
    'action_dim': 1024,
    'd_model': 8192,
    'heads': 1024,
    'feedforward': 65_536,
    'encoder_layers': 64,
    'decoder_layers': 64,
    'vae_layers': 64,
    'latent_dim': 8192,
}
"""Largest values that are believed: a damaged or hostile file must not make this process allocate without end."""
MOST_CAMERAS = 16
MOST_PIXELS = 4096
MOST_RUNS = 1000
"""Largest number of cameras; largest height and width of an image; most runs of training seeds."""


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
        backbone_layers: stages of the ResNet that are used: 4 as the paper (stride 32), 3 (stride 16).
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
        image_mean: RGB mean that is subtracted from images scaled to 0..1; one triple, or one per camera.
        image_std: RGB standard deviation that they are then divided by; likewise.
        backbone: 'resnet18' as the paper, 'resnet34' or 'resnet50'.
        dilation: the last stage of a resnet50 keeps the resolution and dilates its convolutions instead.
        per_camera: each camera has a backbone of its own, instead of one that all share.
        pre_norm: layer normalization before each block, with one more at the encoder's end.
        activation: of the feed-forward blocks, 'relu' as the paper or 'gelu'.
        vae: whether there is a CVAE encoder; without it z is 0 in training too.
        task: what the demonstrations show, as their files name it; '' where nobody said.
        training_seeds: (first, last) of each run of seeds that the simulated demonstrations were made from.
        rate_assumed: nobody stated `rate_hz`: neither the demonstrations nor who brought the policy.
        joint_names: of the entries of qpos, and of an action, in order; () where nobody said.
        action_names: of the entries of an action, where they are others; () else.
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
    image_mean: Triple | tuple[Triple, ...] = IMAGENET_MEAN
    image_std: Triple | tuple[Triple, ...] = IMAGENET_STD
    backbone: str = 'resnet18'
    dilation: bool = False
    per_camera: bool = False
    pre_norm: bool = False
    activation: str = 'relu'
    vae: bool = True
    task: str = ''
    training_seeds: tuple[tuple[int, int], ...] = ()
    rate_assumed: bool = False
    joint_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in _LISTS:
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, (list, tuple)):
                raise PolicyError(f'{name} is {shown(value)}; expected a list')
            rows = tuple(tuple(v) if isinstance(v, (list, tuple)) else v for v in value)
            object.__setattr__(self, name, rows)
        self._check_cameras()
        self._check_numbers()
        self._check_origin()
        for name, choices in (
            ('norm', NORMS),
            ('backbone', BACKBONES),
            ('activation', ACTIVATIONS),
        ):
            if getattr(self, name) not in choices:
                raise PolicyError(
                    f'{name} is {shown(getattr(self, name))}; expected one of {", ".join(choices)}'
                )
        if self.backbone_layers not in (3, 4):
            raise PolicyError(f'backbone_layers is {self.backbone_layers}; expected 3 or 4')
        for name in ('dilation', 'per_camera', 'pre_norm', 'vae', 'rate_assumed'):
            if not isinstance(getattr(self, name), bool):
                raise PolicyError(
                    f'{name} is {shown(getattr(self, name))}; expected true or false'
                )
        if self.dilation and self.backbone != 'resnet50':
            raise PolicyError(f'dilation is true; {self.backbone} has none, only resnet50')
        if self.d_model % self.heads or self.d_model % 4:
            raise PolicyError(
                f'd_model is {self.d_model}; it must be divisible by heads ({self.heads}) and by 4 (position embedding)'
            )

    def _check_cameras(self) -> None:
        """Refuse names that cannot be cameras, or that could not be shown."""
        cameras = self.cameras
        if not cameras or not all(is_name(name) for name in cameras):
            raise PolicyError(
                f'cameras is {shown(list(cameras))}; a policy needs the name of at least one camera, each at '
                f'most 100 printable characters'
            )
        if len(cameras) > MOST_CAMERAS:
            raise PolicyError(f'{len(cameras)} cameras; at most {MOST_CAMERAS} are supported')
        if len(set(cameras)) != len(cameras):
            raise PolicyError(f'cameras is {list(cameras)}; each camera may be named once')

    def _check_origin(self) -> None:
        """Refuse a task that could not be shown, and seeds that are no runs of seeds."""
        if self.task != '' and not is_name(self.task):
            raise PolicyError(
                f'task is {shown(self.task)}; expected a name of at most 100 printable characters'
            )
        runs: Any = self.training_seeds
        if len(runs) > MOST_RUNS or not all(is_run(run) for run in runs):
            raise PolicyError(
                f'training_seeds is {shown(runs)}; expected at most {MOST_RUNS} pairs [first, last] of whole '
                f'numbers from 0 up'
            )
        for name in ('joint_names', 'action_names'):
            names = getattr(self, name)
            if len(names) > MOST['state_dim'] or not all(map(is_name, names)):
                raise PolicyError(
                    f'{name} is {shown(list(names))}; expected a list of names of at most 100 printable characters'
                )

    def same_network(self, other: PolicyConfig) -> bool:
        """Whether weights of one fit the other: they differ at most in what they were trained on."""
        return replace(self, **ORIGIN) == replace(other, **ORIGIN)

    def _check_numbers(self) -> None:
        """Refuse what isn't a number, or is out of range, before it becomes a puzzling error of PyTorch's."""
        counts = [f.name for f in fields(self) if f.type == 'int']
        for name in counts:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise PolicyError(
                    f'{name} is {shown(value)}; expected a whole number of at least 1'
                )
            if value > MOST.get(name, value):
                raise PolicyError(f'{name} is {shown(value)}; at most {MOST[name]} is supported')
        if len(self.image_size) != 2 or not all(
            isinstance(n, int) and not isinstance(n, bool) and 32 <= n <= MOST_PIXELS
            for n in self.image_size
        ):
            raise PolicyError(
                f'image_size is {shown(list(self.image_size))}; expected [height, width], each from 32 to '
                f'{MOST_PIXELS}'
            )
        self._check_colours()
        if not is_number(self.dropout) or not 0 <= self.dropout < 1:
            raise PolicyError(
                f'dropout is {shown(self.dropout)}; expected a number from 0 to below 1'
            )
        if not is_number(self.rate_hz) or not 0 < self.rate_hz <= 10_000:
            raise PolicyError(
                f'rate_hz is {shown(self.rate_hz)}; expected a positive rate in Hz, at most 10000'
            )

    def _check_colours(self) -> None:
        for name in ('image_mean', 'image_std'):
            rows: Any = getattr(self, name)
            if rows and all(isinstance(row, tuple) for row in rows):
                if len(rows) != len(self.cameras):
                    raise PolicyError(
                        f'{name} has {len(rows)} triples for {len(self.cameras)} cameras; '
                        f'expected one for all, or one each'
                    )
            else:
                rows = (rows,)
            for row in rows:
                if len(row) != 3 or not all(is_number(v) and abs(v) < 1e6 for v in row):
                    raise PolicyError(
                        f'{name} is {shown(list(row))}; expected 3 numbers (red, green, blue)'
                    )
                if name == 'image_std' and min(row) < 1e-9:
                    raise PolicyError(f'image_std is {list(row)}; every entry must be positive')

    def to_json(self) -> str:
        """The text of `config.json`. Newer entries are written where they differ from the paper's only."""
        entries = asdict(self)
        for field in fields(self)[_FIRST_NEW:]:
            if entries[field.name] == field.default:
                del entries[field.name]
        return json.dumps({'format': FORMAT, **entries}, indent=2) + '\n'

    @classmethod
    def from_json(cls, text: str) -> PolicyConfig:
        """Read the text of `config.json`.

        Raises:
            PolicyError: it isn't JSON, has an unknown entry, lacks one that is always written, or a value is out of range.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:  # also: a number of too many digits
            raise PolicyError(f'not valid JSON: {error}') from error
        if not isinstance(data, dict):
            raise PolicyError(f'expected a JSON object, got {type(data).__name__}')
        version = data.pop('format', None)
        if version != FORMAT or isinstance(version, (bool, float)):
            raise PolicyError(
                f'"format" is {shown(version)}, and this version of act_ros reads {FORMAT}: it is not a policy of '
                f'act_ros, or one of another version'
            )
        data = in_our_words(data)
        # What is always written: without them a file is another's, or damaged, and a default would be a guess.
        missing = [f.name for f in fields(cls)[:_FIRST_NEW] if f.name not in data]
        if missing:
            raise PolicyError(
                f'lacks {listed(missing)}; write what the policy was made with, or convert it anew from where it came'
            )
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PolicyConfig:
        """Build a configuration from plain values, by the names here or by LeRobot's (see `field_words`).

        Raises:
            PolicyError: an entry is unknown, missing, given twice or out of range.
        """
        data = in_our_words(data)
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(data) - set(known))
        if unknown:
            raise PolicyError(f'unknown entries: {listed(unknown)}; known are {", ".join(known)}')
        if 'cameras' not in data:
            raise PolicyError(
                '"cameras" is missing: the names of the cameras, in the order of the network'
            )
        return cls(**data)


_LISTS = (
    *('cameras', 'image_size', 'image_mean', 'image_std', 'training_seeds'),
    *('joint_names', 'action_names'),
)
ORIGIN: dict[str, Any] = {
    'task': '',
    'training_seeds': (),
    'rate_assumed': False,
    'joint_names': (),
    'action_names': (),
}
_FIRST_NEW = [f.name for f in fields(PolicyConfig)].index('backbone')
