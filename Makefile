# Every chore is one word. Two environments: .venv runs the service (core only), .venv-test has everything.
PYTHON ?= python3.11
PIP    := -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
CORE   := .venv/.installed
TEST   := .venv-test/.installed

.PHONY: demo serve test slow lint fix types bench chaos soak viseme-net clean help

help:            ## this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+): .*## /\1\t/' | expand -t 12

demo: $(CORE)    ## start the service, turn the bundled sample into an MP4, stop the service
	.venv/bin/python tools/demo.py

serve: $(CORE)   ## keep the service up on http://localhost:8001
	.venv/bin/emo-hallo serve

test: $(TEST)    ## the tests
	.venv-test/bin/python -m pytest $(ARGS)

slow: $(TEST)    ## the tests that `make test` leaves out (7 minutes)
	.venv-test/bin/python -m pytest -m slow $(ARGS)

lint: $(TEST)    ## style
	.venv-test/bin/ruff check . && .venv-test/bin/ruff format --check .

fix: $(TEST)     ## mend style
	.venv-test/bin/ruff check --fix . && .venv-test/bin/ruff format .

types: $(TEST)   ## static types, strict
	.venv-test/bin/mypy

bench: $(TEST)   ## every figure of docs/PERFORMANCE.md
	.venv-test/bin/python -m benchmarks

chaos: $(TEST)   ## 200 seeded runs in which parts of the service are killed (40 minutes)
	.venv-test/bin/python -m tests.chaos --runs $(or $(RUNS),200)

soak: $(TEST)    ## mixed load for MINUTES=30, and whether memory, files or descriptors grow
	.venv-test/bin/python -m tests.soak --minutes $(or $(MINUTES),30)

viseme-net: $(TEST) ## train the preview engine's viseme network anew (20 minutes; needs espeak-ng and flite)
	.venv-test/bin/python -m tools.visemes.train emo_hallo_ray/assets/viseme_net.onnx

clean:           ## remove both environments and what was made in them
	rm -rf .venv .venv-test build out benchmarks/results *.egg-info

# torch and its company are only worth their gigabytes where Hallo2 can run: with a GPU, or with weights at hand
EXTRA := $(shell if command -v nvidia-smi >/dev/null 2>&1 || [ -d "$${EMO_HALLO_WEIGHTS__ROOT:-pretrained_models}" ]; then echo '[hallo2]'; fi)

$(CORE): pyproject.toml constraints.txt
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) --editable '.$(EXTRA)'
	touch $@

$(TEST): pyproject.toml constraints.txt
	test -x .venv-test/bin/python || $(PYTHON) -m venv .venv-test
	.venv-test/bin/python $(PIP) --editable '.[hallo2,dev]'
	touch $@
