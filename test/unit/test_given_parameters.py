# SPDX-License-Identifier: Apache-2.0
"""A parameter or a node that there is not is named, with the one that was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from act_ros.nodes.process.given_parameters import unused


class Node:
    def __init__(self, name: str, *parameters: str) -> None:
        self._name, self._parameters = name, parameters

    def get_fully_qualified_name(self) -> str:
        return self._name

    def has_parameter(self, name: str) -> bool:
        return name in self._parameters


NODES = [Node('/act/joint_state'), Node('/act/policy', 'ensemble', 'max_image_age_s')]

GOOD = [
    '/act/policy: {ros__parameters: {ensemble: newest, use_sim_time: true}}',
    'act: {policy: {ros__parameters: {ensemble: newest}}}',
    '/**: {ros__parameters: {ensemble: newest, jpeg_quality: 90, cameras: [cam_high]}}',
    '/act/recorder: {ros__parameters: {anything: 1}}',
    '/cell_2/act/policy: {ros__parameters: {anything: 1}}',
    '/*/policy: {ros__parameters: {ensemble: newest}}',
    '[not, a, mapping]',
]
REFUSED = {
    '/act/policy: {ros__parameters: {max_image_age: 0.5}}': (
        "'max_image_age' is a parameter that /act/policy has not; is max_image_age_s meant?"
    ),
    '/**: {ros__parameters: {ensembel: newest}}': (
        "'ensembel' is a parameter that no node of this suite has; is ensemble meant?"
    ),
    '/act/policy: {ros__parameters: {jpeg_quality: 90}}': (
        "'jpeg_quality' is a parameter that /act/policy has not; there are ensemble, max_image_age_s"
    ),
    'policy: {ros__parameters: {ensemble: newest}}': "'/policy' is no node here; is /act/policy meant?",
    '/act/polcy: {ros__parameters: {ensemble: newest}}': (
        "'/act/polcy' is no node here; is /act/policy meant?"
    ),
}


def given(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding='utf-8')
    return ['--ros-args', '-r', '__ns:=/act', '--params-file', str(path)]


@pytest.mark.parametrize('text', GOOD)
def test_what_some_node_of_the_suite_takes_is_not_spoken_of(tmp_path: Path, text: str) -> None:
    assert unused(NODES, NODES[1], given(tmp_path / 'p.yaml', text)) == ([], [])


@pytest.mark.parametrize('text', REFUSED)
def test_a_misspelt_name_is_refused_with_what_was_meant(tmp_path: Path, text: str) -> None:
    path = tmp_path / 'p.yaml'
    assert unused(NODES, NODES[1], given(path, text)) == ([f'{path}: {REFUSED[text]}'], [])


def test_the_same_holds_for_what_the_command_line_says() -> None:
    words = ['--ros-args', '-p', 'ensembel:=newest', '-p', 'policy:ensemble:=newest']
    refused, said = unused(NODES, NODES[1], words)
    assert [line.partition(';')[2] for line in refused] == [
        ' is ensemble meant?',
        ' is /act/policy meant?',
    ]
    assert not said


def test_nodes_of_others_are_only_mentioned(tmp_path: Path) -> None:
    path = tmp_path / 'p.yaml'
    said = unused(NODES, NODES[1], given(path, '/amcl: {ros__parameters: {alpha: 1}}'))
    assert said == ([], [f"{path}: '/amcl' is no node here, and has no effect in this suite"])
