# dify-integrations. Needs python3 (3.10 to 3.13, with venv) and make; everything else is installed into .venv.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check
PACKAGES = dify_integrations langchain_dify llamaindex_dify
TYPED = $(PACKAGES) tests examples
.DEFAULT_GOAL = check
.PHONY: help demo test check format lint types mypy pyright twin twin-check docs wheel versions bench cassettes clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## See Dify apps as LLM, retriever and tool in LangChain and LlamaIndex (against LocalDify, or your Dify)
	@$(BIN)/python -m examples.demo

test: $(VENV)/.test ## Run the tests
	$(BIN)/python -m pytest -n 2 --cov --cov-fail-under=100

check: format lint types twin-check docs wheel versions test ## Everything CI does; the tests come last

format: $(VENV)/.lint ## Check the formatting (FIX=1 formats)
	$(BIN)/ruff format $(if $(FIX),,--check) .

lint: $(VENV)/.lint ## Lint (FIX=1 mends what can be mended)
	$(BIN)/ruff check $(if $(FIX),--fix,) .

types: $(VENV)/.test $(VENV)/.lint ## Check the types with both
	@$(MAKE) --no-print-directory -j 2 mypy pyright

mypy: $(VENV)/.test $(VENV)/.lint ## Check the types with mypy (strict)
	$(BIN)/mypy $(TYPED)

pyright: $(VENV)/.test $(VENV)/.lint ## Check the types with pyright
	$(BIN)/pyright --pythonpath $(BIN)/python $(TYPED)

twin: ## Write the sync twin of the async code
	$(PYTHON) .ci/twin.py

twin-check: ## Fail when the sync twin is stale
	$(PYTHON) .ci/twin.py --check

docs: $(VENV)/.docs ## Build the documentation into site/, warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

wheel: $(VENV)/.wheel ## Build the wheel and import it in an empty environment
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist .
	$(PYTHON) .ci/wheel.py dist

versions: ## Run quick tests on every other Python from 3.10 to 3.13 that is here, and with the oldest frameworks allowed
	$(PYTHON) .ci/versions.py

bench: $(VENV)/.bench ## Measure against plain httpx and the OpenAI packages in the same run
	$(BIN)/python benchmarks/run.py

cassettes: $(VENV)/.test ## Record the cassettes again from a live server (DIFY_BASE_URL and keys in the environment)
	$(BIN)/python .ci/cassettes.py cassettes/recorded

clean: ## Remove what the other targets made
	rm -rf $(VENV) .venv-* dist build site .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.made: .ci/make_venv.py
	$(PYTHON) .ci/make_venv.py $(VENV)
	$(PIP) install -q -U 'pip>=25.1'
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml
	$(PIP) install -q -e '.[all]' --group demo
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml
	$(PIP) install -q -e '.[all]' --group test
	@touch $@

$(VENV)/.bench: $(VENV)/.made pyproject.toml
	$(PIP) install -q -e '.[all]' --group bench
	@touch $@

$(VENV)/.lint: $(VENV)/.made pyproject.toml
	$(PIP) install -q --group lint
	@touch $@

$(VENV)/.docs: $(VENV)/.made pyproject.toml
	$(PIP) install -q -e . --group docs
	@touch $@

$(VENV)/.wheel: $(VENV)/.made pyproject.toml
	$(PIP) install -q build
	@touch $@
