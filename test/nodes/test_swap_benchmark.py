# SPDX-License-Identifier: Apache-2.0
"""The benchmark of swaps makes bad policies, and removes those and nothing else."""

from __future__ import annotations

import json
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))


def test_every_bad_policy_is_removed_and_nothing_outside_of_the_folder(tmp_path, monkeypatch):
    from bad_policies import Policies

    source = tmp_path / 'source'
    source.mkdir()
    (source / 'config.json').write_text(json.dumps({'format': 1}))
    tensors = {'a': np.ones((3, 2), np.float32), 'stats.action.mean': np.ones(2, np.float32)}
    save_file(tensors, source / 'model.safetensors')
    work = tmp_path / 'work'
    policies = Policies(work / 'models', source, random.Random(0))
    removed = []

    def remove(path, **_):
        assert Path(path).resolve().is_relative_to(work), f'{path} is not the benchmark’s'
        removed.append(Path(path))
        real(path, ignore_errors=True)

    real = shutil.rmtree
    monkeypatch.setattr(shutil, 'rmtree', remove)
    for kind in policies.kinds:
        text, _ = policies.bad(kind)
        policies.remove(kind, text)
    assert len(removed) == len(policies.kinds)
    assert sorted(path.name for path in (work / 'models').iterdir()) == ['a', 'b']
    assert not any((work / 'elsewhere').iterdir())
    with pytest.raises(AssertionError):
        policies.remove('missing', '/')
