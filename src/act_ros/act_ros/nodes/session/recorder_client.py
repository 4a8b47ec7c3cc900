# SPDX-License-Identifier: Apache-2.0
"""The recorder as a session knows it: its state, and requests to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from act_msgs.msg import RecorderState, SourceFault
from act_msgs.srv import StartEpisode, StopEpisode
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from act_ros.control.session.types import RecorderStatus, SessionError
from act_ros.data.recording.source_watch import Wrong, in_words
from act_ros.nodes.shared.topics import LATCHED

ANSWER_S = 65.0
"""Patience with an answer: a verdict is written by copying the episode."""


_WRONG = {getattr(SourceFault, wrong.name): wrong for wrong in Wrong}


class RecorderClient:
    """Implements `control.session.types.Recorder`; its methods are called by the session's thread."""

    def __init__(self, node: Node, task: str, commanded: Callable[[], bool]) -> None:
        """Listen to the recorder in `node`'s namespace.

        Args:
            node: of the session.
            task: the episodes' task.
            commanded: whether the followers are being commanded, so that the recorder hears commands.
        """
        self._task, self._commanded = task, commanded
        self._recording = RecorderStatus()
        self.dataset, self.next_number = '', 0
        node.create_subscription(RecorderState, 'recorder_state', self._on_state, LATCHED)
        self._start = node.create_client(StartEpisode, 'recorder/start')
        self._stop = node.create_client(StopEpisode, 'recorder/stop')
        self._discard = node.create_client(Trigger, 'recorder/discard')
        self._discard_last = node.create_client(Trigger, 'recorder/discard_last')
        self._mark_last = node.create_client(SetBool, 'recorder/mark_last')

    def _on_state(self, msg: RecorderState) -> None:
        self.dataset = msg.dataset
        if not msg.open:
            self.next_number = msg.episode
        self._recording = status(msg, self._commanded())

    def view(self) -> RecorderStatus:
        """What the recorder says now."""
        return self._recording

    def start(self) -> None:
        """Open an episode."""
        _ask(self._start, StartEpisode.Request(task=self._task, seed=-1))

    def stop(self, success: bool, keep_rows: int) -> None:
        """Keep the open episode, or its first rows; it is written meanwhile."""
        request = StopEpisode.Request(keep=True, success=success, keep_rows=keep_rows)
        _ask(self._stop, request, wait=False)

    def discard(self) -> None:
        """Throw the open episode away."""
        _ask(self._discard, Trigger.Request(), wait=False)

    def discard_last(self) -> None:
        """Move the last kept episode out of the dataset."""
        _ask(self._discard_last, Trigger.Request())

    def mark_last(self, success: bool) -> None:
        """Give the last kept episode another verdict."""
        _ask(self._mark_last, SetBool.Request(data=success))


def status(msg: RecorderState, commanded: bool) -> RecorderStatus:
    """What the recorder says, for a session.

    Commands are missed whenever nothing moves: that is no fault while the followers are not `commanded`.
    """
    wrong = [at for at in msg.sources if commanded or at.source != SourceFault.COMMANDS]
    lacks = in_words((_WRONG[at.fault], at.about) for at in wrong if at.fault in _WRONG)
    return RecorderStatus(
        open=msg.open,
        ready=not wrong,
        rows=msg.rows,
        dropped=msg.dropped,
        kept=msg.kept,
        failed=msg.failed,
        last=msg.last_kept,
        success=msg.last_success,
        reason='; '.join(filter(None, (lacks, msg.fault))),
        message=msg.message,
        fault=msg.state == RecorderState.FAULT,
    )


def _ask(client: Any, request: Any, wait: bool = True) -> None:
    """Call the recorder; `wait` for its answer, too.

    Raises:
        SessionError: it is not done, and why.
    """
    if not client.wait_for_service(2.0):
        raise SessionError(f'{client.srv_name} is not there; does the recorder run?')
    answered = threading.Event()
    future = client.call_async(request)
    future.add_done_callback(lambda _: answered.set())
    if not wait:
        return
    if not answered.wait(ANSWER_S):
        raise SessionError(f'{client.srv_name} gave no answer within {ANSWER_S:g} s')
    answer = future.result()
    if not answer.success:
        raise SessionError(str(answer.message))
