# Every target is a thing a person wants; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE_MODULES := contracts/node_modules
WEB := oracle/web
FORGE := $(CURDIR)/$(NODE_MODULES)/@foundry-rs/forge-linux-amd64/bin
PYTEST ?= $(BIN)/python -m pytest -n auto
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# A throw-away resolver, only for `make lock`.
UV := $(VENV)/uv/bin/uv

.DEFAULT_GOAL := help
.PHONY: help setup setup-node demo drill page test mutants lint format contracts coverage slither halmos brownie gas lock bench clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## Install the Python side into .venv (needs Python 3.11 or newer)
	@:

setup-node: $(NODE_MODULES)/.installed $(WEB)/node_modules/.installed ## Install the compiler, anvil and the Solidity tools (needs Node 20 or newer)
	@:

demo: setup ## Watch a market clear, commit, settle and be audited on a chain
	@$(BIN)/clearwatt demo $(ARGS)

drill: setup ## Freeze a market in full run and take everybody's money out
	@$(BIN)/clearwatt drill $(ARGS)

page: $(WEB)/node_modules/.installed ## Make build/clearwatt.html, the checker as a page that works without a network
	@cd $(WEB) && npm run --silent page

test: setup setup-node ## Run all tests, Solidity and Python
	@cd contracts && npm run --silent test
	@cd $(WEB) && npm run --silent test
	$(PYTEST) $(ARGS)

mutants: setup ## Change every field of a valid interval and print what stops each change
	@$(BIN)/python -m tests.mutants

lint: setup setup-node ## Check form, types and style, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@cd contracts && npm run --silent lint
	@cd $(WEB) && npm run --silent lint

format: setup setup-node ## Rewrite the sources into the agreed form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	cd contracts && npm run --silent format
	cd $(WEB) && npm run --silent format

contracts: setup setup-node ## Recompile the contracts into deploy/artifacts and contracts/snapshots
	$(BIN)/python -m deploy.compile_contracts
	$(BIN)/python -m deploy.snapshots

coverage: setup setup-node ## Measure how much of the Solidity its tests reach (minutes)
	$(BIN)/python contracts/tools/coverage.py

slither: setup-node .venv-assurance/.installed ## Hold Slither's findings against their written answers
	.venv-assurance/bin/python contracts/tools/slither.py

halmos: setup-node .venv-assurance/.installed ## Prove claims and header chain for all inputs
	cd contracts && PATH="$(FORGE):$$PATH" FOUNDRY_TEST=test/symbolic \
		FOUNDRY_OUT=cache/symbolic/out FOUNDRY_CACHE_PATH=cache/symbolic/cache \
		../.venv-assurance/bin/halmos --forge-build-out cache/symbolic/out

brownie: setup-node .venv-brownie/.installed ## Brownie as a workbench: tests with coverage on anvil, or ARGS=console
	.venv-brownie/bin/python contracts/tools/workbench.py $(ARGS)

gas: setup ## Measure what every step costs on chain, against its gate
	$(BIN)/python -m tests.contracts.gas

lock: $(VENV)/uv/.installed ## Resolve every dependency anew and write the lock files
	$(call compile,requirements.lock)
	$(call compile,requirements-dev.lock,--extra dev -c requirements.lock)
	$(call compile,requirements-bench.lock,--extra bench --extra grids -c requirements-dev.lock)
	$(call compile-apart,assurance)
	$(call compile-apart,brownie)
	for project in contracts $(WEB); do (cd $$project && rm -f package-lock.json && \
		npm install --loglevel=error --package-lock-only --omit-lockfile-registry-resolved) || exit 1; done
	@! grep -n '://' requirements*.lock || { echo 'a lock file names a host' >&2; exit 1; }
	@! grep -n '"resolved"' contracts/package-lock.json $(WEB)/package-lock.json || { echo 'package-lock.json names a host' >&2; exit 1; }

bench: setup $(VENV)/.bench ## Install what clearing is compared with, and compare (a minute)
	@$(BIN)/clearwatt bench clearing --quick $(ARGS)

clean: ## Remove everything that was made, and nothing that was written
	rm -rf $(VENV) .venv-assurance .venv-brownie $(NODE_MODULES) $(WEB)/node_modules contracts/out contracts/cache .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info build dist
	find offchain deploy oracle tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Hashes of every file, for every platform, and no address of any registry.
define compile
	rm -f $(1)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url pyproject.toml $(2) --output-file $(1)
endef

# What cannot live beside web3 8 has an environment, and a lock file, of its own.
define compile-apart
	rm -f requirements-$(1).lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url requirements-$(1).in --output-file requirements-$(1).lock
endef

.venv-%/.installed: requirements-%.lock
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement $<
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "clearwatt needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." \
		       "Name a newer one: make setup PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes --requirement requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.bench: requirements-bench.lock $(VENV)/.installed
	$(PIP) install --require-hashes --requirement requirements-bench.lock
	@touch $@

$(VENV)/uv/.installed: | $(VENV)/bin/python
	$(BIN)/python -m venv $(VENV)/uv
	$(VENV)/uv/bin/python -m pip --disable-pip-version-check --quiet install uv
	@touch $@

%/node_modules/.installed: %/package-lock.json %/package.json
	@command -v npm >/dev/null || \
		{ echo 'The compiler and anvil come from npm: install Node 20 or newer (the demo needs neither).' >&2; exit 1; }
	cd $* && npm ci --loglevel=error --no-audit --no-fund
	@touch $@
