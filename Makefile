# The commands people and CI call. `make demo` and `make test` work on a fresh machine with python3, make and git.
# Which Python makes the virtual environment; empty: requirements/make-venv.sh says which and why.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
CODE := services shared tests bench

# Compiled modules are kept: each process that a test starts would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-fast check format lint types contracts bench install clean

demo: $(STAMP)
	@$(BIN)/rollcall demo $(ARGS)

test: $(STAMP) test-tools
	$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

# What needs no other server than PostgreSQL, in less than a minute: before every commit.
test-fast: $(STAMP)
	$(BIN)/python -m pytest -n logical --dist loadgroup tests/unit tests/contract $(ARGS)

check: $(STAMP)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test
	$(MAKE) faults ARGS="--seed 600 --count 16 --episode 8 --shrink 0"

format: $(STAMP)
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

bench: $(STAMP) test-tools
	$(BIN)/python -m bench $(ARGS)

# A company lives while everything fails, and an oracle judges (docs/faults.md).
.PHONY: faults
faults: $(STAMP) test-tools
	$(BIN)/python -m tests.faults.campaign $(ARGS)

# What is published, in dist/: both wheels, what they are made of (CycloneDX), its licences and, on Debian, the package
# for this release of it.
.PHONY: dist
dist: $(STAMP)
	@sh deploy/dist/build.sh $(BIN)/python dist
	@if command -v dpkg-deb >/dev/null; then sh deploy/debian/build.sh $(BIN)/python dist; ls dist/*.deb; \
	else echo "Left out: the Debian package, which needs Debian."; fi

# The relay for the phone system's host, as a wheel in dist/ (docs/relay-install.md).
.PHONY: relay
relay: $(STAMP)
	@sh deploy/relay/build.sh $(BIN)/python dist

# The images of others by their digest, before a release (needs docker and the network).
.PHONY: pin-images
pin-images:
	@sh deploy/pin-images.sh

.PHONY: test-tools
test-tools:
	@sh tests/install-tools.sh

install: $(STAMP)

$(STAMP): pyproject.toml services/relay/pyproject.toml requirements/dev.txt
	@sh requirements/make-venv.sh $(VENV) $(PYTHON)
	@echo "Installing the pinned dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e services/relay
	@touch $(STAMP)

# shared/locales/rollcall.pot of the texts in templates and code; a test says when it is old.
.PHONY: catalogue
catalogue: $(STAMP)
	$(BIN)/python -m tests.support.catalogue

# The documentation as pages for a web server, in dist/docs; the console shows the same as its help.
.PHONY: docs
docs: $(STAMP)
	@$(BIN)/python -m services.api.help.site dist/docs

# docs/images/*.svg of the texts in docs/drawings (needs graphviz).
.PHONY: drawings
drawings:
	@sh docs/drawings/draw.sh

# Which lines no test reaches, in htmlcov/; processes that tests start are counted too.
.PHONY: coverage
coverage: $(STAMP) test-tools
	$(BIN)/python -m pytest -n auto --dist loadgroup --cov --cov-report=html --cov-report=term:skip-covered $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
