# SPDX-License-Identifier: Apache-2.0
"""A film: H.264 in an mp4 that can be played however its making ended."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from act_ros.robot.types import Frame


class Film:
    """Writes RGB frames of one size and even sides into an mp4, one at a time."""

    def __init__(self, path: Path, fps: int = 25) -> None:
        """Begin the film `path`; the file appears with the first frame.

        Raises:
            OSError: its folder cannot be made.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.fps = path, fps
        self._writer: Generator[None, Any, None] | None = None
        self._size: tuple[int, int] | None = None

    def append(self, frame: Frame) -> None:
        """Add a frame (height, width, 3) uint8.

        Raises:
            ValueError: it has another size than the frames before.
            OSError: the film cannot be written (full disk, or its encoder ended).
        """
        size = frame.shape[1], frame.shape[0]
        if self._writer is None:
            self._size, self._writer = size, self._begin(size)
        if size != self._size:
            raise ValueError(f'{self.path}: a frame of {size} pixels in a film of {self._size}')
        self._writer.send(np.ascontiguousarray(frame))

    def close(self) -> None:
        """End the film; closing twice does nothing."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> Film:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, size: tuple[int, int]) -> Generator[None, Any, None]:
        import imageio_ffmpeg  # only who films needs it

        # Fragments of two seconds: what was filmed before a kill can be played.
        fragments = ('-movflags', '+frag_keyframe+empty_moov+default_base_moof')
        writer: Generator[None, Any, None] = imageio_ffmpeg.write_frames(
            str(self.path), size, fps=self.fps, codec='libx264', quality=None, macro_block_size=2,
            output_params=[
                *fragments, '-g', str(2 * self.fps), '-crf', '20', '-preset', 'veryfast', '-threads', '1',
            ],
            ffmpeg_log_level='error',
        )  # fmt: skip
        writer.send(None)
        return writer
