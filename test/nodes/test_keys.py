# SPDX-License-Identifier: Apache-2.0
"""The keys of the operator: each calls its service and says what came of it."""

from __future__ import annotations

import os
import subprocess
import sys

from act_msgs.srv import StopEpisode
from std_srvs.srv import SetBool


def _press(keys):
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, '-m', 'act_ros.nodes.keys'],
        input=keys, env=env, capture_output=True, text=True, timeout=90,
    )  # fmt: skip


def test_keys_engage_and_stop_an_episode_with_its_verdict(ros):
    asked = []

    def engage(request, response):
        asked.append(('engage', request.data))
        response.success, response.message = True, 'engaged'
        return response

    def stop(request, response):
        asked.append(('stop', request.keep, request.success))
        response.message = 'no episode is open'
        return response

    node = ros.node('robot', namespace='/act')
    node.create_service(SetBool, 'teleop/engage', engage)
    node.create_service(StopEpisode, 'recorder/stop', stop)
    done = _press('e?ds f q x')  # unknown keys do nothing, and after q none counts
    assert done.returncode == 0, done.stderr
    assert asked[:2] == [('engage', True), ('engage', False)]
    assert ('stop', True, True) in asked and ('stop', True, False) in asked
    assert 'NOT DONE, no episode is open' in done.stdout
    assert 'start an episode: nobody serves /act/recorder/start' in done.stdout
    assert '/act/recorder/discard' not in done.stdout


def test_the_end_of_the_input_ends_it():
    done = _press('')
    assert done.returncode == 0 and 'space' in done.stdout
