# One command each; CI calls the same ones.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help
# Hundreds of processes are started here: each would compile every module anew.
export PYTHONDONTWRITEBYTECODE =

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Bluebook and its locked dependencies into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup run web test test-stores test-faults check bench lock help
setup: $(STAMP)  ## Make the virtual environment from the lock file

run: $(STAMP)  ## Run the demo: a store, two suppliers, orders from start to end
	@$(BIN)/python -m webui.build || true
	@$(BIN)/bluebook demo $(ARGS)

web: $(STAMP)  ## Build the web app's front end, if it is not that of these sources
	@$(BIN)/python -m webui.build

test: $(STAMP)  ## Run the whole suite: unit, integration, faults, the real stores
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not faults" $(ARGS)
	$(BIN)/python -m pytest -n 2 -m faults tests/faults $(ARGS)

test-stores: $(STAMP)  ## Only the tests against real stores from npm
	$(BIN)/python -m pytest -m stores $(ARGS)

test-faults: $(STAMP)  ## Only the tests that kill processes
	$(BIN)/python -m pytest -n 2 -m faults tests/faults $(ARGS)

check: $(STAMP)  ## Lint, format, types, import contracts, state writes, file sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.lint

bench: $(STAMP)  ## Measure against raw floors; writes bench/results
	$(BIN)/python -m tests.bench $(ARGS)

lock: $(STAMP)  ## Refresh requirements.lock from pyproject.toml (hashes, no addresses)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --group dev pyproject.toml --output-file requirements.lock

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
