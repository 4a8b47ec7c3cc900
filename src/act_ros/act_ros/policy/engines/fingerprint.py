# SPDX-License-Identifier: Apache-2.0
"""By what a policy's weights, and a file, are known again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from act_ros.policy.formats.source import Source


def weights_of(source: Source) -> str:
    """Of all that the network and its statistics are made of."""
    digest = hashlib.sha256(source.config.to_json().encode())
    digest.update(json.dumps([dict(source.names), source.keep]).encode())
    for name, values in sorted(source.stats.items()):
        digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
    digest.update(digest_of(source.model).encode())
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """Of a file's content.

    Raises:
        OSError: it can't be read.
    """
    digest, block = hashlib.sha256(), memoryview(bytearray(1 << 18))
    with path.open('rb', buffering=0) as file:
        # Always into the same memory: to get new memory takes longer than to read and digest.
        while size := file.readinto(block):
            digest.update(block[:size])
    return digest.hexdigest()
