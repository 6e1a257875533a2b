# Every target installs what it needs, in .venv, build or node_modules.
PYTHON ?= python3
BIN := .venv/bin
# A test file or directory for `make test`; empty for all tests.
T ?=
# `--cov` for `make test` to measure coverage.
COV ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export REDOCLY_TELEMETRY := off
export REDOCLY_SUPPRESS_UPDATE_NOTICE := true
# The tests start dozens of Python processes, which start twice as fast from bytecode.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run help lint format test check controls attacks faults bench openapi lint-openapi docs wheel lock clean

run: .venv/run ## Serve on http://127.0.0.1:8000, with the SQLite database pressroom.sqlite.
	$(BIN)/pressroom serve

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

lint: .venv/dev ## Check words, style, formatting, imports and types.
	git ls-files -z --cached --others --exclude-standard | xargs -0 $(BIN)/codespell
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy

format: .venv/dev ## Format the code and fix what ruff can fix.
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

test: .venv/dev ## Run the tests, or those in one file: make test T=tests/http/test_json.py
	$(BIN)/pytest $(COV) -m 'not heavy and not nightly' $(or $(T),--numprocesses=2 --dist=loadfile)

check: COV := --cov
check: lint test ## Lint, and run the tests with coverage.

controls: .venv/dev ## Check that the contract tests find planted bugs.
	$(BIN)/pytest --numprocesses=2 tests/contract/test_controls.py

attacks: .venv/dev ## Attack the server, for three to four minutes; needs nginx-light, slowhttptest and testssl.sh.
	$(BIN)/pytest tests/attacks

faults: .venv/dev ## Inject faults under load and count failed requests, for 20 minutes.
	FAULT_SECONDS=5 $(BIN)/pytest tests/faults

bench: build/peers/installed ## Measure what requests cost, beside other frameworks, for ten minutes; needs wrk.
	build/peers/bin/python -m benchmarks

openapi: .venv/dev ## Write openapi/openapi.json and the generated parts of docs/reference/; review the diff.
	$(BIN)/pressroom openapi write openapi/openapi.json
	$(BIN)/python -m tests.contract.reference_pages

lint-openapi: openapi/node_modules ## Lint openapi/openapi.json with Spectral and Redocly; needs Node.
	cd openapi && npx spectral lint --ruleset=spectral.mjs --fail-severity=hint openapi.json
	cd openapi && npx redocly lint --config=redocly.yaml openapi.json

docs: .venv/dev ## Build the manual as a site in build/manual/, and check its links.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

wheel: .venv/bin/python ## Build build/wheel/pressroom-*.whl, which serves wherever it is installed.
	rm -rf build/lib build/wheel
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir=build/wheel .

lock: .venv/bin/python ## Update requirements.lock to the newest versions that pyproject.toml allows.
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --no-annotate --python-version=3.11 \
		--all-extras --group=dev --group=bench \
		--custom-compile-command='make lock' --output-file=requirements.lock pyproject.toml

clean: ## Remove everything that was installed or built.
	rm -rf .venv build *.egg-info openapi/node_modules examples/eleventy/node_modules

.venv/bin/python:
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/run: .venv/bin/python pyproject.toml requirements.lock
	$(BIN)/pip install --quiet --constraint=requirements.lock --editable .
	touch $@

# pip installs dependency groups since version 25.1; Python 3.11 to 3.13 may come with an older one.
.venv/dev: .venv/run
	$(BIN)/pip install --quiet 'pip>=25.1'
	$(BIN)/pip install --quiet --constraint=requirements.lock --group=dev --editable '.[gevent,otel,postgresql,redis]'
	$(BIN)/pytest --help >/dev/null # compiles pytest's plugins, so that the first test starts as fast as any other
	touch $@

build/peers/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv build/peers
	build/peers/bin/pip install --quiet 'pip>=25.1'
	build/peers/bin/pip install --quiet --constraint=requirements.lock --group=bench --editable '.[postgresql]'
	touch $@

%/node_modules: %/package.json %/package-lock.json
	cd $* && npm ci --silent
	touch $@
