# SPDX-License-Identifier: Apache-2.0
"""The set-up: pins, the rewriting of the wheels' CMake exports, what the shell scripts decide."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import lifeline
import pytest
from pins import normalized, pins_for
from wheel_exports import rewrite, rewrite_tree

ROOT = Path(__file__).resolve().parents[2]
BARE = {'PATH': '/usr/bin:/bin', **lifeline.marks()}
REQUIREMENTS = sorted(ROOT.glob('requirements*.txt')) + [ROOT / 'constraints.txt']
PYTHON = '/opt/python/cp312-cp312/include/python3.12'
NUMPY = '/opt/python/cp312-cp312/lib/python3.12/site-packages/numpy/_core/include'


def shell(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a bash script with the functions of scripts/lib in an empty environment."""
    libraries = 'for f in steps base system pytorch; do . "$ROOT/scripts/lib/$f.sh"; done\n'
    return subprocess.run(
        ['bash', '-euo', 'pipefail', '-c', libraries + script],
        env={**BARE, 'ROOT': str(ROOT), **env},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize('file', REQUIREMENTS, ids=lambda file: file.name)
def test_every_requirement_is_pinned(file: Path) -> None:
    assert pins_for(file.read_text().splitlines(), None)


def test_no_package_is_pinned_twice_for_the_same_python() -> None:
    seen: dict[tuple[str, str], str] = {}
    for file in REQUIREMENTS:
        for pin in pins_for(file.read_text().splitlines(), None):
            requirement, _, marker = pin.partition(';')
            name, _, version = requirement.partition('==')
            for python in ('3.10', '3.11'):
                if marker and ('<' in marker) != (python == '3.10'):
                    continue
                key = (normalized(name), python)
                assert seen.setdefault(key, version) == version, f'{file.name}: {pin}'


def test_setuptools_can_still_link_a_package_into_place() -> None:
    """From 80 on it has no `develop` command, and colcon --symlink-install copies instead."""
    text = (ROOT / 'requirements-build.txt').read_text()
    assert int(re.search(r'^setuptools==(\d+)', text, re.MULTILINE)[1]) < 80


def test_on_an_installed_ros_what_apt_has_is_kept_and_the_rest_may_be_older() -> None:
    lines = ['torch==2.13.0', 'NumPy==2.4.6; python_version >= "3.11"', 'h5py==3.16.0', 'cv==5']
    system = {'numpy': '1.26.4', 'cv': ''}
    assert pins_for(lines, system) == ['torch==2.13.0', 'NumPy==1.26.4', 'h5py<=3.16.0']


@pytest.mark.parametrize('line', ['numpy', 'numpy>=2', '-r other.txt'])
def test_a_requirement_without_a_pin_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match='is not NAME==VERSION'):
        pins_for([line], None)


def test_both_folders_of_the_build_machine_are_rewritten() -> None:
    text = f'INTERFACE_INCLUDE_DIRECTORIES "{PYTHON};{NUMPY}"'
    assert rewrite(text, '/usr/include/python3.12', '/venv/np') == (
        'INTERFACE_INCLUDE_DIRECTORIES "/usr/include/python3.12;/venv/np"'
    )


def test_an_unknown_folder_of_the_build_machine_is_an_error_that_names_the_file(
    tmp_path: Path,
) -> None:
    file = tmp_path / 'share' / 'x_msgs' / 'cmake' / 'xExport.cmake'
    file.parent.mkdir(parents=True)
    file.write_text('set(X "/opt/python/cp312-cp312/lib/libpython3.12.so")')
    with pytest.raises(ValueError, match=r'xExport\.cmake.*libpython'):
        rewrite_tree(tmp_path, '/a', '/b')


def test_rewriting_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    file = tmp_path / 'share' / 'x_msgs' / 'cmake' / 'xExport.cmake'
    file.parent.mkdir(parents=True)
    file.write_text(f'"{PYTHON};{NUMPY}"')
    assert rewrite_tree(tmp_path, '/a b', '/c\\1') == 1
    assert file.read_text() == '"/a b;/c\\1"'
    assert rewrite_tree(tmp_path, '/a b', '/c\\1') == 0


@pytest.mark.skipif(Path('/opt/ros').exists(), reason='this machine has a ROS 2')
def test_without_a_ros_the_one_from_pypi_is_built_on() -> None:
    result = shell('venv=/x/.venv; find_base')
    assert result.stdout == 'pypi jazzy /x/.venv\n'


