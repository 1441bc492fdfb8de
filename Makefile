# The two that matter: `make up` and `make test`. Everything they need is installed by them, into .venv and .tools.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV_VERSION := 0.13.9
UV := $(shell command -v uv || echo .tools/bin/uv)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export UV_PYTHON_DOWNLOADS := never
# Many processes start from the same files: what was compiled once is kept, also where the environment says otherwise.
export PYTHONDONTWRITEBYTECODE :=

# What tests write need not outlive them: in memory, where there is room, they take a quarter less time.
ROOMY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "/dev/shm" }')
ifndef TMPDIR
ifneq ($(ROOMY),)
export TMPDIR := $(ROOMY)
endif
endif

# Tests wait more than they compute, for deadlines and for processes to start: twice as many at once as there are cores.
WORKERS ?= 4
# A file's tests in one process, since they share what is slow to start.
SPREAD := --dist loadfile --no-loadscope-reorder

# The tests of the first promise: that a caller books. Said by what is left out: the fixtures of a folder that is named would be
# loaded by the process that hands out the tests, too.
BOOKING_ROOMS := e2e integration cli voxie_agents sandbox mcp_servers
BOOKING := tests $(addprefix --ignore=,$(filter-out $(BOOKING_ROOMS:%=tests/%/),$(wildcard tests/*/)) \
	$(wildcard tests/mcp_servers/*/ tests/test_*.py))

.PHONY: help up demo test checks lint types arrows unit booking node one-folder soak bench lock generate clean

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

up: $(READY) ## Everything that can start here, in demo mode, until Ctrl-C
	@exec $(BIN)/voxie up $(ARGS)

demo: $(READY) ## One whole call, the event and the delivery
	@$(BIN)/voxie demo $(ARGS)

test: $(READY) ## Every check and every test
	@$(MAKE) --no-print-directory -j 2 --output-sync=target checks
	@$(MAKE) --no-print-directory unit

checks: types one-folder node arrows lint ## What is not the tests, side by side

lint: $(READY) ## Style, and that generated files are as their manifests say
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python scripts/generate.py --check
	@$(BIN)/python scripts/lint_scoped.py

types: $(READY) ## Types, strictly
	@$(BIN)/pyright

arrows: $(READY) ## Which room may import which
	@$(BIN)/lint-imports --no-cache

one-folder: $(READY) ## An integration is one folder: one can be removed, one can be copied
	@$(BIN)/python scripts/one_folder.py

unit: $(READY) node ## The tests
	@$(BIN)/pytest -n $(WORKERS) $(SPREAD) $(ARGS)

node: $(READY) # What tests/node runs, once for each lock file; without npm those tests are left out and say so
	@$(BIN)/python -m tests.node.packages

booking: $(READY) ## The tests of one concern: that a caller books
	@$(BIN)/pytest -n $(WORKERS) $(SPREAD) $(BOOKING) $(ARGS)

soak: $(READY) ## The long runs
	@$(BIN)/pytest -m soak --timeout=3600 -o addopts="-q --strict-markers" $(ARGS)

bench: $(READY) ## The benchmarks, as lines of JSON
	@$(BIN)/pytest -o addopts="-q --strict-markers -p no:randomly" -s benchmarks $(ARGS)

generate: $(READY) ## The files that are made from manifests
	@$(BIN)/python scripts/generate.py

lock: | $(UV) ## Pin the newest versions that fit
	$(UV) pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes --python-version 3.11 \
		--upgrade --no-header --no-annotate -q -o requirements.lock

clean: ## Remove what was made here
	rm -rf $(VENV) .tools .pytest_cache .ruff_cache

# A network that fails for a moment is asked again.
AGAIN := for pause in 2 10 30 0; do "$$@" && exit 0; test $$pause = 0 || sleep $$pause; done; exit 1

$(READY): requirements.lock pyproject.toml | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed (found: $(PYTHON)); install it, or name one with PYTHON=…"; exit 1; }
	@test -x $(BIN)/python || $(UV) venv -q --python $(PYTHON) $(VENV)
	@set -- $(UV) pip sync -q --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock; $(AGAIN)
	@set -- $(UV) pip install -q --python $(BIN)/python --no-deps -e .; $(AGAIN)
	@touch $@

.tools/bin/uv:
	@echo "Installing uv …"
	@$(PYTHON) -m venv .tools || { echo "python3-venv is needed: apt install python3-venv"; exit 1; }
	@set -- .tools/bin/pip install -q --disable-pip-version-check uv==$(UV_VERSION); $(AGAIN)
