# SPDX-License-Identifier: Apache-2.0
"""What the launch tests share: a `ros2 launch` that runs, its own domain, and a policy with random weights.

They run the `ros2` command that is on the PATH, so they hold for ROS 2's own launch and for the stand-in.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lifeline
import pytest
from rig_drivers import DRIVER, XS_LAUNCH, XSARM_CONTROL

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 240.0
"""Generous: a machine that is busy with other work must not fail a test of behaviour."""

if shutil.which('ros2') is None:
    collect_ignore_glob = ['test_*.py']


class Launch:
    """A `ros2 launch act_ros FILE ARGUMENTS` that runs; what it wrote is in `text`."""

    def __init__(self, log: Path, env: dict[str, str], *arguments: str) -> None:
        self._log = log
        self._mark, env = lifeline.tie(env)
        with log.open('wb') as out:
            self.process = subprocess.Popen(
                ['ros2', 'launch', 'act_ros', *arguments],
                env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    @property
    def text(self) -> str:
        return self._log.read_text(encoding='utf-8', errors='replace')

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until `text` was written so often, or fail with all that was."""
        end = time.monotonic() + DEADLINE_S
        while self.text.count(text) < times:
            assert self.process.poll() is None, f'ended before {text!r} was seen:\n{self.text}'
            assert time.monotonic() < end, f'{text!r} was not seen:\n{self.text}'
            time.sleep(0.05)

    def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f'did not end:\n{self.text}')

    def interrupt(self) -> None:
        """What Ctrl+C does in a terminal: SIGINT to all of its processes. Waits for its end."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.wait()

    def pid(self, name: str) -> int:
        """Process id of a node, as launch tells it: '[NAME-N]: process started with pid [PID]'."""
        self.wait_for(f'[{name}-')
        line = next(
            line for line in self.text.splitlines() if f'[{name}-' in line and 'with pid [' in line
        )
        return int(line.rpartition('[')[2].rstrip(']'))

    def kill(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        lifeline.end(self._mark)  # also what has a session of its own, to outlast others
        self.process.wait()


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, domain: str) -> dict[str, str]:
    """A domain of its own on this machine, and a folder for launch's logs; the test's own rclpy gets them, too."""
    for name, value in {
        'ROS_DOMAIN_ID': domain,
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_LOG_DIR': str(tmp_path / 'ros_log'),
        'OMP_NUM_THREADS': '1',
        'PYTHONUNBUFFERED': '1',
    }.items():
        monkeypatch.setenv(name, value)
    return dict(os.environ)


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Callable[..., Launch]]:
    """`start('sim.launch.py', 'seed:=1')`; what still runs at the end of the test is ended."""
    launches: list[Launch] = []

    def begin(*arguments: str, **env: str) -> Launch:
        log = tmp_path / f'launch_{len(launches)}.log'
        launches.append(Launch(log, {**environment, **env}, *arguments))
        return launches[-1]

    yield begin
    for launch in launches:
        launch.kill()


@pytest.fixture
def refused(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`refused('sim.launch.py', 'seed:=first')`: in which words a launch file refuses arguments, and that nothing starts.

    Visited in this process as `ros2 launch` visits it, which as a process takes most of a second.
    """

    def visit(entity: Any, context: Any) -> None:
        for inner in entity.visit(context) or ():
            visit(inner, context)

    def refuse(file: str, *arguments: str) -> str:
        from launch import LaunchContext
        from launch.actions import IncludeLaunchDescription
        from launch.launch_description_sources import PythonLaunchDescriptionSource
        from launch_ros.actions import Node

        started: list[Any] = []
        monkeypatch.setattr(Node, 'execute', lambda node, _: started.append(node))
        source = PythonLaunchDescriptionSource(str(ROOT / 'launch' / file))
        given = [tuple(argument.split(':=', 1)) for argument in arguments]
        with pytest.raises(Exception) as error:  # whatever it is: `launch` shows its words
            visit(IncludeLaunchDescription(source, launch_arguments=given), LaunchContext())
        assert not started
        return str(error.value)

    return refuse


@pytest.fixture(scope='session')
def tiny_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy with random weights that looks through cam_high; made in a process, to keep PyTorch out of this one.

    Once for all processes of pytest-xdist, whose folders lie side by side: it takes ten seconds of a processor.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if 'PYTEST_XDIST_WORKER' in os.environ else own
    folder = shared / 'models' / 'tiny'
    with (shared / 'models.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _write_policy(folder.with_name('new'))
            folder.with_name('new').rename(folder)
    return folder


def _write_policy(folder: Path) -> None:
    code = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / 'test' / 'unit')!r})
