# SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile checkpoints of every format: each gives an error, or is still a checkpoint; nothing else.

Python's audit events tell when something is run or unpickled.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import time
import zipfile
from collections import OrderedDict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from act_ros.policy.checkpoint import load_checkpoint, save_checkpoint
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.arrays import read_plain
from act_ros.policy.formats.detect import read_source
from act_ros.policy.network import ACT
from act_ros.text import printable
from damage import mutate_bytes, mutate_json

SLOW_S = 5.0
FORBIDDEN = ('os.system', 'subprocess.Popen', 'os.exec', 'os.posix_spawn', 'pickle.find_class')
events: list[str] = []
"""Audit events of `FORBIDDEN` since the last look."""


def watch() -> None:
    """Begin to take notes of what must not happen."""
    sys.addaudithook(lambda event, _: events.append(event) if event in FORBIDDEN else None)


class Payload:
    """Something that a pickle would run."""

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


def hostile_pickle(target: Path, random: Random) -> bytes:
    """A pickle of statistics in which something would be run that leaves a file behind."""
    command = f'touch {target}'
    text = f'open({str(target)!r}, "w").close()'
    payload = random.choice(
        [
            Payload(os.system, (command,)),
            Payload(exec, (text,)),
            Payload(eval, (text,)),
            Payload(os.popen, (command,)),
            Payload(__import__, ('antigravity',)),
            Payload(getattr, ('', 'upper')),
            Payload(np.load, (io.BytesIO,)),
            Payload(Path, (str(target),)),
            Payload(torch.load, (str(target),)),
        ]
    )
    data: dict[Any, Any] = {
        'qpos_mean': np.zeros(14, np.float32),
        'qpos_std': [payload, (payload,)],
    }
    if random.random() < 0.5:
        data = {'a': OrderedDict(b=payload), **data}
    return pickle.dumps(data, random.randrange(6))


def write_native(folder: Path) -> None:
    """A tiny checkpoint of this suite."""
    config = PolicyConfig(
        cameras=('cam_high',), image_size=(48, 64), chunk=5, backbone_layers=3, norm='group', d_model=32,
        heads=2, feedforward=48, encoder_layers=1, vae_layers=1, latent_dim=4,
    )  # fmt: skip
    stats = {k: torch.ones(14) for k in ('qpos.mean', 'qpos.std', 'action.mean', 'action.std')}
    torch.manual_seed(0)
    save_checkpoint(folder, config, ACT(config).state_dict(), stats)


def _lerobot(folder: Path, old: bool) -> None:
    names = ['observation.images.cam_high', 'observation.images.cam_low']
    inputs: dict[str, Any] = {'observation.state': {'type': 'STATE', 'shape': [14]}}
    inputs.update({name: {'type': 'VISUAL', 'shape': [3, 48, 64]} for name in names})
    outputs = {'action': {'type': 'ACTION', 'shape': [14]}}
    modes = {'VISUAL': 'MEAN_STD', 'STATE': 'MEAN_STD', 'ACTION': 'MIN_MAX'}
    sizes = {
        'chunk_size': 5,
        'dim_model': 32,
        'n_heads': 2,
        'dim_feedforward': 48,
        'use_vae': False,
    }
    config = {
        'type': 'act', 'input_features': inputs, 'output_features': outputs, 'normalization_mapping': modes,
        **sizes,
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / 'config.json').write_text(json.dumps(config))
    tensors = {'model.action_head.weight': torch.zeros(14, 32)}
    stats = {}
    for name in [*inputs, 'action']:
        shape = (3, 1, 1) if 'images' in name else (14,)
        for key, value in (('mean', 0.0), ('std', 1.0), ('min', -1.0), ('max', 1.0)):
            stats[f'{name}.{key}'] = torch.full(shape, value)
            side = 'unnormalize_outputs' if name == 'action' else 'normalize_inputs'
            if old and key in (('min', 'max') if name == 'action' else ('mean', 'std')):
                tensors[f'{side}.buffer_{name.replace(".", "_")}.{key}'] = torch.full(shape, value)
    save_file(tensors, folder / 'model.safetensors')
    if old:
        return
    for side, step, features in (
        ('pre', 'normalizer_processor', {**inputs, **outputs}),
        ('post', 'unnormalizer_processor', outputs),
    ):
        file = f'policy_{side}processor_step_0_{step}.safetensors'
        save_file(stats, folder / file)
        entry = {
            'registry_name': step,
            'config': {'eps': 1e-8, 'features': features, 'norm_map': modes},
            'state_file': file,
        }
        steps = [{'registry_name': 'rename_observations_processor', 'config': {'rename_map': {}}}]
        steps = [*steps, entry] if side == 'pre' else [entry]
        text = json.dumps({'name': f'policy_{side}processor', 'steps': steps})
        (folder / f'policy_{side}processor.json').write_text(text)


