# Every target installs what it needs, so `make reproduce` and `make test` work on a fresh machine.
# PYTHON=... chooses the interpreter; the default is the first of python3.13, 3.12, 3.11 and python3
# whose version is supported.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: help setup reproduce own schedule server worker track ui test test-fast test-containers verify docs docs-serve check lint format types preset experiments diff constraints clean

VENV ?= .venv
BIN := $(VENV)/bin
# DVC starts the stages as `python -m stages...`, which has to be the Python of this environment.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
# With PYTHONSAFEPATH, `python -m` would not find the modules of this folder.
unexport PYTHONSAFEPATH
# These switch off the telemetry of the tools.
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
# MkDocs's theme would advertise its successor at every start.
export NO_MKDOCS_2_WARNING := 1

# Prefect's database is in the project unless PREFECT_HOME is set. It is created here, so that no run
# has to do it, and under another name until it is complete: SQLite would apply the log of an interrupted
# database to the next one.
DATABASE := $(or $(PREFECT_HOME),$(CURDIR)/.prefect)/prefect.db

# Test files run in parallel with one thread each: with more threads than cores, threads would wait for one
# another. Tests are grouped by file, because pytest 9 ignores the groups of xdist 3.8. Files run in the order of
# tests/conftest.py, because xdist's own order puts files with few tests last, which are the slowest ones here.
PYTEST := OMP_NUM_THREADS=1 python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

