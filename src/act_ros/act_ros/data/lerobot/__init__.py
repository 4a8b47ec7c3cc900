# SPDX-License-Identifier: Apache-2.0
"""LeRobotDataset v3.0 (written and read) and v2.1 (read), without LeRobot's library.

The format: docs/source/lerobot-dataset-v3.mdx and src/lerobot/datasets of huggingface/lerobot 0.6;
v2.1 as `convert_dataset_v21_to_v30.py` there reads it.
"""
