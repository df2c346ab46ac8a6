PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: setup run test check bench lock

setup: $(VENV)/.ready

# pip checks every file against the hashes of the lock
$(VENV)/.ready: requirements.lock
	$(PYTHON) -c 'import sys; sys.exit("Painpoint needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

run: setup
	$(PY) app.py run

test: setup
	sh tests/chromium.sh
	sh tests/axe.sh
	$(PY) -m pytest -n logical --maxprocesses 4 --dist loadfile

check: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

bench: setup
	$(PY) -m benchmarks

# needs uv; only when pyproject.toml changed
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
