# SPDX-License-Identifier: Apache-2.0
"""The benchmark of swaps makes policies that are bad in the way it says, and removes those and nothing else."""

from __future__ import annotations

import json
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_notes
from act_ros.policy.library import Library
from act_ros.policy.policy import Policy
from act_ros.policy.robot_fit import Terms
from act_ros.robot.spec import RobotSpec
from synthetic import some_images, write_policy

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


@pytest.fixture(scope='module')
def policies(tmp_path_factory):
    from bad_policies import Policies

    write_policy(source := tmp_path_factory.mktemp('source'))
    return Policies(tmp_path_factory.mktemp('work') / 'models', source, random.Random(0))


def refusal(policies, text):
    """What the policy node would say of it, as far as no other process is needed for that."""
    spec, folder = RobotSpec.load(), policies.folder
    library = Library.of(str(folder), anywhere=False)
    try:
        found = library.find(text)
        config, _ = read_notes(found)
        Terms().check(config, spec)
        policy = Policy.load(found, 1)
        policy.predict(np.zeros(14), some_images(config, 0))
    except PolicyError as error:
        return str(error)
    return ''


def test_every_bad_policy_is_refused_for_the_reason_that_the_benchmark_expects(policies):
    asked = [kind for kind in policies.kinds if kind != 'camera off']  # the node alone sees that
    assert len(asked) == 9
    for kind in asked:
        text, wanted = policies.bad(kind)
        assert wanted in refusal(policies, text), kind
    for good in ('a', 'b'):
        assert refusal(policies, good) == ''
    assert not policies.witness.exists()


def test_a_plan_has_as_many_changes_of_each_kind_as_asked():
    from swap_plan import ENGINES, Live, plan

    steps = plan(20, 6, 5, ['x', 'y'], random.Random(0))
    counts = {kind: steps.count(kind) for kind in ('x', 'y', 'engine', 'policy')}
    assert counts == {'x': 3, 'y': 3, 'engine': 5, 'policy': 9}
    live = Live()
    seen = []
    for _ in ENGINES:
        live.next_engine()
        seen.append((live.engine, live.precision))
    assert seen[:3] == [('torch', 'fp32'), ('openvino', 'fp32'), ('openvino', 'bf16')]