def test_a_sourced_ros_is_built_on_but_not_another_clone_of_this_repository(
    tmp_path: Path,
) -> None:
    for name in ('clone', 'ros'):
        (tmp_path / name / 'share' / 'rclpy').mkdir(parents=True)
        (tmp_path / name / 'share' / 'rclpy' / 'package.xml').touch()
    (tmp_path / 'clone' / 'pyvenv.cfg').touch()
    path = f'{tmp_path}/clone:{tmp_path}/ros'
    result = shell('venv=/x; find_base', AMENT_PREFIX_PATH=path, ROS_DISTRO='kilted')
    assert result.stdout == f'sourced kilted {tmp_path}/ros\n'


def test_a_python_that_pypi_has_no_ros_for_is_named_with_what_to_do(tmp_path: Path) -> None:
    old = tmp_path / 'python3.9'
    old.write_text('#!/bin/sh\n[ "$2" = -c ] && echo CPython 3.9.18 && exit 0\nexit 1\n')
    old.chmod(0o755)
    result = shell('kind=pypi; find_python', PYTHON=str(old))
    assert result.returncode == 1
    assert 'is CPython 3.9.18' in result.stderr
    assert '3.10 to 3.13' in result.stderr and 'install ROS 2' in result.stderr


def test_another_architecture_is_told_to_install_ros() -> None:
    result = shell('kind=pypi; uname() { echo Linux-aarch64; }; no_python')
    assert 'only for x86-64' in result.stdout and 'Install ROS 2' in result.stdout


def torch_of(tmp_path: Path, pip: str, **env: str) -> str:
    """What is said of PyTorch on a machine with these devices and this pip, of x86-64, without a PyTorch."""
    script = (
        f'python=false; pip=({pip}); pci_devices={tmp_path} nvidia_device=/x wsl_device=/x; '
        'uname() { echo x86_64; }; install_cpu_torch'
    )
    result = shell(f'cd "$ROOT"; {script}', **env)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_without_an_nvidia_gpu_pytorch_for_the_cpu_is_installed_where_its_index_can_be_reached(
    tmp_path: Path,
) -> None:
    (tmp_path / '0000').mkdir()
    (tmp_path / '0000' / 'vendor').write_text('0x8086\n')
    (tmp_path / '0000' / 'class').write_text('0x030000\n')
    said = torch_of(tmp_path, 'echo install', TORCH_CPU_INDEX='https://cpu.example')
    assert re.search(r'^install .*--index-url https://cpu.example torch==\d', said)
    assert 'no NVIDIA GPU is here' in said
    said = torch_of(tmp_path, 'false')
    assert 'https://download.pytorch.org/whl/cpu cannot be reached: torch==' in said


def test_with_an_nvidia_gpu_pytorch_is_taken_as_pip_finds_it(tmp_path: Path) -> None:
    (tmp_path / '0000').mkdir()
    (tmp_path / '0000' / 'vendor').write_text('0x10de\n')
    (tmp_path / '0000' / 'class').write_text('0x030200\n')
    said = torch_of(tmp_path, 'echo install')
    assert said.startswith('an NVIDIA GPU is here') and 'install' not in said


def test_a_step_that_fails_shows_its_last_output_and_stops(tmp_path: Path) -> None:
    result = shell(
        'bad() { echo the reason; false; echo never; }\nstep "a title" bad; echo never',
        root=str(tmp_path), log=f'{tmp_path}/setup.log',
    )  # fmt: skip
    assert result.returncode == 1
    assert 'the reason' in result.stderr and 'a title (exit status 1)' in result.stderr
    assert 'never' not in result.stdout + result.stderr


def test_a_step_that_fails_for_want_of_a_network_says_that_and_not_what_pip_makes_of_it(
    tmp_path: Path,
) -> None:
    pip = (
        'WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection '
        "broken by 'NewConnectionError('<HTTPConnection object at 0x7f57>: Failed to establish a new connection: "
        "[Errno -3] Temporary failure in name resolution')': /simple/setuptools/\n"
        'ERROR: No matching distribution found for setuptools==79.0.1\n'
    )
    (tmp_path / 'pip').write_text(pip)
    result = shell(
        f'bad() {{ cat {tmp_path}/pip; false; }}\nstep "a title" bad',
        root=str(tmp_path), log=f'{tmp_path}/setup.log',
    )  # fmt: skip
    assert result.returncode == 1
    assert 'no connection to the package index ([Errno -3] Temporary failure' in result.stderr
    assert 'No matching distribution' not in result.stderr


def test_a_step_is_done_once_until_one_of_its_sources_changes(tmp_path: Path) -> None:
    (tmp_path / 'venv').mkdir()
    for name in ('base', 'pyvenv.cfg'):
        (tmp_path / 'venv' / name).touch()
    (tmp_path / 'source').write_text('1')
    script = (
        'work() { :; }\n'
        'for i in 1 2; do once name title work source; done\n'
        'echo 2 > source; once name title work source\n'
        'echo steps: $done_steps\n'
    )
    result = shell(
        f'cd {tmp_path}; ' + script,
        root=str(tmp_path), venv=f'{tmp_path}/venv', log=f'{tmp_path}/setup.log',
    )  # fmt: skip
    assert 'steps: 2' in result.stdout, result.stderr


