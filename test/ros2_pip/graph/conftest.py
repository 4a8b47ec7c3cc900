# SPDX-License-Identifier: Apache-2.0
"""A node in another process, and the commands of ros2 that look at it, in this one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from talker import Done, Talker

if importlib.util.find_spec('launch._standin') is None:
    from ros2cli.cli import main
else:
    from ros2_pip.cli import main
PROFILE = """<?xml version="1.0" encoding="UTF-8" ?>
<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">
  <participant profile_name="often" is_default_profile="true"><rtps><builtin><discovery_config>
    <leaseAnnouncement><sec>0</sec><nanosec>200000000</nanosec></leaseAnnouncement>
  </discovery_config></builtin></rtps></participant>
</profiles>
"""


@pytest.fixture(scope='module')
def talker(tmp_path_factory: pytest.TempPathFactory, module_domain: str) -> Iterator[Talker]:
    """Start the node; nodes of its domain find each other soon."""
    profile = tmp_path_factory.mktemp('dds') / 'often.xml'
    profile.write_text(PROFILE)
    patch = pytest.MonkeyPatch()
    patch.setenv('ROS_DOMAIN_ID', module_domain)
    patch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    patch.setenv('FASTRTPS_DEFAULT_PROFILES_FILE', str(profile))
    if not os.environ.get('AMENT_PREFIX_PATH'):
        patch.setenv('AMENT_PREFIX_PATH', sys.prefix)
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name('talker_node.py')],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == 'ready\n'
    node = Talker([], threading.Condition())

    def read() -> None:
        for line in process.stdout:  # type: ignore[union-attr]
            with node.news:
                node.lines.append(line.strip())
                node.news.notify_all()

    threading.Thread(target=read, daemon=True).start()
    yield node
    process.kill()
    process.wait()
    patch.undo()


@pytest.fixture
def ros2(
    talker: Talker, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """
    Run a command in this process, as the shell would see it.

    It has patience with what is there, as the machine may be busy, and little with what is not.
    """

    def run(*words: object) -> Done:
        absent = any(str(word) in ('/nobody', '/nothing') for word in words)
        if main.__module__ == 'ros2_pip.cli':
            monkeypatch.setattr('ros2_pip.graph.FIND_S', 0.5 if absent else 30.0)
            monkeypatch.setattr('ros2_pip.graph.MARGIN_S', 1.5)
        capfd.readouterr()
        try:
            code = main(argv=[str(word) for word in words])
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        if isinstance(code, str):  # as the interpreter does with it
            code, err = 1, f'{err}{code}\n'
        return Done(code or 0, out, err)

    return run
