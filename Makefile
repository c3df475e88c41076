# Two commands do everything on a fresh machine: `make demo` and `make test`. Each sets up .venv by itself.
PYTHON ?= python3
BIN := .venv/bin
EXAMPLE ?= examples/char_transformer.py:workload
BUDGET ?= 60
# A third party's precision, so that tests see one: it needs torchao, which leaves torch as it is.
PLUGIN = examples/torchao_float8
# Without compiling anything, and with the torch that is there: its tests are skipped where it is missing.
DEEPSPEED = DS_BUILD_OPS=0 $(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation deepspeed

.PHONY: demo test lint check serve bench clean help

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: .venv/demo  ## set up, try every precision on a real model (EXAMPLE=..., BUDGET=...), print the recommendation
	$(BIN)/autoprec probe
	$(BIN)/autoprec suggest $(EXAMPLE) --budget $(BUDGET)

test: .venv/dev  ## set up and run all tests
	$(BIN)/python -m pytest

lint: .venv/dev  ## mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: .venv/dev  ## verify style, types and import layers, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

serve: .venv/demo  ## answer POST /recommend from this machine's store, on loopback
	$(BIN)/autoprec serve

bench: .venv/dev  ## measure the cost of the engine beside plain PyTorch and Lightning Fabric
	$(BIN)/python benchmarks/overhead.py

clean:  ## remove the virtual environment and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	$(PYTHON) -m venv .venv

# The stamps are files so that a second call starts at once, and again after the requirements have changed.
.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[examples,service,torch]'
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt $(PLUGIN)/pyproject.toml
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]' --editable $(PLUGIN)
	$(if $(filter Linux,$(shell uname)),$(DEEPSPEED))
	@touch $@ .venv/demo
