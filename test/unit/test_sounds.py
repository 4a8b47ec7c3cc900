# SPDX-License-Identifier: Apache-2.0
"""Tones through the first player that works; without one the terminal rings; without that it is said once."""

from __future__ import annotations

import wave

import numpy as np
import pytest

from act_ros.control.session.types import Sound
from act_ros.nodes.session.sounds import LOUDNESS, PLAYERS, RATE_HZ, TONES, Sounds, synthesise


@pytest.fixture
def players(tmp_path, monkeypatch):
    """Makes players: players(aplay='exit 1'); they note what they are given."""
    folder, heard = tmp_path / 'bin', tmp_path / 'heard'
    folder.mkdir()
    monkeypatch.setenv('PATH', f'{folder}:/bin:/usr/bin')

    def make(**scripts):
        for name in PLAYERS:
            path = folder / name
            path.write_text(f'#!/bin/sh\n{scripts.get(name.replace("-", "_"), "exit 1")}\n')
            path.chmod(0o755)
        return heard

    return make


def test_a_tone_is_at_its_pitch_and_does_not_click():
    tone = synthesise((660.0,))
    spectrum = np.abs(np.fft.rfft(tone))
    assert abs(np.fft.rfftfreq(len(tone), 1 / RATE_HZ)[spectrum.argmax()] - 660.0) < 10.0
    assert np.abs(tone).max() <= LOUDNESS * 32767 and tone[0] == 0
    assert np.abs(np.diff(tone[:20].astype(int))).max() < 1000


def test_start_stop_and_fault_sound_different():
    assert len(set(TONES.values())) == len(TONES) == len(Sound)


def test_the_first_player_that_works_is_used_from_then_on(players, tmp_path):
    heard = players(paplay=f'cp "$1" {tmp_path}/played.wav; echo "$1" >> {tmp_path}/heard')
    said = []
    sounds = Sounds(said.append, terminal=tmp_path)
    sounds.play(Sound.START)
    sounds.play(Sound.STOP)
    sounds.close()
    names = [line.rpartition('/')[2] for line in heard.read_text().splitlines()]
    assert names == ['start.wav', 'stop.wav'] and not said
    with wave.open(str(tmp_path / 'played.wav')) as file:
        assert file.getframerate() == RATE_HZ and file.getnframes() > RATE_HZ // 4


def test_without_a_player_the_terminal_rings(players, tmp_path):
    players()
    terminal, said = tmp_path / 'tty', []
    sounds = Sounds(said.append, terminal)
    sounds.play(Sound.FAULT)
    sounds.close()
    assert terminal.read_text() == '\a\a\a' and not said


def test_where_nothing_can_be_heard_it_is_said_once(players, tmp_path):
    players()
    said = []
    sounds = Sounds(said.append, terminal=tmp_path)  # a folder is no terminal
    for _ in range(3):
        sounds.play(Sound.START)
    sounds.close()
    assert len(said) == 1 and 'sounds:=false' in said[0]