PRESETS := $(shell echo $(sort $(basename $(notdir $(wildcard presets/*.yaml)))) | sed 's/ /, /g')

# What a target needs to be told is checked here, before the environment is created, which takes minutes.
ifneq ($(filter own,$(MAKECMDGOALS)),)
ifeq ($(IMAGES),)
$(error IMAGES is missing: make own IMAGES=FOLDER, a folder or zip of class folders)
endif
export IMAGES
endif
ifneq ($(filter preset,$(MAKECMDGOALS)),)
ifeq ($(wildcard presets/$(firstword $(NAME)).yaml),)
$(error NAME=$(NAME) is no preset: make preset NAME=..., one of $(PRESETS))
endif
endif

# This runs for a target that does not exist.
.DEFAULT:
	@echo "error: make knows no '$@'; \`make help\` lists what it knows" >&2; exit 1

help:  ## Show this list.
	@awk -F ':.*## ' -v presets="$(PRESETS)" '/^[a-z-]+:.*## / \
	{sub("PRESETS", presets); count = split($$2, words, " "); line = sprintf("make %-15s", $$1); \
	for (place = 1; place <= count; place++) { \
	if (length(line) + length(words[place]) > 79) {print line; line = sprintf("%20s", "")} line = line " " words[place]} \
	print line}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## Create the virtual environment: 6.5 GB, or about 1.9 GB with TORCH=cpu, without CUDA.

# The stamp file has the installed build of torch. If TORCH names another build, the environment is created again.
TORCH ?=
INSTALLED := $(shell cat $(VENV)/.ready 2>/dev/null)
ifneq ($(filter-out $(INSTALLED),$(TORCH)),)
.PHONY: $(VENV)/.ready
endif
# The version of uv, the program that knows the package indexes of PyTorch's builds.
UV := $(shell sed -n 's/^ARG UV=//p' Dockerfile)

$(VENV)/.ready: requirements.txt requirements-docs.txt requirements-cluster.txt requirements-extractors.txt requirements-dev.txt constraints.txt scripts/find_python.sh
	@case "$(TORCH)" in ''|cpu|cuda) ;; *) echo "error: TORCH=$(TORCH) is unknown; it is cpu or cuda" >&2; exit 1 ;; esac
	@python="$$(PYTHON='$(PYTHON)' scripts/find_python.sh)" && \
	echo "Creating $(VENV) with $$python, which takes a few minutes, once." && \
	"$$python" -m venv $(if $(TORCH),--clear) $(VENV) && \
	PYTHON=$(BIN)/python UV='$(UV)' scripts/install.sh '$(or $(TORCH),$(INSTALLED))'
	@echo '$(or $(TORCH),$(INSTALLED),cuda)' > $@
	@echo "\`source $(VENV)/bin/activate\` enters the environment; make does so by itself."

$(DATABASE): | $(VENV)/.ready
	@echo "Creating Prefect's database, once."
	@mkdir -p -m 700 "$(@D)" && rm -rf "$@.new" "$@-wal" "$@-shm" "$@-journal"
	@env -u PREFECT_API_URL -u PREFECT_API_DATABASE_CONNECTION_URL PREFECT_HOME="$@.new" \
	python -m prefect server database upgrade --yes > /dev/null
	@mv "$@.new/prefect.db" "$@" && rm -rf "$@.new"

reproduce: setup $(DATABASE)  ## Run the whole comparison and write report/index.html.
	python -m pipeline.flow run

own: setup $(DATABASE)  ## Compare two GANs on one's own images: make own IMAGES=FOLDER, a folder or zip of class folders.
	@python -m pipeline.own "$$IMAGES" $(OPTIONS)

schedule: setup  ## Run the comparison every night at three until interrupted; CRON="0 */6 * * *" and TIMEZONE=Europe/Berlin set the times.
	python -m pipeline.flow schedule $(if $(CRON),--cron "$(CRON)") $(if $(TIMEZONE),--timezone "$(TIMEZONE)")

server: setup $(DATABASE)  ## Start Prefect's server on http://127.0.0.1:4200; PORT=4201 sets the port.
	python -m pipeline.flow server $(if $(PORT),--port $(PORT))

worker: setup  ## Create the deployments of prefect.yaml on Prefect's server, and run them when they are due.
	python -m pipeline.flow worker

track: setup  ## Log the results on disk to tracking/mlflow.db, or to the server of MLFLOW_TRACKING_URI.
	python -m pipeline.tracking sync

ui: setup  ## Show all trials in MLflow, on http://127.0.0.1:5000; PORT=5001 sets the port, NO_BROWSER=1 opens none.
	python -m pipeline.tracking ui $(if $(PORT),--port $(PORT)) $(if $(NO_BROWSER),--no-browser)

preset: setup  ## Switch params.yaml to the preset NAME=...: PRESETS.
	python -m pipeline.preset $(NAME)

experiments: setup  ## Show DVC's experiments side by side: the params that differ, and each trial's FID and IS.
	python -m pipeline.experiments

diff: setup  ## Show how metrics changed since a revision: make diff REV=main.
	python -m pipeline.metrics_diff $(REV)

verify: setup  ## Hash all outputs and DVC's cache, and compare them with dvc.lock and the last commit's.
	python -m pipeline.verify

docs: setup  ## Build the site of docs/ in site/, with every warning as an error.
	mkdocs build --strict

docs-serve: setup  ## Show the site on http://127.0.0.1:8001 while its pages change; PORT=8002 sets the port.
	mkdocs serve --strict --dev-addr 127.0.0.1:$(or $(PORT),8001)

test: setup  ## Run all tests.
	$(PYTEST)

test-fast: setup  ## Run the tests that take seconds.
	$(PYTEST) -m "not slow"

lint: setup  ## Lint, and check the format.
	ruff check .
	ruff format --check .

types: setup  ## Check the types.
	mypy

test-containers: setup  ## Build the image, and test it and compose.yaml's services; BUILD_OPTIONS="--build-arg DEVICE=cuda".
	CONTAINER_TESTS=1 BUILD_OPTIONS="$(BUILD_OPTIONS)" python -m pytest tests/containers

check: lint types test  ## Lint, format, types and tests: what CI runs.

format: setup  ## Format the code and fix what the linter can fix.
	ruff check --fix .
	ruff format .

constraints: setup  ## Resolve constraints.txt again, for Python 3.11 to 3.13 on Linux and macOS.
	scripts/resolve_constraints.sh

clean:  ## Delete the outputs of the stages, but neither DVC's cache nor the environment.
	rm -rf data extractor reference models samples results metrics report .scratch dvc_plots
