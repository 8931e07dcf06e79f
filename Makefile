# `make help` lists the targets. Everything they need is installed by them: Python packages into .venv, Go and Debian
# packages (as root) by the local cluster.

PYTHON ?= python3
PORT ?= 8080
# None: with several tenants on one machine only one could have the default.
MANAGEMENT_PORT ?= 0
TOKEN ?=
DATABASE_URL ?= sqlite:///scim.db
CMD ?= kubectl get scimtenants --all-namespaces
PYTEST_ARGS ?=
BENCH_ARGS ?=
SECONDS ?= 60

BIN := .venv/bin
RUN := $(BIN)/python
CLUSTER := $(RUN) -m tests.cluster
READY := .venv/.ready
PLUGIN := $(BIN)/kubectl-scim

# Nothing here may depend on the caller's locale or leave byte code in the source tree.
export LC_ALL := C.UTF-8
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test serve up down exec images check format lock generate \
        test-unit test-service test-operator test-e2e conformance bench fuzz clean

##@ Start here
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## A tenant on a real cluster, filled by Entra's traffic; leaves it running (KUBECONFIG=... to use yours)
	@exec $(RUN) -m tests.e2e.demo

test: test-unit test-service test-operator test-e2e ## Every test; the tiers below, fast ones first

# By the environment: an argument would show in the list of processes.
serve: export SCIM_TOKEN := $(TOKEN)
serve: export SCIM_DATABASE_URL := $(DATABASE_URL)
serve: $(READY) ## One tenant alone, without Kubernetes [PORT=8080 MANAGEMENT_PORT=0 TOKEN= DATABASE_URL=sqlite:///scim.db]
	@exec $(RUN) -m scim_service serve --port '$(PORT)' --management-port '$(MANAGEMENT_PORT)'

##@ Local cluster (Linux, root)
up: $(READY) ## Start the local node: real control plane, kubelet, containerd
	@exec $(CLUSTER) up

down: $(READY) ## Stop it and remove every trace
	@exec $(CLUSTER) down

exec: $(READY) $(PLUGIN) ## Run a command beside it [CMD='kubectl scim status -A']
	@PATH="$$PATH:$(CURDIR)/$(BIN)" exec $(CLUSTER) exec -- sh -c '$(subst ','\'',$(CMD))'

images: $(READY) ## Build both images [ARCHIVE=DIR writes archives for kind, k3d, minikube]
	@exec $(CLUSTER) images $(if $(ARCHIVE),--archive '$(ARCHIVE)')

##@ Tests
test-unit: $(READY) ## Pure logic: seconds
	$(BIN)/pytest tests/unit $(PYTEST_ARGS)

test-service: $(READY) ## The service over HTTP, on SQLite and PostgreSQL
	$(BIN)/pytest tests/service tests/conformance --numprocesses auto --dist worksteal $(PYTEST_ARGS)

test-operator: $(READY) ## The operator against a real API server, and its chart
	$(BIN)/pytest tests/operator tests/chart --numprocesses 2 --dist loadfile $(PYTEST_ARGS)

test-e2e: $(READY) ## Both on a real node, with Helm and Entra's traffic
	$(RUN) -m tests.e2e $(PYTEST_ARGS)

conformance: $(READY) ## Other people's suites against the service: Microsoft's, scim2-tester, scim-sanity
	@exec $(RUN) -m tests.conformance

bench: $(READY) ## Measure service and operator: tables, build/bench/*.json [BENCH_ARGS='operator --tenants 5000']
	@exec $(RUN) -m tests.benchmarks $(BENCH_ARGS)

fuzz: $(READY) ## Feed the parsers with what libFuzzer makes up [SECONDS=60]; its corpus stays in build/fuzz
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --upgrade --target build/fuzz \
	  --requirement tests/fuzz/requirements.txt
	@mkdir -p build/fuzz/corpus
	@PYTHONPATH=build/fuzz exec $(RUN) -m tests.fuzz -max_total_time=$(SECONDS) -timeout=5 \
	  -artifact_prefix=build/fuzz/ build/fuzz/corpus

##@ Work on it
setup: $(READY) $(PLUGIN) ## Install what the checks and tests need into .venv

check: $(READY) ## The gate: lint, types, import contracts, generated files, chart
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(RUN) -m tests.generated --check
	$(CLUSTER) helm -- lint --strict charts/scim-operator

format: $(READY) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: $(READY) ## Write the generated files: CRD and the chart's copy of it
	$(RUN) -m tests.generated

lock: $(READY) ## Renew the locked requirements (hashes, no index addresses)
	for part in operator service; do (cd $$part && ../$(BIN)/uv pip compile pyproject.toml --output-file requirements.txt \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' \
	  --quiet $(UV_ARGS)) || exit 1; done
	for part in benchmarks/peers fuzz; do $(BIN)/uv pip compile tests/$$part/requirements.in \
	  --output-file tests/$$part/requirements.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --custom-compile-command 'make lock' --quiet $(UV_ARGS) || exit 1; done
	$(BIN)/uv pip compile requirements-dev.in operator/pyproject.toml plugin/pyproject.toml service/pyproject.toml \
	  --constraint operator/requirements.txt --constraint service/requirements.txt --output-file requirements-dev.txt \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command 'make lock' --quiet $(UV_ARGS)

clean: ## Remove what was built here (the cluster's cache of binaries stays)
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# The plugin's distribution has modules of the operator's, which is installed here: a script runs the working tree's.
$(PLUGIN): $(READY)
	@printf '%s\n' '#!/bin/sh' 'exec "$${0%/*}/python" -m scim_operator.cli "$$@"' > $@
	@chmod +x $@

$(READY): requirements-dev.txt operator/pyproject.toml service/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: Python 3.11 or newer is needed ($(PYTHON) is $$($(PYTHON) --version 2>&1)); name one with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get -qq update && apt-get -qq -y install python3-venv; } || { \
	  echo "error: $(PYTHON) has no ensurepip; install your distribution's python3-venv" >&2; exit 1; }
	@echo "Installing what the project needs into .venv (about two minutes, once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable operator --editable service
	@touch $@
