# `make demo` sets everything up and reads a sample image on the simulated board; `make test` passes the tests.
# Both do nothing twice. The Python environment is .venv/; remove it with `make distclean`.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
SAMPLE ?= models/samples/word_capital.png
SECONDS ?= 600
# LOCKED=1 installs exactly the packages of docker/requirements-dev.txt, by their hashes, as CI does.
LOCKED ?=

.PHONY: demo demo-page test test-quick test-release fuzz lint wheel setup system-packages test-system-packages clean distclean help

help:
	@echo "make demo    set up, then read a sample image on the simulated board"
	@echo "make demo-page  draw a page, then find and read its lines on that board"
	@echo "make test    set up, then run all tests (unit and simulator)"
	@echo "make fuzz    run each fuzzer for SECONDS=$(SECONDS) seconds; build/fuzz keeps what they learn"
	@echo "make lint    ruff and mypy"
	@echo "make wheel   build dist/: wheels and sources of ocrm55, tvmc and ethosu-model"
	@echo "make test-release  use those in a fresh Debian (needs debootstrap and root)"
	@echo "make clean   remove build/ and dist/;  make distclean removes $(VENV)/ too"

demo: $(VENV)/.installed
	$(BIN)/ocrm55 run-fvp $(SAMPLE)

demo-page: $(VENV)/.installed
	$(BIN)/python -m ocrm55.page.demo build/page.png
	$(BIN)/ocrm55 read build/page.png --draw build/page-read.png

test: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-quick: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/unit -m "not slow"

fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check toolkit tests
	$(BIN)/ruff format --check toolkit tests
	$(BIN)/mypy

wheel: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m build $(if $(LOCKED),--no-isolation)
	$(BIN)/python -m build $(if $(LOCKED),--no-isolation) --outdir dist toolkit/tvmc_script
	$(BIN)/python -m build $(if $(LOCKED),--no-isolation) --outdir dist toolkit/ethosu_model

test-release: wheel
	PYTHON=$(BIN)/python tests/release/fresh_root.sh

setup: $(VENV)/.installed

system-packages:
	@PYTHON=$(PYTHON) toolkit/install-system-packages.sh

test-system-packages: system-packages
	@PYTHON=$(PYTHON) toolkit/install-system-packages.sh tests

$(BIN)/python: | system-packages
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	    { echo "error: $(PYTHON) is not Python 3.11; name one: make PYTHON=/path/to/python3.11" >&2; exit 4; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml $(BIN)/python | system-packages
	@echo "installing the Python packages (about 2 GB, a minute or two) ..."
ifdef LOCKED
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement docker/requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
endif
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed | test-system-packages
ifndef LOCKED
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
endif
	@touch $@

clean:
	rm -rf build dist

distclean: clean
	rm -rf $(VENV)
