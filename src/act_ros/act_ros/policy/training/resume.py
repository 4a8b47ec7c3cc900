# SPDX-License-Identifier: Apache-2.0
"""Whether a run can go on: what its state says, compared with what was asked for now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from act_ros.data.dataset import Dataset
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.training.recipe import LENGTH, Recipe
from act_ros.text import listed, shown

_LATER = ('joint_names', 'action_names', 'rate_assumed')
"""Entries of a policy that the first versions did not write."""


def data_digest(dataset: Dataset) -> str:
    """Of all that the statistics, the split and the samples are made from, the pictures left out: they take long."""
    digest = hashlib.sha256()
    for values in (dataset.starts, dataset.qpos, dataset.actions):
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def run_config(state: Mapping[str, Any]) -> PolicyConfig:
    """The network of the run that a state is of.

    Raises:
        PolicyError: the state is of a version whose policies are not read any more.
    """
    try:
        return PolicyConfig.from_json(state['config'])
    except PolicyError as error:
        raise PolicyError(f'cannot resume: the policy of that run is not read: {error}') from error


def run_recipe(state: Mapping[str, Any]) -> dict[str, Any]:
    """How the run was trained; a run of an earlier version did without what came later."""
    return {**Recipe().to_dict(), **state['recipe']}


def check_same_run(state: Mapping[str, Any], mine: Mapping[str, Any], output: Path) -> None:
    """Check that the run of `state` is that of `mine`, but for its length.

    Raises:
        PolicyError: it was one of another network, recipe, seed, or of other data; says which.
    """
    anew = f'begin another run with --from {output}'
    was, now = (_named(one) for one in (state, mine))
    early = set() if 'data' in state else set(_LATER) - set(json.loads(state['config']))
    for name in now:
        if name in LENGTH or name in early or was.get(name) == now.get(name):
            continue
        raise PolicyError(
            f'cannot resume: {name} was {_said(was.get(name))}, and is {_said(now.get(name))}; give it as it was, '
            f'or {anew}'
        )
    if state['episodes'] != mine['episodes']:
        raise PolicyError(
            f'cannot resume: the run had {len(state["episodes"])} episodes, and there are '
            f'{len(mine["episodes"])}, or they have other names; {anew}'
        )
    if state.get('data', mine['data']) != mine['data']:
        raise PolicyError(
            f'cannot resume: the episodes have the names of those that the run had, and other joints, actions or '
            f'lengths; give the data that it had, or {anew}'
        )


def _said(value: Any) -> str:
    return listed([value]) if isinstance(value, str) and value else shown(value)


def _named(state: Mapping[str, Any]) -> dict[str, Any]:
    """What two runs must have in common, by name."""
    return {
        'seed': state.get('seed'),
        'joint_order': state.get('joint_order'),
        **run_recipe(state),
        **asdict(run_config(state)),
    }
