PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# More words for the command line, e.g. make study ARGS="data=mnist study=full"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help study quick report test lint mutants benchmarks clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

study: $(VENV)/study.installed ## set up, run the whole study, say where the report is
	$(BIN)/python -m study -m $(ARGS)

quick: $(VENV)/study.installed ## the same in little more than a minute, with too few seeds for conclusions
	$(BIN)/python -m study -m study=quick $(ARGS)

report: $(VENV)/study.installed ## write the last study's report again, without training
	$(BIN)/python -m study.report $(ARGS)

test: $(VENV)/test.installed ## set up, run all tests
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

lint: $(VENV)/test.installed ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	for system in linux darwin win32; do $(BIN)/mypy --platform $$system || exit 1; done

mutants: $(VENV)/test.installed ## plant bugs and write who catches them into docs/gate.md
	$(BIN)/python benchmarks/mutants.py $(ARGS)

benchmarks: $(VENV)/bench.installed ## measure the speed and write docs/benchmarks.md, ten minutes
	for name in step run sweep report; do \
	  $(BIN)/python benchmarks/$$name.py --write $(ARGS) || exit 1; \
	done

clean: ## remove the environment and all caches; keeps runs and reports
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

$(VENV)/study.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "study needs Python 3.11 or newer; say which with make PYTHON=…")'
	@echo "installing into $(VENV): 690 MB and a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/test.installed: $(VENV)/study.installed tests/report/package-lock.json
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[test]'
	@if command -v npm >/dev/null; then npm ci --silent --prefix tests/report; fi
	@touch $@

$(VENV)/bench.installed: $(VENV)/study.installed
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[bench]'
	@touch $@
