# SPDX-License-Identifier: Apache-2.0
"""A disk too slow for the rows loses them in sight; a folder that cannot be written is refused at once."""

from __future__ import annotations

from act_msgs.msg import RecorderState
from sources import Recorder, Sources, launch

from act_ros.data.recording.archive import QUEUE_ROWS
from act_ros.data.recording.episode_writer import read_episode


def test_rows_for_which_the_disk_is_too_slow_are_counted_and_shown(ros, tmp_path):
    slow = (
        'import time\nfrom act_ros.data.recording.episode_writer import EpisodeWriter as Writer\n'
        'append = Writer.append_row\n'
        'Writer.append_row = lambda self, row: (time.sleep(0.05), append(self, row))\n'
    )
    fast = Sources(ros.node('fast'), space='/slow')
    recorder = Recorder(ros, tmp_path / 'data', tmp_path / 'log', '/slow', before=slow)
    recorder.begin()
    state = recorder.wait(lambda state: state.overflow > 10)
    assert state.state == RecorderState.FAULT and 'too slow' in state.reason
    assert state.queue <= QUEUE_ROWS
    answer = recorder.end()
    assert recorder.stop() == 0
    fast.close()
    with read_episode(answer.message) as episode:
        assert episode.attrs['overflow_rows'] == answer.dropped > 10
        assert any('too slow' in fault for fault in episode.attrs['faults'])
        assert len(episode.stamp) == answer.rows


def test_an_unwritable_folder_is_refused_in_one_line(tmp_path):
    (tmp_path / 'data').mkdir(mode=0o555)
    process = launch(tmp_path / 'data', tmp_path / 'log')
    assert process.wait(90) == 1
    output = (tmp_path / 'log').read_text()
    assert output.startswith('error: ') and 'Permission denied' in output
    assert output.count('\n') == 1
