# SPDX-License-Identifier: Apache-2.0
"""Large letters fit the terminal and differ from word to word."""

from act_ros.nodes.session.large_letters import large_letters


def test_words_fit_the_terminal_and_are_several_lines_high():
    for columns in (40, 80, 200):
        lines = large_letters('RECORDING 12/50  08.4 s', columns)
        assert max(map(len, lines)) <= columns
        assert set(''.join(lines)) <= set(' ▀▄█') and sum(map(bool, lines)) >= 2
    assert len(large_letters('DONE', 200)) == 16


def test_words_differ():
    assert large_letters('WAITING', 80) != large_letters('SAVING', 80)
    assert large_letters('', 80) is not None
