# SPDX-License-Identifier: Apache-2.0
"""The parameters of the recorder node."""

from __future__ import annotations

from act_ros.data.recording.archive import MIN_FREE
from act_ros.nodes.shared.parameters import Param

PARAMETERS = (
    Param('task', 'transfer_cube', 'Name of the task, written into the episodes.'),
    Param('dataset', '', 'Folder of the episodes; made if it is missing.'),
    Param('episodes', 0, 'End after this many episodes were kept; 0: go on until stopped.', low=0),
    Param('length', 0, "Rows of an episode; 0: the simulated task's, or until stopped.", low=0),
    Param('keep_failures', False, 'Keep episodes without success, too; they are marked.'),
    Param('follow', True, "In simulation: record the simulator's episodes by itself."),
    Param('images', 'jpeg', 'How images are stored.', choices=('jpeg', 'raw')),
    Param('jpeg_quality', 95, 'Quality of the JPEGs.', 1, 100),
    Param(
        'base', '', 'Odometry topic of a mobile base (SLATE: mobile_base/odom); empty: no base.'
    ),
    Param('private', False, 'Whether what is recorded is readable by this user alone.'),
    Param(
        'min_free_mb', MIN_FREE // 1024**2, 'No episode begins with fewer MB free on the disk.', 1
    ),
)
CAMERAS = 'Cameras to record, by their names in config/aloha.yaml.'
