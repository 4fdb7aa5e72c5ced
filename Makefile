# Two commands for a newcomer: `make demo` and `make test`. Both set up .venv themselves.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=

.PHONY: demo test lint faults bench snapshots lock clean

demo: .venv/.demo ## open the console on the embedded stack
	@$(BIN)/olorin demo $(ARGS)

test: .venv/.dev ## the whole suite, on real embedded servers; most of a test is waiting, so a core takes two workers
	@$(BIN)/python -m pytest -n 6 --dist loadgroup -m "not benchmark" $(ARGS)

lint: .venv/.dev ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

faults: .venv/.dev ## every fault campaign, whole
	@OLORIN_FAULTS=whole $(BIN)/python -m pytest -m faults $(ARGS)

bench: .venv/.dev ## every benchmark, as ratios to a baseline of the same run
	@$(BIN)/python -m pytest -m benchmark -s $(ARGS)

snapshots: .venv/.dev ## accept the screens as they look now
	@$(BIN)/python -m pytest tests/snapshots --snapshot-update $(ARGS)

lock: .venv/.dev ## pin again, with hashes and without hosts
	@sh .requirements/lock.sh

clean:
	rm -rf .venv

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed (set PYTHON=...)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/.demo: .requirements/demo.txt pyproject.toml | .venv/bin/python
	@echo "setting up .venv (once)" >&2
	@$(PIP) install --require-hashes -r .requirements/demo.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .requirements/dev.txt .venv/.demo
	@$(PIP) install --require-hashes -r .requirements/dev.txt
	@touch $@
