# SPDX-License-Identifier: Apache-2.0
"""The packages say what they are, and need no package of ROS that they do not name."""

from __future__ import annotations

import ast
import re
import runpy
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ('act_ros', 'act_msgs')
FROM_PYPI = {
    *(
        'PIL',
        'cv2',
        'h5py',
        'imageio',
        'imageio_ffmpeg',
        'matplotlib',
        'mujoco',
        'numpy',
        'nncf',
        'openvino',
        'pyarrow',
    ),
    *('safetensors', 'torch', 'torchvision', 'tqdm', 'yaml'),
}
OPTIONAL = {'cv_bridge', 'interbotix_xs_modules', 'onnxruntime'}
"""What is used where it is installed; a robot's launch file says what it lacks."""


def package(name: str) -> ElementTree.Element:
    return ElementTree.parse(ROOT / 'src' / name / 'package.xml').getroot()


def imported(folder: Path) -> set[str]:
    """Top-level names of everything that the files of a folder import."""
    found = set()
    for path in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition('.')[0])
    return found - set(sys.stdlib_module_names)


def test_every_package_of_ros_that_is_imported_is_named() -> None:
    needed = imported(ROOT / 'src/act_ros/act_ros') | imported(ROOT / 'launch')
    named = {depend.text for depend in package('act_ros').iter('exec_depend')}
    assert needed - FROM_PYPI - OPTIONAL - {'act_ros'} <= named


@pytest.mark.parametrize('name', PACKAGES)
def test_a_package_says_where_it_is_from(name: str) -> None:
    found = package(name)
    assert found.findtext('license') == 'Apache-2.0'
    assert {url.get('type') for url in found.iter('url')} == {
        'website',
        'repository',
        'bugtracker',
    }
    assert found.find('author') is not None
    assert found.find('maintainer') is not None


def test_one_version_everywhere() -> None:
    setup = (ROOT / 'src/act_ros/setup.py').read_text(encoding='utf-8')
    changes = (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')
    versions = {package(name).findtext('version') for name in (*PACKAGES, 'interbotix_xs_msgs')}
    assert versions == set(re.findall(r"version='(.*?)'", setup))
    assert versions == set(re.findall(r'^## \[(\d.*?)\]', changes, re.MULTILINE)[:1])


def test_a_build_after_a_file_is_gone_does_not_look_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """colcon's folder of an earlier build has a link to it still."""
    made: list[dict[str, Any]] = []
    monkeypatch.setattr('setuptools.setup', lambda **given: made.append(given))
    monkeypatch.chdir(tmp_path)
    for name in ('launch/a.launch.py', 'config/a.yaml'):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / 'config' / 'gone.yaml').symlink_to(tmp_path / 'nowhere')
    runpy.run_path(str(ROOT / 'src/act_ros/setup.py'))
    files = dict(made[0]['data_files'])
    assert files['share/act_ros/config'] == ['config/a.yaml']
