# SPDX-License-Identifier: Apache-2.0
"""Which of a dataset's picture features show no colours, whether or not they are marked as depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def no_colour(feature: Mapping[str, Any]) -> str | None:
    """Why a feature is no camera, as info.json describes it; None: it is one."""
    info = feature.get('info') or feature.get('video_info') or {}
    if not isinstance(info, dict):
        info = {}
    marks = (info.get(name) for name in ('is_depth_map', 'video.is_depth_map', 'depth'))
    if any(marks) or feature.get('is_depth_map'):
        return 'marked as depth'
    pixels = str(info.get('video.pix_fmt') or info.get('pix_fmt') or '')
    if pixels.startswith('gray'):
        return f'its video is {pixels}: depth, or a picture without colours'
    channels = info.get('video.channels') or _channels(feature)
    if channels in (1, 2):
        return f'pictures of {channels} channel{"s" * (channels > 1)}: depth, or without colours'
    return None


def _channels(feature: Mapping[str, Any]) -> int | None:
    """Channels of the pictures by their shape and its names, None where they don't say."""
    shape, names = feature.get('shape'), feature.get('names')
    if not isinstance(shape, list | tuple):
        return None
    if len(shape) == 2:
        return 1
    if isinstance(names, list) and len(names) == len(shape):
        for size, name in zip(shape, names, strict=True):
            if str(name).startswith('channel') or name == 'c':
                return int(size)
    return 1 if len(shape) == 3 and 1 in (shape[0], shape[-1]) else None
