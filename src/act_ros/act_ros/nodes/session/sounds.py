# SPDX-License-Identifier: Apache-2.0
"""Tones for an operator whose eyes are on the task, played by what the system has."""

from __future__ import annotations

import queue
import shutil
import subprocess
import tempfile
import threading
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from act_ros.control.session.types import Sound

PLAYERS = ('pw-play', 'paplay', 'aplay')
"""Programs of PipeWire, PulseAudio and ALSA; the first that works is used."""
RATE_HZ = 22050
TONES: dict[Sound, tuple[float, ...]] = {
    Sound.START: (660.0, 990.0),
    Sound.STOP: (990.0, 660.0),
    Sound.FAULT: (220.0, 220.0, 220.0),
    Sound.ATTENTION: (440.0,),
}
"""Hz, one after the other."""
TONE_S, PAUSE_S, LOUDNESS = 0.15, 0.05, 0.5
PLAY_S = 5.0
TERMINAL = Path('/dev/tty')


def synthesise(tones: tuple[float, ...]) -> NDArray[np.int16]:
    """Sine tones (samples,), faded in and out so that they don't click."""
    time_s = np.arange(round(TONE_S * RATE_HZ)) / RATE_HZ
    fade = np.minimum(1.0, np.minimum(time_s, TONE_S - time_s) / 0.01)
    silence = np.zeros(round(PAUSE_S * RATE_HZ))
    parts = [part for hz in tones for part in (np.sin(2 * np.pi * hz * time_s) * fade, silence)]
    return (np.concatenate(parts) * LOUDNESS * 32767).astype(np.int16)


class Sounds:
    """Plays sounds, one after the other, in a thread of its own; where nothing can, the terminal's bell rings."""

    def __init__(self, say: Callable[[str], None], terminal: Path = TERMINAL) -> None:
        """Make the tones; `say` is told once if nothing can be heard."""
        self._say, self._terminal, self._silent = say, terminal, False
        self._players = [name for name in PLAYERS if shutil.which(name)]
        self._folder = tempfile.TemporaryDirectory(prefix='act_ros_sounds_')
        for sound, tones in TONES.items():
            with wave.open(str(self._path(sound)), 'wb') as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE_HZ)
                file.writeframes(synthesise(tones).tobytes())
        self._queue: queue.Queue[Sound | None] = queue.Queue(maxsize=4)
        self._thread = threading.Thread(target=self._run, name='sounds', daemon=True)
        self._thread.start()

    def play(self, sound: Sound) -> None:
        """Have a sound played; when several wait already, this one is left out."""
        if not self._queue.full():
            self._queue.put(sound)

    def close(self) -> None:
        """Play what waits, and end."""
        self._queue.put(None)
        self._thread.join(len(TONES) * PLAY_S)
        self._folder.cleanup()

    def _path(self, sound: Sound) -> Path:
        return Path(self._folder.name) / f'{sound.value}.wav'

    def _run(self) -> None:
        while (sound := self._queue.get()) is not None:
            while self._players and not _played(self._players[0], self._path(sound)):
                self._players.pop(0)  # no server, no device: it will not be there the next time
            if not self._players and not self._bell(len(TONES[sound])) and not self._silent:
                self._silent = True
                self._say(
                    f'sounds cannot be heard: none of {", ".join(PLAYERS)} works here, and there is no terminal '
                    'whose bell could ring; sounds:=false ends this'
                )

    def _bell(self, times: int) -> bool:
        try:
            with self._terminal.open('w') as terminal:
                terminal.write('\a' * times)
        except OSError:
            return False
        return True


def _played(player: str, path: Path) -> bool:
    try:
        done = subprocess.run([player, str(path)], capture_output=True, timeout=PLAY_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
