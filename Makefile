# Everything needs only make and Python 3.11 or newer; each target makes its own virtual environment in .venv.
#   make table       print a first table, and write it as LaTeX, CSV and a plot into build/
#   make test        ruff, the import contract, and all tests
#   make docs        the documentation, in build/docs/index.html
#   make references  the reference numbers of the tests, computed anew (slow)
#   make bench       time of the package, and the tables of docs/benchmarks.md (a few minutes)
# Another interpreter: make PYTHON=python3.13 table

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -qq

# A CIFAR-10 image (32 x 32 x 3) as 256 patches of 2 x 2 x 3 = 12 numbers.
TABLE := cnn 12 --filters 1,4,4 --positions 16 --head dense --kernel ntk --degree 4
CAPTION := --caption "NTK eigenvalues of a deep CNN on images of CIFAR-10 shape." --label tab:cifar

.DEFAULT_GOAL := help
.PHONY: help table test docs references bench clean distclean

help:
	@sed -n '2,7s/^# *//p' Makefile

table: $(VENV)/.all
	@mkdir -p build
	@$(BIN)/eigenspace table $(TABLE) $(CAPTION) -o - -o build/table.tex -o build/table.csv --plot build/table.png

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --maxprocesses 4

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs build/docs
	@echo "build/docs/index.html"

references: $(VENV)/.test
	@set -e; for script in $(filter-out %/neural_tangents_kernels.py,$(wildcard scripts/reference/[!_]*.py)); do echo "$$script"; $(BIN)/python "$$script"; done
	@# neural-tangents does not run with the numpy and jax of today
	@$(PYTHON) -m venv build/neural-tangents
	@build/neural-tangents/bin/python -m pip install -qq -r scripts/reference/neural_tangents.txt
	build/neural-tangents/bin/python scripts/reference/neural_tangents_kernels.py

# `make bench SELECT=` runs the huge tables too, SELECT='-k sphere' one group
SELECT = -k 'not huge'
bench: $(VENV)/.bench
	$(BIN)/python -m pytest benchmarks -o python_files='bench_*.py' -o python_functions='bench_*' $(SELECT)
	$(BIN)/python benchmarks/compare.py --write

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)

# One stamp per set of packages; `all` first, so that the tests and the documentation build upon it.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "eigenspace needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; use: make PYTHON=python3.12 ...")'
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.all: $(VENV)/.python setup.cfg pyproject.toml
	@echo "installing eigenspace into $(VENV) (a minute or two, once)"
	@$(PIP) install --editable '.[all]'
	@touch $@

$(VENV)/.test: $(VENV)/.all
	@$(PIP) install --editable '.[all,test]'
	@touch $@

$(VENV)/.docs: $(VENV)/.all
	@$(PIP) install --editable '.[all,docs]'
	@touch $@

$(VENV)/.bench: $(VENV)/.all
	@$(PIP) install --editable '.[all,bench]'
	@touch $@
