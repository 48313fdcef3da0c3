# `make` wraps commands that README.md also gives plainly.
PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CPU_TORCH := $(shell grep '^torch==' constraints.txt)+cpu

.DEFAULT_GOAL := help
.PHONY: help setup run demo test crash test-ui test-image screenshots check lint types imports fix bench soak clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv and install everything (once; again when the requirements change)

$(STAMP): requirements.txt requirements_api.txt requirements_webui.txt constraints.txt pyproject.toml
	@echo "Installing into $(VENV): about 3 GB, a few minutes ... 正在安装，约 3 GB，需要几分钟……"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet "pip>=25.1"  # knows --group
	@# Without an NVIDIA GPU the CUDA build of torch is gigabytes for nothing.
	@command -v nvidia-smi >/dev/null || $(BIN)/python -m pip install --quiet "$(CPU_TORCH)" 2>/dev/null || \
	  echo "Your package index offers no CPU build of torch; the default build is installed."
	@$(BIN)/python -m pip install --quiet -r requirements.txt --group dev
	@touch $(STAMP)

run: setup  ## start Zhiwen, ask the sample question, keep running
	@$(BIN)/python startup.py -a

demo: setup  ## answer five sample questions over REST, then stop
	@$(BIN)/python startup.py --demo

test: setup  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore=tests/ui

crash: setup  ## kill the service at every fault point and 50 times at random (about 6 minutes)
	$(BIN)/python -m tests.crash

test-ui: setup  ## run the tests in a real browser (Debian: apt-get install chromium fonts-noto-cjk)
	ZHIWEN_REQUIRE_BROWSER=1 $(BIN)/python -m pytest tests/ui

screenshots: setup  ## draw the pictures of docs/images anew (needs the same browser)
	$(BIN)/python -m tests.ui.screenshots

test-image: setup  ## build the container image and run it (root; buildah, debootstrap, runc)
	ZHIWEN_TEST_IMAGE=1 $(BIN)/python -m pytest tests/container

check: setup lint types imports  ## ruff, mypy strict, import-linter, house rules
	$(BIN)/python -m pytest -q tests/test_house.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

fix: setup  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## measure the start and ingestion, and with DATA=folder retrieval and answers too
	$(BIN)/python -m benchmarks.start --json
	$(BIN)/python -m benchmarks.ingest --json
	$(if $(DATA),$(BIN)/python -m benchmarks.retrieval --data $(DATA) --json)
	$(if $(DATA),$(BIN)/python -m benchmarks.answers --data $(DATA) --json)

soak: setup  ## half an hour of mixed load: no error, and nothing that grows
	$(BIN)/python -m benchmarks.soak --minutes 30 --json

clean:  ## delete caches and logs, never your data
	rm -rf logs .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
