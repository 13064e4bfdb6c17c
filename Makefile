# Two commands:  make demo   one call, from ring to human, on the built-in sandbox
#                make test   lint, types, import contracts, tests
# Each sets up .venv when it is missing or when what it must hold has changed.

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
PYTEST_ARGS ?= -q -n 4 --dist worksteal

.PHONY: demo test check format bench lock clean help

help: ## the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1  \2/p' Makefile

demo: ## one call on the sandbox; ARGS="--list" shows the others
	@PYTHON="$(PYTHON)" tools/setup run
	@$(BIN)/flowengine demo $(ARGS)

test: ## everything; PYTEST_ARGS="-k handoff" runs a part of the tests
	@PYTHON="$(PYTHON)" tools/setup dev
	@tools/needs
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: ## lint, types, import contracts
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >build/imports.txt 2>&1 || { cat build/imports.txt; exit 1; }
	@echo "Lint, types and import contracts hold."

format: ## lay the code out
	@$(BIN)/ruff check -q --fix-only .
	@$(BIN)/ruff format -q .

bench: ## the measurements of benchmarks/
	@PYTHON="$(PYTHON)" tools/setup dev
	@for each in benchmarks/bench_*.py; do \
	    [ -e "$$each" ] || { echo "there is no benchmarks/bench_*.py yet"; exit 2; }; \
	    $(BIN)/python "$$each" $(ARGS) || exit 1; done

lock: ## pin the newest versions that pyproject.toml allows
	@PYTHON="$(PYTHON)" tools/lock

clean: ## remove what can be made again
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	@find flowengine tests -name __pycache__ -prune -exec rm -rf {} +
