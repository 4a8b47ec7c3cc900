# SPDX-License-Identifier: Apache-2.0
"""SROS 2: with the rights of config/sros2.policy.xml everything runs, and who lacks them reaches nothing.

Only where DDS was built with security and ROS's own `sros2` is installed, so not with the ROS 2 that comes from PyPI.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

pytest.importorskip('sros2', reason='sros2 is not installed')

ROOT = Path(__file__).resolve().parent.parent.parent
POLICY = ROOT / 'config' / 'sros2.policy.xml'
DEADLINE_S = 60.0
SMALL = ['image_height:=48', 'image_width:=64']
MAKE = """
import sys
from pathlib import Path
from sros2.api._artifact_generation import generate_artifacts
generate_artifacts(Path(sys.argv[1]), [], [Path(sys.argv[2])])
"""
SPEAK = """
import sys, time
import rclpy
from interbotix_xs_msgs.msg import JointGroupCommand

space, name, topic, patience = *sys.argv[1:4], float(sys.argv[4])
rclpy.init(args=[])
node = rclpy.create_node(name, namespace=space)
print('made', flush=True)
publisher = node.create_publisher(JointGroupCommand, topic, 1)
end = time.monotonic() + patience
while not publisher.get_subscription_count() and time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.05)
for _ in range(20):
    publisher.publish(JointGroupCommand(name='arm', cmd=[3.0] * 6))
    rclpy.spin_once(node, timeout_sec=0.02)
print('heard by', publisher.get_subscription_count())
print('topics', sorted(name for name, _ in node.get_topic_names_and_types()))
"""
"""Commands an arm as hard as it can, and says who heard it and what it saw."""
COMMANDS = '/follower_left/commands/joint_group'


def _make(folder: Path) -> Path:
    made = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', MAKE, folder, POLICY],
        capture_output=True,
        text=True,
    )
    assert (folder / 'enclaves' / 'act' / 'policy' / 'key.pem').exists(), made.stderr
    return folder


@pytest.fixture
def keystore(environment: dict[str, str], tmp_path: Path) -> Path:
    """The keys of everybody in the shipped policy, for the test's domain."""
    folder = _make(tmp_path / 'keystore')
    tried = _speak(folder, '/act/console', '/act', 'console', '/act/stop', patience_s=0.0)
    if "doesn't have the security libraries" in tried.stderr:
        pytest.skip('this DDS is built without security')
    return folder


def _keys(keystore: Path, enclave: str) -> dict[str, str]:
    """What a person exports to have the key of an enclave."""
    return {
        'ROS_SECURITY_KEYSTORE': str(keystore),
        'ROS_SECURITY_ENABLE': 'true',
        'ROS_SECURITY_STRATEGY': 'Enforce',
        'ROS_SECURITY_ENCLAVE_OVERRIDE': enclave,
    }


def _speak(
    keystore: Path | None, enclave: str, *who: str, patience_s: float = DEADLINE_S
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **(_keys(keystore, enclave) if keystore else {})}
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', SPEAK, *who, str(patience_s)],
        env=env, capture_output=True, text=True, timeout=2 * DEADLINE_S,
    )  # fmt: skip


def _ros2(keystore: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of a person with the key of the console."""
    env = {**os.environ, **_keys(keystore, '/act/console')}
    return subprocess.run(
        ['ros2', *words], env=env, capture_output=True, text=True, timeout=2 * DEADLINE_S
    )


def test_with_its_keys_a_policy_runs_is_recorded_and_obeys_a_person(
    start: Callable, tiny_sim: list[str], keystore: Path, tmp_path: Path
) -> None:
    data = tmp_path / 'data'
    given = (f'keystore:={keystore}', f'record:={data}')
    launch = start('aloha.launch.py', *tiny_sim, *given)
    launch.wait_for('RUNNING')
    launch.wait_for('recording')
    state = _ros2(keystore, 'topic', 'echo', '--once', '/act/policy_state')
    assert 'state: ' in state.stdout, state.stderr
    stopped = _ros2(keystore, 'service', 'call', '/act/policy/stop', 'std_srvs/srv/Trigger', '{}')
    assert 'success=True' in stopped.stdout, stopped.stdout + stopped.stderr
    launch.wait_for('STOP')
    launch.interrupt()
    assert 'SECURITY' not in launch.text and 'Traceback' not in launch.text, launch.text
    assert _episodes(data)


def test_with_its_keys_a_demonstration_is_recorded_and_replayed(
    start: Callable, keystore: Path, tmp_path: Path
) -> None:
    data, given = tmp_path / 'data', (f'keystore:={keystore}', *SMALL)
    recorded = ('episodes:=1', 'length:=60', 'keep_failures:=true', f'dataset:={data}')
    launch = start('record.launch.py', *recorded, *given)
    assert launch.wait() == 0, launch.text
    assert 'SECURITY' not in launch.text, launch.text
    (episode,) = _episodes(data)
    launch = start('replay.launch.py', f'episode:={episode}', *given)
    assert launch.wait() == 0, launch.text
    assert 'SECURITY' not in launch.text and 'done: 60 actions' in launch.text, launch.text


def _episodes(folder: Path) -> list[Path]:
    found = sorted(folder.glob('episode_*.hdf5'))
    for path in found:
        with h5py.File(path) as file:
            assert len(file['action']) > 0
    return found


def test_who_has_no_key_of_this_keystore_sees_and_moves_nothing(
    start: Callable, tiny_sim: list[str], keystore: Path, tmp_path: Path
) -> None:
    launch = start('aloha.launch.py', *tiny_sim, f'keystore:={keystore}', 'enable:=false')
    launch.wait_for('IDLE')
    within = _speak(keystore, '/act/policy', '/act', 'policy', COMMANDS)
    assert 'heard by 1' in within.stdout, 'who may command is not heard:\n' + within.stderr
    other = _make(tmp_path / 'other_keystore')
    for keys, enclave in ((None, ''), (other, '/act/policy')):
        outside = _speak(keys, enclave, '/act', 'policy', COMMANDS, patience_s=10.0)
        assert 'heard by 0' in outside.stdout, outside.stdout + outside.stderr
        seen = outside.stdout.rpartition('topics')[2]
        assert 'joint_states' not in seen and 'camera' not in seen, seen


@pytest.mark.parametrize('program', ['recorder', 'doctor', 'console', 'guard'])
def test_a_key_gives_no_right_to_command_the_arms_to_who_has_none(
    keystore: Path, program: str
) -> None:
    refused = _speak(keystore, f'/act/{program}', '/act', program, COMMANDS)
    assert refused.stdout.startswith('made') and 'heard by' not in refused.stdout, refused.stdout
    assert 'topic not found in allow rule' in refused.stdout + refused.stderr


def test_a_program_whose_key_is_missing_does_not_start(
    start: Callable, tiny_sim: list[str], keystore: Path
) -> None:
    (keystore / 'enclaves' / 'act' / 'policy').rename(keystore / 'elsewhere')
    launch = start('aloha.launch.py', *tiny_sim, f'keystore:={keystore}')
    assert launch.wait() == 1
    assert '/act/policy' in launch.text and 'SROS 2' in launch.text, launch.text
    assert 'Traceback' not in launch.text and 'RUNNING' not in launch.text
