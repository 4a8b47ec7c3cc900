#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Run what `make fuzz` runs, after scripts/setup.sh --dev: scripts/fuzz.sh [MINUTES]. All tests that draw
# examples draw new ones; what fails is written to test/data/found, which `make test` then tries first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. ./setup.bash
exec pytest -q -n 2 --dist worksteal --fuzz "${1:-10}"
