# What a person types here. Each target installs what it lacks, so all of them work on a clean clone.
# CARGO may name a wrapper of cargo; CARGO_TARGET_DIR is honoured.
SHELL := /bin/bash
CARGO ?= cargo
LISTEN ?= 127.0.0.1:7070
DATA ?= ./data
APP ?=
TARGET := $(or $(CARGO_TARGET_DIR),target)
export CARGO

.PHONY: help run movies notes test test-long bench fixture dist fmt setup
.DEFAULT_GOAL := help

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

run: ## build and start the server on ./data (APP=FOLDER applies that app, LISTEN=HOST:PORT)
	@tools/setup build
	$(CARGO) build --release -p basalt
	@echo "Basalt starts at http://$(LISTEN), its data in $(DATA)"
	@exec $(TARGET)/release/basalt serve --listen $(LISTEN) --data $(DATA) $(if $(APP),--app $(APP))

movies: ## import the example's 3,201 movies into the server of `make run APP=examples/movies`
	@tools/setup node
	@BASALT=$(TARGET)/release/basalt examples/movies/import --url http://$(LISTEN) --data $(DATA)

notes: ## the example app in a browser, on the server of `make run APP=examples/notes`
	@tools/setup node
	@cd examples/notes && npm run --silent sdk && npm install --no-audit --no-fund && BASALT_URL=http://$(LISTEN) npm run dev

test: ## everything that a change has to pass
	@tools/setup build test
	@tests/cluster tests/objects tools/test

test-long: ## the same with the long loops (200 rounds of kill -9, more random cases)
	@tools/setup build test
	@BASALT_TEST_LONG=1 tests/cluster tests/objects tools/test

bench: ## measure the server as it is released on both engines; results in tests/load/results
	@tools/setup build test
	$(CARGO) build --profile dist -p basalt -p basalt-load
	@tests/cluster --durable $(TARGET)/dist/basalt-load --server $(TARGET)/dist/basalt --out tests/load/results --million

fixture: ## write tests/fixtures/data-N with today's server (N=NUMBER OF THE ISSUE)
	@tools/setup build test
	$(CARGO) build -p basalt
	@tests/cluster tools/fixture $(TARGET)/debug/basalt $(N)

dist: ## the binary as it is released: all in one LTO, stripped, below 60 MB
	@tools/setup build
	$(CARGO) build --profile dist -p basalt
	@tools/size $(TARGET)/dist/basalt 60

fmt: ## format all Rust sources
	$(CARGO) fmt --all

setup: ## install what building and testing need
	@tools/setup build node test
