# SPDX-License-Identifier: Apache-2.0
"""Engines: near enough to PyTorch, chosen by what is there, prepared once, and no trouble to anybody when they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from act_ros.policy.engines import choice as choices
from act_ros.policy.engines import load
from act_ros.policy.engines.build import prepare
from act_ros.policy.engines.cache import BESIDE, key_of, places
from act_ros.policy.engines.choice import REFERENCE, EngineChoice, EngineError, candidates
from act_ros.policy.folder import version_of
from act_ros.policy.formats.detect import read_source
from act_ros.policy.policy import Policy, runs_on
from synthetic import some_images, tiny_config, write_policy

OPENVINO = EngineChoice('cpu', 'openvino', 'fp32')
AUTO = EngineChoice()
QPOS = np.linspace(-0.5, 0.5, 14, dtype=np.float32)
COLOURS = ((0.1, 0.2, 0.3), (0.6, 0.5, 0.4))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees another's cache, or the user's; no GPU is taken for one, either."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setattr(choices, 'gpu', lambda: '')
    return tmp_path / 'cache' / 'act_ros' / 'engines'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_policy(tmp_path / 'policy')
    return tmp_path / 'policy'


def stand_in(monkeypatch: pytest.MonkeyPatch, code: str) -> list[str]:
    """Let the process that prepares an engine run `code`; returns a list that has a line for each start."""
    started: list[str] = []

    def command(module: str, *_: object) -> list[str]:
        started.append(module)
        return [sys.executable, '-c', code]

    monkeypatch.setattr(load, 'python_command', command)
    return started


VARIANTS: dict[str, dict[str, Any]] = {
    'group': {},
    'two cameras': {'cameras': ('a', 'b'), 'image_mean': COLOURS, 'image_std': COLOURS},
    'as the paper': {'norm': 'frozen_batch', 'backbone_layers': 4, 'decoder_layers': 2},
    'a backbone each': {'cameras': ('a', 'b'), 'per_camera': True, 'pre_norm': True, 'activation': 'gelu'},
    'dilated': {'backbone': 'resnet50', 'backbone_layers': 4, 'dilation': True, 'norm': 'frozen_batch'},
}  # fmt: skip


@pytest.mark.parametrize('name', VARIANTS)
def test_openvino_gives_what_pytorch_gives(name: str, tmp_path: Path) -> None:
    write_policy(tmp_path, tiny_config(**VARIANTS[name]))
    (tmp_path / 'engine').mkdir()
    assert prepare(tmp_path, tmp_path / 'engine', OPENVINO, 1) < 1e-4


def test_onnx_runtime_gives_what_pytorch_gives_where_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    write_policy(tmp_path, tiny_config(**VARIANTS['two cameras']))
    (tmp_path / 'engine').mkdir()
    assert (
        prepare(tmp_path, tmp_path / 'engine', EngineChoice('cpu', 'onnxruntime', 'fp32'), 1)
        < 1e-4
    )


def test_what_pytorch_needs_to_write_for_onnx_runtime_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from act_ros.policy.engines import export

    monkeypatch.setattr(export, 'find_spec', lambda name: None)
    with pytest.raises(EngineError, match='pip install onnx'):
        prepare(folder, folder, EngineChoice('cpu', 'onnxruntime', 'fp32'), 1)


def test_a_policy_is_prepared_once_and_then_runs_without_pytorch_and_opencv(folder: Path) -> None:
    before = version_of(folder)
    first = Policy.load(folder, 1, AUTO)
    assert first.settled.choice == OPENVINO and 'the fastest here' in runs_on(first, 0.01)
    assert version_of(folder) == before
    (place,) = (entry for entry in (folder / BESIDE).iterdir() if entry.is_dir())
    made = place.stat().st_mtime_ns
    images = some_images(tiny_config())
    want = Policy.load(folder, 1).predict(QPOS, images)
    np.testing.assert_allclose(first.predict(QPOS, images), want, atol=1e-3)
    code = (
        'import sys, numpy as np; from act_ros.policy.policy import Policy, EngineChoice; '
        'p = Policy.load(sys.argv[1], 1, EngineChoice()); '
        'x = {"cam_high": np.load(sys.argv[2])}; q = np.linspace(-.5, .5, 14, dtype=np.float32); '
        'np.save(sys.argv[3], p.predict(q, x)); sys.exit(", ".join({"torch", "cv2"} & set(sys.modules)) or 0)'
    )
    np.save(folder / 'image.npy', images['cam_high'])
    names = [str(folder / 'image.npy'), str(folder / 'chunk.npy')]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, '-c', code, folder, *names], env=env, check=True)
    np.testing.assert_array_equal(np.load(folder / 'chunk.npy'), first.predict(QPOS, images))
    assert place.stat().st_mtime_ns == made


@pytest.mark.parametrize(
    ('asked', 'message'),
    [
        (EngineChoice(engine='onnxruntime'), 'pip install onnxruntime'),
        (EngineChoice('cuda', 'openvino'), 'engine openvino and device cuda do not go together; there are: torch on'),
        (EngineChoice(engine='openvino', precision='fp16'), 'do not go together'),
        (EngineChoice('cpu', precision='fp16'), 'device cpu and precision fp16 do not go together'),
    ],
)  # fmt: skip
def test_what_was_asked_for_and_is_not_there_is_an_error_that_says_what_to_do(
    asked: EngineChoice, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, 'find_spec', lambda name: name != 'onnxruntime')
    with pytest.raises(EngineError, match=message):
        candidates(asked)


def test_a_gpu_that_pytorch_cannot_use_is_said_where_it_was_asked_for(folder: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip('there is a GPU here')
    with pytest.raises(EngineError, match='device cuda: PyTorch .* finds no NVIDIA GPU'):
        prepare(folder, folder, EngineChoice('cuda', 'torch', 'fp16'), 1)


def test_auto_takes_the_best_that_is_there_and_pytorch_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert candidates(AUTO) == [OPENVINO, REFERENCE]
    assert candidates(EngineChoice(precision='bf16'))[0].engine == 'openvino'
    monkeypatch.setattr(choices, 'find_spec', lambda name: name == 'torch')
    assert candidates(AUTO) == [REFERENCE]
    monkeypatch.setattr(choices, 'gpu', lambda: 'Model: NVIDIA')
    monkeypatch.setattr(choices, 'release', lambda _: '2.13.0')
    assert candidates(AUTO) == [EngineChoice('cuda', 'torch', 'fp16'), REFERENCE]
    assert candidates(EngineChoice('cpu')) == [REFERENCE]
    monkeypatch.setattr(choices, 'release', lambda _: '2.13.0+cpu')
    assert candidates(AUTO) == [REFERENCE]


@pytest.mark.parametrize(
    ('code', 'why'),
    [
        ('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)', r'crashed \(SIGSEGV\)'),
        ('print(\'{"difference": 0.01}\')', 'differs from PyTorch in fp32 by 0.01, and 0.0001'),
        ('print(\'{"difference": NaN}\')', 'by nan'),
    ],
)
def test_an_engine_that_crashes_or_computes_otherwise_is_not_used_and_not_tried_again(
    code: str, why: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = stand_in(monkeypatch, code)
    for _ in range(2):
        settled = load.settle(read_source(folder), AUTO, 1)
        assert settled.choice == REFERENCE
        with pytest.raises(EngineError, match=why):
            load.settle(read_source(folder), OPENVINO, 1)
    assert len(started) == 1 and 'openvino fp32 on cpu' in settled.why


def test_an_engine_that_no_longer_loads_is_gone_without_unless_it_was_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, 'print(\'{"difference": 1e-6}\')')  # and there is no file of a network
    settled = Policy.load(folder, 1, AUTO).settled
    assert settled.choice == REFERENCE and 'openvino cannot run this network' in settled.why
    with pytest.raises(EngineError, match='openvino cannot run this network'):
        Policy.load(folder, 1, OPENVINO)


def test_where_one_engine_does_not_start_the_next_best_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = EngineChoice('cuda', 'torch', 'fp16')
    monkeypatch.setattr(load, 'candidates', lambda asked: [gpu, OPENVINO, REFERENCE])
    stand_in(monkeypatch, 'print(\'{"difference": 1e-6}\')')
    begin = load._start

    def start(source: Any, settled: load.Settled, threads: int | None) -> Any:
        if settled.choice == gpu:
            raise EngineError('the GPU is gone')
        return begin(source, replace(settled, choice=REFERENCE), threads)

    monkeypatch.setattr(load, '_start', start)
    _, settled = load.load_engine(read_source(folder), AUTO, 1)
    assert settled.choice == OPENVINO and settled.why.startswith('the GPU is gone; ')


def test_a_process_that_was_killed_while_preparing_leaves_nothing_and_is_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = stand_in(monkeypatch, 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)')
    for _ in range(2):
        settled = load.settle(read_source(folder), AUTO, 1)
        assert settled.choice == REFERENCE and 'ended with SIGKILL' in settled.why
    assert len(started) == 2
    assert [entry.name for entry in (folder / BESIDE).iterdir()] == ['.lock']


def test_a_full_disk_is_gone_without_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, 'print(\'{"unwritten": "No space left on device"}\')')
    settled = load.settle(read_source(folder), AUTO, 1)
    assert settled.choice == REFERENCE and settled.why.count('No space left on device') == 2
    with pytest.raises(EngineError, match='could not be prepared .*No space left'):
        load.settle(read_source(folder), OPENVINO, 1)


def test_too_little_room_is_seen_before_anything_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = os.statvfs(folder)
    full = os.statvfs_result((*usage[:4], 0, *usage[5:10]))
    monkeypatch.setattr(os, 'statvfs', lambda _: full)
    with pytest.raises(OSError, match='No space left'):
        prepare(folder, folder, OPENVINO, 1)
    assert not list(folder.glob('*.blob'))


def test_a_damaged_entry_is_made_anew_and_said_and_a_read_only_folder_has_it_elsewhere(
    folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = stand_in(monkeypatch, 'print(\'{"difference": 1e-6}\')')
    source = read_source(folder)
    first = load.settle(source, AUTO, 1).entry
    assert first is not None and first.folder.parent == folder / BESIDE
    (first.folder / 'record.json').write_text('{}')
    again = load.settle(source, AUTO, 1)
    assert again.entry == first and len(started) == 2
    assert 'cannot be read (KeyError) and was made anew' in again.why
    for left in sorted((folder / BESIDE).rglob('*'), reverse=True):
        left.rmdir() if left.is_dir() else left.unlink()
    (folder / BESIDE).rmdir()
    (folder / BESIDE).touch()  # as good as a disk that cannot be written
    moved = load.settle(source, AUTO, 1).entry
    assert moved is not None and moved.folder.parent == own_cache and len(started) == 3
    assert load.settle(source, AUTO, 1).entry == moved and len(started) == 3


def test_other_weights_statistics_threads_or_versions_mean_another_entry(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = read_source(folder)
    write_policy(tmp_path / 'other', seed=1)
    keys = {
        key_of(source, OPENVINO, 1),
        key_of(source, OPENVINO, 2),
        key_of(source, EngineChoice('cpu', 'openvino', 'bf16'), 1),
        key_of(read_source(tmp_path / 'other'), OPENVINO, 1),
    }
    source.stats['qpos.mean'][0] += 1  # type: ignore[index]
    keys.add(key_of(source, OPENVINO, 1))
    monkeypatch.setattr('act_ros.policy.engines.cache.release', lambda _: 'another')
    keys.add(key_of(source, OPENVINO, 1))
    assert len(keys) == 6
    assert places(source)[0] == folder / BESIDE
