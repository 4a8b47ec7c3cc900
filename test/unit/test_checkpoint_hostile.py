# SPDX-License-Identifier: Apache-2.0
"""Pickles and archives made to run something, to take forever or to fill the memory are refused at once."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from act_ros.policy.checkpoint import load_checkpoint
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.arrays import read_plain
from act_ros.policy.formats.torch_zip import read_state_names
from golden import rebuild


@pytest.fixture(scope='module')
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of tonyzhaozh/act."""
    return rebuild('act', tmp_path_factory.mktemp('act'))


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """One whose files may be replaced."""
    for path in template.iterdir():
        os.link(path, tmp_path / path.name)
    return tmp_path


def put(path: Path, content: bytes) -> None:
    """Replace a file."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def message_of(folder: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        load_checkpoint(folder)
    return str(caught.value)


class Payload:
    """What an attacker would pickle."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f'touch {self.target}',)


@pytest.mark.parametrize('protocol', range(6))
def test_a_hostile_pickle_is_refused_and_does_nothing(folder: Path, protocol: int) -> None:
    target = folder / 'owned'
    put(folder / 'dataset_stats.pkl', pickle.dumps({'qpos_mean': Payload(target)}, protocol))
    text = message_of(folder)
    assert 'dataset_stats.pkl is refused' in text and 'system' in text
    (folder / 'policy_best.ckpt').unlink()
    torch.save(
        {'model.x': Payload(target)}, folder / 'policy_best.ckpt', pickle_protocol=max(2, protocol)
    )
    assert 'policy_best.ckpt is refused: it asks for posix.system' in message_of(folder)
    assert not target.exists()


def test_pickles_that_only_waste_time_or_memory_are_refused(tmp_path: Path) -> None:
    doubling = b'\x80\x02)' + b'2\x86' * 40  # DUP, TUPLE2
    shared = (
        b'\x80\x02)q\x00' + b'h\x00h\x00\x86q\x00' * 60 + b'}h\x00K\x01s.'
    )  # hashing would not end
    memo = b'\x80\x02Nr\xff\xff\xff\x7f.'  # a memo of 2^31 places
    endless = b'\x80\x02]' + b'K\x01a' * 30_000 + b'.'
    for content, message in (
        (doubling, 'DUP is not allowed'),
        (shared, 'key of type tuple'),
        (memo, 'NoneType'),
        (endless, 'more than 20000 instructions'),
        (b'\x80\x02}X\xff\xff\xff\x7fa', 'is damaged'),
        (b'', 'is damaged'),
    ):
        path = tmp_path / 'dataset_stats.pkl'
        path.write_bytes(content)
        with pytest.raises(PolicyError, match=message):
            read_plain(path)


@pytest.mark.parametrize('protocol', range(6))
def test_arrays_of_every_protocol_are_read(tmp_path: Path, protocol: int) -> None:
    data = {
        'plain': np.arange(14, dtype=np.float32),
        'swapped': np.arange(3, dtype='>f8'),
        'columns': np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        'scalar': np.float64(2.5),
    }
    path = tmp_path / 'stats.pkl'
    path.write_bytes(pickle.dumps(data, protocol))
    read = read_plain(path)
    assert all(np.array_equal(read[name], value) for name, value in data.items())


def test_tensors_that_are_larger_than_their_storage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'policy.ckpt'
    torch.save({'model.x': torch.zeros(1).expand(1 << 20)}, path)
    with pytest.raises(PolicyError, match='does not lie in its storage'):
        read_state_names(path)


def test_an_archive_with_compressed_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'policy.ckpt'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('a/data.pkl', b'\0' * 1_000_000)
    with pytest.raises(PolicyError, match='compressed'):
        read_state_names(path)


def nested(levels: int) -> bytes:
    """Instructions that make a list of ten times the same list, of ten times the same list, and so on."""
    inner = b''.join(
        (b'h' + bytes([i])) * 9 + b'lq' + bytes([i + 1]) for i in range(levels)
    )  # BINGET, LIST, BINPUT
    return b'(' * levels + b'Nq\0' + inner


def test_a_value_that_no_memory_could_show_is_shown_in_part(folder: Path) -> None:
    put(
        folder / 'config.pkl',
        b'\x80\x02}(' + text('camera_names') + nested(30) + text('policy_config')
        + b'}' + text('nheads') + b'K\x08su.',
    )  # fmt: skip
    put(folder / 'act_ros.yaml', b'image_size: [96, 128]\n')
    message = message_of(folder)
    assert 'cameras is [' in message and 'config.pkl' in message and len(message) < 600


def text(value: str) -> bytes:
    """BINUNICODE."""
    return b'X' + struct.pack('<I', len(value)) + value.encode()


@pytest.mark.parametrize(
    ('begin', 'again'),
    [
        (text('x' * (1 << 20)), b'c_codecs\nencode\n(h\0' + text('latin1') + b'tR'),
        (
            b'\x96' + struct.pack('<Q', 1 << 20) + bytes(1 << 20),
            b'cnumpy.core.numeric\n_frombuffer\n(h\0cnumpy\ndtype\n(' + text('u1')
            + b'tRJ' + struct.pack('<i', 1 << 20) + b'\x85' + text('C') + b'tR',
        ),
    ],
)  # fmt: skip
def test_a_text_that_is_copied_again_and_again_is_refused(
    tmp_path: Path, begin: bytes, again: bytes
) -> None:
    path = tmp_path / 'dataset_stats.pkl'
    path.write_bytes(b'\x80\x05(' + begin + b'q\0' + 100 * again + b't.')
    with pytest.raises(PolicyError, match='arrays are larger than 16777216 bytes'):
        read_plain(path)


def test_an_archive_whose_list_of_files_fills_the_memory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / 'policy.ckpt'
    length = 3 << 30  # of a sparse file
    with path.open('wb') as file:
        file.write(b'PK\x03\x04')
        file.seek(length)
        file.write(b'PK\x05\x06' + struct.pack('<HHHHIIH', 0, 0, 1, 1, length - 9, 9, 0))
    with pytest.raises(PolicyError, match='list of files or its data.pkl is longer than'):
        read_state_names(path)
