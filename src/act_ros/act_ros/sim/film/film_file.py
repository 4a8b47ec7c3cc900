# SPDX-License-Identifier: Apache-2.0
"""A film: H.264 in an mp4 that can be played however its making ended."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np

from act_ros.robot.types import Frame

_LEAVE_S = 30.0


class Film:
    """Writes RGB frames of one size and even sides into an mp4, one at a time."""

    def __init__(self, path: Path, fps: int = 25) -> None:
        """Begin the film `path`; the file appears with the first frame.

        Raises:
            OSError: its folder cannot be made.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.fps = path, fps
        self._size: tuple[int, int] | None = None
        self._encoder: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the film

    def append(self, frame: Frame) -> None:
        """Add a frame (height, width, 3) uint8.

        Raises:
            ValueError: it has another size than the frames before.
            OSError: the film cannot be written (full disk, or its encoder ended), or there is no ffmpeg.
        """
        size = frame.shape[1], frame.shape[0]
        if self._encoder is None:
            self._size, self._encoder = size, self._begin(size)
        if size != self._size:
            raise ValueError(f'{self.path}: a frame of {size} pixels in a film of {self._size}')
        assert self._encoder.stdin is not None
        try:
            self._encoder.stdin.write(np.ascontiguousarray(frame).data)
        except OSError as error:
            raise self._failure(str(error)) from error

    def close(self) -> None:
        """End the film; closing twice does nothing.

        Raises:
            OSError: it could not be written to its end.
        """
        if self._encoder is None or self._encoder.stdin is None or self._encoder.stdin.closed:
            return
        try:
            self._encoder.stdin.close()
        except OSError as error:
            raise self._failure(str(error)) from error
        if code := self._encoder.wait():
            raise self._failure(f'ffmpeg ended with {code}')

    def __enter__(self) -> Film:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, size: tuple[int, int]) -> subprocess.Popen[bytes]:
        import imageio_ffmpeg  # only who films needs it

        try:
            ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
        except RuntimeError as error:
            raise OSError(f'no ffmpeg was found ({error}); install imageio-ffmpeg') from error
        command = [
            *(
                ffmpeg,
                '-nostdin',
                '-loglevel',
                'error',
                '-y',
                '-f',
                'rawvideo',
                '-pix_fmt',
                'rgb24',
            ),
            *(
                '-s',
                f'{size[0]}x{size[1]}',
                '-r',
                str(self.fps),
                '-i',
                'pipe:0',
                '-c:v',
                'libx264',
            ),
            *('-pix_fmt', 'yuv420p', '-crf', '20', '-preset', 'veryfast', '-threads', '1'),
            # Fragments of two seconds: what was filmed before a kill can be played.
            *('-g', str(2 * self.fps), '-movflags', '+frag_keyframe+empty_moov+default_base_moof'),
            *('-f', 'mp4', f'file:{self.path}'),
        ]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said
        )

    def _failure(self, why: str) -> OSError:
        """What the encoder says is wrong, once it has had the time to."""
        assert self._encoder is not None
        try:
            self._encoder.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self._encoder.kill()
            self._encoder.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors='replace').strip().splitlines()
        if lines:  # '[out#0/mp4 @ 0x55…] Error writing trailer: No space left on device'
            why = lines[0].rpartition('] ')[2]
        return OSError(f'{self.path} cannot be written: {why}')
