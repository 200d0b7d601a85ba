# The things one does here. Everything lands in .venv; nothing outside this folder is changed.
# Needs make and a Python 3.11+ with its venv module; PYTHON=python3.12 chooses another one.

PYTHON ?= python3
BIN := .venv/bin
# One stamp per folder and interpreter, so that a moved checkout or another PYTHON is noticed.
STAMP := .venv/ready-$(shell echo "$(CURDIR) $(PYTHON)" | cksum | cut -d ' ' -f 1)

export PYTHON
unexport PYTHONPATH PYTHONHOME
.DEFAULT_GOAL := help
.PHONY: help setup demo check test stress pocket clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
	@echo '  PYTHON=python3.12 chooses the interpreter, EMBEDGRAD_TORCH="torch==2.13.0" the torch (then: make clean setup)'

setup: $(STAMP) ## make .venv with embedgrad, editable, and its tools (once; the other targets do it themselves)

demo: $(STAMP) ## the gain on eight small tasks with the bundled model, offline (the folder: runs/demo-DATE)
	$(BIN)/embedgrad demo

check: $(STAMP) ## format, lint, types, arrows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --strict --package tools.pocket
	$(BIN)/lint-imports

test: check ## check, then the tests, offline, a file to a process
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

stress: $(STAMP) ## the long tests, offline
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m stress

pocket: $(STAMP) ## train the bundled model anew, an hour or less on 2 cores; interrupted, it goes on
	$(BIN)/python -m tools.pocket.train --install
	$(BIN)/python -m tools.pocket.tasks

clean: ## remove .venv, caches and built packages
	rm -rf .venv .ruff_cache .mypy_cache .pytest_cache .hypothesis .import_linter_cache dist build
	find src tests tools examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml tools/setup.sh
	@sh tools/setup.sh
	@touch $@ # last: without it the set-up is not done
