#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Read an episode, of whatever kind: HDF5 of any ALOHA, or FOLDER/episode_N of a LeRobot dataset.

python examples/read_episode.py data/cube/episode_0.hdf5
"""

import sys
from pathlib import Path

from act_ros.data.playback import find_episode

if len(sys.argv) != 2:
    sys.exit(__doc__)
with find_episode(Path(sys.argv[1])).open() as episode:
    print(f'{episode.kind}: {len(episode)} ticks, cameras {", ".join(episode.cameras)}')
    print('task', episode.attrs.get('task'), '- success', episode.attrs.get('success'))
    print('joints at the start', episode.qpos[0].round(2))
    print('last action', episode.action[-1].round(2))
    for camera in episode.cameras:
        print(camera, episode.images[camera][0].shape)
