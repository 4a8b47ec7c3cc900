# SPDX-License-Identifier: Apache-2.0
"""Policies to change between: two good ones, and ten kinds that must be refused."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


class Policies:
    """A folder of models: two good ones, and bad ones made on demand."""

    def __init__(self, folder: Path, source: Path, random_: random.Random) -> None:
        """Make two good policies: the one given, and one that reaches 0.05 rad further."""
        self.folder, self._source, self._random = folder, source, random_
        self._elsewhere = folder.parent / 'elsewhere'
        self.witness = folder / 'code_was_executed'
        self._count = 0
        shutil.copytree(source, folder / 'a')  # not the suite's own: b shall lie beside it
        self._with_tensors('b', self._shift)
        self.kinds: dict[str, tuple[Callable[[str], object], str]] = {
            'missing': (lambda name: None, 'there is no policy'),
            'truncated': (self._truncated, 'model.safetensors'),
            'wrong shapes': (lambda name: self._with_tensors(name, self._reshape), 'does not fit'),
            'wrong cameras': (
                lambda name: self._with_config(name, cameras=['cam_nose']),
                'camera cam_nose',
            ),
            'hostile pickle': (self._hostile, 'ckpt'),
            'wrong rate': (lambda name: self._with_config(name, rate_hz=1000.0), '1000 Hz'),
            'camera off': (lambda name: self._with_config(name, cameras=['cam_low']), 'cam_low'),
            'not a number': (lambda name: self._with_tensors(name, self._spoil), 'not finite'),
            'no JSON': (self._no_json, 'config.json'),
            'outside': (self._outside, 'allow_any_path'),
        }

    def bad(self, kind: str) -> tuple[str, str]:
        """A new bad policy: what to set the parameter to, and what the refusal must speak of."""
        make, reason = self.kinds[kind]
        name = f'bad_{self._count}'
        self._count += 1
        make(name)
        return (str(self._elsewhere / name) if kind == 'outside' else name), reason

    def remove(self, kind: str, text: str) -> None:
        """Remove a bad policy that `bad` has made. Nothing but what lies in this benchmark's own folders."""
        folder = (self._elsewhere if kind == 'outside' else self.folder) / Path(text).name
        assert folder.parent in (self.folder, self._elsewhere)
        shutil.rmtree(folder, ignore_errors=True)

    def _outside(self, name: str) -> None:
        shutil.copytree(self._source, self._elsewhere / name)

    def _copy(self, name: str) -> Path:
        shutil.copytree(self._source, self.folder / name)
        return self.folder / name

    def _with_config(self, name: str, **changes: object) -> None:
        path = self._copy(name) / 'config.json'
        config = json.loads(path.read_text(encoding='utf-8'))
        path.write_text(json.dumps({**config, **changes}), encoding='utf-8')

    def _with_tensors(self, name: str, change: Callable[[dict[str, np.ndarray]], None]) -> None:
        path = self._copy(name) / 'model.safetensors'
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)

    def _shift(self, tensors: dict[str, np.ndarray]) -> None:
        tensors['stats.action.mean'] = tensors['stats.action.mean'] + np.float32(0.05)

    def _reshape(self, tensors: dict[str, np.ndarray]) -> None:
        # Those of the CVAE are used in training only, and not looked at here.
        used = (k for k, v in tensors.items() if v.ndim > 1 and 'vae' not in k)
        name = self._random.choice(sorted(used))
        tensors[name] = np.ascontiguousarray(tensors[name][:-1])

    def _spoil(self, tensors: dict[str, np.ndarray]) -> None:
        weights = sorted(k for k, v in tensors.items() if v.ndim > 1 and not k.startswith('stats'))
        for name in weights:
            tensors[name] = np.full_like(tensors[name], np.nan)

    def _truncated(self, name: str) -> None:
        path = self._copy(name) / 'model.safetensors'
        os.truncate(path, self._random.randrange(path.stat().st_size))

    def _no_json(self, name: str) -> None:
        (self._copy(name) / 'config.json').write_text('{"format": 1, ', encoding='utf-8')

    def _hostile(self, name: str) -> None:
        """A checkpoint of tonyzhaozh/act's kind that runs a command where it is unpickled."""
        folder = self.folder / name
        folder.mkdir()
        command = f'touch {self.witness}'.encode()
        evil = b'cposix\nsystem\n(X' + struct.pack('<I', len(command)) + command + b'tR.'
        with zipfile.ZipFile(folder / 'policy_best.ckpt', 'w') as archive:
            archive.writestr('archive/data.pkl', evil)
            archive.writestr('archive/version', '3\n')
        (folder / 'dataset_stats.pkl').write_bytes(evil)
