# SPDX-License-Identifier: Apache-2.0
"""Build of the act_ros package.

launch/, config/ and models/ are links to the folders at the top of the repository, so that
everything is listed relative to this file, as colcon demands.
"""

from collections import defaultdict
from pathlib import Path

from setuptools import find_packages, setup

package_name = 'act_ros'
URL = 'https://github.com/act-ros/act_ros'


def share(folder: str, *patterns: str, may_be_empty: bool = False) -> list[tuple[str, list[str]]]:
    """List the data_files of share/act_ros/<folder>.

    Args:
        folder: folder beside this file, usually a link to one at the top of the repository.
        patterns: names of the files to install, at any depth.
        may_be_empty: allow a folder without such files.

    Raises:
        RuntimeError: the folder is not one (a link checked out as a text file, say) or has none
            of the files; without this check the package would install without them, silently.
    """
    root = Path(folder)
    # Missing is judged by what it has to hold: colcon's --symlink-install runs this file a second
    # time in a build folder, which has links to the files found the first time and nothing else.
    if root.exists() and not root.is_dir():
        raise RuntimeError(
            f'src/act_ros/{folder} is not a folder: it should be a link to ../../{folder}. '
            'Clone again with symbolic links enabled (git config core.symlinks true).'
        )
    entries: dict[str, list[str]] = defaultdict(list)
    for pattern in patterns:
        # A link of an earlier build whose file is no more is none.
        for path in sorted(filter(Path.is_file, root.rglob(pattern))):
            target = f'share/{package_name}/{path.parent.as_posix()}'
            entries[target].append(path.as_posix())
    if not entries and not may_be_empty:
        raise RuntimeError(
            f'src/act_ros/{folder} has none of {", ".join(patterns)}: '
            f'is it still a link to ../../{folder}, and is the clone complete?'
        )
    return sorted(entries.items())


def command(name: str) -> str:
    """Console script of a module in act_ros/commands."""
    return f'{name} = {package_name}.commands.{name}:main'


def node(name: str, module: str) -> str:
    """Console script of a module below act_ros/nodes."""
    return f'{name} = {package_name}.nodes.{module}:main'


setup(
    name=package_name,
    version='0.1.0',
    description='ACT on an ALOHA robot, with ROS 2',
    license='Apache-2.0',
    url=URL,
    project_urls={
        'Source': URL,
        'Issues': f'{URL}/issues',
        'Changes': f'{URL}/blob/main/CHANGELOG.md',
    },
    author='act_ros maintainers',
    author_email='act-ros@users.noreply.github.com',
    maintainer='act_ros maintainers',
    maintainer_email='act-ros@users.noreply.github.com',
    python_requires='>=3.10',
    classifiers=[
        'Development Status :: 3 - Alpha',
        'Intended Audience :: Science/Research',
        'License :: OSI Approved :: Apache Software License',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3 :: Only',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in range(10, 15)),
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    packages=find_packages(exclude=['test', 'test.*']),
    package_data={package_name: ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
        *share('launch', '*.launch.py', may_be_empty=True),
        *share('config', '*.yaml', '*.xml'),
        # A clone without the trained policies is of use too: train your own.
        *share('models', 'config.json', 'model.safetensors', 'README.md', may_be_empty=True),
    ],
    install_requires=['setuptools'],
    # Without this key `colcon test` would run unittest, find nothing and call it a success.
    extras_require={'test': ['pytest']},
    zip_safe=False,
    entry_points={
        'console_scripts': [
            command('train'),
            command('evaluate'),
            command('demonstrate'),
            command('visualize'),
            command('check_dataset'),
            command('export_lerobot'),
            command('import_lerobot'),
            command('export_aloha'),
            command('convert'),
            command('find_arms'),
            command('quantize'),
            command('playback'),  # for replay.launch.py
            # A file named inspect.py would stand in the way of Python's own in its folder.
            f'inspect = {package_name}.commands.inspect_policy:main',
            node('policy', 'policy.node'),
            node('sim', 'sim.node'),
            node('teleop', 'teleop'),
            node('recorder', 'recorder.node'),
            node('replay', 'replay.node'),
            node('keys', 'session.keys'),
            node('session', 'session.node'),
            node('rest', 'rest'),
            node('guard', 'guard'),
            node('doctor', 'doctor.node'),
            node('outlast', 'process.outlast'),
        ],
    },
)
