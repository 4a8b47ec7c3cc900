# SPDX-License-Identifier: Apache-2.0
"""Videos through ffmpeg, frame by frame: a child process encodes, decodes or joins; memory stays flat."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.caps import MOST_PIXELS, too_many_pixels
from act_ros.robot.types import Frame


class VideoError(EpisodeError):
    """A video that cannot be written or read; the message names it and says what ffmpeg said."""


@dataclass(frozen=True)
class Codec:
    """How a video is encoded.

    Attributes:
        name: as LeRobot's info.json calls it: 'av1' or 'h264'.
        encoder: ffmpeg's name.
        crf: quality, lower is better.
        options: more options of ffmpeg.
    """

    name: str
    encoder: str
    crf: int
    options: tuple[str, ...]


CODECS = {
    # LeRobot's own choice: a key frame at every second one, so that a random frame is near one.
    'av1': Codec('av1', 'libsvtav1', 30, ('-preset', '12', '-g', '2')),
    # No B-frames: times of presentation are those of decoding, from 0 on, in every player.
    'h264': Codec('h264', 'libx264', 18, ('-preset', 'medium', '-g', '2', '-bf', '0')),
}
_TO_YUV = (
    'scale=out_color_matrix=bt601:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,'
    'format=yuv420p'
)
_TO_RGB = 'scale=flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp,format=rgb24'
BOUNDS = ('-max_alloc', str(1 << 30))
"""Bytes that ffmpeg takes at once where it reads: a picture of 8K has a tenth of that."""
_CONTAINERS = 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts'
_COLOURS = ('-colorspace', 'smpte170m', '-color_primaries', 'smpte170m', '-color_trc', 'smpte170m')


def ffmpeg() -> str:
    """The ffmpeg program: imageio-ffmpeg's, or the system's where that brings none.

    Raises:
        VideoError: there is none.
    """
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise VideoError(
            f'no ffmpeg was found ({error}); install one, or imageio-ffmpeg'
        ) from error


def video_input(path: Path) -> tuple[str, ...]:
    """Arguments of ffmpeg that read a file of strangers.

    Only containers that hold their pictures: ffmpeg also takes lists that name other files of the machine, or of
    the network, whatever such a file is called. And no picture that is larger than any.
    """
    return (
        *('-protocol_whitelist', 'file', '-format_whitelist', _CONTAINERS),
        *('-max_pixels', str(MOST_PIXELS), '-i', f'file:{path}'),
    )


class VideoWriter:
    """Encodes RGB frames of one size into an mp4, one at a time."""

    def __init__(self, path: Path, fps: int, codec: Codec) -> None:
        """Begin `path`, which is written over."""
        self.path = path
        self.frames = 0
        self._fps = fps
        self._codec = codec
        self._size: tuple[int, int] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the writer

    def append(self, frame: Frame) -> None:
        """Add one frame (H, W, 3) uint8.

        Raises:
            VideoError: its size is not that of the others, or odd; ffmpeg failed (a full disk, say).
        """
        size = (frame.shape[0], frame.shape[1])
        if self._process is None:
            self._size = size
            self._process = self._start(*size)
        if size != self._size and self._size is not None:
            raise VideoError(
                f'{self.path.name}: frame {self.frames} is {size[1]}x{size[0]}, the ones before are '
                f'{self._size[1]}x{self._size[0]}; a video has one size'
            )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except (BrokenPipeError, OSError) as error:
            raise self._failed() from error
        self.frames += 1

    def close(self) -> None:
        """End the video.

        Raises:
            VideoError: it has no frame, or ffmpeg failed.
        """
        if self._process is None:
            self._errors.close()
            raise VideoError(f'{self.path.name} has no frame')
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError as error:
            raise self._failed() from error
        if self._process.wait() != 0:
            raise self._failed()
        self._errors.close()

    def abort(self) -> None:
        """Stop, whatever is there."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _start(self, height: int, width: int) -> subprocess.Popen[bytes]:
        if height % 2 or width % 2:
            raise VideoError(
                f'{self.path.name}: frames of {width}x{height}; yuv420p needs even sizes'
            )
        command = [
            *(ffmpeg(), '-nostdin', '-loglevel', 'error', '-y'),
            *('-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', f'{width}x{height}'),
            *('-r', str(self._fps), '-i', 'pipe:0', '-vf', _TO_YUV, *_COLOURS),
            *('-c:v', self._codec.encoder, '-crf', str(self._codec.crf), *self._codec.options),
            *('-f', 'mp4', '-movflags', '+faststart', str(self.path)),
        ]
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env=_quiet(),
        )

    def _failed(self) -> VideoError:
        assert self._process is not None
        self.wait_or_kill()
        return VideoError(
            f'{self.path} was not encoded (ffmpeg ended with {self._process.returncode}): '
            f'{_said(self._errors)}'
        )

    def wait_or_kill(self) -> None:
        """Give ffmpeg the time to say what is wrong."""
        assert self._process is not None
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def read_video(path: Path, start_s: float, count: int, fps: float) -> Iterator[Frame]:
    """Yield `count` frames (H, W, 3) RGB of a video, from the one at `start_s` on; `fps` is the rate there.

    Raises:
        VideoError: the video is missing, damaged, or ends before.
    """
    if not path.is_file():
        raise VideoError(f'there is no video {path}')
    # The middle between two frames: rounding of times can then never pick a neighbour.
    begin = max(start_s - 0.5 / fps, 0.0)
    command = [
        *(ffmpeg(), '-nostdin', '-loglevel', 'error', '-xerror', *BOUNDS),
        # By the file's own clock: else it counts from whatever begins first, sound for example.
        *('-seek_timestamp', '1', '-ss', f'{begin:.6f}', *video_input(path)),
        *('-map', '0:v:0', '-frames:v', str(count)),
        *('-fps_mode', 'passthrough', '-vf', _TO_RGB, '-f', 'image2pipe', '-c:v', 'ppm', 'pipe:1'),
    ]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=_quiet()
        )
        assert process.stdout is not None
        try:
            for t in range(count):
                frame = _next_ppm(process.stdout)
                if frame is None:
                    process.wait()
                    raise VideoError(
                        f'{path} has {t} frames from {start_s:g} s on; expected {count}'
                        + (f': {said}' if (said := _said(errors)) else '')
                    )
                yield frame
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def join_videos(parts: Sequence[Path], path: Path) -> None:
    """Put videos of one codec and size one after the other, without encoding anew.

    `path` appears whole or not at all.

    Raises:
        VideoError: ffmpeg failed.
    """
    partial = path.with_name(f'.{path.name}.partial')
    with tempfile.NamedTemporaryFile('w', suffix='.ffconcat') as table:
        table.write('ffconcat version 1.0\n')
        for part in parts:
            quoted = str(part.resolve()).replace("'", "'\\''")
            table.write(f"file '{quoted}'\n")
        table.flush()
        command = [
            *(ffmpeg(), '-nostdin', '-loglevel', 'error', '-y', '-f', 'concat', '-safe', '0'),
            *(
                '-i',
                table.name,
                '-c',
                'copy',
                '-f',
                'mp4',
                '-movflags',
                '+faststart',
                str(partial),
            ),
        ]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=_quiet()
        )
    if done.returncode != 0:
        partial.unlink(missing_ok=True)
        raise VideoError(f'{path} was not joined: {_tail(done.stderr)}')
    with partial.open('rb') as file:
        os.fsync(file.fileno())
    partial.replace(path)


def _next_ppm(stream: IO[bytes]) -> Frame | None:
    """The next picture of a stream of PPM (three lines: P6, width and height, 255), None at its end."""
    if stream.readline() != b'P6\n':
        return None
    try:
        width, height = (int(word) for word in stream.readline().split())
    except ValueError:
        return None
    if stream.readline() != b'255\n' or too_many_pixels(width, height):
        return None
    data = stream.read(width * height * 3)
    if len(data) < width * height * 3:
        return None
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _quiet() -> dict[str, str]:
    return {**os.environ, 'SVT_LOG': '1'}  # SVT-AV1 logs on its own; 1: errors


def _said(errors: IO[bytes]) -> str:
    errors.seek(0)
    return _tail(errors.read())


def _tail(text: bytes) -> str:
    lines = [line for line in text.decode(errors='replace').splitlines() if line.strip()]
    return '; '.join(lines[-3:])[:400]
