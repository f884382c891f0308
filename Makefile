# The doors of the project. `make help` lists them; each sets up what it needs first.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# DVC's default is a folder that every user of the machine may write to, and DVC unpickles from it.
export DVC_SITE_CACHE_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dvc-site

# Threads that wait for another program's turn on a processor must not keep it busy: beside one, the
# training takes 10 s so and 30 to 70 s with OpenMP's default; alone, 7 s and 6 s.
export OMP_WAIT_POLICY ?= passive

.PHONY: setup help repro serve undo report test test-pipeline test-tools test-thorough test-all test-faults lint format lock hooks storage
READY := .venv/.ready
TOOLS := tools tools/adopt

setup: $(READY) ## make .venv, with every tool at its pinned version, and install the Git hooks
	@git config merge.strata.driver >/dev/null || $(MAKE) --no-print-directory hooks || echo "Git hooks are not installed"

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

# The hooks format what is committed: after the pipeline has run, that makes dvc.lock stale.
repro: setup ## bring data, model and metrics up to date, and show the metrics
	@$(if $(CI),,ruff check --quiet --fix-only src && ruff format --quiet src)
	@strata repro
	@cat metrics/README.md

serve: $(READY) ## serve the model over HTTP on this machine (docs/serving.md)
	@python src/export.py $(SERVING) >&2
	@SERVE_MODEL=$(SERVING) SERVE_VERSION=`git describe --tags --always --dirty` PYTHONPATH=src \
	  exec python -m service
SERVING := .dvc/tmp/serving

# A killed `dvc exp run` leaves HEAD beside its branch, and half of its changes in Git's index. After
# a failed one, Git takes a params.yaml that kept its length for unchanged, until the index looks old.
undo: $(READY) ## take back a refused or broken run: params, lock, metrics and data as committed
	@touch -t 197001020000 "`git rev-parse --git-path index`"
	@git diff --quiet HEAD -- params.yaml || { mkdir -p .dvc/tmp; \
	  patch=.dvc/tmp/undone-`date +%Y%m%d-%H%M%S`.patch; git diff HEAD -- params.yaml > $$patch && \
	  echo "Your edits of params.yaml are in $$patch"; }
	@git restore --source HEAD --staged --worktree -- params.yaml dvc.lock metrics data/params.ok \
	  `git ls-files -- models/README.md`
	@dvc checkout
	@git symbolic-ref --quiet HEAD >/dev/null || test `git rev-parse HEAD @{-1} | uniq | wc -l` = 2 || git switch --quiet -
	@echo "As committed again"

report: $(READY) ## say what differs from the main branch, as a pull request would (BASE=REV: from REV)
	@strata report $(if $(BASE),--base "$(BASE)")

# A project with data of its own has no tests of the documentation, and seldom changes the tools.
TEMPLATE := $(wildcard docs/test_docs.py)
JOBS ?= $(shell expr `getconf _NPROCESSORS_ONLN` + 1)
TESTED = python -m pytest -n $(JOBS) --dist worksteal $(if $(THOROUGH),-m thorough)
OR_NONE = $(if $(THOROUGH),|| test $$? = 5) # pytest's word for no test, as in a project of your own

test: $(READY) ## run the tests; CONTRIBUTING.md tells which for what
	@$(TESTED) $(if $(TEMPLATE),docs) tests $(OR_NONE)
	@$(if $(TEMPLATE),cd tools && $(TESTED))

test-thorough: ## run the tests that `make test` leaves out: a quarter of an hour
	@$(MAKE) --no-print-directory test THOROUGH=1

test-all: test test-thorough ## run all tests

test-pipeline: $(READY) ## run the tests of the pipeline (THOROUGH=1: those that `make test` leaves out)
	@$(TESTED) tests $(OR_NONE)

test-tools: $(READY) ## run the tests of tools/ (THOROUGH=1: those that `make test` leaves out)
	@cd tools && $(TESTED)

test-faults: $(READY) ## kill a hundred restores, and make the table of faults in docs/reliability.md
	@cd tools && $(TESTED) -m fault --fault-table=../docs/reliability.md

lint: $(READY) ## check format, lint, types and workflows
	ruff format --check .
	ruff check .
	mypy
	PYTHONPATH=src lint-imports
	cd tools && mypy && lint-imports && cd adopt && lint-imports
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci .gitlab-ci.yml
	zizmor --offline --quiet --no-progress .github
	python src/params.py

format: $(READY) ## rewrite the code in the one format
	ruff format .
	ruff check --fix .

lock: $(READY) ## pin again what pyproject.toml asks for, and install it (UPGRADE=1: at its newest versions)
	$(COMPILE) pyproject.toml tools/pyproject.toml tools/adopt/pyproject.toml --all-extras \
	  --group dev --no-emit-package dvc-strata --output-file requirements-dev.lock
	$(COMPILE) pyproject.toml --constraint requirements-dev.lock --output-file requirements.lock
	$(COMPILE) service/requirements.in --constraint requirements-dev.lock \
	  --output-file service/requirements.lock
	$(if $(wildcard benchmarks/peers.in),$(COMPILE) pyproject.toml benchmarks/peers.in \
	  --constraint requirements.lock --output-file benchmarks/requirements.txt)
	@$(MAKE) --no-print-directory setup
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

hooks: $(READY) ## install the Git hooks
	@pre-commit install --allow-missing-config >/dev/null
	@strata hook install

storage: $(READY) ## set where data and models are stored: make storage URL=s3://bucket/prefix
	@strata storage "$(URL)" $(if $(ENDPOINT),--endpoint "$(ENDPOINT)")

ifneq ($(TEMPLATE),)
include benchmarks/doors.mk
endif

# The stamp comes last: set-up that was interrupted is taken up again by the next `make`.
$(READY): requirements-dev.lock $(TOOLS:=/pyproject.toml) \
  $(shell find $(TOOLS:=/src) -type f ! -name "*.pyc")
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is `$(PYTHON) --version 2>&1`." \
	         "Name another: make PYTHON=python3.12" >&2; exit 1; }
	@uv --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	@uv --version >/dev/null 2>&1 || { \
	  sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > .venv/uv.txt && \
	  .venv/bin/python -m pip install --quiet --require-hashes --requirement .venv/uv.txt; }
	@test -x .venv/bin/python || uv venv --quiet --python $(PYTHON) .venv
	@echo "Setting up .venv (a minute, once)"
	@VIRTUAL_ENV=.venv uv pip sync --quiet --require-hashes --compile-bytecode \
	  --build-constraints requirements-dev.lock requirements-dev.lock
	@VIRTUAL_ENV=.venv uv pip install --quiet --no-deps --no-build-isolation --compile-bytecode \
	  --reinstall $(TOOLS:%=./%)
	@python -c 'import vl_convert; print(vl_convert.javascript_bundle())' > .venv/vega.js
	@touch $@
