# Two commands do everything on a fresh machine: `make demo` and `make test`. Each sets up .venv by itself.
PYTHON ?= python3
BIN := .venv/bin
EXAMPLE ?= examples/char_transformer.py:workload
BUDGET ?= 60
# A third party's precision, so that tests see one: it needs torchao, which leaves torch as it is.
PLUGIN = examples/torchao_float8
# Without compiling anything, and with the torch that is there: its tests are skipped where it is missing.
DEEPSPEED = DS_BUILD_OPS=0 $(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation deepspeed

# torch-xla pins a torch of its own. Of that, x86-64 has only the CUDA build: without NVIDIA's 3 GB of libraries and with
# stand-ins for them it takes 2 GB, and is for these tests only.
XLA := .venv-xla/bin
XLA_NEEDS := Linux x86_64 Python 3.11
XLA_PACKAGES := absl-py filelock fsspec jinja2 networkx pytest pytest-timeout pyyaml requests sympy typing_extensions

.PHONY: demo test test-xla lint check serve screenshots bench zoo clean help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/demo  ## set up, try every precision on a real model (EXAMPLE=..., BUDGET=...), print the recommendation
	$(BIN)/autoprec probe
	$(BIN)/autoprec suggest $(EXAMPLE) --budget $(BUDGET)

test: .venv/dev  ## set up and run all tests
	$(BIN)/python -m pytest

test-xla: .venv-xla/ready  ## set up .venv-xla and run the tests of the strategy xla on XLA's CPU device
	PJRT_DEVICE=CPU $(XLA)/python -m pytest tests/xla

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

screenshots: .venv/dev  ## take docs/screenshots anew from recorded studies (needs chromium)
	$(BIN)/python tests/dashboards/take_screenshots.py

bench: .venv/dev  ## measure the cost of the engine beside plain PyTorch and Lightning Fabric
	$(BIN)/python benchmarks/overhead.py

zoo: .venv/dev  ## hold answers against exhaustive measurements of 24 workloads (an hour; goes on where it stopped)
	$(BIN)/python benchmarks/regret.py --resume zoo-truth.json

clean:  ## remove the virtual environment and every cache
	rm -rf .venv .venv-xla .venv-mlflow .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

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

.venv-xla/ready: pyproject.toml constraints.txt tests/xla/cuda_stubs.py
	@here="$$(uname -sm) $$($(PYTHON) -c 'import sys; print("Python", "%d.%d" % sys.version_info[:2])')"; \
	test "$$here" = "$(XLA_NEEDS)" || { echo "torch-xla is tested on $(XLA_NEEDS), and this is $$here."; exit 1; }
	@for tool in gcc readelf; do command -v $$tool >/dev/null || { echo "torch-xla is tested with $$tool at hand."; exit 1; }; done
	$(PYTHON) -m venv .venv-xla
	$(XLA)/python -m pip install --quiet --no-deps torch==2.9.1 torch-xla==2.9.0
	$(XLA)/python tests/xla/cuda_stubs.py
	$(XLA)/python -m pip install --quiet --no-warn-conflicts --constraint constraints.txt --editable . $(XLA_PACKAGES)
	PJRT_DEVICE=CPU $(XLA)/python -c 'import torch_xla; torch_xla.device()'
	@touch $@
