# Needs make and Python 3.11 or newer with its venv module, nothing else.
# `make demo PYTHON=python3.12 ARGS="--seed 7"` uses another interpreter and passes options to the command.

PYTHON ?= python3
ARGS ?=
# How many processes share the tests. Three on two cores: most tests with Kafka wait.
WORKERS ?= 3
COMPOSE ?= docker compose

VENV := .venv
BIN := $(VENV)/bin
# The constraints file pins the build backend too, so the build must not fetch its own.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PACKAGES := retail_anomaly streamer data_gen
NOTEBOOKS = $(wildcard notebooks/*.ipynb)

.DEFAULT_GOAL := help
.PHONY: help demo up check test image-test cluster-test kubelet-test soak chaos lint types style format bench docs site wheel \
    pictures gallery secrets lock clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo: $(VENV)/.demo ## a simulated store day through the real streamer, on an embedded broker
	@$(BIN)/retail-anomaly demo $(ARGS)

# The board of cases runs outside the containers: their image has none of its libraries.
up: ## the whole stack in containers with simulated stores; prints the links when they answer (needs Docker with Compose)
	@$(COMPOSE) version >/dev/null 2>&1 || { \
	    echo "'$(COMPOSE)' does not run: install Docker and its Compose plugin," \
	        "https://docs.docker.com/compose/install/" >&2; exit 1; }
	@test -e .env || $(MAKE) --no-print-directory secrets
	@$(COMPOSE) up --build --detach
	@$(PYTHON) helm/links.py \
	    "Grafana=http://localhost:3000/d/retail-overview?from=now-7d&to=now" "Kafka UI=http://localhost:8081"
	@echo "Grafana's user is admin, its password GRAFANA_ADMIN_PASSWORD in .env"
	@echo "Board of cases: make .venv/.demo, then .venv/bin/retail-anomaly review --broker localhost:9094"

check: lint ## lint, then the quick tests that need no broker, database, browser or kernel
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not service and not long" $(ARGS)

test: $(VENV)/.dev ## all tests, the fast ones first (ARGS="-m 'not kafka'" leaves out the real Kafka)
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

image-test: $(VENV)/.dev ## build the image with podman and try it in containers; as root, with debootstrap
	@IMAGE=1 $(BIN)/python -m pytest -n 0 -rP tests/image $(ARGS)

cluster-test: $(VENV)/.dev ## install the chart in a real control plane; needs Go, etcd and, once, minutes
	@CLUSTER=1 $(BIN)/python -m pytest -n 0 tests/cluster $(ARGS)

kubelet-test: $(VENV)/.dev ## stream a day through the chart on a real node; as root, with podman, containerd and runc
	@KUBELET=1 $(BIN)/python -m pytest -n 0 -rP tests/kubelet $(ARGS)

soak: $(VENV)/.dev ## each fault in its long form, then ten minutes at an hour a second; takes over an hour
	@FAULTS_LONG=1 $(BIN)/python -m pytest tests/faults tests/unit/sources/importers/test_worlds.py $(ARGS)
	@$(BIN)/python -m tests.faults.soak --page out/soak.html

chaos: $(VENV)/.dev ## faults in random order, alerts compared with a replay (ARGS="--seed 7 --minutes 10 --seeds 3")
	@$(BIN)/python -m tests.faults.chaos $(ARGS)

# Side by side: mypy takes as long as the other checks together, and uses one core.
lint: $(VENV)/.dev ## style, types, layers, dependencies, known dangers and stripped notebooks
	@$(MAKE) --no-print-directory --jobs 2 types style

types: $(VENV)/.dev
	$(BIN)/mypy

style: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/deptry $(PACKAGES)
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(PACKAGES)
	$(if $(NOTEBOOKS),$(BIN)/nbstripout --verify $(NOTEBOOKS))

format: $(VENV)/.dev ## repair what ruff and nbstripout can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(if $(NOTEBOOKS),$(BIN)/nbstripout $(NOTEBOOKS))

bench: $(VENV)/.dev ## measure speed, latency, memory and recovery: a table, JSON and a page
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.dev ## write the pages that come from the code
	@$(BIN)/python -m docs.build
	@$(BIN)/python docs/layers.py
	@$(BIN)/python helm/build.py
	@$(BIN)/python -m helm.dashboards
	@$(BIN)/python -m helm.kafka_connect

site: $(VENV)/.docs ## build the documentation site to out/site; it opens without a server
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "Written: out/site/index.html"

wheel: ## build the wheel and check it in an environment of its own
	@.ci/wheel $(PYTHON)

pictures: $(VENV)/.dev ## draw the pictures of the README; needs a Chromium
	@$(BIN)/python -m docs.pictures

gallery: $(VENV)/.dev ## run all notebooks and write their results to out/gallery
	@$(BIN)/python -m docs.gallery $(ARGS)

# Compose, Tilt and `kubectl create secret` read .env. It is never overwritten, since servers may run with it.
secrets: ## make .env with new passwords for compose, Tilt and the chart's own servers
	@test ! -e .env || { \
	    echo ".env is there already: remove it first, and the volumes that were set up with it" >&2; exit 1; }
	@umask 077 && $(PYTHON) -c 'import secrets; [print(f"{n}={secrets.token_urlsafe(32)}") for n in \
	    ("INFLUXDB_ADMIN_PASSWORD", "INFLUXDB_ADMIN_TOKEN", "GRAFANA_ADMIN_PASSWORD")]' > .env
	@echo "Written: .env"

# Keeps the pins that still fit; ARGS=--upgrade takes the newest. One file serves each Python that we support.
# checkov has a list of its own, because it pins fifty packages that our tests need in other versions.
lock: ## write constraints.txt from pyproject.toml, and the list for checkov
	@test -x .cache/uv/bin/uv || { $(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv; }
	.cache/uv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    --quiet --output-file constraints.txt $(ARGS)
	.cache/uv/bin/uv pip compile tests/deploy/checkov.in --universal --python-version 3.11 \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    --quiet --output-file tests/deploy/checkov.txt $(ARGS)

clean: ## remove the virtual environment, caches, builds and the files of the demo
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf build dist out state
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp marks a finished installation. A change of pyproject.toml or constraints.txt installs again.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "Python 3.11 or newer is needed, '$(PYTHON)' is not:" \
	        "call make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	    echo "$(PYTHON) cannot make virtual environments:" \
	        "install its venv module (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing the package and the streamer (once; how long depends on your network)"
	@$(INSTALL) hatchling editables
	@$(INSTALL) --no-build-isolation --editable '.[streamer,review]'
	@touch $@

$(VENV)/.docs: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing MkDocs and the packages that the API reference reads (once)"
	@$(INSTALL) hatchling editables
	@$(INSTALL) --no-build-isolation --editable '.[docs,notebook,streamer,tune]'
	@touch $@

$(VENV)/.dev: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing the package with Jupyter and the development tools (once; how long depends on your network)"
	@$(INSTALL) hatchling editables
	@$(INSTALL) --no-build-isolation --editable '.[all,docs,dev]'
	@touch $@ $(VENV)/.demo $(VENV)/.docs
