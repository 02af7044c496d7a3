# The commands to know. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
KHATA := .venv/bin/khata
# What others may not have written yet, or dropped, is not linted.
PACKAGES := $(wildcard billing_core radius_module web simulators)
# One cache a user: root's files must not stand in the way of the checkout's owner.
CACHE := .cache-$(shell id -u)
export RUFF_CACHE_DIR := $(CACHE)/ruff
export MYPY_CACHE_DIR := $(CACHE)/mypy
export HYPOTHESIS_STORAGE_DIRECTORY := $(CACHE)/hypothesis
PYTEST := $(PYTHON) -m pytest -o cache_dir=$(CACHE)/pytest
# Most tests wait (for a NAS, a browser, a server's start): processes side by side, each
# with servers of its own. A file's tests stay together.
JOBS := 3

.PHONY: help setup test lint format demo up down bench test-nas lock

help: ## List these commands.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | \
	  awk -F ':.*## ' '{ printf "make %-10s %s\n", $$1, $$2 }'

setup: ## Install what is missing: Debian packages, virtualenv, this project.
	@bin/bootstrap

test: ## Run lint and all tests, on a private PostgreSQL and FreeRADIUS.
	@bin/bootstrap --test
	$(MAKE) --no-print-directory lint
	$(PYTEST) -n $(JOBS) --dist loadfile -m 'not nas and not bench' $(ARGS)

test-nas: ## Run the tests with network equipment we did not write (as root).
	@bin/bootstrap --nas
	$(PYTEST) -m nas $(ARGS)

lint: setup ## Check style and types.
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy $(PACKAGES)

format: setup ## Bring the code into its format.
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

demo: setup ## Show the main job end to end with real packets; the stack stays up.
	$(KHATA) demo

up: setup ## Start the embedded stack under var/.
	$(KHATA) up

down: setup ## Stop the embedded stack.
	$(KHATA) down

bench: setup ## Measure against the peers on this machine.
	$(PYTHON) -m bench $(ARGS)

lock: setup ## Make the hashed requirements*.txt anew from requirements*.in.
	$(PYTHON) -m piptools compile $(LOCK) -o requirements.txt requirements.in
	$(PYTHON) -m piptools compile $(LOCK) -c requirements.txt \
	  -o requirements-dev.txt requirements-dev.in
LOCK := --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
