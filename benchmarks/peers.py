# SPDX-License-Identifier: Apache-2.0
"""The ACT of other projects, run with their own code, to compare with. Their code has to be there.

LeRobot of either generation as installed (`pip install lerobot`), or from its sources with PYTHONPATH;
tonyzhaozh/act, Interbotix/act and act-plus-plus from a clone. Weights, statistics and inputs are those of
`peer_values.py`.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import types
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peer_values import fill, invented_task, statistics

from act_ros.policy.vision import _import_torchvision

CAMERAS = ('cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist')
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


class LeRobotPeer:
    """A policy of LeRobot's ACT, of the installed generation."""

    def __init__(
        self,
        cameras: int | tuple[str, ...],
        size: tuple[int, int],
        ensemble: bool = False,
        device: str = 'cpu',
        **options: Any,
    ) -> None:
        _import_torchvision()
        types_ = importlib.import_module('lerobot.configs.types')
        config_class = importlib.import_module('lerobot.policies.act.configuration_act').ACTConfig
        model = importlib.import_module('lerobot.policies.act.modeling_act')
        self.cameras = CAMERAS[:cameras] if isinstance(cameras, int) else cameras
        self.size = size
        kinds, feature = types_.FeatureType, types_.PolicyFeature
        inputs = {'observation.state': feature(type=kinds.STATE, shape=(14,))}
        for name in self.cameras:
            inputs[f'observation.images.{name}'] = feature(type=kinds.VISUAL, shape=(3, *size))
        outputs = {'action': feature(type=kinds.ACTION, shape=(14,))}
        if ensemble:
            options.update(temporal_ensemble_coeff=0.01, n_action_steps=1)
        modes = options.pop('modes', None)
        if modes:
            options['normalization_mapping'] = {
                kind: types_.NormalizationMode(mode) for kind, mode in modes.items()
            }
        options.setdefault('n_action_steps', options.get('chunk_size', 100))
        self.config = config_class(
            input_features=inputs,
            output_features=outputs,
            pretrained_backbone_weights=None,
            device=device,
            **options,
        )
        self.stats = {
            name: {key: torch.from_numpy(value) for key, value in entry.items()}
            for name, entry in statistics([*inputs, *outputs]).items()
        }
        try:
            processors = importlib.import_module('lerobot.policies.act.processor_act')
        except ImportError:  # 0.3.3 and before
            self.pre = self.post = None
            self.policy = model.ACTPolicy(self.config, dataset_stats=self.stats)
        else:
            self.policy = model.ACTPolicy(self.config)
            self.pre, self.post = processors.make_act_pre_post_processors(self.config, self.stats)
        self.outside: dict[str, str] = {}
        fill(self.policy, skip=('normalize', 'unnormalize'))
        self.policy.to(device).eval()

    def rename(self, names: dict[str, str]) -> None:
        """Give observations other names outside of the policy: by theirs the policy's."""
        self.pre.steps[0].rename_map = dict(names)
        self.outside = {inner: outer for outer, inner in names.items()}

    def save(self, folder: Path) -> None:
        """Save it as LeRobot's training does."""
        self.policy.save_pretrained(folder)
        if self.pre is not None:
            self.pre.save_pretrained(folder)
            self.post.save_pretrained(folder)

    def _call(self, function: Any, qpos: np.ndarray, frames: dict[str, np.ndarray]) -> np.ndarray:
        batch = {'observation.state': torch.from_numpy(qpos)}
        for name in self.cameras:
            pixels = torch.from_numpy(frames[name]).permute(2, 0, 1).float() / 255
            key = f'observation.images.{name}'
            batch[self.outside.get(key, key)] = pixels
        with torch.no_grad():
            if self.pre is not None:
                return self.post(function(self.pre(batch)))[0].numpy()
            moved = {key: value[None].to(self.config.device) for key, value in batch.items()}
            return function(moved)[0].cpu().numpy()

    def chunk(self, qpos: np.ndarray, frames: dict[str, np.ndarray]) -> np.ndarray:
        """(chunk, 14) in the robot's units."""
        return self._call(self.policy.predict_action_chunk, qpos, frames)

    def action(self, qpos: np.ndarray, frames: dict[str, np.ndarray]) -> np.ndarray:
        """(14,) of the next tick, ensembled where the policy was made so."""
        return self._call(self.policy.select_action, qpos, frames)

    def train(self, steps: int) -> float:
        """Train it for some steps with LeRobot's own loss on a smooth invented task; the last loss."""
        torch.manual_seed(0)
        rates = [
            {
                'params': [p for n, p in self.policy.named_parameters() if p.requires_grad],
                'lr': 1e-4,
            }
        ]
        optimizer = torch.optim.AdamW(rates)
        self.policy.train()
        loss = torch.tensor(0.0)
        for step in range(steps):
            batch = self._batch(step)
            loss, _ = self.policy.forward(batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 10.0)
            optimizer.step()
            optimizer.zero_grad()
        self.policy.eval()
        self.policy.reset()
        return float(loss.detach())

    def _batch(self, step: int) -> dict[str, Any]:
        state, actions, images = invented_task(
            step, self.config.chunk_size, len(self.cameras), self.size
        )
        batch = {'observation.state': state, 'action': actions}
        batch['action_is_pad'] = torch.zeros(actions.shape[:2], dtype=torch.bool)
        for number, name in enumerate(self.cameras):
            batch[f'observation.images.{name}'] = images[:, number]
        return batch


