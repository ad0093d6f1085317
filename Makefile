PYTHON ?= python3
PORT ?= 4200
BIN := .venv/bin
NEW_ENOUGH := import sys; sys.exit("too old") if sys.version_info < (3, 11) else None
# Whoever has told pip to install into the user's folder means other environments than this one.
export PIP_USER = 0
# Two at once where a line asks for several: slow tests mostly wait, for servers and for runs that they have killed.
MAKEFLAGS += --jobs=2

.PHONY: help install cow horse sheep test quick-tests slow-tests check fmt up down status

help: ## print these verbs
	@grep -E '^[a-z ]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

cow horse sheep: install ## generate the pictures, learn the animal, publish it: report, GLB, turntable
	@$(BIN)/farm3d run $@ --port $(PORT)

test: quick-tests slow-tests ## run the tests

quick-tests: install
	@$(BIN)/pytest -m 'not slow'

slow-tests: install
	@$(BIN)/pytest -m slow

check: install ## ruff, pyright, import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright --pythonpath $(BIN)/python && $(BIN)/lint-imports

fmt: install ## sort the imports and format
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

up: install ## start the Prefect server and a worker, deploy every flow
	@$(BIN)/farm3d up --port $(PORT)

down: ## stop the server and the worker
	@$(BIN)/farm3d down

status: ## what runs
	@$(BIN)/farm3d status

install: .venv/installed ## virtual environment and pinned packages

# torch first and alone: an index with CPU-only wheels may offer it under a local version.
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "$(PYTHON) is too old or not there; type: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(BIN)/python -c '$(NEW_ENOUGH); import pip' 2> /dev/null || $(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
