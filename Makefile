# Everything a person does with a checkout. `make` alone says what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
PYTHON := $(VENV)/bin/python
ROOMS := api workflows activities learning governance policy runtime
SOURCES := $(ROOMS) $(wildcard replays tutela.py tests benchmarks tools/*.py tools/house)

.PHONY: help up demo test check bench requirements clean venv format

help: ## Say what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: venv ## Run the product on this machine, from nothing
	@$(PYTHON) tutela.py up

demo: venv ## Let simulated learners, labelled as such, take the shipped course on a running product
	@$(PYTHON) tutela.py demo

test: venv ## Run every test; installs PostgreSQL and the Temporal server where they are missing
	@tools/postgres.sh
	@$(PYTHON) tutela.py engine
	@$(PYTHON) -m pytest $(PYTEST_ARGS)

check: venv ## Format, lint, types, import contracts, house rules, policy and inventory gates
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy $(SOURCES)
	$(VENV)/bin/lint-imports
	@$(PYTHON) -m tools.lints
	@$(PYTHON) tutela.py policy
	$(PYTHON) -m pytest $(wildcard tests/house tests/policy)

bench: venv ## Measure what docs/performance.md states
	@$(PYTHON) -m benchmarks $(BENCH_ARGS)

format: venv ## Format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

requirements: venv ## Lock requirements/*.in again; UPGRADE=1 takes newer versions
	$(PYTHON) tools/lock_requirements.py $(if $(UPGRADE),--upgrade)

clean: ## Remove what was made in this checkout (not your data, not the cached engine)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock that was installed last is kept inside the environment: no difference, nothing to do.
venv:
	@cmp -s requirements/dev.txt $(VENV)/installed.txt || tools/venv.sh $(VENV)
