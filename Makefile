# Every target sets up what it needs: `make reproduce` and `make test` are all a fresh machine has to know.
# PYTHON=... chooses an interpreter; without it the first of 3.13, 3.12, 3.11 and python3 that fits is taken.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: help setup reproduce schedule server worker track ui test test-fast check lint format types preset diff constraints clean

VENV ?= .venv
BIN := $(VENV)/bin
# The stages are started as `python -m stages...`, by DVC, from the environment made here.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
# No tool that we start reports to anyone.
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false

# Prefect's database, in the project unless PREFECT_HOME says otherwise: made at set-up, so that no run has to.
DATABASE := $(or $(PREFECT_HOME),$(CURDIR)/.prefect)/prefect.db

# Files side by side, with one thread each: threads of two processes that wait for each other stop both.
PYTEST := OMP_NUM_THREADS=1 python -m pytest -n logical --maxprocesses 4 --dist loadfile

help:  ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## Make the virtual environment from the pinned versions.

$(VENV)/.ready: requirements.txt requirements-dev.txt constraints.txt scripts/find_python.sh
	@python="$$(PYTHON='$(PYTHON)' scripts/find_python.sh)" && \
	echo "Making $(VENV) with $$python: a few minutes, once." && \
	"$$python" -m venv $(VENV) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	@touch $@

$(DATABASE): | $(VENV)/.ready
	@env -u PREFECT_API_URL -u PREFECT_API_DATABASE_CONNECTION_URL PREFECT_HOME="$(@D)" \
	python -m prefect server database upgrade --yes > /dev/null

reproduce: setup $(DATABASE)  ## Run the whole comparison and make report/index.html.
	python -m pipeline.flow run

schedule: setup  ## Run it every night at three, until interrupted; another time: make schedule CRON="0 */6 * * *".
	python -m pipeline.flow schedule $(if $(CRON),--cron "$(CRON)")

server: setup $(DATABASE)  ## Start Prefect's server and pages on http://127.0.0.1:4200; another port: make server PORT=4201.
	python -m pipeline.flow server $(if $(PORT),--port $(PORT))

worker: setup  ## Deploy prefect.yaml to the server, and run what falls due (needs a server).
	python -m pipeline.flow worker

track: setup  ## Bring the results on disk to MLflow: to the server of MLFLOW_TRACKING_URI, or to tracking/mlflow.db.
	python -m pipeline.tracking sync

ui: setup  ## Open MLflow's UI on http://127.0.0.1:5000; another port: make ui PORT=5001.
	python -m pipeline.tracking ui $(if $(PORT),--port $(PORT))

preset: setup  ## Switch params.yaml to a preset: make preset NAME=report (default, smoke, report).
	python -m pipeline.preset $(NAME)

diff: setup  ## Show how metrics changed since a revision, and refuse unlike protocols: make diff REV=main.
	python -m pipeline.metrics_diff $(REV)

test: setup  ## Run all tests.
	$(PYTEST)

test-fast: setup  ## Run the tests that take seconds.
	$(PYTEST) -m "not slow"

lint: setup  ## Lint, and check the format.
	ruff check .
	ruff format --check .

types: setup  ## Check the types.
	mypy

check: lint types test  ## Lint, format, types and tests: what CI runs.

format: setup  ## Format the code and mend what the linter can.
	ruff check --fix .
	ruff format .

constraints: setup  ## Resolve constraints.txt anew, for Python 3.11 to 3.13 on Linux and macOS.
	scripts/resolve_constraints.sh

clean:  ## Remove what the stages made, but not DVC's cache of it nor the environment.
	rm -rf data extractor reference models samples results report .scratch
