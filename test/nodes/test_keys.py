# SPDX-License-Identifier: Apache-2.0
"""The keys of the operator: each calls its service and says what came of it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading

from act_msgs.msg import SessionState
from act_msgs.srv import StopEpisode
from std_msgs.msg import Empty, String
from std_srvs.srv import SetBool, Trigger

from act_ros.nodes.shared.topics import LATCHED


def _press(keys):
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, '-m', 'act_ros.nodes.session.keys'],
        input=keys, env=env, capture_output=True, text=True, timeout=90,
    )  # fmt: skip


class Keys:
    """The program with its keys in a pipe; `output` is what it has written so far."""

    def __enter__(self):
        env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'PYTHONUNBUFFERED': '1'}
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'act_ros.nodes.session.keys'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env,
        )  # fmt: skip
        self.output = ''
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def _read(self):
        while part := self.process.stdout.read1(4096):
            self.output += part.decode()

    def press(self, key):
        self.process.stdin.write(key.encode())
        self.process.stdin.flush()

    def __exit__(self, *_):
        self.process.stdin.close()
        self._reader.join()
        self.process.wait()


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
    done = _press('e?ds\nf\nq\nx')  # unknown keys do nothing, and after q none counts
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
    done = _press('\nxpz')
    assert asked == ['go', 'discard', ('pause', True), 'end'], done.stdout
    assert 'NOT DONE, end was heard' in done.stdout


def test_space_stops_the_robot_at_once_and_u_twice_resets_it(ros):
    node, heard, said = ros.node('robot', namespace='/act'), [], []
    node.create_subscription(Empty, 'stop', heard.append, 1)
    node.create_subscription(String, 'stop_state', lambda msg: said.append(msg.data), LATCHED)
    keys = Keys()
    with keys:
        keys.press('s')  # waits for an answer, since nobody serves it
        keys.press(' ')
        ros.wait_until(lambda: said)  # latched: however soon it was pressed
        keys.press(' ')
        ros.wait_until(lambda: heard)  # an event, for who listens already
        assert said[-1] == 'space in keys'
        ros.wait_until(lambda: 'nothing is commanded any more' in keys.output)
        keys.press('u')
        ros.wait_until(lambda: 'press u once more' in keys.output)
        assert said[-1] != ''
        keys.press('u')
        ros.wait_until(lambda: said[-1] == '')


def test_a_stop_that_nobody_hears_is_said():
    done = _press(' ')
    assert 'NOBODY HEARS IT. Use the power switch' in done.stdout


def test_the_end_of_the_input_ends_it():
    done = _press('')
    assert done.returncode == 0 and 'space' in done.stdout


def test_a_terminal_shows_what_the_session_does_and_a_fault_before_that(ros):
    """The words of the fields, never parts of the line for people."""
    master, slave = pty.openpty()
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    shown = bytearray()

    def read():
        try:
            while part := os.read(master, 4096):
                shown.extend(part)
        except OSError:  # the last one who had it open has ended
            pass

    node = ros.node('session', namespace='/act')
    state = node.create_publisher(SessionState, 'session_state', LATCHED)
    keys = subprocess.Popen(
        [sys.executable, '-m', 'act_ros.nodes.session.keys'],
        stdin=subprocess.PIPE, stdout=slave, env=env,
    )  # fmt: skip
    os.close(slave)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        state.publish(SessionState(line='LINE 1', headline='WAITING', hint='squeeze, or x | y'))
        ros.wait_until(lambda: b'squeeze, or x | y' in shown, what='the hint')
        assert b'LINE 1' not in shown
        state.publish(SessionState(line='LINE 2', headline='WAITING', hint='z', fault='no arm'))
        ros.wait_until(lambda: b'LINE 2' in shown, what='the fault')
        keys.stdin.write(b'p')
        keys.stdin.flush()
        answer = b'the recording that runs is led by a program, and has no such key'
        ros.wait_until(lambda: answer in shown, what='the answer to a key')
        state.publish(SessionState(line='LINE 3', headline='DONE', hint='bye'))
        ros.wait_until(
            lambda: answer in shown.rpartition(b'bye')[2], what='the answer below the next state'
        )
    finally:
        keys.communicate(b'q', timeout=30)
        reader.join()
        os.close(master)
    assert keys.returncode == 0
