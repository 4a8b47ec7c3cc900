#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run what `make test` runs, after scripts/setup.sh --dev: cheap checks first, so that a typing
# error does not cost minutes. `scripts/test.sh lint` stops before the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. ./setup.bash

echo '== ruff'
ruff check .
echo '== shell scripts'
for script in setup.bash scripts/*.sh scripts/lib/*.sh .ci/run; do
    bash -n "$script"
done
echo '== mypy'
mypy
[ "${1:-}" != lint ] || exit 0

# One pytest for all, so that it closes with one line about everything. As many files at a time as
# there are cores: with one more, simulated worlds are slow. Launch files, which keep more than a core
# busy, come first and alternate with others: side by side they would take each other's time.
echo '== tests'
cores=$(nproc)
in_folders() { find "${@/#/test/}" -name 'test_*.py' 2>/dev/null | sort; }
mapfile -t files < <(paste -d '\n' <(in_folders launch) <(in_folders nodes fault ros2_pip) | grep .)
# Where the process of some tests crashes, the run ends and says what was not run: with a new process in its place
# pytest-xdist, loadfile, waits for ever.
exec pytest -n $((cores < 8 ? cores : 8)) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 \
    "${files[@]}" test/unit
