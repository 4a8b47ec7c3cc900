# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros find_arms`: which serial port is which arm, and the udev rules that give each port its name.

The arms are plugged in one after the other. The rules go to standard output, and are written nowhere.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from act_ros.commands.options import OneLineParser, existing_path
from act_ros.paths import share_dir
from act_ros.robot.rig import Rig, RigError
from act_ros.robot.spec import RobotSpec, SpecError
from act_ros.text import printable, printable_output, shown

DEV, SYS = Path('/dev'), Path('/sys')
PATIENCE_S = 5.0
"""So long a port may take to come once its cable is plugged in."""
SKIP = 's'
RULE = (
    'SUBSYSTEM=="tty", ATTRS{{serial}}=="{serial}", ENV{{ID_MM_DEVICE_IGNORE}}="1", '
    'ATTR{{device/latency_timer}}="1", SYMLINK+="{link}"'
)
INSTALL = """\
These lines belong into /etc/udev/rules.d/99-aloha.rules. Then:
  sudo udevadm control --reload && sudo udevadm trigger"""


@dataclass(frozen=True)
class Port:
    """A serial port behind USB: as the kernel calls it, what its device says of itself, and links to it."""

    name: str
    serial: str
    product: str
    links: tuple[str, ...]

    def __str__(self) -> str:
        number = f'serial number {self.serial}' if self.serial else 'NO SERIAL NUMBER'
        links = f', called {", ".join(self.links)}' if self.links else ''
        return printable(f'/dev/{self.name}: {number}, {self.product}{links}', keep='')


def serial_ports(dev: Path, sysfs: Path) -> list[Port]:
    """The serial ports behind USB, by the kernel's names.

    Args:
        dev: the folder of devices, /dev.
        sysfs: what the kernel says of them, /sys.
    """
    names: dict[str, list[str]] = {}
    for link in sorted(dev.iterdir()):
        if link.is_symlink():
            names.setdefault(link.readlink().name, []).append(link.name)
    found = []
    for entry in sorted((sysfs / 'class' / 'tty').glob('*')):
        device = (entry / 'device').resolve()
        # The nearest above it that is a USB device: the host's controller has a serial number, too.
        usb = next((folder for folder in device.parents if (folder / 'idVendor').exists()), None)
        if usb is not None:
            links = tuple(names.get(entry.name, ()))
            found.append(Port(entry.name, _told(usb / 'serial'), _told(usb / 'product'), links))
    return found


def _told(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8', errors='replace').strip()
    except OSError:
        return ''


def find(
    arms: Sequence[str],
    ports: Callable[[], list[Port]],
    ask: Callable[[str], str],
    found: dict[str, Port],
) -> None:
    """Let a person plug in one arm after the other.

    Args:
        arms: their names.
        ports: lists what is plugged in.
        ask: shows a line and waits for the answer.
        found: gets the port of each arm as it is found, so that nothing is lost when a person stops.
    """
    ask('Unplug the USB cables of all arms, then press Enter.')
    known = {port.serial or port.name for port in ports()}
    for arm in arms:
        words = f'Plug in {arm}, then press Enter ({SKIP} and Enter: there is none).'
        while ask(words).strip().lower() != SKIP:
            new = _new(ports, known)
            if len(new) == 1 and re.fullmatch(r'[\w.:-]+', new[0].serial, re.ASCII):
                found[arm] = new[0]
                known.add(new[0].serial)
                break
            words = f'{_trouble(new)}. Then press Enter ({SKIP} and Enter: leave {arm} out).'


def _new(ports: Callable[[], list[Port]], known: set[str]) -> list[Port]:
    end = time.monotonic() + PATIENCE_S
    while True:
        new = [port for port in ports() if (port.serial or port.name) not in known]
        if new or time.monotonic() >= end:
            return new
        time.sleep(0.1)


def _trouble(new: list[Port]) -> str:
    if not new:
        return 'No new serial port has come: plug in the USB cable'
    if len(new) > 1:
        return f'{len(new)} new ports have come ({"; ".join(map(str, new))}): leave one plugged in'
    return f'{new[0]}: no rule can be made of that; plug in another adapter'


def rules(links: Mapping[str, str], found: Mapping[str, Port]) -> list[str]:
    """The udev rule of each arm that was found.

    Args:
        links: what the port of each arm is to be called.
        found: the port of each.
    """
    return [RULE.format(serial=port.serial, link=links[arm]) for arm, port in found.items()]


def wanted(folder: Path, spec: RobotSpec) -> dict[str, str]:
    """What the rig calls the port of each arm, without /dev/.

    Raises:
        RigError: a name is not one that a rule can give.
    """
    rig, links = Rig.load(folder, spec), {}
    for name, arm in rig.arms.items():
        link = arm.port.removeprefix('/dev/')
        if not re.fullmatch(r'[\w.-]+', link, re.ASCII) or re.fullmatch(r'tty[A-Z]+\d+', link):
            raise RigError(
                f'{arm.modes}: port is {shown(arm.port)}, which no rule can give; call it /dev/ttyDXL_{name}'
            )
        links[name] = link
    return links


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = OneLineParser(prog='find_arms', description=__doc__)
    p.add_argument('--list', action='store_true', help='only list the serial ports')
    p.add_argument(
        '--rig',
        type=existing_path,
        metavar='DIR',
        default=share_dir() / 'config' / 'hardware',
        help='folder of the rig, which says what the ports are called (default: config/hardware)',
    )
    return p


def ask(line: str) -> str:
    """Show a line beside standard output, which is for the rules, and wait for the answer; EOFError."""
    print(line, file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        raise EOFError
    return answer


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """List the ports, then ask; 1 where an arm was not found, 2 where robot or rig cannot be read."""
    args = parser().parse_args(argv)
    try:
        links = {} if args.list else wanted(args.rig, RobotSpec.load())
    except (SpecError, RigError) as error:
        print(f'find_arms: {error}', file=sys.stderr)
        return 2
    there = serial_ports(DEV, SYS)
    lines = [str(port) for port in there] or ['There is no serial port behind USB.']
    print('\n'.join(lines), file=sys.stdout if args.list else sys.stderr)
    if args.list:
        return 0
    found: dict[str, Port] = {}
    try:
        find(list(links), lambda: serial_ports(DEV, SYS), ask, found)
    except (EOFError, KeyboardInterrupt):
        print('find_arms: stopped', file=sys.stderr)
    if found:
        print('\n'.join(rules(links, found)), flush=True)
        print(INSTALL, file=sys.stderr)
    if lacking := [arm for arm in links if arm not in found]:
        print(f'find_arms: there is no rule for {", ".join(lacking)}', file=sys.stderr)
    return 1 if lacking else 0


if __name__ == '__main__':
    sys.exit(main())
