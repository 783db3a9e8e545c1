# Everything runs in .venv inside the checkout. A fresh machine needs Python 3.11+ and make; the tests and benchmarks on
# real Kafka also need a JDK 17+ and Maven (without them those tests are skipped, loudly; the benchmarks say so and stop).

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
# Two test processes: each may run a Kafka broker of its own, which takes a core.
JOBS   ?= 2
# More arguments for the programs: make demo ARGS='--seconds 30', make test ARGS='-k recovery'.
ARGS   ?=

.PHONY: help demo test lint format docs lock bench bench-learning clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo    the main job on this machine: broker, viewers, worker, live page (no Docker, no Java)'
	@echo 'make test    lint, types and every test'
	@echo 'make lint    ruff and mypy only'
	@echo 'make format  ruff format and the fixes that ruff can make'
	@echo 'make docs    writes the reference pages anew, from the code'
	@echo 'make lock    locks the image'"'"'s dependencies with their hashes (LOCK=--upgrade: to the newest that fit)'
	@echo 'make bench   the benchmarks on real Kafka; writes benchmarks/results/latest.json'
	@echo 'make bench-learning  how well each surface learns, against random, popularity, River and the best possible'
	@echo 'make bench-gateway  page reads at 2,000 a second while decisions stream in'
	@echo 'make clean   removes .venv, caches and build products'
	@echo "more arguments: make demo ARGS='--seconds 30'"

demo: $(VENV)/.demo
	$(BIN)/flywheel demo $(ARGS)

test: lint
	@if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then \
	  printf '\n%s\n%s\n%s\n\n' \
	    '!!! SKIPPED: the tests on real Apache Kafka (exactly once, faults), because java or mvn is missing.' \
	    '!!! What runs now does not prove the guarantees. Install a JDK 17+ and Maven, then run make test again.' \
	    '!!! (Where CI is set in the environment, this is a failure.)'; fi
	$(BIN)/pytest -n $(JOBS) $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.demo
	PYTHONPATH=. $(BIN)/python docs/generate.py

lock: $(BIN)/python
	$(PIP) install --quiet 'uv>=0.9'
	$(BIN)/uv pip compile pyproject.toml --extra demo --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-header --quiet --output-file deploy/requirements.lock $(LOCK)

bench: $(VENV)/.demo
	$(BIN)/python -m benchmarks $(ARGS)

bench-gateway: $(VENV)/.demo
	$(BIN)/python -m benchmarks.gateway $(ARGS)

bench-learning: $(VENV)/.demo
	$(BIN)/python -m benchmarks.learning --output benchmarks/results/learning.json --plots benchmarks/results $(ARGS)

# Set-up is done once, and again when pyproject.toml has changed. The test set-up includes the demo's.
$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is `$(PYTHON) --version`; Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot create environments: install its venv package (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --editable '.[demo,test]'
	@touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) .cache build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find streams models tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