class OriginalPeer:
    """A policy of tonyzhaozh/act, Interbotix/act or act-plus-plus, from a clone's `detr` folder."""

    def __init__(self, clone: Path, cameras: int, size: tuple[int, int], **options: Any) -> None:
        _import_torchvision()
        self.cameras, self.size = CAMERAS[:cameras], size
        settings: dict[str, Any] = {
            'backbone': 'resnet18', 'lr_backbone': 1e-5, 'masks': False, 'dilation': False,
            'position_embedding': 'sine', 'hidden_dim': 512, 'dropout': 0.1, 'nheads': 8,
            'dim_feedforward': 3200, 'enc_layers': 4, 'dec_layers': 7, 'pre_norm': False,
            'num_queries': 100, 'camera_names': list(self.cameras),
            'vq': False, 'vq_class': None, 'vq_dim': None, 'action_dim': 16, 'no_encoder': True,
            **options,
        }  # fmt: skip
        module = _load_detr(clone)
        self.policy = torch.nn.Module()
        self.policy.model = module.build_ACT_model(Namespace(**settings))
        fill(self.policy)
        self.policy.eval()
        self.action_dim = self.policy.model.action_head.out_features
        self.stats = {
            f'{name}_{key}': np.resize(statistics([name])[name][key], length)
            for name, length in (('qpos', 14), ('action', self.action_dim))
            for key in ('mean', 'std')
        }
        self.stats['example_qpos'] = np.zeros((5, 14), np.float32)

    def save(self, folder: Path, name: str = 'policy_best.ckpt') -> None:
        """Save it as that project's training does, with the small yaml that this suite asks for."""
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(self.policy.state_dict(), folder / name)
        with (folder / 'dataset_stats.pkl').open('wb') as file:
            pickle.dump(self.stats, file)
        text = f'cameras: [{", ".join(self.cameras)}]\nheads: 8\nimage_size: {list(self.size)}\n'
        (folder / 'act_ros.yaml').write_text(text)

    def train(self, steps: int) -> float:
        """Train it for some steps with the paper's loss on a smooth invented task; the last loss."""
        torch.manual_seed(0)
        model = self.policy.model
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
        model.train()
        loss = torch.tensor(0.0)
        for step in range(steps):
            state, actions, images = invented_task(
                step, model.num_queries, len(self.cameras), self.size
            )
            padded = torch.zeros(actions.shape[:2], dtype=torch.bool)
            actions = torch.nn.functional.pad(actions, (0, self.action_dim - 14))
            predicted, _, (mu, variance), *_ = model(state, images, None, actions, padded)
            loss = (predicted - actions).abs().mean()
            if mu is not None:
                loss = loss - 5 * (1 + variance - mu.pow(2) - variance.exp()).sum(1).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            optimizer.zero_grad()
        model.eval()
        return float(loss.detach())

    def normalized_chunk(self, qpos: np.ndarray, frames: dict[str, np.ndarray]) -> np.ndarray:
        """(chunk, action_dim) as the network gives it."""
        state = (qpos - self.stats['qpos_mean']) / self.stats['qpos_std']
        pixels = np.stack([frames[name].transpose(2, 0, 1) for name in self.cameras]) / 255.0
        images = torch.from_numpy(pixels).float()
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in IMAGENET)
        images = ((images - mean) / std)[None]
        with torch.no_grad():
            return self.policy.model(torch.from_numpy(state).float()[None], images, None)[0][
                0
            ].numpy()

    def in_units(self, actions: np.ndarray) -> np.ndarray:
        """Actions in the robot's units."""
        return actions * self.stats['action_std'] + self.stats['action_mean']

    def chunk(self, qpos: np.ndarray, frames: dict[str, np.ndarray]) -> np.ndarray:
        """(chunk, action_dim) in the robot's units."""
        return self.in_units(self.normalized_chunk(qpos, frames))


class Table:
    """Temporal ensembling as the original evaluates it: a table of all predictions for all times."""

    def __init__(self, steps: int, chunk: int, dof: int) -> None:
        self.rows = torch.zeros(steps, steps + chunk, dof)

    def action(self, t: int, chunk: np.ndarray) -> np.ndarray:
        """The mean for time t of what is in its column, weighted exp(-0.01 i), the oldest first."""
        self.rows[t, t : t + len(chunk)] = torch.from_numpy(chunk)
        column = self.rows[:, t]
        column = column[torch.all(column != 0, dim=1)]
        weights = np.exp(-0.01 * np.arange(len(column)))
        scaled = torch.from_numpy(weights / weights.sum()).unsqueeze(1)
        return (column * scaled).sum(dim=0).numpy()


def _load_detr(clone: Path) -> Any:
    """Import `detr.models` of a clone afresh, with what it imports and never uses made up."""
    folder = next((f for f in (clone / 'detr', clone / 'act' / 'detr') if f.is_dir()), None)
    if folder is None:
        raise SystemExit(f'{clone} has no folder detr: give the path of a clone of tonyzhaozh/act')
    for name in [n for n in sys.modules if n.split('.')[0] in ('models', 'util', 'detr')]:
        del sys.modules[name]
    python = types.ModuleType('IPython')
    python.embed = None  # type: ignore[attr-defined]
    sys.modules.setdefault('IPython', python)
    sys.path[:0] = [str(folder.parent), str(folder)]
    try:
        module = importlib.import_module('detr.models')
        import torchvision

        backbone = importlib.import_module('detr.models.backbone')
        makers = {
            name: getattr(torchvision.models, name)
            for name in ('resnet18', 'resnet34', 'resnet50')
        }

        def untrained(make: Any) -> Any:
            """A ResNet's constructor that downloads nothing."""
            return lambda pretrained, **options: make(weights=None, **options)

        plain = types.SimpleNamespace(**{name: untrained(make) for name, make in makers.items()})
        backbone.torchvision = types.SimpleNamespace(models=plain)
        return module
    finally:
        del sys.path[:2]