from synthetic import tiny_config, write_policy
write_policy(Path({str(folder)!r}), tiny_config(chunk=100))
"""
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.fixture
def tiny_sim(tiny_policy: Path) -> list[str]:
    """Arguments of aloha.launch.py for a simulation that asks little of the machine."""
    small = ['image_height:=48', 'image_width:=64', 'image_rate_hz:=20.0']
    return [f'checkpoint:={tiny_policy}', *small]


SHORT = """
import sys
if any(word.endswith('/act_ros/sim') for word in sys.orig_argv):
    from act_ros.sim.world import STEPS
    STEPS.update(dict.fromkeys(STEPS, 100))
"""
"""Python runs a sitecustomize.py at its start: here the simulator alone heeds it."""


@pytest.fixture
def short_episodes(tmp_path: Path) -> dict[str, str]:
    """What to add to an environment in which a simulated task is given two seconds, where it has eight or ten."""
    folder = tmp_path / 'short'
    folder.mkdir()
    (folder / 'sitecustomize.py').write_text(SHORT, encoding='utf-8')
    return {
        'PYTHONPATH': os.pathsep.join(filter(None, [str(folder), os.environ.get('PYTHONPATH')]))
    }


@pytest.fixture
def drivers(tmp_path: Path) -> dict[str, str]:
    """An ament prefix with stand-ins of the drivers' packages; returns the environment that has it."""
    prefix, calls = tmp_path / 'drivers', tmp_path / 'calls'
    calls.mkdir()
    executables = {
        'interbotix_xsarm_control': None,
        'interbotix_xs_modules': None,
        'interbotix_xs_sdk': 'xs_sdk',
        'interbotix_gravity_compensation': 'interbotix_gravity_compensation',
        'realsense2_camera': 'realsense2_camera_node',
        'tf2_ros': 'static_transform_publisher',
        'interbotix_slate_driver': 'slate_base_node',
        'teleop_twist_joy': 'teleop_node',
        'joy': 'joy_node',
        'rviz2': 'rviz2',
    }
    for package, executable in executables.items():
        marker = prefix / 'share' / 'ament_index' / 'resource_index' / 'packages' / package
        for folder in (
            marker.parent,
            prefix / 'share' / package / 'launch',
            prefix / 'lib' / package,
        ):
            folder.mkdir(parents=True, exist_ok=True)
        marker.touch()
        if executable:
            path = prefix / 'lib' / package / executable
            path.write_text(DRIVER, encoding='utf-8')
            path.chmod(0o755)
    launch_file = (
        prefix / 'share' / 'interbotix_xsarm_control' / 'launch' / 'xsarm_control.launch.py'
    )
    launch_file.write_text(XSARM_CONTROL, encoding='utf-8')
    modules = prefix / 'python' / 'interbotix_xs_modules' / 'xs_launch'
    modules.mkdir(parents=True)
    (modules.parent / '__init__.py').touch()
    (modules / '__init__.py').write_text(XS_LAUNCH, encoding='utf-8')
    return {
        'AMENT_PREFIX_PATH': f'{prefix}:{os.environ["AMENT_PREFIX_PATH"]}',
        'PYTHONPATH': f'{prefix / "python"}:{os.environ.get("PYTHONPATH", "")}',
        'CALLS': str(calls),
    }


class Listener:
    """An rclpy node of the test that counts messages."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.context import Context
        from rclpy.executors import SingleThreadedExecutor

        self._context = Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node('launch_test', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.count: dict[str, int] = {}

    def listen(self, kind: type, topic: str) -> None:
        """Count the messages of `topic`."""
        from rclpy.qos import qos_profile_sensor_data

        self.count[topic] = 0

        def arrived(_: object) -> None:
            self.count[topic] += 1

        self.node.create_subscription(kind, topic, arrived, qos_profile_sensor_data)

    def spin_until(self, condition: Callable[[], bool], what: str) -> None:
        """Take messages until `condition` holds, or fail."""
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end, f'{what}: {self.count}'
            self._executor.spin_once(timeout_sec=0.1)

    def spin_for(self, seconds: float) -> None:
        """Take messages for some time: to see that something does not come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.1)

    def close(self) -> None:
        self.node.destroy_node()
        self._context.try_shutdown()


@pytest.fixture
def listener(environment: dict[str, str]) -> Iterator[Listener]:
    """A node in the test's domain."""
    made = Listener()
    yield made
    made.close()
