# Everything here needs Python 3.11 or later, make and git; the rest is set up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/python -m uv
DEMO := demo
# Tests wait for other programs a fourth of their time: one more at once than there are processors.
JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: help setup demo test test-all check cluster docs examples digests bench clean

help:
	@echo "make demo      set up, generate a project, lint it, train it, run its tests"
	@echo "make test      set up, run all checks and tests"
	@echo "make test-all  the same, and the full product of the generators' choices"
	@echo "make check     Ruff and mypy only"
	@echo "make cluster   build the Kubernetes that the tests use"
	@echo "make docs      build the documentation"
	@echo "make examples  render examples/ again"
	@echo "make digests   ask the registries for the digests of other people's images"
	@echo "make bench     time mx beside Copier, Cookiecutter and Hygen"

# The environment is made again when what it is made of changes.
$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("mx needs Python 3.11 or later; this is %s. Set PYTHON=..." % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
	@$(UV) pip install --quiet --python $(BIN)/python --editable '.[dev]'
	@touch $@

setup: $(VENV)/ready

demo: setup
	@rm -rf $(DEMO) && mkdir $(DEMO)
	@BIN=$(CURDIR)/$(BIN) DEMO=$(CURDIR)/$(DEMO) sh .ci/demo

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy mxdev generators/mxdev_generators plugins/*/src plugins/*/*/src

# Programs of the tests' Kubernetes, from the Go module proxy; minutes the first time. Without Go it says so, and they are skipped.
cluster: setup
	$(BIN)/python tests/control_plane/build.py

test: check cluster
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-all: check cluster
	MX_TEST_ALL=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

docs: setup
	$(BIN)/sphinx-build -W --keep-going -n -b html docs docs/_build/html

examples: setup
	$(BIN)/python tests/golden.py

# Registries that do not answer are named, and their images stay as they were. `make examples` after it.
digests: setup
	$(BIN)/python tests/digests.py

bench: setup
	$(BIN)/python benchmarks/run.py $(ARGUMENTS)
	$(BIN)/python benchmarks/scale.py

clean:
	rm -rf $(VENV) $(DEMO) build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis
