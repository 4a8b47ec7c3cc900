# SPDX-License-Identifier: Apache-2.0
"""The keys of the operator: each calls its service and says what came of it."""

from __future__ import annotations

import os
import subprocess
import sys

from act_msgs.srv import StopEpisode
from std_srvs.srv import SetBool, Trigger


def _press(keys):
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, '-m', 'act_ros.nodes.session.keys'],
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
    assert 'nobody serves /act/session/go or /act/recorder/start' in done.stdout
    assert '/act/recorder/discard' not in done.stdout


def test_where_a_session_runs_the_keys_are_for_it(ros):
    asked = []

    def trigger(name):
        def serve(_, response):
            asked.append(name)
            response.success, response.message = name != 'end', f'{name} was heard'
            return response

        return serve

    def pause(request, response):
        asked.append(('pause', request.data))
        response.success = True
        return response

    node = ros.node('robot', namespace='/act')
    for name in ('go', 'discard', 'end'):
        node.create_service(Trigger, f'session/{name}', trigger(name))
    node.create_service(SetBool, 'session/pause', pause)
    node.create_service(Trigger, 'recorder/discard', trigger('recorder'))
    done = _press(' xpz')
    assert asked == ['go', 'discard', ('pause', True), 'end'], done.stdout
    assert 'NOT DONE, end was heard' in done.stdout


def test_the_end_of_the_input_ends_it():
    done = _press('')
    assert done.returncode == 0 and 'space' in done.stdout
