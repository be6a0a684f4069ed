# Needs make and Python 3.11 or newer; PYTHON=... names another interpreter than python3.
# stdout belongs to the command that a target runs: set-up speaks on stderr.

PYTHON ?= python3
# More arguments for the command of a target, as in: make test ARGS='-k rollup'
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PEERS := $(VENV)/.peers
FLINK_VENV := .venv-flink
FLINK_STAMP := $(FLINK_VENV)/.ready
FLINK_PINS := deploy/flink/constraints.txt

# Builds are pinned too: pip hands the first to their environments, newer pips want the second.
# The path is relative, because pip splits these at spaces.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

MAKEFLAGS += --no-print-directory
.SILENT:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help replay verify daemon demo test test-flink bench curve soak dashboards rules lint setup flink clean

help: ## list the targets
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

replay: $(STAMP) ## replay fixtures/ into out/, and print the summary
	$(BIN)/usage-stream replay fixtures $(ARGS)

verify: $(STAMP) ## check the fixtures: checksums, registration, expectations, nothing private
	$(BIN)/usage-stream verify fixtures $(ARGS)

test: $(STAMP) ## run all tests, some at a time
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

test-flink: $(STAMP) $(FLINK_STAMP) ## run the tests on a Flink cluster of this machine: 4 GB, some minutes
	$(BIN)/python -m pytest tests/engines/flink/cluster -o faulthandler_timeout=900 $(ARGS)

daemon: $(STAMP) ## run a daemon that replays fixtures/ at a pace; the page is on 127.0.0.1:9464
	mkdir -p out
	$(BIN)/usage-stream daemon --config tests/demo.toml $(ARGS)

demo: $(STAMP) ## run a twin of the API, a daemon that asks it, and Prometheus, until Ctrl-C
	$(BIN)/python -m tests.demo $(ARGS)

soak: $(STAMP) ## run daemons under load for some minutes, one asks a twin with faults; nothing may grow
	$(BIN)/python -m tests.faults.soak $(ARGS)

dashboards: $(STAMP) ## write deploy/grafana/dashboards from code
	$(BIN)/python deploy/grafana/generate.py $(ARGS)

rules: $(STAMP) ## write where the runbook is into the alerts, and Kubernetes' rules (ARGS='--runbook URL')
	$(BIN)/python deploy/prometheus/generate_rules.py $(ARGS)

bench: $(PEERS) ## measure a replay beside what people would use instead (tests/bench/README.md)
	$(BIN)/python -m tests.bench $(ARGS)

curve: $(PEERS) ## measure what more rows cost, and draw it (ARGS='--over windows': or files, …)
	$(BIN)/python -m tests.bench.curve $(ARGS)

lint: $(STAMP) ## check style, types, layers, and that each exception has its reason
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	if grep -rnE --include='*.py' '$(BARE_EXCEPTION)' stream tests deploy; \
	then echo 'each noqa, type: ignore and no cover carries its reason' >&2; exit 1; fi

# An exception to a check with nothing, or only punctuation, after its code.
BARE_EXCEPTION := \# *(noqa|type: ignore|pragma: no (cover|branch))(: *[A-Z0-9, ]+|\[[a-z0-9, -]*\])?[^[:alnum:]]*$$

setup: $(STAMP) ## make .venv with everything pinned

$(STAMP): pyproject.toml constraints.txt
	$(if $(shell $(PYTHON) -c 'import sys; print(sys.version_info >= (3, 11) or "")' 2>/dev/null),,$(error \
	    usage-stream needs Python 3.11 or newer, and '$(PYTHON)' is not; name one with PYTHON=...))
	{ \
	    echo 'setting up $(VENV)' && \
	    $(PYTHON) -m venv --clear $(VENV) && \
	    $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]' && \
	    $(BIN)/python -m compileall -q stream && \
	    touch $@; \
	} >&2

# Without the peers the benchmark goes on, says who is missing, and the next one tries again.
$(PEERS): $(STAMP)
	{ \
	    $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bench]' && touch $@ || \
	    echo 'some contenders cannot be installed here, and are left out'; \
	} >&2

# Flink's pins are older than ours, so its environment is another one, with constraints of its own.
flink: $(FLINK_STAMP) ## make .venv-flink, for the job on Apache Flink (deploy/flink/README.md)

$(FLINK_STAMP): export PIP_CONSTRAINT := $(FLINK_PINS)
$(FLINK_STAMP): export PIP_BUILD_CONSTRAINT := $(FLINK_PINS)
$(FLINK_STAMP): pyproject.toml $(FLINK_PINS)
	{ \
	    echo 'setting up $(FLINK_VENV)' && \
	    $(PYTHON) -m venv --clear $(FLINK_VENV) && \
	    $(FLINK_VENV)/bin/python -m pip install --quiet -c $(FLINK_PINS) -e '.[flink]' && \
	    touch $@; \
	} >&2

clean: ## remove .venv, .venv-flink, out/, builds and caches
	rm -rf $(VENV) $(FLINK_VENV) out build dist htmlcov .coverage .coverage.* .hypothesis \
	    .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
