# SPDX-License-Identifier: Apache-2.0
"""A film of the simulation: H.264 in an mp4 that can be played however its making ended."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from act_ros.robot.types import Frame


class Film:
    """Writes captioned frames at a fixed rate of simulated time."""

    def __init__(self, path: Path, height: int, width: int, fps: int = 25) -> None:
        """Begin the film `path` of frames (height, width, 3).

        Raises:
            OSError: its folder cannot be made.
            ImportError: imageio-ffmpeg is missing.
        """
        import imageio_ffmpeg  # only who films needs it

        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._period_ns = path, 10**9 // fps
        # Fragments: what was filmed before a kill can be played.
        output = [
            '-movflags',
            '+frag_keyframe+empty_moov+default_base_moof',
            '-preset',
            'veryfast',
        ]
        self._writer: Generator[None, Any, None] = imageio_ffmpeg.write_frames(
            str(path), (width, height), fps=fps, codec='libx264', quality=None, bitrate='2M',
            macro_block_size=2, output_params=[*output, '-threads', '1'], ffmpeg_log_level='error',
        )  # fmt: skip
        self._writer.send(None)
        self._next_ns = 0
        self.closed = False

    def due(self, stamp_ns: int) -> bool:
        """Whether a frame is wanted at this simulated time."""
        return not self.closed and stamp_ns >= self._next_ns

    def add(self, frame: Frame, stamp_ns: int, caption: str) -> None:
        """Add a frame; where frames before it are missing it stands in for them.

        Raises:
            OSError: the film cannot be written (full disk, or its encoder ended).
        """
        picture = frame.copy()
        for colour, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(
                picture,
                caption,
                (8, 20),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.5,
                colour,
                thick,
                cv2.LINE_AA,
            )
        behind = (stamp_ns - self._next_ns) // self._period_ns if self._next_ns else 0
        for _ in range(min(behind, 25) + 1):
            self._writer.send(np.ascontiguousarray(picture))
        self._next_ns = (stamp_ns // self._period_ns + 1) * self._period_ns

    def close(self) -> None:
        """End the film; closing twice does nothing."""
        if not self.closed:
            self.closed = True
            self._writer.close()
