# Each target sets up all it needs by itself: one virtual environment, made once, with the versions
# that were tested (constraints.txt).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

.PHONY: setup demo test test-all lint results
.DEFAULT_GOAL := test

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed; name one: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(READY)  ## the virtual environment

demo: $(READY)  ## serve the page
	$(BIN)/python app.py

test: $(READY)  ## the fast suite
	$(PYTEST) -m "not slow" $(ARGS)

test-all: $(READY)  ## every test
	$(PYTEST) $(ARGS)

lint: $(READY)  ## linters and the type checker
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

results: $(READY)  ## RESULTS.md, measured anew; ARGS="--quick" takes minutes
	PYTHONPATH=. $(BIN)/python benchmarks/results.py $(ARGS)
