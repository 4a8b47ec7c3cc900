# SPDX-License-Identifier: Apache-2.0
"""Make the golden checkpoints anew, each with the code of the project that it is of.

    python test/data/checkpoints/generate.py lerobot                          with lerobot installed
    python test/data/checkpoints/generate.py act CLONE                        a clone of tonyzhaozh/act
    python test/data/checkpoints/generate.py act_plus_plus CLONE              a clone of act-plus-plus
    python test/data/checkpoints/generate.py ensemble                         with lerobot installed

A ResNet-18 has 45 MB of weights, so the weights are not stored: `benchmarks/peer_values.py` makes each tensor from
its name. Stored are all other files as the project wrote them, the names and shapes of the tensors
(`tensors.json`; statistics among them with their values), and what came out (`expected.npz`).
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2] / 'benchmarks'), str(HERE.parents[2] / 'src' / 'act_ros')]

import peer_values  # noqa: E402
import peers  # noqa: E402

SIZE = (64, 96)
TINY: dict[str, Any] = {
    'chunk_size': 10,
    'dim_model': 64,
    'dim_feedforward': 96,
    'n_encoder_layers': 2,
    'n_vae_encoder_layers': 1,
}


def write(name: str, peer: Any, tensors: dict[str, torch.Tensor]) -> None:
    """Store one checkpoint."""
    target = HERE / name
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        peer.save(Path(folder))
        for path in Path(folder).iterdir():
            if path.name in ('model.safetensors', 'policy_best.ckpt', 'README.md'):
                path.unlink()
        shutil.copytree(folder, target)
    entries = {
        key: {'shape': list(value.shape)}
        | ({'values': value.flatten().tolist()} if 'buffer_' in key else {})
        for key, value in tensors.items()
    }
    lines = ',\n'.join(f'{json.dumps(key)}: {json.dumps(entry)}' for key, entry in entries.items())
    (target / 'tensors.json').write_text('{' + lines + '}\n')
    chunks = [peer.chunk(*peer_values.observation(seed, peer.cameras, SIZE)) for seed in (0, 1)]
    np.savez_compressed(target / 'expected.npz', chunks=np.stack(chunks).astype(np.float32))
    print(target)


def lerobot() -> None:
    """Of the generation that is installed."""
    peer = peers.LeRobotPeer(4, SIZE, **TINY)
    if peer.pre is None:
        write('lerobot_0.3', peer, _of(peer))
        modes = {'VISUAL': 'MIN_MAX', 'STATE': 'MIN_MAX', 'ACTION': 'MIN_MAX'}
        peer = peers.LeRobotPeer(2, SIZE, **TINY, modes=modes, use_vae=False)
        write('lerobot_0.3_min_max', peer, _of(peer))
        return
    peer.rename({'observation.images.top': 'observation.images.cam_high'})
    write('lerobot_0.4', peer, _of(peer))
    modes = {'VISUAL': 'IDENTITY', 'STATE': 'QUANTILES', 'ACTION': 'MIN_MAX'}
    options = {'pre_norm': True, 'feedforward_activation': 'gelu', 'n_decoder_layers': 2}
    peer = peers.LeRobotPeer(2, SIZE, **TINY, modes=modes, **options)
    write('lerobot_0.4_variant', peer, _of(peer))


def _of(peer: Any) -> dict[str, torch.Tensor]:
    with tempfile.TemporaryDirectory() as folder:
        peer.save(Path(folder))
        return dict(load_file(Path(folder) / 'model.safetensors'))


def original(name: str, clone: Path, cameras: int) -> None:
    """Of the paper's code or one of its children."""
    small: dict[str, Any] = {
        'hidden_dim': 64, 'dim_feedforward': 96, 'enc_layers': 2, 'dec_layers': 3, 'num_queries': 10,
    }  # fmt: skip
    peer = peers.OriginalPeer(clone, cameras, SIZE, **small)
    write(name, peer, dict(peer.policy.state_dict()))


def ensemble() -> None:
    """400 steps of LeRobot's ensembler and of the original's table, on random chunks."""
    from lerobot.policies.act.modeling_act import ACTTemporalEnsembler

    theirs, table = ACTTemporalEnsembler(0.01, 25), peers.Table(400, 25, 14)
    random = np.random.RandomState(0)
    actions: list[list[np.ndarray]] = [[], []]
    for t in range(400):
        chunk = random.standard_normal((25, 14)).astype(np.float32)
        actions[0].append(theirs.update(torch.from_numpy(chunk)[None])[0].numpy())
        actions[1].append(table.action(t, chunk))
    lerobot_actions, table_actions = (np.stack(a).astype(np.float32) for a in actions)
    np.savez_compressed(HERE / 'ensemble.npz', lerobot=lerobot_actions, table=table_actions)


if __name__ == '__main__':
    torch.set_num_threads(1)
    what = sys.argv[1]
    if what == 'lerobot':
        lerobot()
    elif what == 'ensemble':
        peers._import_torchvision()
        ensemble()
    else:
        original(what, Path(sys.argv[2]), 4 if what == 'act' else 2)
