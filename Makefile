# One file for everything that a person does with this repository. `make` alone lists it.
# Needs make and Python 3.11 or newer; the rest is put into .venv from requirements.lock.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# uv trusts whom the machine trusts, as pip and curl do: behind a proxy the certificate is one of its store.
export UV_SYSTEM_CERTS ?= 1
# A process that has to compile what it imports takes three times as long to start, and the tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
PACKAGES := shared services/contracts services/probes services/incidents services/reporting
PROJECTS := $(addsuffix /pyproject.toml,$(PACKAGES))
READY := $(VENV)/.ready
JAVASCRIPT := services/reporting/tests/javascript

# How many processes the tests use, and what else pytest is told: make test JOBS=4 PYTEST="-k sla -x"
JOBS ?= 2
PYTEST ?=

# PYTHON chooses the interpreter of .venv; left out, the first one here that is new enough.
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)
endif

##@ Run it

.PHONY: run
run: $(READY)	## start PostgreSQL, NATS and the four services; Ctrl-C stops everything
	@exec $(RUN) -m shared.stack run

.PHONY: token
token: $(READY)	## print a bearer token of the administrator
	@exec $(RUN) -m shared.stack token

.PHONY: demo
demo: $(READY)	## walk through a contract from signature to report against the running stack
	@exec $(RUN) shared/tools/demo.py

.PHONY: clock
clock: $(READY)	## show the services' clock, or shift it: ADVANCE=P1D, SET=2026-12-01T00:00:00Z, RESET=1
	@exec $(RUN) -m shared.stack clock $(if $(ADVANCE),--advance=$(ADVANCE)) $(if $(SET),--set=$(SET)) $(if $(RESET),--reset)

.PHONY: change-key
change-key: $(READY)	## make another key that seals, for SERVICE=contracts of the stopped stack; the one before still opens
	@exec $(RUN) -m shared.stack change-key $(SERVICE)

.PHONY: forget-key
forget-key: $(READY)	## forget the key before, once `upheld admin contracts reseal-secrets` has sealed everything anew
	@exec $(RUN) -m shared.stack forget-key $(SERVICE)

.PHONY: reset
reset: $(READY)	## delete all data of the stopped stack
	@exec $(RUN) -m shared.stack reset

##@ Check it

# The longest one first: they run beside one another.
CHECKS := types lint check-rules check-documents check-deploy javascript

.PHONY: test
test: $(READY)	## everything that must be green, tests with real servers included
	@$(MAKE) -j$(JOBS) $(CHECKS)
	@$(RUN) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -q $(PYTEST)

.PHONY: lint
lint: $(READY)	## style and dangerous calls: ruff, formatting, bandit
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive services/*/src shared/src shared/tools

.PHONY: types
types: $(READY)	## types: mypy --strict over all sources and tests
	@$(BIN)/mypy shared services

.PHONY: check-rules
check-rules: $(READY)	## architecture: layers, pure domains, injected time, services that live alone, who speaks to others, the lock
	@$(BIN)/lint-imports --no-logo
	@$(RUN) shared/tools/check_domain_is_pure.py
	@$(RUN) shared/tools/check_time_is_injected.py
	@$(RUN) shared/tools/check_service_alone.py
	@$(RUN) shared/tools/check_outside_contact.py
	@$(RUN) shared/tools/lock_requirements.py --check

.PHONY: check-documents
check-documents: $(READY)	## generated documents are what the code says; events keep what the release before promised
	@$(RUN) shared/tools/write_documents.py --check

.PHONY: check-deploy
check-deploy: $(READY)	## deployment files: YAML, Dockerfiles, the NATS users (the tests render and validate the rest)
	@$(BIN)/yamllint --strict deploy docker-compose.yml
	@$(BIN)/hadolint services/*/Dockerfile
	@$(RUN) shared/tools/write_nats_configuration.py --check

.PHONY: test-rules
test-rules: $(READY)	## alert rules: play the cases in which each fires, and in which it does not; by promtool too, if it is there
	@$(RUN) shared/tools/play_alerts.py

SCAN := .cache/scan

.PHONY: scan-deploy
scan-deploy: $(READY)	## scan the rendered manifests and the Dockerfiles by checkov, in an environment of its own (300 MB)
	@[ -x $(SCAN)/bin/checkov ] || { $(RUN) -m venv $(SCAN) && $(SCAN)/bin/pip install --quiet 'checkov==3.3.30'; }
	@rm -rf $(SCAN)/rendered && mkdir -p $(SCAN)/rendered
	@for one in base overlays/dev overlays/production everything runner; do \
		$(RUN) shared/tools/render_deployment.py $$one > $(SCAN)/rendered/$$(echo $$one | tr / -).yaml || exit 1; done
	@cp -r --parents services/*/Dockerfile $(SCAN)/rendered
	@$(SCAN)/bin/checkov --config-file deploy/checkov.yaml --directory $(SCAN)/rendered

.PHONY: audit
audit: $(READY)	## audit what is installed, offline: pins, hashes, licences, SBOM; known vulnerabilities only with ADVISORIES=dump.zip (OSV)
	@$(RUN) shared/tools/audit_dependencies.py $(if $(ADVISORIES),--advisories=$(ADVISORIES))
	@mkdir -p .cache && $(BIN)/cyclonedx-py requirements requirements.lock --output-reproducible --output-format JSON \
		--output-file .cache/sbom.cdx.json && echo "What the lock names is in .cache/sbom.cdx.json (CycloneDX)."

.PHONY: capabilities
capabilities: $(READY)	## which rows of the acceptance table a passing test shows
	@exec $(RUN) shared/tools/print_capabilities.py

.PHONY: chaos
chaos: $(READY)	## the long run: crashes, lost acknowledgements, killed servers, a lost volume
	@exec $(RUN) -m pytest shared/tests/chaos/test_storm.py -q -s --chaos=long $(PYTEST)

.PHONY: drill
drill: $(READY)	## the drill: a backup restored into an empty installation; prints what was kept and how long it took
	@exec $(RUN) -m pytest shared/tests/chaos/test_restore.py -q -s $(PYTEST)

.PHONY: upgrade-test
upgrade-test: $(READY)	## roll-out and roll-back: the release before, from the history, and this one over one database; prints times
	@exec $(RUN) -m pytest shared/tests/upgrade -q -s $(PYTEST)

.PHONY: any-request
any-request: $(READY)	## the long run of requests made from the OpenAPI documents: every boundary, and things that exist
	@exec $(RUN) -m pytest shared/tests/e2e/test_schemathesis.py services/*/tests/integration/test_any_request.py -q \
		--any-request=long $(PYTEST)

