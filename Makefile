# `make` alone says what there is. Everything is installed into .venv, from the lock files, once.

PORT ?= 8000
# One more than the cores that CI has: a third of the tests wait for programs that they started.
WORKERS ?= 4
PYTEST_ARGS ?=
BIN := .venv/bin
SOURCES := src tests bench docs
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--constraint scripts/constraints.txt --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

# Written once and read by each of the hundreds of interpreters that tests start: an empty word lets Python write it.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test check examples bench torture lock clean

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' Makefile | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z]*\):.*## /  make \1: /p' Makefile

install: .venv/installed ## install the server alone

demo: .venv/installed ## install, then run server, simulator and shop on http://localhost:8000 (PORT=8000)
	@exec $(BIN)/hakika demo --port $(PORT)

test: check ## install, then run everything that CI runs: check, then all tests (PYTEST_ARGS=, WORKERS=4)
	@scripts/install-javascript
	$(BIN)/pytest -n $(WORKERS) $(PYTEST_ARGS)

check: .venv/installed-dev ## lint, formatting and types
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

examples: .venv/installed-dev ## install, then run every example headless, end to end on the simulator (also in `make test`)
	@scripts/install-javascript
	$(BIN)/pytest -n $(WORKERS) tests/examples $(PYTEST_ARGS)

bench: .venv/installed-dev ## measure, and write bench/results.json
	$(BIN)/python -m bench

torture: .venv/installed-dev ## the long tests, with new random examples each time
	HYPOTHESIS_PROFILE=torture $(BIN)/pytest -m torture $(PYTEST_ARGS)

lock: .venv/installed ## write both lock files anew after a change of dependencies (UPGRADE=1: newest versions)
	$(LOCK) --group install --output-file requirements.lock
	$(LOCK) --group install --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## remove what was installed and cached
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis clients/js/node_modules clients/js/dist \
		examples/shop/frontend/node_modules examples/shop/frontend/dist

# The stamps keep a second `make demo` from asking the installer anything.
.venv/installed: requirements.lock pyproject.toml | $(BIN)/python
	@scripts/install requirements.lock
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@scripts/install requirements-dev.lock
	@touch $@

$(BIN)/python:
	@scripts/make-venv "$(PYTHON)"
