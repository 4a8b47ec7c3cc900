# SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile files give an error or are still a checkpoint. `make fuzz` does thousands."""

from __future__ import annotations

import contextlib
import json
import pickle
import struct
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mutations
from act_ros.policy.checkpoint import load_checkpoint
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.arrays import read_plain
from act_ros.policy.formats.detect import read_source
from act_ros.policy.formats.files import read_header, read_yaml

mutations.watch()
seeds = st.integers(0, 2**32 - 1)
FILES = (
    'native/config.json',
    'native/model.safetensors',
    'new/config.json',
    'new/policy_preprocessor.json',
    'new/policy_preprocessor_step_0_normalizer_processor.safetensors',
    'old/config.json',
    'old/model.safetensors',
    'original/act_ros.yaml',
    'original/dataset_stats.pkl',
    'original/policy_best.ckpt',
)


@pytest.fixture(scope='module')
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> mutations.Fuzzer:
    return mutations.Fuzzer(tmp_path_factory.mktemp('fuzz'))


@pytest.mark.parametrize('name', FILES)
@settings(max_examples=40)
@given(seed=seeds)
def test_a_mutated_file_gives_an_error_and_runs_nothing(
    fuzzer: mutations.Fuzzer, name: str, seed: int
) -> None:
    path = fuzzer.folder / name
    fuzzer.attempt(path, fuzzer.change(path, Random(seed)))


@settings(max_examples=20)
@given(place=st.floats(0, 1))
@pytest.mark.parametrize('name', ['native/model.safetensors', 'original/policy_best.ckpt'])
def test_a_truncated_model_is_always_refused(
    fuzzer: mutations.Fuzzer, name: str, place: float
) -> None:
    path = fuzzer.folder / name
    content = fuzzer.kept[path]
    cut = content[: int(place * (len(content) - 1))]
    assert fuzzer.attempt(path, cut) == 'refused'


@settings(max_examples=100)
@given(text=st.text(max_size=200))
def test_a_configuration_of_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        PolicyConfig.from_json(text)


@settings(max_examples=100)
@given(content=st.binary(max_size=300))
def test_a_file_of_any_bytes_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'file'
    path.write_bytes(content)
    for read in (read_header, load_checkpoint, read_source):
        with pytest.raises(PolicyError):
            read(path)
    for read_some in (read_yaml, read_plain):  # two bytes are an empty dictionary to a pickle
        with contextlib.suppress(PolicyError):
            assert isinstance(read_some(path), dict)


names = st.text(max_size=10)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)
KEYS = st.sampled_from(
    ['type', 'input_features', 'output_features', 'chunk_size', 'n_heads', 'normalization_mapping']
)


@settings(max_examples=100)
@given(changes=st.dictionaries(KEYS, json_values, min_size=1))
def test_a_lerobot_configuration_with_any_values_is_read_or_refused(
    fuzzer: mutations.Fuzzer, changes: dict[str, object]
) -> None:
    path = fuzzer.folder / 'new' / 'config.json'
    data = {**json.loads(fuzzer.kept[path]), **changes}
    fuzzer.attempt(path, json.dumps(data).encode())


@settings(max_examples=100)
@given(header=st.dictionaries(names, json_values, max_size=4))
def test_a_header_with_any_values_is_read_or_refused(
    tmp_path: Path, header: dict[str, object]
) -> None:
    text = json.dumps(header).encode()
    path = tmp_path / 'model.safetensors'
    path.write_bytes(struct.pack('<Q', len(text)) + text)
    try:
        assert all(name not in header or entry.shape is not None
                   for name, entry in read_header(path).items())  # fmt: skip
    except PolicyError as error:
        assert 'model.safetensors is damaged' in str(error)


@settings(max_examples=100)
@given(
    protocol=st.integers(0, 5),
    shape=st.lists(st.integers(0, 4), max_size=3),
    dtype=st.sampled_from(['f2', 'f4', 'f8', '>f4', 'i4', 'u1', '?']),
)
def test_any_array_of_numbers_is_read_from_its_pickle(
    tmp_path: Path, protocol: int, shape: list[int], dtype: str
) -> None:
    value = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    path = tmp_path / 'stats.pkl'
    path.write_bytes(pickle.dumps({'value': value}, protocol))
    assert np.array_equal(read_plain(path)['value'], value)


@settings(max_examples=100)
@given(seed=seeds)
def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path, seed: int) -> None:
    target = tmp_path / 'executed'
    path = tmp_path / 'stats.pkl'
    path.write_bytes(mutations.hostile_pickle(target, Random(seed)))
    mutations.events.clear()
    with pytest.raises(PolicyError, match='nothing of it was run'):
        read_plain(path)
    assert not mutations.events and not target.exists()