def _original(folder: Path) -> None:
    d, shapes = 32, {}
    for name, shape in {
        'query_embed.weight': (5, d), 'action_head.weight': (14, d), 'action_head.bias': (14,),
        'input_proj.weight': (d, 512, 1, 1), 'input_proj.bias': (d,), 'latent_out_proj.weight': (d, 4),
        'input_proj_robot_state.weight': (d, 14), 'transformer.encoder.layers.0.linear1.weight': (48, d),
        'transformer.decoder.layers.0.linear1.weight': (48, d), 'backbones.0.0.body.conv1.weight': (64, 3, 7, 7),
    }.items():  # fmt: skip
        shapes[f'model.{name}'] = torch.zeros(shape)
    for stage in range(1, 5):
        for block in range(2):
            shapes[f'model.backbones.0.0.body.layer{stage}.{block}.bn1.bias'] = torch.zeros(4)
    folder.mkdir(parents=True)
    torch.save(OrderedDict(shapes), folder / 'policy_best.ckpt')
    stats = {
        f'{n}_{k}': np.ones(14, np.float32) for n in ('qpos', 'action') for k in ('mean', 'std')
    }
    (folder / 'dataset_stats.pkl').write_bytes(pickle.dumps(stats))
    (folder / 'act_ros.yaml').write_text('cameras: [cam_high]\nheads: 2\nimage_size: [48, 64]\n')


class Fuzzer:
    """Checkpoints of every format, of which one file at a time is replaced by a mutation of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.target = folder, folder / 'executed'
        write_native(folder / 'native')
        _lerobot(folder / 'new', old=False)
        _lerobot(folder / 'old', old=True)
        _original(folder / 'original')
        for name in ('native', 'new', 'old', 'original'):
            read_source(folder / name)  # whole, all of them can be read
        self.files = [
            path
            for name in ('native', 'new', 'old', 'original')
            for path in sorted((folder / name).iterdir())
        ]
        self.kept = {path: path.read_bytes() for path in self.files}

    def change(self, path: Path, random: Random) -> bytes:
        """A mutation of a file's content, where its structure is."""
        data = self.kept[path]
        if path.suffix == '.json' and random.random() < 0.7:
            return json.dumps(mutate_json(json.loads(data), random)).encode('utf-8', 'replace')
        if path.suffix == '.safetensors':
            length = 8 + struct.unpack('<Q', data[:8])[0]
            if random.random() < 0.4:
                header = json.dumps(mutate_json(json.loads(data[8:length]), random)).encode()
                return struct.pack('<Q', len(header)) + header + data[length:]
            if random.random() < 0.2:
                return data[: random.randrange(len(data))]
            return mutate_bytes(data[:length], random) + data[length:]
        if path.suffix == '.pkl' and random.random() < 0.3:
            return hostile_pickle(self.target, random)
        if path.suffix == '.ckpt':
            return self._change_ckpt(data, random)
        return mutate_bytes(data, random)

    def _change_ckpt(self, data: bytes, random: Random) -> bytes:
        if random.random() < 0.3:
            return data[: random.randrange(len(data))]
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, 'w') as copied:
            for info in source.infolist():
                content = source.read(info)
                if info.filename.endswith('data.pkl'):
                    hostile = random.random() < 0.3
                    content = (
                        hostile_pickle(self.target, random)
                        if hostile
                        else mutate_bytes(content, random)
                    )
                copied.writestr(info.filename, content)
        return out.getvalue()

    def attempt(self, path: Path, content: bytes) -> str:
        """'refused' or 'accepted'; anything else that happens is raised."""
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        events.clear()
        begin = time.process_time()  # not of the clock: the machine may be busy
        try:
            if path.name == 'dataset_stats.pkl':
                read_plain(path)
            source = read_source(path.parent)
            if path.parent.name == 'native':
                load_checkpoint(path.parent)
            else:
                source.config.to_json()
            outcome = 'accepted'
        except PolicyError as error:
            assert printable(error, None) == str(error)
            outcome = 'refused'
        finally:
            path.write_bytes(self.kept[path])
        if (took := time.process_time() - begin) > SLOW_S:
            raise AssertionError(f'{path.name}: took {took:.1f} s')
        if events or self.target.exists():
            raise AssertionError(f'{path.name}: something was run: {events}')
        return outcome
