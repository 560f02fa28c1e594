# Everything a user or CI does here; `make` alone lists it. Needs GNU make and what bootstrap.sh says.
.DEFAULT_GOAL := help
.PHONY: setup run compile notebooks test unit lint docs bench clean help
.DELETE_ON_ERROR:

# Containers often set it; then each process of pytest compiles every test file again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# The presets: tiny, quick, report-mini, report, controls.
CONFIG = experiment/presets/quick.yaml
# Further options of local_runner.py or kubeflow_runner.py, such as ARGS='--set draws=3'.
ARGS =
# What `make notebooks` reads, and where its pages go (docs/notebooks for those of the documentation).
RUN = runs/latest
PAGES = build/notebooks
# One more than there are cores: tests of whole runs wait for processes that start.
TEST_PROCESSES := $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu); echo $$((n < 4 ? n + 1 : 4)))
# Further options of pytest, such as PYTEST_ARGS='-k ledger'.
PYTEST_ARGS =

setup: ## install the locked dependencies into .venv (at once when nothing changed)
	@./bootstrap.sh

run: setup ## run the experiment of CONFIG on this machine
	@$(BIN)/python local_runner.py --config $(CONFIG) $(ARGS)

compile: setup ## write the experiment of CONFIG for Kubeflow Pipelines, to build/
	@$(BIN)/python kubeflow/kubeflow_runner.py --config $(CONFIG) $(ARGS)

notebooks: setup ## execute the notebooks on RUN (runs the preset tiny first if no run is finished) and write them as pages
	@test -e $(RUN)/summary.json || $(BIN)/python local_runner.py --config experiment/presets/tiny.yaml $(ARGS)
	@$(BIN)/python -m docs_build.notebook_pages --run $(RUN) --out $(PAGES)

test: setup ## run every check and every test
	@$(MAKE) --no-print-directory --jobs=2 lint docs
	@$(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --dist=loadscope --no-loadscope-reorder $(PYTEST_ARGS)

unit: setup ## run the quick tests (no component, whole run or training)
	@$(BIN)/python -m pytest --numprocesses=2 -m "not component and not e2e and not slow and not exhaustive" $(PYTEST_ARGS)

lint: setup ## check style, types, import contracts, the Dockerfile and the pages' prose
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/hadolint kubeflow/Dockerfile
	@$(BIN)/proselint check *.md kubeflow/*.md docs/*.md docs/howto/*.md docs/adr/*.md

docs: setup ## build the documentation site, build/site/index.html, and check its links
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs build/site
	@echo build/site/index.html

bench: setup ## time Thaw against stock Keras on one core (45 minutes; ARGS=--all: over an hour)
	@$(BIN)/python -m benchmarks.speed.bench $(ARGS)

clean: ## remove the environment, caches and build outputs; workspace/ and runs/ stay
	rm -rf .venv .bootstrap build dist *.egg-info third_party/*/build third_party/*/*.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## list the targets
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
	@echo "Variables: CONFIG=$(CONFIG), RUN=$(RUN), PAGES=$(PAGES), ARGS, PYTEST_ARGS"
