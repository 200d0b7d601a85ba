# The things one does here. Everything lands in .venv and its like; nothing outside this folder is changed.
# Needs make and a Python 3.11+ with its venv module; PYTHON=python3.12 chooses another one.

PYTHON ?= python3
BIN := .venv/bin
# One stamp per folder and interpreter, so that a moved checkout or another PYTHON is noticed.
STAMP := .venv/ready-$(shell echo "$(CURDIR) $(PYTHON)" | cksum | cut -d ' ' -f 1)

export PYTHON
unexport PYTHONPATH PYTHONHOME
RUN_TESTS := -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile
# What rests most on other people's releases: the model and its paths, answers, prompt files, templates.
ENDS := tests/equivalence tests/engine tests/model tests/methods tests/artifacts tests/evaluation tests/prompt tests/template \
        tests/data tests/errors tests/cli/test_recipes.py tests/cli/test_terminal.py
# What needs neither a model nor torch, whose import is an error in these: tests/set_up/test_fast.py looks, too.
FAST := tests/data tests/data_sets/test_a_new_one.py tests/docs/test_site.py tests/errors/test_data_messages.py \
        tests/errors/test_prompt_file_messages.py tests/evaluation/test_loops.py tests/prompt/test_file.py \
        tests/recipes/test_catalog.py tests/report/test_grid.py tests/report/test_page_sentences.py tests/set_up \
        tests/tasks/test_a_new_kind.py tests/tasks/test_json_answer.py tests/tasks/test_label_wordings.py \
        tests/tasks/test_number_wordings.py tests/tasks/test_short_answer.py tests/tasks/test_short_wordings.py \
        tests/tasks/test_task.py tests/template/test_template.py tests/tuning/test_learning_rate.py tests/test_*.py
.DEFAULT_GOAL := help
.PHONY: help setup lock demo fast check test test-oldest test-newest stress bench docs pocket clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
	@echo '  PYTHON=python3.12 chooses the interpreter, EMBEDGRAD_TORCH="torch==2.13.0" the torch (then: make clean setup)'

setup: $(STAMP) ## make .venv with embedgrad, editable, and its tools (once; the other targets do it themselves)

lock: ## renew requirements.lock: the newest releases within the ranges of pyproject.toml, torch left out
	@sh tools/resolve.sh lock

demo: $(STAMP) ## the gain on eight small tasks with the bundled model, offline (the folder: runs/demo-DATE)
	$(BIN)/embedgrad demo

fast: $(STAMP) ## format, lint, and the tests that need no model: seconds, while one writes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python $(RUN_TESTS) --without-torch $(FAST)

check: $(STAMP) ## format, lint, types, arrows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --strict --package tools.pocket
	$(BIN)/mypy --strict tools/shape.py tools/site.py tools/docstrings.py
	$(BIN)/lint-imports

test: check ## check, then the tests, offline, a file to a process
	HF_HUB_OFFLINE=1 $(BIN)/python $(RUN_TESTS)

test-oldest: ## the tests that rest on dependencies, on the oldest releases that pyproject.toml allows (in .venv-oldest)
test-newest: ## the same on the newest ones that there are, whatever pyproject.toml allows (in .venv-newest)
test-oldest test-newest: test-%:
	@sh tools/resolve.sh $*
	@sh tools/setup.sh .venv-$* .venv-uv/$*.txt
	@.venv-$*/bin/python tools/ranges.py versions
	HF_HUB_OFFLINE=1 .venv-$*/bin/python $(RUN_TESTS) $(ENDS)

stress: $(STAMP) ## the long tests, offline
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m stress

bench: $(STAMP) ## a step of ours against PEFT's, (runs/bench): minutes on 2 cores, nothing downloaded
	$(BIN)/python benchmarks/step.py --output runs/bench

docs: $(STAMP) ## the documents and the API as a site, in build/site; a broken link is an error
	$(BIN)/python tools/site.py build/docs
	$(BIN)/zensical build --clean --strict

pocket: $(STAMP) ## train the bundled model anew, an hour or less on 2 cores; interrupted, it goes on
	$(BIN)/python -m tools.pocket.train --install
	$(BIN)/python -m tools.pocket.tasks

clean: ## remove .venv and its like, caches and built packages
	rm -rf .venv .venv-oldest .venv-newest .venv-uv .ruff_cache .mypy_cache .pytest_cache .hypothesis .import_linter_cache .cache dist build
	find src tests tools examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml requirements.lock tools/setup.sh
	@sh tools/setup.sh
	@touch $@ # last: without it the set-up is not done
