# SPDX-License-Identifier: Apache-2.0
"""Recording the way the ALOHA code bases do it, to compare with: the episode in memory, a file at the end.

A loop at 50 Hz keeps the newest frame of each camera; when the episode is over, all frames are made
JPEGs, padded to the longest, and written with h5py. Written for this benchmark after what
tonyzhaozh/aloha and Interbotix/aloha do; the frames come by the same topics as the recorder's.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from functools import partial
from pathlib import Path

import cv2
import h5py
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from act_ros.robot.spec import RobotSpec


def record(path: Path, seconds: float, quality: int, cameras: list[str]) -> tuple[int, float]:
    """Record an episode; its rows, and the pause at its end in seconds."""
    rclpy.init()
    node, spec = rclpy.create_node('recorder_peer'), RobotSpec.load()
    newest: dict[str, np.ndarray] = {}

    def arrived(name: str, message: Image) -> None:
        newest[name] = np.frombuffer(message.data, np.uint8).reshape(
            message.height, message.width, 3
        )

    for name in cameras:
        topic = f'/{spec.cameras[name].topic}'
        node.create_subscription(Image, topic, partial(arrived, name), qos_profile_sensor_data)
    threading.Thread(target=_spin, args=(node,), daemon=True).start()
    while len(newest) < len(cameras):
        time.sleep(0.01)
    print('recording', flush=True)
    rows: list[dict[str, np.ndarray]] = []
    due = time.monotonic()
    for _ in range(round(50 * seconds)):
        rows.append(dict(newest))
        due += 0.02
        time.sleep(max(0.0, due - time.monotonic()))
    print('ending', flush=True)
    start = time.monotonic()
    _save(path, rows, quality, cameras)
    return len(rows), time.monotonic() - start


def _spin(node: rclpy.node.Node) -> None:
    with contextlib.suppress(ExternalShutdownException):
        rclpy.spin(node)


def _save(path: Path, rows: list[dict[str, np.ndarray]], quality: int, cameras: list[str]) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    jpegs = {
        name: [cv2.imencode('.jpg', row[name], options)[1] for row in rows] for name in cameras
    }
    width = max(len(jpeg) for list_ in jpegs.values() for jpeg in list_)
    with h5py.File(path, 'w', rdcc_nbytes=2 * 1024**2) as root:
        group = root.create_group('observations/images')
        for name, list_ in jpegs.items():
            padded = np.zeros((len(list_), width), np.uint8)
            for at, jpeg in enumerate(list_):
                padded[at, : len(jpeg)] = jpeg
            group.create_dataset(name, padded.shape, 'u1', chunks=(1, width))[...] = padded


if __name__ == '__main__':
    length, pause = record(
        Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split(',')
    )
    print(f'{length} {pause}', flush=True)
    rclpy.shutdown()
