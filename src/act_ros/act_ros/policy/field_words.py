# SPDX-License-Identifier: Apache-2.0
"""Other words for entries of a network's configuration: those of LeRobot, which readers of its files know."""

from __future__ import annotations

from typing import Any

from act_ros.policy.errors import PolicyError

OURS = {
    'chunk_size': 'chunk',
    'dim_model': 'd_model',
    'n_heads': 'heads',
    'dim_feedforward': 'feedforward',
    'n_encoder_layers': 'encoder_layers',
    'n_decoder_layers': 'decoder_layers',
    'n_vae_encoder_layers': 'vae_layers',
}
"""By LeRobot's word the name in `PolicyConfig`, which `config.json` is written with: every version reads that."""


def in_our_words(data: dict[str, Any]) -> dict[str, Any]:
    """The entries by their names in `PolicyConfig`.

    Raises:
        PolicyError: an entry is given by both of its names.
    """
    both = [f'{name} and {ours}' for name, ours in OURS.items() if {name, ours} <= set(data)]
    if both:
        raise PolicyError(f'{", ".join(both)} are one entry by two names; keep one of them')
    return {OURS.get(name, name): value for name, value in data.items()}
