# `make run` serves, `make test` tests; both make what they need in .venv.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The linters have nothing to tell to others.
export REDOCLY_TELEMETRY := off
export REDOCLY_SUPPRESS_UPDATE_NOTICE := true
# The tests start the server a dozen times: compiled once, it starts twice as fast.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test check controls attacks faults bench openapi lint-openapi lock clean

run: .venv/run ## Serve on http://127.0.0.1:8000; the database is made on first start.
	$(BIN)/gunicorn

test: .venv/dev ## Every promise, on SQLite and on a PostgreSQL of the tests' own.
	$(BIN)/pytest --numprocesses=2 --dist=loadfile -m 'not heavy and not nightly'

check: .venv/dev ## Lint, format, types, coverage.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses=2 --dist=loadfile --ignore=tests/contract/test_schemathesis.py -m 'not heavy and not nightly' --cov --quiet

controls: .venv/dev ## Plant bugs, each of which the contract tests must find.
	$(BIN)/pytest --numprocesses=2 tests/contract/test_controls.py

attacks: .venv/dev ## Attack the server; needs nginx-light, slowhttptest and testssl.sh, takes three minutes.
	$(BIN)/pytest tests/attacks

faults: .venv/dev ## Break what can break while requests are counted; takes ten minutes.
	FAULT_SECONDS=5 $(BIN)/pytest tests/faults

bench: build/peers/installed ## What requests cost, here and with other frameworks; needs wrk, takes ten minutes.
	build/peers/bin/python -m benchmarks

openapi: .venv/dev ## Write the document that the code serves; read its diff.
	$(BIN)/pressroom openapi write openapi/openapi.json
	$(BIN)/python -m tests.contract.readme_table

lint-openapi: openapi/node_modules ## Read the document as strict readers do; needs Node.
	cd openapi && npx spectral lint --ruleset=spectral.mjs --fail-severity=hint openapi.json
	cd openapi && npx redocly lint --config=redocly.yaml openapi.json

lock: .venv/bin/python ## Choose the newest versions that pyproject.toml allows.
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --no-annotate --python-version=3.11 \
		--all-extras --group=dev --group=bench \
		--custom-compile-command='make lock' --output-file=requirements.lock pyproject.toml

clean:
	rm -rf .venv build *.egg-info openapi/node_modules

.venv/bin/python:
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/run: .venv/bin/python pyproject.toml requirements.lock
	$(BIN)/pip install --quiet --constraint=requirements.lock --editable .
	touch $@

# pip installs dependency groups since version 25.1; Python 3.11 to 3.13 may come with an older one.
.venv/dev: .venv/run
	$(BIN)/pip install --quiet 'pip>=25.1'
	$(BIN)/pip install --quiet --constraint=requirements.lock --group=dev --editable '.[gevent,otel,postgresql,redis]'
	touch $@

build/peers/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv build/peers
	build/peers/bin/pip install --quiet 'pip>=25.1'
	build/peers/bin/pip install --quiet --constraint=requirements.lock --group=bench --editable '.[postgresql]'
	touch $@

openapi/node_modules: openapi/package.json openapi/package-lock.json
	cd openapi && npm ci --silent
	touch $@