.PHONY: bench
bench: $(READY)	## measure from the failing check to mail and status page; prints JSON
	@exec $(RUN) shared/benchmarks/thread_latency.py

.PHONY: bench-api
bench-api: $(READY)	## measure the APIs over 10,000 contracts, half an hour: latency, memory, slow plans; ARGUMENTS="--contracts 1000 --minutes 2"
	@exec $(RUN) shared/benchmarks/api_under_load.py $(ARGUMENTS)

.PHONY: bench-probes
bench-probes: $(READY)	## measure probing, a few minutes: CPU per check, lateness, outage to event, storage; prints JSON
	@exec $(RUN) services/probes/benchmarks/figures.py

.PHONY: bench-probes-full
bench-probes-full: $(READY)	## the same with ten minutes of 10,000 monitors at 30 s
	@exec $(RUN) services/probes/benchmarks/figures.py --full

.PHONY: bench-clocks
bench-clocks: $(READY)	## measure the clocks: folds per second, lateness of 10,000 warnings in a minute; prints JSON
	@$(RUN) services/incidents/benchmarks/clocks.py
	@exec $(RUN) services/incidents/benchmarks/due_warnings.py

.PHONY: bench-contracts
bench-contracts: $(READY)	## measure settling a month of 10,000 contracts, some minutes: time and memory; prints JSON
	@exec $(RUN) services/contracts/benchmarks/settlements.py

.PHONY: bench-webhooks
bench-webhooks: $(READY)	## measure webhooks: deliveries per second, and with one receiver that hangs; prints JSON
	@exec $(RUN) services/reporting/benchmarks/webhook_throughput.py

.PHONY: bench-reporting
bench-reporting: $(READY)	## measure reporting, some minutes: a large report, 1,000 reports, status pages, a rebuild; prints JSON
	@exec $(RUN) services/reporting/benchmarks/speed.py

##@ Generate

.PHONY: openapi
openapi: $(READY)	## write openapi.json, asyncapi.json, schemas and examples of every service again
	@$(RUN) shared/tools/write_documents.py
	@$(RUN) shared/tools/write_nats_configuration.py

.PHONY: lock
lock: $(READY)	## resolve requirements.lock again from the pyproject files (needs a package index)
	@exec $(RUN) shared/tools/lock_requirements.py

##@ Housekeeping

.PHONY: environment
environment: $(READY)	## make .venv, or bring it up to requirements.lock

.PHONY: javascript
javascript:	## install the JavaScript library that verifies our webhooks in the tests; without npm they are skipped by name
	@if command -v npm > /dev/null && command -v node > /dev/null && $(MAKE) $(JAVASCRIPT)/node_modules/.ready; then :; \
		else echo "No npm, no node or no package index: webhooks are not verified in JavaScript." >&2; fi

$(JAVASCRIPT)/node_modules/.ready: $(JAVASCRIPT)/package.json $(JAVASCRIPT)/package-lock.json
	@cd $(JAVASCRIPT) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: clean
clean:	## delete .venv and caches; data of the stack stays (make reset)
	@rm -rf $(VENV) $(JAVASCRIPT)/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .cache .coverage
	@find $(PACKAGES) -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help:	## list the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z][a-z-]*:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo

# The environment: exactly what requirements.lock says, checked by hash; our own packages are installed in place. It is
# made again only when the lock or a pyproject file has changed, and counts as ready only when it was finished.
$(READY): requirements.lock pyproject.toml $(PROJECTS)
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; fi
	@if ! $(RUN) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Making $(VENV) with $$("$(PYTHON)" --version) …"; \
		"$(PYTHON)" -m venv --clear $(VENV) || { \
			echo "$(PYTHON) cannot make virtual environments: install its venv module (python3-venv), or name another: make PYTHON=…" >&2; \
			exit 1; }; fi
	@if [ ! -x $(BIN)/uv ]; then \
		awk '/^uv==/ { found = 1 } found { print } found && !/\\$$/ { exit }' requirements.lock > $(VENV)/uv.lock; \
		$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock || { \
			echo "Cannot install uv: is the package index in reach, and pip configured for it?" >&2; exit 1; }; fi
	@echo "Installing from requirements.lock …"
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(RUN) --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(RUN) --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
	@touch $@