def test_a_path_with_a_blank_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    folder = tmp_path / 'a clone'
    shutil.copytree(ROOT / 'scripts', folder / 'scripts')
    done = subprocess.run(
        ['bash', folder / 'scripts' / 'setup.sh'],
        env=BARE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"the path '{folder}' has a blank in it" in done.stderr
    assert [path.name for path in folder.iterdir()] == ['scripts']


def test_setup_bash_says_what_to_do_before_the_set_up(tmp_path: Path) -> None:
    (tmp_path / 'setup.bash').write_bytes((ROOT / 'setup.bash').read_bytes())
    result = subprocess.run(
        ['bash', '-c', 'set -u; . ./setup.bash; echo status $?; declare -F'],
        cwd=tmp_path, env=BARE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f'make -C {tmp_path} setup' in result.stderr
    assert result.stdout == 'status 1\n'


def test_setup_bash_refuses_a_folder_that_was_moved_after_its_set_up(tmp_path: Path) -> None:
    (tmp_path / 'setup.bash').write_bytes((ROOT / 'setup.bash').read_bytes())
    venv = tmp_path / '.venv'
    (venv / 'bin').mkdir(parents=True)
    (venv / 'bin' / 'python').symlink_to('/bin/false')
    (venv / 'base').write_text('pypi jazzy /somewhere\n')
    (venv / 'root').write_text('/where/it/was\n')
    result = subprocess.run(
        ['bash', '-c', '. ./setup.bash; echo status $?; env'],
        cwd=tmp_path, env=BARE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f'was moved or copied after its set-up; run: make -C {tmp_path} setup' in result.stderr
    assert 'status 1\n' in result.stdout and 'ROS_DISTRO' not in result.stdout


@pytest.mark.skipif(
    not (ROOT / '.venv' / 'base').is_file(), reason='not set up by scripts/setup.sh'
)
def test_setup_bash_works_from_anywhere_twice_and_keeps_the_users_settings(tmp_path: Path) -> None:
    script = f'set -eu; . "{ROOT}/setup.bash"; . "{ROOT}/setup.bash"; env -0; command -v ros2 >&2'
    result = subprocess.run(
        ['bash', '-c', script],
        cwd=tmp_path,
        env={**BARE, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    env = dict(entry.split('=', 1) for entry in result.stdout.split('\0') if '=' in entry)
    assert env['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'SUBNET'
    assert env['FASTRTPS_DEFAULT_PROFILES_FILE'] == f'{ROOT}/config/fastdds.xml'
    assert env['MUJOCO_GL'] == 'egl'
    for name in ('PATH', 'AMENT_PREFIX_PATH'):
        entries = env[name].split(':')
        assert len(entries) == len(set(entries)), f'{name} has an entry twice: {env[name]}'
    assert str(ROOT / 'install' / 'act_ros') in env['AMENT_PREFIX_PATH'].split(':')


@pytest.mark.skipif(
    not (ROOT / '.venv' / 'base').is_file(), reason='not set up by scripts/setup.sh'
)
def test_setup_bash_binds_dds_to_this_machine_until_others_are_asked_for() -> None:
    name = 'FASTRTPS_DEFAULT_PROFILES_FILE'
    source = f'. "{ROOT}/setup.bash"; echo "${name}"; '
    script = (
        f'set -eu; {source} export ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET; {source}'
        f'export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST ROS_STATIC_PEERS=10.0.0.2; {source}'
        f'unset ROS_STATIC_PEERS; {source} export {name}=/mine.xml; {source}'
    )
    result = subprocess.run(
        ['bash', '-c', script], env=BARE, capture_output=True, text=True, check=True
    )
    names = [Path(line).name for line in result.stdout.splitlines()]
    loopback, wide = 'fastdds_loopback.xml', 'fastdds.xml'
    assert names == [loopback, wide, wide, loopback, 'mine.xml']


def test_the_two_profiles_differ_in_the_interfaces_alone() -> None:
    def body(name: str) -> str:
        return (ROOT / 'config' / name).read_text(encoding='utf-8').partition('-->\n<dds')[2]

    own = re.sub(
        r'\s*<interfaceWhiteList>.*</interfaceWhiteList>',
        '',
        body('fastdds_loopback.xml'),
        flags=re.DOTALL,
    )
    assert own == body('fastdds.xml') != body('fastdds_loopback.xml')
    assert body('fastdds_loopback.xml').count('<address>127.0.0.1</address>') == 1
