# SPDX-License-Identifier: Apache-2.0
"""What topics and services are for, in words: their types say it only in part. For scripts/reference.py."""

DRIVER = 'driver of the arm'
TOPIC_WORDS: dict[str, tuple[str, str]] = {
    '/ARM/commands/joint_group': (
        '',
        'Six joints of an arm, rad; group `arm`. To leaders only while a session moves them.',
    ),
    '/ARM/commands/joint_single': ('', 'Gripper of an arm: motor angle, rad; joint `gripper`.'),
    '/ARM/commands/joint_trajectory': ('', "Heard by the simulated drivers, as by Interbotix's."),
    '/ARM/joint_states': (DRIVER, 'Positions, velocities and efforts of an arm.'),
    '/CAM/camera/color/image_rect_raw': (
        'driver of the camera, or sim',
        "A camera's picture. The name is in `config/aloha.yaml`.",
    ),
    '/act/chunk': ('', 'Each chunk of actions, as it comes from the network; of the policy only.'),
    '/act/command': ('', 'Each command, as it went out to the followers: for recording.'),
    '/act/episode_fault': ('', 'A line on what is wrong with the episode that is recorded now.'),
    '/act/policy/transition_event': ('', 'Each step from one lifecycle state to another.'),
    '/act/policy_state': ('', 'What the policy does, how well, and why it holds. Latched.'),
    '/act/recorder_state': ('', 'What the recorder does, and what it lacks. Latched.'),
    '/act/session_state': ('', 'The line of the recording session. Latched.'),
    '/act/sim_state': ('', 'Task, seed, reward and success of the simulated episode. Latched.'),
    '/act/stop': (
        'anybody',
        'Any message stops the robot until a person resets it: no node commands an arm.',
    ),
    '/act/stop_state': ('', 'What has stopped the robot; empty: nothing has. Latched.'),
    '/clock': ('', 'Simulated time.'),
    '/diagnostics': (
        '',
        'How each loop, arm, camera, inference, recording and disk is, once a second.',
    ),
}
SERVICE_WORDS: dict[str, str] = {
    '/ARM/get_motor_registers': "Simulated drivers, as Interbotix's: read a register.",
    '/ARM/get_robot_info': "Simulated drivers, as Interbotix's: names and limits of the joints.",
    '/ARM/gravity_compensation_enable': 'Simulated leaders: carry their weight, or hold.',
    '/ARM/reboot_motors': "Simulated drivers, as Interbotix's: clear a hardware error.",
    '/ARM/set_motor_pid_gains': "Simulated drivers, as Interbotix's: kept, without effect.",
    '/ARM/set_motor_registers': "Simulated drivers, as Interbotix's: write a register.",
    '/ARM/set_operating_modes': "Simulated drivers, as Interbotix's: mode and profile.",
    '/ARM/torque_enable': "Simulated drivers, as Interbotix's: torque on or off.",
    '/act/policy/change_state': 'Configure, activate, deactivate, clean up or shut down, as `ros2 lifecycle set`.',
    '/act/policy/get_available_states': 'The states that a managed node can have.',
    '/act/policy/get_available_transitions': 'What `change_state` can do now.',
    '/act/policy/get_state': 'The state of the node, as `ros2 lifecycle get`.',
    '/act/policy/get_transition_graph': 'All transitions between all states.',
    '/act/policy/enable': 'true: the arms may move (clears a fault, too); false: they hold.',
    '/act/policy/list_models': 'The policies that there are, and which of them fit this robot.',
    '/act/guard/let_go': 'A person holds the arms that are not at rest: their drivers may end.',
    '/act/guard/rest': 'Try again to bring the arms to rest.',
    **{
        f'/act/{node}/{service}': words
        for node in ('guard', 'policy', 'replay', 'rest', 'session', 'teleop')
        for service, words in (
            ('stop', 'Stop the robot: no node commands an arm until the stop is reset.'),
            ('stop_reset', 'Reset a stop of the robot. Nothing moves before it is enabled again.'),
        )
    },
    '/act/policy/reset': 'Forget what was planned, and clear a fault.',
    '/act/recorder/discard': 'Throw the open episode away.',
    '/act/recorder/discard_last': 'Move the last kept episode to `discarded/`.',
    '/act/recorder/mark_last': 'Mark the last kept episode: true, success; false, failure.',
    '/act/recorder/start': 'Open an episode.',
    '/act/recorder/stop': 'Close the open episode, and keep it or not.',
    '/act/replay/enable': 'true: replay from the first action; false: stop, the arms hold.',
    '/act/session/discard': 'Discard the open episode; else the last one.',
    '/act/session/end': 'End the session; the arms go to rest.',
    '/act/session/go': 'Go on: move to the start, start an episode, end it as a success.',
    '/act/session/let_go': 'A person holds the arms that could not be brought to rest: all may end.',
    '/act/session/mark': 'true: success, false: failure. Ends the open episode, or marks the last one.',
    '/act/session/pause': 'true: grippers start nothing; false: they do again.',
    '/act/sim/reset': 'Begin another simulated episode, with a seed.',
    '/act/teleop/engage': 'true: the followers follow; false: they hold. Without a session.',
}
