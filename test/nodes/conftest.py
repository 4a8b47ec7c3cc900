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


@pytest.fixture(scope='module')
def simulation():
    """A simulated scene that nobody steps."""
    from fakes import SPEC

    from act_ros.sim.simulation import Simulation

    return Simulation('transfer_cube', 0, SPEC, scripted=False)


@pytest.fixture
def commander(ros, simulation, monkeypatch):
    """A node that commands, and the drivers of its arms; `motors`, and `drivers`, by arm."""
    import threading

    from fakes import SPEC
    from test_gate import Commander

    from act_ros.nodes.shared import hardware
    from act_ros.nodes.sim.driver import SimDriver
    from act_ros.sim.motors import ArmMotors

    monkeypatch.setattr(hardware, 'ASK_S', 60.0)
    made, lock = Commander(ros), threading.Condition()
    made.motors, made.drivers, made.hardware = {}, {}, made.output.hardware
    for name in (arm.follower for arm in SPEC.arms):
        before = simulation.motors[name]
        motors = ArmMotors(before.model, before.scale, SPEC, torque=True)
        made.motors[name] = simulation.motors[name] = motors
        driver = SimDriver(f'/{name}', name, simulation, lock, context=ros.context)
        made.drivers[name] = ros.add(driver.node)
    ros.wait_until(lambda: all(arm.client.service_is_ready() for arm in made.hardware._arms))
    return made
