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

# One pytest for all, so that it closes with one line about everything. Two files at a time, since
# most tests wait for something; the long ones (launch files) begin first.
echo '== tests'
folders=()
for folder in test/launch test/nodes test/fault test/ros2_pip test/unit; do
    [ ! -d "$folder" ] || folders+=("$folder")
done
exec pytest -n 2 --dist loadfile --no-loadscope-reorder "${folders[@]}"
