# SPDX-License-Identifier: Apache-2.0
"""`find_arms` on a /dev and a /sys made for it, with cables that are plugged in when it asks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from act_ros.commands import find_arms
from act_ros.commands.find_arms import main, serial_ports

ARMS = ['leader_left', 'follower_left', 'leader_right', 'follower_right']


class Computer:
    """Its /dev and /sys, as the kernel lays them out."""

    def __init__(self, root: Path) -> None:
        self.dev, self.sys = root / 'dev', root / 'sys'
        self.dev.mkdir()
        (self.sys / 'class' / 'tty').mkdir(parents=True)
        self._host = self.sys / 'devices' / 'pci0' / 'usb1'
        self._host.mkdir(parents=True)
        (self._host / 'serial').write_text('0000:00:14.0\n')  # the controller's
        (self.sys / 'devices' / 'virtual' / 'tty' / 'tty0').mkdir(parents=True)
        (self.sys / 'class' / 'tty' / 'tty0').symlink_to(
            self.sys / 'devices' / 'virtual' / 'tty' / 'tty0'
        )

    def plug_in(
        self, name: str, serial: str | None, product: str = 'USB <-> Serial Converter'
    ) -> None:
        usb = self._host / f'1-{name}'
        port = usb / f'1-{name}:1.0' / name
        tty = port / 'tty' / name
        tty.mkdir(parents=True)
        (tty / 'device').symlink_to(port)
        (usb / 'idVendor').write_text('0403\n')
        (usb / 'product').write_text(f'{product}\n')
        if serial is not None:
            (usb / 'serial').write_text(f'{serial}\n')
        (self.sys / 'class' / 'tty' / name).symlink_to(tty)
        (self.dev / name).touch()

    def unplug(self, name: str) -> None:
        (self.sys / 'class' / 'tty' / name).unlink()
        shutil.rmtree(self._host / f'1-{name}')


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    made = Computer(tmp_path)
    monkeypatch.setattr(find_arms, 'DEV', made.dev)
    monkeypatch.setattr(find_arms, 'SYS', made.sys)
    monkeypatch.setattr(find_arms, 'PATIENCE_S', 0.0)  # a cable's port is there at once
    return made


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """`hands(act, act, …)`: what a person does at each question; returns the questions."""

    def begin(*acts: Callable[[], str | None]) -> list[str]:
        left, asked = list(acts), []

        def ask(line: str) -> str:
            asked.append(line)
            if not left:
                raise EOFError
            return left.pop(0)() or '\n'

        monkeypatch.setattr(find_arms, 'ask', ask)
        return asked

    return begin


def test_ports_are_listed_with_serial_numbers_and_their_links(
    computer: Computer, capsys: pytest.CaptureFixture[str]
) -> None:
    computer.plug_in('ttyUSB0', 'FT6S4DSP')
    computer.plug_in('ttyACM0', None, 'Board\x1b[2J')
    (computer.dev / 'ttyDXL_leader_left').symlink_to('ttyUSB0')
    ports = {port.name: port for port in serial_ports(computer.dev, computer.sys)}
    assert sorted(ports) == ['ttyACM0', 'ttyUSB0']
    assert ports['ttyUSB0'].serial == 'FT6S4DSP'
    assert ports['ttyUSB0'].links == ('ttyDXL_leader_left',)
    assert main(['--list']) == 0
    out = capsys.readouterr().out
    assert 'serial number FT6S4DSP' in out and 'NO SERIAL NUMBER' in out and '\x1b' not in out


def test_one_arm_after_the_other_gives_the_rules_of_all(
    computer: Computer, hands: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    computer.plug_in('ttyUSB0', 'BASE01')  # no arm: it stays
    computer.plug_in('ttyUSB1', 'ARM0')
    names = [f'ttyUSB{i}' for i in (2, 1, 3, 4)]  # the kernel's names are of the moment
    acts = [lambda i=i: computer.plug_in(names[i], f'ARM{i}') for i in range(4)]
    asked = hands(lambda: computer.unplug('ttyUSB1'), *acts)
    assert main([]) == 0
    assert [question.split(',')[0] for question in asked[1:]] == [f'Plug in {arm}' for arm in ARMS]
    rules = capsys.readouterr().out.splitlines()
    assert len(rules) == 4
    for i, arm in enumerate(ARMS):
        assert rules[i] == (
            f'SUBSYSTEM=="tty", ATTRS{{serial}}=="ARM{i}", ENV{{ID_MM_DEVICE_IGNORE}}="1", '
            f'ATTR{{device/latency_timer}}="1", SYMLINK+="ttyDXL_{arm}"'
        )


def test_what_no_rule_can_be_made_of_is_said_and_asked_again(
    computer: Computer, hands: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    def two() -> None:
        computer.plug_in('ttyUSB1', 'A')
        computer.plug_in('ttyUSB2', 'B')

    def swapped(old: str, serial: str | None) -> Callable[[], None]:
        def act() -> None:
            computer.unplug(old)
            computer.plug_in('ttyUSB1' if old == 'ttyUSB2' else 'ttyUSB2', serial)

        return act

    asked = hands(
        lambda: None,
        lambda: None,  # nothing comes
        two,
        lambda: computer.unplug('ttyUSB1'),  # one is left: leader_left
        swapped('ttyUSB2', None),
        swapped('ttyUSB1', 'X", RUN+="/bin/sh'),
        lambda: 's\n',  # no follower_left; then the person leaves
    )
    assert main([]) == 1
    assert 'No new serial port' in asked[2] and '2 new ports' in asked[3]
    assert 'NO SERIAL NUMBER' in asked[5] and 'no rule can be made of that' in asked[6]
    assert asked[7].startswith('Plug in leader_right')
    out, error = capsys.readouterr()
    assert len(out.splitlines()) == 1 and 'ttyDXL_leader_left' in out and '"B"' in out
    assert (
        'stopped' in error and 'no rule for follower_left, leader_right, follower_right' in error
    )


def test_names_are_those_of_the_rig_and_one_of_the_kernels_is_refused(
    computer: Computer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from act_ros.paths import share_dir

    rig = tmp_path / 'rig'
    shutil.copytree(share_dir() / 'config' / 'hardware', rig)
    path = rig / 'leader_left.yaml'
    path.write_text(path.read_text().replace('ttyDXL_leader_left', 'ttyUSB0'))
    assert main(['--rig', str(rig)]) == 2
    assert 'which no rule can give; call it /dev/ttyDXL_leader_left' in capsys.readouterr().err
    assert main(['--rig', str(tmp_path)]) == 2
    assert 'a rig is a copy of config/hardware' in capsys.readouterr().err
