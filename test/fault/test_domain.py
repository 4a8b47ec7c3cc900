# SPDX-License-Identifier: Apache-2.0
"""A ROS domain that cannot be used, or is used by the same nodes already: one line, and nothing else happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'nodes'))

from processes import module_of  # noqa: E402

SIM = ('image_height:=48', 'image_width:=64', 'cameras:=["cam_high"]')


def begin(executable, *parameters, **env):
    options = [word for given in parameters for word in ('-p', given)]
    return subprocess.Popen(
        [sys.executable, '-m', module_of(executable), '--ros-args', '-r', '__ns:=/act', *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), **env},
    )  # fmt: skip


@pytest.mark.parametrize(('executable', 'domain'), [('policy', 'abc'), ('sim', '500')])
def test_a_domain_that_does_not_exist_is_one_line(executable, domain):
    process = begin(executable, ROS_DOMAIN_ID=domain)
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 1, output
    assert f'ROS_DOMAIN_ID is {domain}; expected a number from 0 to 232' in output
    assert 'Traceback' not in output


@pytest.mark.parametrize('executable', ['policy', 'sim'])
def test_a_second_node_of_the_name_in_the_domain_ends_with_what_to_do(ros, executable):
    given = SIM if executable == 'sim' else ()
    first = begin(executable, *given)
    try:
        node = ros.node('watcher')
        ros.wait_until(lambda: executable in node.get_node_names())
        second = begin(executable, *given)
        output, _ = second.communicate(timeout=90)
        assert second.returncode == 1, output
        assert f'/act/{executable} runs already in ROS domain' in output
        assert 'namespace:=NAME' in output
        assert 'Traceback' not in output
        assert first.poll() is None
    finally:
        first.send_signal(signal.SIGINT)
        output, _ = first.communicate(timeout=90)
    assert first.returncode == 0, output
    assert 'Traceback' not in output
