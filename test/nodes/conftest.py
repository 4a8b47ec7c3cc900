# SPDX-License-Identifier: Apache-2.0
"""A fake robot and a running policy node, for the tests that ask for them."""

import pytest


@pytest.fixture
def models(tmp_path):
    """A folder of models with one that fits the robot."""
    from fakes import write_config

    write_config(tmp_path / 'models' / 'fake')
    return tmp_path / 'models'


@pytest.fixture
def robot(ros):
    from fakes import FakeRobot

    made = FakeRobot(ros.node('robot'))
    yield made
    made.close()


@pytest.fixture
def policy(ros, models):
    """Start a policy node: policy(enable=False, ...)."""
    from fakes import Running

    running = []

    def start(**parameters):
        running.append(Running(ros, models, **parameters))
        return running[-1]

    yield start
    for each in running:
        each.close()
