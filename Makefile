# The first target is the default one, so `make` alone prints the list of commands.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST_ARGS ?=
# Files side by side, each worker with a server of its own; WORKERS=0 runs them one after the other. In
# the order in which they were collected: the long ones first.
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test check lint unit integration scenarios acceptance properties bench fmt clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## virtual environment with the pinned packages, in .venv

# All that is needed is pinned, so nobody has to work out what needs what, and two can each unpack a
# half: a quarter of the time. Where another Python needs another package, pip works it out.
$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
		echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "pgtide needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" -V 2>&1). Name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module. Install it (Debian, Ubuntu: the package python3-venv) and run make again." >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV) (half a minute to two the first time) ..."
	@awk '!/^-r/ { print > ("$(VENV)/half." n++ % 2) }' requirements.txt requirements-dev.txt
	@$(PIP) --no-deps -r $(VENV)/half.0 & first=$$!; trap 'kill $$first; exit 130' INT TERM; \
		$(PIP) --no-deps -r $(VENV)/half.1; second=$$?; wait $$first && [ $$second -eq 0 ] && \
		$(BIN)/python -m pip check >/dev/null || $(PIP) -r requirements-dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# KEEP=1 leaves the demo's server running; KEEP=0 is the same as nothing.
demo: setup ## one migration end to end on the embedded server, under load, killed once on the way (KEEP=1 leaves it running)
	@$(BIN)/pgtide demo $(if $(filter-out 0,$(KEEP)),--keep)

# On PORT (4200), with what stands in migrations/; it returns when the UI answers.
up: setup ## a Prefect server on this machine with every migration's deployments, and what runs them
	@$(BIN)/pgtide serve --detach

down: setup ## end what `make up` started; data stay
	@$(BIN)/pgtide serve --stop

# ALL=1 goes through every case of the wide lists, of which each day has its third.
test: lint ## everything CI runs: lint, then every test (ALL=1: every case of the wide lists too)
	$(PYTEST) -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(if $(ALL),,--third) $(PYTEST_ARGS) tests

check: lint ## ruff, types, layers, sizes, names (seconds)
	$(PYTEST) $(PYTEST_ARGS) tests/architecture

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

unit: setup ## the unit ring (seconds)
	$(PYTEST) $(PYTEST_ARGS) tests/unit

integration: setup ## the ring that needs a server
	$(PYTEST) $(PYTEST_ARGS) tests/integration

scenarios: setup ## whole migrations under load, killed and resumed
	$(PYTEST) $(PYTEST_ARGS) tests/scenarios

acceptance: setup ## the command as a person types it
	$(PYTEST) $(PYTEST_ARGS) tests/acceptance

# New ones each time, two seconds each; a case that fails is made small, and printed with what repeats it.
properties: setup ## drawn tables, changes and writers by the hundred (EXAMPLES=500)
	$(PYTEST) --examples $(or $(EXAMPLES),500) --timeout 0 $(PYTEST_ARGS) tests/scenarios/test_properties.py

# Each is left out unless given: ROWS (1,000,000), ROUNDS (5), ONLY (one comparison: docs/bench.md names them).
bench: setup ## the measured comparisons, as tables, and as JSON and plots in build/bench (ROWS=100000 for a smaller run)
	@$(BIN)/python -m tests.bench $(if $(ROWS),--rows $(ROWS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY))

fmt: setup ## format, and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove the virtual environment, the build's files and the caches
	rm -rf $(VENV) build dist pgtide.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
