# SPDX-License-Identifier: Apache-2.0
"""Processes are started, shown, respawned and ended as ROS 2's launch does it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Launched = Callable[..., 'subprocess.CompletedProcess[str]']


def test_output_is_shown_by_lines_with_the_name_of_the_process(launched: Launched) -> None:
    done = launched("""ExecuteProcess(cmd=['sh', '-c', 'echo one; echo two >&2; printf three'],
                                      output='screen'),
                       ExecuteProcess(cmd=['sh', '-c', 'echo four'], name='other',
                                      output='screen')""")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    for line in ('[sh-1] one', '[sh-1] two', '[sh-1] three', '[other-2] four'):
        assert line in lines
    assert re.search(r'^\[INFO\] \[sh-1\]: process started with pid \[\d+\]$', done.stdout, re.M)
    assert re.search(
        r'^\[INFO\] \[sh-1\]: process has finished cleanly \[pid \d+\]$', done.stdout, re.M
    )


@pytest.mark.parametrize(('code', 'shown'), [('exit 3', '3'), ('kill -9 $$', '-9')])
def test_process_that_dies_is_an_error_in_the_log_and_none_of_the_launch(
    launched: Launched,
    code: str,
    shown: str,
) -> None:
    done = launched(f"ExecuteProcess(cmd=['sh', '-c', '{code}'], name='bad')")
    assert done.returncode == 0
    assert re.search(
        r'^\[ERROR\] \[bad-1\]: process has died \[pid \d+, exit code '
        rf"{shown}, cmd 'sh -c {re.escape(code)}'\]\.$",
        done.stdout,
        re.M,
    )


def test_program_that_is_not_there_is_an_error_and_the_others_run(launched: Launched) -> None:
    done = launched("""ExecuteProcess(cmd=['/no/such/program']),
                       ExecuteProcess(cmd=['echo', 'here'], output='screen')""")
    assert re.search(r'^\[ERROR\] \[program-1\]: ', done.stdout, re.M)
    assert 'No such file or directory' in done.stdout
    assert '[echo-2] here' in done.stdout


@pytest.mark.parametrize(
    ('output', 'on_screen', 'in_log'),
    [
        ("'screen'", {'out', 'err'}, set()),
        ("'log'", {'err'}, {'out', 'err'}),
        ("'both'", {'out', 'err'}, {'out', 'err'}),
        ("{'stdout': 'screen', 'stderr': 'log'}", {'out'}, {'err'}),
    ],
)
def test_output_goes_where_it_is_wanted(
    launched: Launched,
    env: dict[str, str],
    output: str,
    on_screen: set[str],
    in_log: set[str],
) -> None:
    done = launched(f"""ExecuteProcess(cmd=['sh', '-c', 'echo out; echo err >&2'],
                                       output={output})""")
    assert set(re.findall(r'^\[sh-1\] (\w+)$', done.stdout, re.M)) == on_screen
    folders = [path for path in Path(env['ROS_LOG_DIR']).iterdir() if not path.is_symlink()]
    log = (folders[0] / 'launch.log').read_text()
    assert set(re.findall(r'^[\d.]+ \[sh-1\] (\w+)$', log, re.M)) == in_log
    assert str(folders[0]) in done.stdout
    assert (Path(env['ROS_LOG_DIR']) / 'latest').resolve() == folders[0]


def test_output_that_the_standin_lacks_is_named(standin: None, launched: Launched) -> None:
    done = launched("ExecuteProcess(cmd=['true'], output='own_log')")
    assert done.returncode == 1
    assert "is not in this stand-in; install ROS 2's own launch" in done.stdout


def test_environment_folder_and_prefix_reach_the_process(
    launched: Launched,
    tmp_path: Path,
) -> None:
    done = launched(
        f"""SetEnvironmentVariable('PIP_A', 'all'),
        ExecuteProcess(cmd=['sh', '-c', 'echo $PIP_A $PIP_B $PWD $WRAPPED'], output='screen',
            additional_env={{'PIP_B': ['o', 'ne']}}, cwd='{tmp_path}', prefix='env WRAPPED=yes'),
        ExecuteProcess(cmd=['/bin/sh', '-c', 'echo only:$PIP_A:$PIP_B'], env={{'PIP_B': 'b'}},
            output='screen'),
        ExecuteProcess(cmd=['echo', 'a;', 'echo', 'b'], shell=True, output='screen')"""
    )
    assert f'all one {tmp_path} yes' in done.stdout
    assert '[sh-2] only::b' in done.stdout
    assert '[echo-3] a\n[echo-3] b\n' in done.stdout


def test_emulated_terminal_is_one_for_the_process(launched: Launched) -> None:
    code = "import sys; print('tty', sys.stdout.isatty(), sys.stderr.isatty())"
    done = launched(f'python("{code}", emulate_tty=True), python("{code}")')
    assert 'tty True True' in done.stdout
    assert 'tty False False' in done.stdout
    done = launched(f'python("{code}")', 'emulate_tty:=true')
    assert 'tty True True' in done.stdout


def test_bytes_that_are_no_text_are_shown_all_the_same(launched: Launched) -> None:
    done = launched(r"""ExecuteProcess(cmd=['printf', r'a\377b\n'], output='screen')""")
    assert '[printf-1] a\ufffdb' in done.stdout


def test_on_exit_is_done_after_the_process(launched: Launched) -> None:
    done = launched("""
        ExecuteProcess(cmd=['true'], name='a', on_exit=[LogInfo(msg='a is over')]),
        ExecuteProcess(cmd=['sh', '-c', 'exit 4'], name='b',
            on_exit=lambda event, context: LogInfo(msg=['b: ', str(event.returncode)]))""")
    assert '[INFO] [launch.user]: a is over' in done.stdout
    assert '[INFO] [launch.user]: b: 4' in done.stdout


def test_end_of_a_required_process_ends_the_launch(launched: Launched) -> None:
    done = launched("""ExecuteProcess(cmd=['sleep', '60']),
        TimerAction(period=0.5, actions=[
            ExecuteProcess(cmd=['true'], name='needed', on_exit=Shutdown())])""")
    assert done.returncode == 0
    assert re.search(r'^\[INFO\] \[launch\]: process\[needed-2\] ', done.stdout, re.M)
    assert "[INFO] [sleep-1]: sending signal 'SIGINT' to process[sleep-1]" in done.stdout


def test_process_events_reach_their_handlers(launched: Launched) -> None:
    done = launched(
        """p, RegisterEventHandler(OnProcessStart(target_action=p, on_start=[LogInfo(msg='start')])),
        RegisterEventHandler(OnProcessExit(target_action=p, on_exit=[LogInfo(msg='exit')])),
        RegisterEventHandler(OnProcessExit(on_exit=lambda event, context: LogInfo(
            msg='any ' + event.process_name)))""",
        before="p = ExecuteProcess(cmd=['sh', '-c', 'sleep 0.3; echo hi'], name='p')",
    )
    for line in ('start', 'exit', 'any p-1'):
        assert f'[launch.user]: {line}' in done.stdout


def test_respawn_starts_it_again_until_it_was_often_enough(launched: Launched) -> None:
    done = launched("""ExecuteProcess(cmd=['sh', '-c', 'echo up'], output='screen', respawn=True,
                                      respawn_delay=0.05, respawn_max_retries=2)""")
    assert done.stdout.count('[sh-1] up') == 3


def test_respawn_ends_with_the_launch(
    start: Callable[..., Any],
    launch_file: Callable[..., Path],
) -> None:
    running = start(
        'launch',
        launch_file("""
        ExecuteProcess(cmd=['sh', '-c', 'echo up; exit 1'], output='screen', respawn=TextSubstitution(text='true'),
                       respawn_delay=0.1)"""),
    )
    for _ in range(2):
        running.wait_for('up')
    running.interrupt()
    assert running.finish()
    assert running.process.returncode == 0


def test_last_words_of_a_process_come_before_its_end(
    standin: None,
    launched: Launched,
) -> None:
    code = "import os, sys; [print('line', i) for i in range(500)]; sys.exit(1)"
    output = launched(f'python("{code}")').stdout
    assert output.index('line 499') < output.index('process has died')


@pytest.mark.parametrize(
    'module',
    [
        'launch_ros.descriptions',
        'launch_ros.events',
        'launch.frontend',
        'launch.launch_introspector',
    ],
)
def test_module_that_the_standin_lacks_is_named(standin: None, module: str) -> None:
    with pytest.raises(
        ImportError, match=f"'{module}' is not in this stand-in; install ROS 2's own"
    ):
        __import__(module)


@pytest.mark.parametrize(
    ('module', 'name'),
    [
        ('launch.actions', 'OpaqueCoroutine'),
        ('launch.substitutions', 'AnonName'),
        ('launch.events.process', 'SignalProcess'),
        ('launch_ros.actions', 'ComposableNodeContainer'),
    ],
)
def test_name_that_the_standin_lacks_is_told(standin: None, module: str, name: str) -> None:
    with pytest.raises(ImportError, match=f"'{module}.{name}' is not in this stand-in"):
        exec(f'from {module} import {name}', {})


def test_error_ends_processes_that_run(standin: None, launched: Launched) -> None:
    before = 'def fail(context): raise ValueError("boom")'
    done = launched(
        """ExecuteProcess(cmd=["sleep", "60"], on_exit=[LogInfo(msg='over')]),
        RegisterEventHandler(OnProcessStart(on_start=[OpaqueFunction(function=fail)]))""",
        before=before,
    )
    assert done.returncode == 1
    output = done.stdout + done.stderr
    assert re.search(r'^\[ERROR\] \[launch\]: .*boom$', output, re.M)
    assert "sending signal 'SIGINT' to process[sleep-1]" in output
    assert 'process has died' in output and '[launch.user]: over' in output
    assert 'Traceback' not in output


def test_nothing_is_started_where_what_comes_after_it_fails(
    standin: None, launched: Launched
) -> None:
    done = launched(
        'ExecuteProcess(cmd=["sleep", "60"]), OpaqueFunction(function=lambda context: 1 / 0)'
    )
    assert done.returncode == 1
    assert 'process started' not in done.stdout
