# SPDX-License-Identifier: Apache-2.0
"""Films of episodes that were evaluated: they are run again, which gives the same, and is checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from act_ros.commands.evaluation import Evaluation
from act_ros.commands.report import EpisodeTrace, plot_episode
from act_ros.commands.rollout import EvaluationSetting, Result, evaluator_of
from act_ros.robot.spec import RobotSpec
from act_ros.sim.film.film_maker import film_episode
from act_ros.sim.world import STAGES


def film(evaluation: Evaluation, failures: int, first: bool, folder: Path) -> Iterator[str]:
    """Film the first failures of each policy, and with `first` its first seed; yields what was made.

    Raises:
        OSError: a film cannot be written.
    """
    for index, candidate in enumerate(evaluation.candidates):
        wanted = {r.seed: r for r in candidate.results[: int(first)]}
        wanted |= {r.seed: r for r in candidate.failed[:failures]}
        if failures and not candidate.failed:
            yield f'no seed of {candidate.name} failed: there is no failure to film'
        prefix = f'policy_{index + 1}_' if len(evaluation.candidates) > 1 else ''
        for result in wanted.values():
            stem = folder / f'{prefix}seed_{result.seed}'
            yield from film_again(evaluation.setting, index, result, stem)


def film_again(
    setting: EvaluationSetting, index: int, before: Result, stem: Path
) -> Iterator[str]:
    """Run an episode again, write `<stem>.mp4` and `<stem>.png`, and say whether it was the same."""
    trace = EpisodeTrace()
    evaluator = evaluator_of(setting)
    result = evaluator.run(index, before.seed, trace)
    title = f'{setting.task}, seed {before.seed}: {_verdict(setting.task, result)}'
    states = [*trace.states, evaluator.world.state()]
    film_episode(stem.with_suffix('.mp4'), setting.task, states)
    plot_episode(stem.with_suffix('.png'), trace, RobotSpec.load().joint_names, title)
    yield f'film and plot: {stem}.mp4, .png ({title})'
    if result.digest != before.digest:
        yield (
            f'warning: seed {before.seed} went another way when it was run again for its film (digest '
            f'{result.digest}, before {before.digest}): the film shows another episode'
        )


def _verdict(task: str, result: Result) -> str:
    if result.success:
        return 'success'
    stage = result.max_reward
    return f'failed at stage {stage} of 4' + (f' ({STAGES[task][stage - 1]})' if stage else '')
