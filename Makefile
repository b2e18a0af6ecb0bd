# make run     the daemon with the shipped config.yaml (ARGS="--observe" and the like are handed on)
# make test    all tests with branch coverage        make check   style, types, import rules
# make bench   speed and size beside references      make faults  the long fault and reference suites
# make dist    wheel and sdist                       make lock    write the lock files anew
# make bounds  the tests against the oldest dependencies that pyproject.toml admits

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=
# The first interpreter that is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
LOCKED := --require-hashes --only-binary :all:

.PHONY: help install dev run test check bench faults dist lock bounds clean

help:
	@sed -n 's/^# //p' Makefile

# Byte code is written here, since the daemon's own user may not: it halves the time to the first evaluation.
install: $(VENV)/.installed
	@$(BIN)/python -m compileall -q recuo daemon triggers actions

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "recuo: Python 3.11 or newer is needed (Debian, Ubuntu: apt-get install python3)" >&2; exit 2; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "recuo: Python's venv is missing (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 2; }

# The editable install is one path entry and the `recuo` command; the hashes are all in the two lock files.
$(VENV)/.installed: requirements.lock requirements-build.lock pyproject.toml | $(BIN)/python
	@echo "installing the locked dependencies"
	@$(PIP) install $(LOCKED) -r requirements.lock -r requirements-build.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

dev: $(VENV)/.dev

$(VENV)/.dev: requirements-dev.lock $(VENV)/.installed
	@echo "installing the locked test tools"
	@$(PIP) install $(LOCKED) -r requirements-dev.lock
	@touch $@

run: install
	@exec $(BIN)/recuo run --config config.yaml $(ARGS)

test: dev
	$(BIN)/python -m pytest --cov --cov-report=term $(ARGS)

check: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy recuo daemon triggers actions tests bench
	$(BIN)/lint-imports
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run tests/deploy/boot.sh; \
	else echo "shellcheck is not installed: the shell scripts are not checked"; fi

bench: dev
	$(BIN)/python -m bench $(ARGS)

faults: dev
	RECUO_THOROUGH=1 $(BIN)/python -m pytest tests/faults tests/reference $(ARGS)

dist: dev
	$(BIN)/python -m build --no-isolation --outdir dist .

# uv writes hashes of every platform's files; the files name no index and no path.
UV := $(VENV)-lock/bin/uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(ARGS)

$(UV):
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip --disable-pip-version-check --quiet install uv

lock: $(UV)
	$(COMPILE) pyproject.toml -o requirements.lock
	echo hatchling | $(COMPILE) - -c requirements.lock -o requirements-build.lock
	$(COMPILE) pyproject.toml --extra dev -c requirements.lock -c requirements-build.lock -o requirements-dev.lock

bounds: $(UV) dev
	$(UV) pip compile --quiet --resolution lowest-direct --python-version 3.11 --no-header pyproject.toml \
		-o $(VENV)-lock/lowest.txt
	$(PYTHON) -m venv --clear $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip --disable-pip-version-check --quiet install -r requirements-dev.lock
	$(VENV)-lowest/bin/python -m pip --disable-pip-version-check --quiet install -r $(VENV)-lock/lowest.txt
	$(VENV)-lowest/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --no-index --editable .
	$(VENV)-lowest/bin/python -m pytest $(ARGS)

clean:
	rm -rf $(VENV) $(VENV)-lock $(VENV)-lowest build dist .mypy_cache .ruff_cache .pytest_cache .coverage*
